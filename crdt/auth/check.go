package auth

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"muster/crdt"
)

// ErrNotMember is wrapped when an operation's author was not a member in the operation's past.
var ErrNotMember = errors.New("not a member of the team")

// Check reports whether rec may enter the team document. Its past must be in the graph; rec itself need not be.
func (t *Team) Check(rec *crdt.Record) error {
	if rec.Erased {
		return fmt.Errorf("%w: operation of the team document without its body", crdt.ErrFormat)
	}
	if len(rec.Op.Team) > 0 {
		return fmt.Errorf("%w: operation of the team document cites team heads", crdt.ErrFormat)
	}
	tall := func(h crdt.Hash) bool { return t.graph.Place(h).Height >= MaxHeight }
	if !rec.Op.Prev.IsZero() && tall(rec.Op.Prev) || slices.ContainsFunc(rec.Op.Parents, tall) {
		return fmt.Errorf("%w: team document deeper than %d operations", crdt.ErrFormat, MaxHeight)
	}
	if rec.Op.Doc.IsZero() {
		var g Genesis
		if rec.Op.Kind != KindGenesis {
			return fmt.Errorf("%w: a team is not founded by kind %d", crdt.ErrFormat, rec.Op.Kind)
		}
		if err := crdt.DecodeBody(rec.Body, &g); err != nil {
			return err
		}
		return cmp.Or(CheckName("team name", g.Team), CheckHandle(g.Handle), checkLabel(g.Device))
	}
	switch rec.Op.Kind {
	case KindGenesis:
		return fmt.Errorf("%w: second founding of a team", crdt.ErrFormat)
	case KindJoin:
		return t.checkJoin(rec)
	case KindInvite:
		var inv acceptedInvite
		if err := crdt.DecodeBody(rec.Body, &inv); err != nil {
			return err
		}
		if len(inv.Key) != ed25519.PublicKeySize || inv.Uses < 1 || inv.Uses > MaxUses || inv.Role < RoleObserver || inv.Role > RoleResponder {
			return fmt.Errorf("%w: invitation out of range", crdt.ErrFormat)
		}
	}
	if !t.memberBefore(&rec.Op) {
		return fmt.Errorf("%w: %s", ErrNotMember, rec.Op.Dot)
	}
	return nil
}

func (t *Team) checkJoin(rec *crdt.Record) error {
	var j Join
	if err := crdt.DecodeBody(rec.Body, &j); err != nil {
		return err
	}
	if err := cmp.Or(CheckHandle(j.Handle), checkLabel(j.Device)); err != nil {
		return err
	}
	inv, ok := t.invite(j.Invite)
	if !ok || !t.inPast(&rec.Op, j.Invite) {
		return fmt.Errorf("%w: join without an invitation in its past", ErrNotMember)
	}
	msg := JoinMessage(t.doc, rec.Op.Dot.Device)
	if err := ed25519.VerifyWithOptions(inv.Key, msg, j.Proof, proofOptions); err != nil {
		return fmt.Errorf("%w: join not signed by its invitation", ErrNotMember)
	}
	return nil
}

// memberBefore reports whether the author of op was a member in op's past.
func (t *Team) memberBefore(op *crdt.Op) bool {
	return slices.ContainsFunc(t.joins[op.Dot.Device], func(j *act) bool { return t.inPast(op, j.op) })
}

// inPast reports whether h is in the past of op, which need not be in the graph itself.
func (t *Team) inPast(op *crdt.Op, h crdt.Hash) bool {
	covers := func(p crdt.Hash) bool { return p == h || t.graph.Before(h, p) }
	return !op.Prev.IsZero() && covers(op.Prev) || slices.ContainsFunc(op.Parents, covers)
}

// MemberAt reports whether device is a member in the past of heads, which must all be in the team's graph; otherwise
// the answer is [crdt.ErrMissing].
func (t *Team) MemberAt(device crdt.DeviceID, heads []crdt.Hash) (bool, error) {
	for _, h := range heads {
		if !t.graph.Has(h) {
			return false, fmt.Errorf("%w: team operation %s", crdt.ErrMissing, h)
		}
	}
	return slices.ContainsFunc(t.joins[device], func(j *act) bool {
		return slices.ContainsFunc(heads, func(h crdt.Hash) bool { return j.op == h || t.graph.Before(j.op, h) })
	}), nil
}
