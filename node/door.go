package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/transport"
	"muster/node/wire"
)

// Who may come in is asked at every door of the network, and always the same: a set that the loop replaces whenever the
// team document has grown. A device that is out is told so by those it knocks at; its own node then shows who removed it
// and why, and refuses to write what nobody would take.

// memberSet is who may connect. It is never changed once it is published.
type memberSet struct {
	in  map[crdt.DeviceID]bool
	out map[crdt.DeviceID]string // that belonged to the team: why they may not connect, for them to read
}

// refreshMembers publishes who may connect.
func (s *session) refreshMembers() {
	t := s.r.Team()
	set := memberSet{in: map[crdt.DeviceID]bool{}, out: map[crdt.DeviceID]string{}}
	for _, m := range t.Members() {
		if t.Admitted(m.Device) {
			set.in[m.Device] = true
		} else {
			set.out[m.Device] = s.whyOut(m)
		}
	}
	for _, d := range t.Relays() {
		if t.Admitted(d) {
			set.in[d] = true
		} else {
			set.out[d] = s.outText(d)
		}
	}
	s.members.Store(&set)
	s.outcry.Store(s.newOutcry())
}

// isMember reports whether a device may connect. It is safe for concurrent use.
func (s *session) isMember(d crdt.DeviceID) bool { return s.members.Load().in[d] }

// refusalText is what a device that may not connect is told. It is safe for concurrent use.
func (s *session) refusalText(d crdt.DeviceID) string { return s.members.Load().out[d] }

// memberList returns who may connect, in order.
func (s *session) memberList() []crdt.DeviceID {
	var out []crdt.DeviceID
	for d := range s.members.Load().in {
		out = append(out, d)
	}
	slices.SortFunc(out, crdt.DeviceID.Compare)
	return out
}

// stateOf says in api's words how a device stands.
func stateOf(m auth.Member) string {
	switch {
	case m.Removed == auth.ModeCompromised:
		return api.DeviceStolen
	case m.Removed == auth.ModeRetire:
		return api.DeviceRetired
	case m.Barred:
		return api.DeviceBarred
	case m.Removed == auth.ModeSuspend:
		return api.DeviceSuspended
	case m.Unconfirmed:
		return api.DeviceUnconfirmed
	}
	return api.DeviceMember
}

// outText says why a device that belonged to the team may not connect, for whoever sits before it; empty: it may, or it
// never belonged. It runs on the loop.
func (s *session) outText(d crdt.DeviceID) string {
	m, ok := s.memberOf(d)
	if !ok || s.r.Team().Admitted(d) {
		return ""
	}
	return s.whyOut(m)
}

// whyOut says what happened to a device and by whose word.
func (s *session) whyOut(m auth.Member) string {
	if m.Removed == 0 {
		return "the code this laptop joined by did not count any more: it is kept out until a member confirms it"
	}
	out := s.r.Team().Handle(m.RemovedBy) + removedWords(m.Removed)
	if g := s.r.Graph(s.team); g.Has(m.Removal) {
		out += " at " + clockText(g.Place(m.Removal).TimeMS)
	}
	if m.Reason != "" {
		out += fmt.Sprintf(": %q", m.Reason)
	}
	return out
}

// removedWords is what somebody did to a device.
func removedWords(m auth.Mode) string {
	switch m {
	case auth.ModeRetire:
		return " took this laptop out of the team"
	case auth.ModeCompromised:
		return " reported this laptop stolen"
	}
	return " suspended this laptop"
}

// clockText is a moment in UTC as notices have it.
func clockText(ms int64) string { return time.UnixMilli(ms).UTC().Format("Jan 2 15:04Z") }

// ownTrouble says what is wrong with this node's own standing, and what to do; both are empty when nothing is.
func (s *session) ownTrouble() (what, hint string) {
	m, ok := s.r.Team().Member(s.r.Device())
	if !ok {
		return "", ""
	}
	name := s.deviceName(m.Device)
	who := s.whoCan(auth.RoleSteward, m.Person)
	switch stateOf(m) {
	case api.DeviceStolen, api.DeviceRetired:
		return s.whyOut(m), s.outHint(m)
	case api.DeviceBarred:
		return s.whyOut(m), fmt.Sprintf("call somebody of the team; they type: muster confirm @%s", name)
	case api.DeviceSuspended:
		return s.whyOut(m), fmt.Sprintf("what you write would not count; call %s or who suspended you; they type: muster reinstate @%s", who, name)
	case api.DeviceUnconfirmed:
		return "the code you joined by had been used as often as it may: you are an observer until a member confirms you", fmt.Sprintf("any of them types: muster confirm @%s", name)
	}
	if s.r.Team().RoleOf(m.Person) < auth.RoleResponder {
		return "you are an observer here: you read, and do not write", fmt.Sprintf("%s can change that: muster role @%s responder", who, m.Handle)
	}
	return "", ""
}

// mayWrite refuses writes that would not count.
func (s *session) mayWrite() error {
	what, hint := s.ownTrouble()
	if what == "" {
		return nil
	}
	return api.Errorf(api.CodeRefused, hint, "%s", what)
}

// whoCan names those of a role or above, but for one person, as they are typed; those within reach come first.
func (s *session) whoCan(least auth.Role, but ...auth.PersonID) string {
	names := s.persons(least, but...)
	if len(names) == 0 {
		return "nobody left"
	}
	return orNames(names)
}

// orNames names the first of several people as they are typed.
func orNames(handles []string) string {
	const shown = 4
	names := make([]string, 0, shown+1)
	for i, h := range handles {
		if i == shown {
			names = append(names, "others")
			break
		}
		names = append(names, "@"+h)
	}
	return strings.Join(names, " or ")
}

// persons returns the handles of those of a role or above who have a device in the team, but for some; those within reach
// come first.
func (s *session) persons(least auth.Role, but ...auth.PersonID) []string {
	t := s.r.Team()
	var ids []auth.PersonID
	for _, p := range t.All() {
		if t.RoleOf(p) >= least && !slices.Contains(but, p) {
			ids = append(ids, p)
		}
	}
	away := func(p auth.PersonID) int {
		if p == s.me().Person || s.r.Presence(p).Reachable {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ids, func(a, b auth.PersonID) int { return cmp.Compare(away(a), away(b)) })
	var out []string
	for _, p := range ids {
		out = append(out, t.Handle(p))
	}
	return out
}

// turnAway refuses a device that is out, with the reason; nil: it is not.
func (s *session) turnAway(ctx context.Context, dev crdt.DeviceID) error {
	return s.do(ctx, func(time.Time) error {
		if why := s.outText(dev); why != "" {
			return errors.New(why)
		}
		return nil
	})
}

// sayWhy gives a device that is out what it needs to see that for itself.
func (s *session) sayWhy(ctx context.Context, dev crdt.DeviceID, rw io.ReadWriter, no func(error) error) error {
	var doc *wire.Batch
	var why error
	err := s.do(ctx, func(time.Time) error {
		if text := s.outText(dev); text != "" {
			doc, why = s.removalRecords(dev), errors.New(text)
		} else {
			why = errors.New("nothing is held against this device here")
		}
		return nil
	})
	switch {
	case err != nil:
		return no(err)
	case doc == nil:
		return no(why)
	}
	transport.Proven(rw) // it was one of the team
	return writeDocument(rw, answerPart, answerYes, doc)
}

// learnWhy asks a member that refused this device for the removal, and takes it in as any other operation: whether it
// stands is worked out here from all that is held, not believed.
func (s *session) learnWhy(ctx context.Context, from transport.Refused, why error) {
	var no *refusal
	if !errors.As(why, &no) {
		return
	}
	if what, _ := s.trouble(ctx); what != "" {
		return // it is known
	}
	err := s.t.DialStranger(ctx, from.Addr, func(ctx context.Context, dev crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
		if dev != from.Device {
			return errors.New("somebody else is there now")
		}
		if err := writeFrame(rw, []byte{askWhy}); err != nil {
			return err
		}
		doc, err := readDocument(rw)
		if err != nil {
			return err
		}
		return s.do(ctx, func(now time.Time) error { return s.r.Admit(now, doc) })
	})
	if err != nil {
		s.n.cfg.Log.Info("not told why", "peer", from.Device.Short(), "err", err)
	}
}

// trouble is ownTrouble for those who are not on the loop.
func (s *session) trouble(ctx context.Context) (what string, err error) {
	err = s.do(ctx, func(time.Time) error { what, _ = s.ownTrouble(); return nil })
	return what, err
}

// removalRecords returns the removal of a device with everything before it in the team document, and what stands behind
// it: enough for the device to see for itself that it is out, and nothing that the team has said since. It is nil when that
// cannot be cut out of what is held, because an operation at its edge came without a signature of its own.
func (s *session) removalRecords(d crdt.DeviceID) *wire.Batch {
	m, ok := s.memberOf(d)
	if !ok || m.Removed == 0 {
		return nil
	}
	return s.pastRecords(m.Removal)
}

// pastRecords returns operations of the team document, the co-signatures of them and everything before those; nil when
// that cannot be cut out of what is held, because an operation at its edge came without a signature of its own.
func (s *session) pastRecords(ops ...crdt.Hash) *wire.Batch {
	whole, err := s.r.Whole(s.team)
	if err != nil {
		s.n.cfg.Log.Warn("cannot read the team document", "err", err)
		return nil
	}
	g := s.r.Graph(s.team)
	edge := slices.Clone(ops)
	for _, rec := range whole.Records {
		var c auth.Cosign
		if rec.Op.Kind == auth.KindCosign && crdt.DecodeBody(rec.Body, &c) == nil && slices.Contains(ops, c.Op) {
			edge = append(edge, rec.Hash)
		}
	}
	past := g.PastOf(edge)
	out := &wire.Batch{Doc: s.team}
	for _, rec := range whole.Records {
		if g.Covers(past, rec.Hash) {
			out.Records = append(out.Records, rec)
		}
	}
	if !out.Verify(crdt.VerifyEd25519) {
		return nil
	}
	return out
}
