// Package auth decides who belongs to a team. The team is a document of its own: a small causal graph of operations
// that found it, invite and join, evaluated from the founding operation each time anew, so that every node that holds
// the same operations names the same members.
//
// Promises:
//
//   - Acceptance is a pure function of an operation and its ancestors. [Team.Check] asks nothing else: no clock, no
//     rate, no suspicion. An operation of an incident cites the heads of the team document it was written under, and
//     is accepted if its device was a member there ([Team.MemberAt]), whatever else has become known since.
//   - An invitation is a key: whoever holds its secret half may join, and any member can verify that without asking
//     anyone. Used more often than it allows on two sides of a split, it admits everybody and marks the later ones,
//     in the order of the graph's height and hash, as unconfirmed observers: nobody is locked out by a race.
//   - Bodies of the team document are never erased, since acceptance depends on them.
//   - What a person says about themselves (a [Profile]: name, callsign, phones) is on every member's disk, so that the
//     phone number is there when the network is not. Each writes their own and no other's.
//
// After the ideas of local-first-auth and Keybase Seitan (invitation keys) and Matrix (evaluation from the beginning).
// What a role may do beyond reading is decided where it is used; short spoken codes, roles and revocation build on this.
package auth
