package node

import (
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/api"
)

// adoptListMax is how many grey lines an answer holds.
const adoptListMax = 200

// A greyOp is an operation that does not count, and where it is.
type greyOp struct {
	doc   crdt.DocID
	op    crdt.Hash
	entry api.Entry
}

// greyOps returns what does not count of some devices (nil: of all), in the incident that is named, else in all.
func (s *session) greyOps(incident string, devices []auth.Member) ([]greyOp, error) {
	docs := s.canonicals(s.r.Documents())
	if incident != "" {
		doc, err := s.find(incident)
		if err != nil {
			return nil, err
		}
		docs = []crdt.DocID{doc}
	}
	var out []greyOp
	for _, doc := range docs {
		for _, e := range s.group(doc).Log(s.r.Team()) {
			theirs := devices == nil || slices.ContainsFunc(devices, func(m auth.Member) bool { return m.Device == e.Dot.Device })
			if e.Standing != auth.Counts && theirs {
				out = append(out, greyOp{doc, e.Op, s.entry(doc, &e)})
			}
		}
	}
	return out, nil
}

// planAdopt lets operations of a removed device count, or lists them.
func (s *session) planAdopt(in api.Trust) (plan, error) {
	var devices []auth.Member
	of := ""
	if in.Who != "" {
		to, err := s.target(in.Who)
		if err != nil {
			return plan{}, err
		}
		devices, of = to.devices, " of "+to.name
	}
	grey, err := s.greyOps(in.Incident, devices)
	if err != nil {
		return plan{}, err
	}
	if len(in.Refs) == 0 {
		p := plan{text: "everything" + of + " counts: nothing to adopt"}
		if len(grey) > 0 {
			p.text = countText(len(grey), "line") + of + " do not count; muster adopt @WHO ID... or all:"
		}
		for _, g := range grey[:min(len(grey), adoptListMax)] {
			p.list.Entries = append(p.list.Entries, g.entry)
		}
		p.list.More = len(grey) - len(p.list.Entries)
		return p, nil
	}
	chosen := grey
	if len(in.Refs) != 1 || strings.ToLower(in.Refs[0]) != "all" {
		chosen = nil
		for _, ref := range in.Refs {
			g, err := findGrey(grey, ref)
			if err != nil {
				return plan{}, err
			}
			if !slices.ContainsFunc(chosen, func(o greyOp) bool { return o.op == g.op }) {
				chosen = append(chosen, g)
			}
		}
	}
	if len(chosen) == 0 {
		return plan{}, api.Errorf(api.CodeNotFound, "muster members says who is out, muster log shows grey lines with a ?", "everything%s counts: nothing to adopt", of)
	}
	p := plan{
		text: countText(len(chosen), "line") + of + " count now: adopted", who: "any responder who is not out may: " + s.whoCan(auth.RoleResponder, s.me().Person),
		effects: []string{"the board is worked out anew with them, on every laptop that hears of it; it cannot be taken back"},
	}
	if len(chosen) == 1 {
		p.text = "1 line" + of + " counts now: adopted"
	}
	p.would = "adopt " + countText(len(chosen), "line") + of
	for _, g := range chosen[:min(len(chosen), adoptListMax)] {
		p.list.Entries = append(p.list.Entries, g.entry)
	}
	p.list.More = len(chosen) - len(p.list.Entries)
	for part := range slices.Chunk(chosen, auth.MaxAdopt) {
		ops := make([]crdt.Hash, 0, len(part))
		for _, g := range part {
			ops = append(ops, g.op)
		}
		p.acts = append(p.acts, act{auth.KindAdopt, auth.Adopt{Ops: auth.SortHashes(ops), Reason: in.Reason}})
	}
	p.question = fmt.Sprintf("whoever had the laptop could have written that. Do you know that %s genuine?", map[bool]string{true: "it is", false: "all of it is"}[len(chosen) == 1])
	return p, nil
}

// findGrey finds one line by its short id, the start of its operation, or some of its text.
func findGrey(all []greyOp, ref string) (greyOp, error) {
	low := strings.ToLower(strings.TrimSpace(ref))
	for _, fits := range []func(g greyOp) bool{
		func(g greyOp) bool { return g.entry.Aside == low },
		func(g greyOp) bool { return len(low) >= keyStartMin && strings.HasPrefix(g.entry.Op, low) },
		func(g greyOp) bool {
			return len(low) >= keyStartMin && strings.Contains(strings.ToLower(g.entry.Text), low)
		},
	} {
		var found []greyOp
		for _, g := range all {
			if fits(g) {
				found = append(found, g)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		e := api.Errorf(api.CodeAmbiguous, "type more of it", "%s could be one of %d lines", ref, len(found))
		for _, g := range found[:min(len(found), 8)] {
			e.Candidates = append(e.Candidates, g.entry.Aside)
		}
		return greyOp{}, e
	}
	return greyOp{}, api.Errorf(api.CodeNotFound, "muster adopt lists them", "no line that does not count is called %s", ref)
}

// whyGrey says why a line does not count; empty: it does.
func (s *session) whyGrey(e *board.Entry) string {
	m, ok := s.r.Team().Member(e.Dot.Device)
	switch {
	case e.Standing == auth.Counts:
		return ""
	case e.Standing == auth.AsObserver, !ok:
		return api.DeviceObserver
	case m.Removed == 0 && m.Role < auth.RoleResponder:
		return api.DeviceObserver
	}
	return stateOf(m)
}

// whereFrom says beside the lines of people with several laptops which of them each was written on.
func (s *session) whereFrom(lines []api.Entry) {
	members := s.r.Team().Members()
	of := map[auth.PersonID]int{}
	for _, m := range members {
		of[m.Person]++
	}
	names, from := deviceNames(members), map[string]string{}
	for _, m := range members {
		if of[m.Person] > 1 {
			from[m.Device.Short()] = names[m.Device]
		}
	}
	for i := range lines {
		lines[i].From = from[lines[i].Device]
	}
}

// grey says whose words do not count on a board, and how many.
func (s *session) grey(v *board.View) []api.Grey {
	var out []api.Grey
	t := s.r.Team()
	for _, q := range v.Quarantined {
		g := api.Grey{Device: s.deviceName(q.Device), Person: q.By, Count: q.Count, First: q.First, State: api.DeviceMember, SinceMS: q.FirstMS}
		if m, ok := t.Member(q.Device); ok {
			g.State = stateOf(m)
			if m.Removed != 0 {
				g.By = t.Handle(m.RemovedBy)
			} else if t.RoleOf(m.Person) < auth.RoleResponder {
				g.State = api.DeviceObserver
			}
		}
		out = append(out, g)
	}
	return out
}
