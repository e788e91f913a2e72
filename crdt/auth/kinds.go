package auth

import (
	"crypto/ed25519"
	"fmt"

	"muster/crdt"
)

// Kinds of operations in the team document. Only the first three decide who is a member; what the others do is effect,
// which every node computes from all operations it holds.
const (
	KindGenesis   crdt.Kind = 16 // founds the team and its first member
	KindInvite    crdt.Kind = 17
	KindJoin      crdt.Kind = 18
	KindProfile   crdt.Kind = 19
	KindKeys      crdt.Kind = 20
	KindRole      crdt.Kind = 21
	KindConfirm   crdt.Kind = 22
	KindRemove    crdt.Kind = 23
	KindReinstate crdt.Kind = 24
	KindCosign    crdt.Kind = 25
	KindClose     crdt.Kind = 26
	KindTeamKey   crdt.Kind = 27
	KindAdopt     crdt.Kind = 28
	KindPolicy    crdt.Kind = 29
	KindRelay     crdt.Kind = 30
)

// A PersonID names a person: the hash of the operation that brought them into the team.
type PersonID = crdt.Hash

// A Role is what a member may do.
type Role uint8

// Roles, in ascending order of rights. The values are part of the format.
const (
	RoleObserver  Role = 1
	RoleResponder Role = 2
	RoleSteward   Role = 3
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case RoleObserver:
		return "observer"
	case RoleResponder:
		return "responder"
	case RoleSteward:
		return "steward"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// Genesis founds a team. Its author is the first member, a steward.
type Genesis struct {
	Team   string `cbor:"1,keyasint"`           // name shown to members
	Handle string `cbor:"2,keyasint"`           // of the founder
	Device string `cbor:"3,keyasint,omitempty"` // what the founder calls this device
}

// Invite allows whoever holds the secret half of Key to join, Uses times.
type Invite struct {
	Key       []byte `cbor:"1,keyasint"` // Ed25519 public key
	Role      Role   `cbor:"2,keyasint"`
	Uses      uint32 `cbor:"3,keyasint"`           // at least 1
	ExpiresMS int64  `cbor:"4,keyasint,omitempty"` // advice for the inviter's own node; decides nothing

	// Person binds who joins to a person of the team, as a further device of theirs. It is effect and not acceptance: a
	// node that does not know the field accepts the same invitations. It takes the right to bind, as [Team.May] has it.
	Person PersonID `cbor:"5,keyasint,omitzero"`
}

// acceptedInvite is the part of an [Invite] that acceptance depends on.
type acceptedInvite struct {
	Key       []byte `cbor:"1,keyasint"`
	Role      Role   `cbor:"2,keyasint"`
	Uses      uint32 `cbor:"3,keyasint"`
	ExpiresMS int64  `cbor:"4,keyasint,omitempty"`
}

// Join brings the author's device into the team as a new person.
type Join struct {
	Invite crdt.Hash `cbor:"1,keyasint"`
	Handle string    `cbor:"2,keyasint"`
	Device string    `cbor:"3,keyasint,omitempty"`
	Proof  []byte    `cbor:"4,keyasint"` // signature of [JoinMessage] by the invitation's key
}

// Limits of the team document. The bound is on height and not on number, because a number that arrives in another
// order elsewhere would accept another operation there.
const (
	MaxHeight   = 8192
	MaxUses     = 512
	maxNameRune = 64
)

// proofOptions separates proofs of invitation from every other signature (RFC 8032, Ed25519ctx).
var proofOptions = &ed25519.Options{Context: "muster/join/v1"}

// JoinMessage returns what the key of an invitation signs to let device into team.
func JoinMessage(team crdt.DocID, device crdt.DeviceID) []byte {
	return append(append([]byte(nil), team[:]...), device[:]...)
}

// Prove signs [JoinMessage] with the secret half of an invitation.
func Prove(key ed25519.PrivateKey, team crdt.DocID, device crdt.DeviceID) ([]byte, error) {
	return key.Sign(nil, JoinMessage(team, device), proofOptions)
}
