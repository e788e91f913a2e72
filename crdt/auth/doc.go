// Package auth decides who belongs to a team, what each may do, and whose word counts. The team is a document of its
// own: a small causal graph of operations that found it, invite, join, give and take rights, evaluated from the founding
// operation each time anew, so that every node that holds the same operations comes to the same answer.
//
// Promises:
//
//   - Acceptance is a pure function of an operation and its ancestors. [Team.Check] asks nothing else: no clock, no
//     rate, no suspicion, no role. An operation of an incident cites the heads of the team document it was written under,
//     and is accepted if its device was a member there ([Team.MemberAt]), whatever else has become known since. So a
//     removed device's operations are still accepted, held and passed on; what they count for is another question.
//   - Everything else is effect: a pure function of the set of operations held. A body that is too long, cannot be read
//     or breaks its Check is inert, so that nodes of two versions hold the same document.
//   - An invitation is a key: whoever holds its secret half may join, and any member can verify that without asking
//     anyone. Used more often than it allows on two sides of a split, it admits everybody and marks the later ones,
//     in the order of the graph's height and hash, as unconfirmed observers: nobody is locked out by a race.
//   - Bodies of the team document are never erased, since acceptance and effect depend on them.
//   - What a person says about themselves (a [Profile]: name, callsign, phones) is on every member's disk, so that the
//     phone number is there when the network is not. Each writes their own and no other's.
//
// # What a device may do as of a set of operations
//
// role(d, P), for a set P that is closed under causality:
//
//  1. No join of d in P: none. The first join of d in P, by height and hash, says who d is.
//  2. A removal of d in P (retired or compromised) that counts in P and is not undone in P: none.
//  3. Two operations in P that continue a log of d at one place (a fork): none, until a Confirm of d that has seen them; for good
//     once more than 64 operations do.
//  4. The join is unconfirmed or barred in P, and no Confirm of d by another person in P has seen it: observer. It is
//     unconfirmed if as many joins of its invitation in P as that allows come before it. It is barred if the invitation
//     is dead, or its author had no right to invite there, or it is closed: by a Close in P that the join has seen, or
//     by one in P that has not seen the join and is by a steward or by two persons.
//  5. The role of d's person in P: of the SetRoles in P that count in P, the newest; of several that do not know of each
//     other, the lowest role. Without any, the role of the person's first invitation; the founder is a steward. A further
//     device whose invitation says observer stays one.
//
// An operation counts in P if it is not dead and its author had the right at the operation's own past, or if author and
// co-signers in P, each alive and responder or above at their own operation's past, are two persons or more. Which right
// an operation needs is in rights.go. To confirm takes what it takes to invite: where only stewards invite, a responder's
// Confirm waits for a second person. A removal or demotion that leaves no steward at its past needs two persons.
//
// # Which removals win
//
// Removals are decided one by one, and what is decided is not reopened:
//
//	take the highest-ranked undecided removal T; first decide the undecided removals in T's past by the same rule; then T.
//
// T takes effect if it counts in the set of all operations (in a smaller set: those of its co-signatures that counted then
// and are in it make two persons, where its author could not act alone). If it says compromised, every authority operation
// of its target then is dead that is not in T's past, not at or before a hash of the cut that is of the same log (of a
// forked one, on whichever branch), and has seen no Reinstate that undoes T. Dead operations have no effect, and nothing
// that rests on them has. Founding and joining do not die: that somebody joined is a fact. The rank, greatest first: (1)
// distinct persons behind T; 0 if it does not count; (2) removals before grants, which is why only removals are decided;
// (3) the author's role at T's own past; (4) the smaller number of sponsors between the author and the founder; (5) the
// smaller hash. After T the ranks are those of what is still alive. There are no times in it.
//
// So two who co-sign are decided before one who stands alone, and bring what they build on with them; a removal that has
// seen another is never decided before it. Retired and suspended kill nothing: who retired a device loses nothing that
// was done in ignorance of it. A suspension takes no right at all: it hides content and is for the minutes until people
// have looked, so two suspended persons can still outvote who suspended them.
//
// So two persons win over whoever removed both of them, if what they write has not seen that removal. That protects
// against a compromised steward and not against two compromised responders: anybody can write as of an earlier time. Who
// was removed before they could object does so by right ([Team.MayBefore]); alone it gains them nothing.
//
// # What the words of a device count for
//
// [Team.Judge]. An operation of a removed device counts if every removal of that device in effect and not undone lets it
// pass: retired, if it stands under team heads at which the removal does not count; compromised and suspended, if it is
// within the cut; any, if a member with another device adopted it. A barred device's operations are an observer's, and so
// are those of a device that was below responder where it wrote them and is now.
//
// # Against the design
//
// Where this differs from the plan it was built to:
//
//   - A fork takes rights only where both branches are known, and a confirmation gives them back. Had every operation
//     since a fork no effect, then whoever steals one laptop could fork its log at the beginning and so unmake every
//     invitation, removal and co-signature its owner ever wrote, and no two members would be left to object.
//   - A responder's Close binds those who have seen it; to bar who joined without knowing takes a steward or two persons.
//     Otherwise one responder could write, as of long ago, a Close of every invitation, and nobody would have a role left
//     to object with.
//   - A device that is compromised and then reinstated has its rights from the reinstatement on; what died stays dead.
//     Of its words everything counts: to reinstate says that the device was its owner's all along.
//   - The generation of a team key may exceed those in its past by one, so that nobody can use the numbers up.
//
// What no rule here prevents: a responder who may invite can invite accomplices of their own making and co-sign with
// them. Everybody sees who sponsored whom; a team that fears it sets the policy that only stewards invite.
//
// Cost: an evaluation is about O(n) for n authority operations of a team in ordinary use, and is repeated only when one
// arrives. The worst case is quadratic in the number of operations that one hostile author aims at one person.
//
// After the ideas of local-first-auth and Keybase Seitan (invitation keys), Matrix state resolution v2.1 (evaluation from
// the beginning), tailnet lock (co-signatures outrank), and Keyhive (distance from the root, then hash).
package auth
