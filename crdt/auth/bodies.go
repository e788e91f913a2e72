package auth

import (
	"bytes"
	"fmt"
	"slices"

	"muster/crdt"
)

// Limits of the bodies below.
const (
	MaxReasonRunes  = 256  // characters of a reason
	MaxCut          = 1500 // operations in the cut of a removal
	MaxAdopt        = 1500 // operations that one adoption names
	MaxSealedKeys   = 40   // sealed team keys in one body
	MaxSealedBytes  = 1400 // of one sealed team key
	SealKeyBytes    = 1216 // HPKE public key, MLKEM768X25519
	maxSmallBytes   = 2048 // body of a kind that holds no list
	teamKeyIDPrefix = "muster/team-key/v1"
)

// A Mode is how a device is removed. Values are part of the format; of several the strictest counts.
type Mode uint8

// Modes of a removal.
const (
	// ModeRetire: the device is given back, replaced, or lost but locked. What it wrote before it could know counts.
	ModeRetire Mode = 1
	// ModeCompromised: somebody else may hold the key. Nothing beyond the cut counts until a member adopts it.
	ModeCompromised Mode = 2
	// ModeSuspend: set aside until somebody has looked. It hides what is beyond the cut and takes no right.
	ModeSuspend Mode = 3
)

// String returns the mode's name.
func (m Mode) String() string {
	switch m {
	case 0:
		return "none"
	case ModeRetire:
		return "retired"
	case ModeCompromised:
		return "compromised"
	case ModeSuspend:
		return "suspended"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// Hashes is a set of operations: ascending, none twice. In a body it is one string of bytes, since a list of items may
// not be as long as a cut.
type Hashes []crdt.Hash

// MarshalBinary returns the hashes one after the other.
func (h Hashes) MarshalBinary() ([]byte, error) {
	out := make([]byte, 0, len(h)*len(crdt.Hash{}))
	for i := range h {
		out = append(out, h[i][:]...)
	}
	return out, nil
}

// UnmarshalBinary reads what [Hashes.MarshalBinary] wrote.
func (h *Hashes) UnmarshalBinary(b []byte) error {
	const n = len(crdt.Hash{})
	if len(b)%n != 0 {
		return fmt.Errorf("%w: %d bytes of hashes", crdt.ErrFormat, len(b))
	}
	*h = make(Hashes, 0, len(b)/n)
	for c := range slices.Chunk(b, n) {
		*h = append(*h, crdt.Hash(c))
	}
	return nil
}

// SortHashes puts ops into the form that a body holds: ascending, none twice. It changes ops.
func SortHashes(ops []crdt.Hash) Hashes {
	slices.SortFunc(ops, crdt.Hash.Compare)
	return slices.Compact(ops)
}

func (h Hashes) check(what string, most int) error {
	if len(h) > most {
		return fmt.Errorf("%w: %d operations in %s, at most %d fit", crdt.ErrFormat, len(h), what, most)
	}
	for i := 1; i < len(h); i++ {
		if bytes.Compare(h[i-1][:], h[i][:]) >= 0 {
			return fmt.Errorf("%w: %s not in order", crdt.ErrFormat, what)
		}
	}
	return nil
}

// SetKeys is the body of a [KindKeys]: the key to seal things to the author's device. The newest counts.
type SetKeys struct {
	Seal []byte `cbor:"1,keyasint"` // HPKE public key, [SealKeyBytes]
}

// SetRole is the body of a [KindRole]. It sets the role of a person.
type SetRole struct {
	Person PersonID `cbor:"1,keyasint"`
	Role   Role     `cbor:"2,keyasint"`
	Reason string   `cbor:"3,keyasint,omitempty"`
}

// Confirm is the body of a [KindConfirm]. A member who is not the device's person stands for it: it has the role of its
// invitation from there on, although the invitation was used up or should have let nobody in.
type Confirm struct {
	Device crdt.DeviceID `cbor:"1,keyasint"`
}

// Remove is the body of a [KindRemove].
type Remove struct {
	Device  crdt.DeviceID `cbor:"1,keyasint"`
	Mode    Mode          `cbor:"2,keyasint"`
	Cut     Hashes        `cbor:"3,keyasint,omitempty"` // last operations of the device that count: tips of its logs, of all documents
	Reason  string        `cbor:"4,keyasint,omitempty"`
	SinceMS int64         `cbor:"5,keyasint,omitempty"` // when it went missing, as the author was told; shown, decides nothing
}

// Reinstate is the body of a [KindReinstate]. It undoes the removals of a device that it has seen.
type Reinstate struct {
	Device crdt.DeviceID `cbor:"1,keyasint"`
	Reason string        `cbor:"2,keyasint,omitempty"`
}

// Cosign is the body of a [KindCosign]: the author stands behind another operation of the team document too.
type Cosign struct {
	Op crdt.Hash `cbor:"1,keyasint"`
}

// Close is the body of a [KindClose]: an invitation lets nobody in any more.
type Close struct {
	Invite crdt.Hash `cbor:"1,keyasint"`
}

// TeamKey is the body of a [KindTeamKey]: one generation of the team's key, sealed to devices. Operations with the same
// generation and name add up.
type TeamKey struct {
	Gen    uint64      `cbor:"1,keyasint"`
	ID     crdt.Hash   `cbor:"2,keyasint"` // [TeamKeyID]
	Sealed []SealedKey `cbor:"3,keyasint"` // by device, ascending; at most [MaxSealedKeys]
}

// A SealedKey is the team's key, sealed to one device.
type SealedKey struct {
	Device crdt.DeviceID `cbor:"1,keyasint"`
	Sealed []byte        `cbor:"2,keyasint"`
}

// TeamKeyID returns the name of a team key: it says which key it is and nothing about it.
func TeamKeyID(key []byte) crdt.Hash { return crdt.SumHash(append([]byte(teamKeyIDPrefix), key...)) }

// Adopt is the body of a [KindAdopt]: these operations of removed devices count after all.
type Adopt struct {
	Ops    Hashes `cbor:"1,keyasint"`
	Reason string `cbor:"2,keyasint,omitempty"`
}

// SetPolicy is the body of a [KindPolicy].
type SetPolicy struct {
	Invite Role `cbor:"1,keyasint"` // least role that may invite: responder or steward
}

// SetRelay is the body of a [KindRelay]: a second key of the author's device, which may connect and pass on, and never
// write. A node whose store is locked uses it.
type SetRelay struct {
	Key crdt.DeviceID `cbor:"1,keyasint"`
}

// checkReason accepts no reason and one that can be shown in a line.
func checkReason(s string) error {
	if n := len([]rune(s)); n > MaxReasonRunes {
		return fmt.Errorf("%w: reason of %d characters, at most %d fit", crdt.ErrFormat, n, MaxReasonRunes)
	}
	return checkLine("reason", s)
}

func badBody(what string) error { return fmt.Errorf("%w: %s", crdt.ErrFormat, what) }

// Check reports whether the body can mean something. Errors wrap [crdt.ErrFormat]; a body that fails is inert.
func (b *SetKeys) Check() error {
	if len(b.Seal) != SealKeyBytes {
		return badBody("sealing key of another length")
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *SetRole) Check() error {
	if b.Role < RoleObserver || b.Role > RoleSteward || b.Person.IsZero() {
		return badBody("role out of range")
	}
	return checkReason(b.Reason)
}

// Check is as [SetKeys.Check].
func (b *Confirm) Check() error {
	if b.Device.IsZero() {
		return badBody("no device")
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *Remove) Check() error {
	if b.Mode < ModeRetire || b.Mode > ModeSuspend || b.Device.IsZero() || b.SinceMS < 0 || b.SinceMS > crdt.MaxWallMS {
		return badBody("removal out of range")
	}
	if err := b.Cut.check("the cut", MaxCut); err != nil {
		return err
	}
	return checkReason(b.Reason)
}

// Check is as [SetKeys.Check].
func (b *Reinstate) Check() error {
	if b.Device.IsZero() {
		return badBody("no device")
	}
	return checkReason(b.Reason)
}

// Check is as [SetKeys.Check].
func (b *Cosign) Check() error {
	if b.Op.IsZero() {
		return badBody("no operation")
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *Close) Check() error {
	if b.Invite.IsZero() {
		return badBody("no invitation")
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *TeamKey) Check() error {
	if b.ID.IsZero() || len(b.Sealed) == 0 || len(b.Sealed) > MaxSealedKeys {
		return badBody("team key out of range")
	}
	for i, s := range b.Sealed {
		if len(s.Sealed) == 0 || len(s.Sealed) > MaxSealedBytes || i > 0 && b.Sealed[i-1].Device.Compare(s.Device) >= 0 {
			return badBody("sealed team keys out of order or range")
		}
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *Adopt) Check() error {
	if len(b.Ops) == 0 {
		return badBody("no operations")
	}
	if err := b.Ops.check("an adoption", MaxAdopt); err != nil {
		return err
	}
	return checkReason(b.Reason)
}

// Check is as [SetKeys.Check].
func (b *SetPolicy) Check() error {
	if b.Invite != RoleResponder && b.Invite != RoleSteward {
		return badBody("policy out of range")
	}
	return nil
}

// Check is as [SetKeys.Check].
func (b *SetRelay) Check() error {
	if b.Key.IsZero() {
		return badBody("no key")
	}
	return nil
}
