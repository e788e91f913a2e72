package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
)

// A compromised steward's removals reach everybody at once, and what the victims write next has seen them, so that it has
// no right left. So a device that was removed writes its word against that as of before: as if it had not been heard. Two
// who do so together outvote one; one alone gains by it only what the rules of package auth give to who wrote at the same
// time. Whether those two ever were removed wrongly no rule can know; it is for the second person to say.

// objectWindow is how long before a device's own removal the other removals by the same person are taken to be of the
// same attack, so that its word against them is as of before those too. --since says it exactly.
const objectWindow = 24 * time.Hour

// before returns the removals that this device's word against a person is to be written as of before: none, unless that
// person removed it.
func (s *session) before(person auth.PersonID, sinceMS int64) []crdt.Hash {
	t, g, self := s.r.Team(), s.r.Graph(s.team), s.r.Device()
	out := t.Against(self)
	own := func(r auth.Removal) bool { return slices.Contains(out, r.Op) }
	all := t.Removals()
	i := slices.IndexFunc(all, func(r auth.Removal) bool { return own(r) && r.By == person })
	if i < 0 {
		return nil
	}
	from := g.Place(all[i].Op).TimeMS - objectWindow.Milliseconds()
	if sinceMS > 0 {
		from = sinceMS
	}
	said := s.lastWords(out)
	for _, r := range all {
		known := slices.ContainsFunc(said, func(h crdt.Hash) bool { return g.Before(r.Op, h) })
		if r.By == person && r.Effective && !r.Undone && r.Mode != auth.ModeSuspend && !own(r) && !known && g.Place(r.Op).TimeMS >= from {
			out = append(out, r.Op)
		}
	}
	return out
}

// lastWords returns what this device has said in the team document without having seen any of some operations: its
// joining and the ends of its logs. What was known to it then cannot be left out of its word now.
func (s *session) lastWords(without []crdt.Hash) []crdt.Hash {
	g, self := s.r.Graph(s.team), s.r.Device()
	out := []crdt.Hash{s.me().Joined}
	for _, t := range g.Frontier() {
		seen := slices.ContainsFunc(without, func(w crdt.Hash) bool { return g.Before(w, t.Hash) })
		if t.Log.Device == self && !seen {
			out = append(out, t.Hash)
		}
	}
	return out
}

// may asks whether this device's person may do an act, as of before some operations if there are any.
func (s *session) may(a act, before []crdt.Hash) (alone bool, err error) {
	if len(before) == 0 {
		return s.r.Team().May(s.r.Device(), a.kind, a.body)
	}
	return s.r.Team().MayBefore(s.r.Device(), a.kind, a.body, s.r.HeadsBefore(before...))
}

// writeAct writes an act, as of before some operations if there are any.
func (s *session) writeAct(now time.Time, a act, before []crdt.Hash) (crdt.Hash, error) {
	if len(before) == 0 {
		return s.r.ProposeTeam(now, a.kind, a.body)
	}
	return s.r.ProposeTeamBefore(now, a.kind, a.body, before...)
}

// beforeText says as of when the word of this device is written.
func (s *session) beforeText() string {
	return fmt.Sprintf("written as of before %s took you out", s.r.Team().Handle(s.me().RemovedBy))
}

// takesBack says whose removal goes when a word as of before wins.
func (s *session) takesBack(before []crdt.Hash) []string {
	var names []string
	for _, r := range s.r.Team().Removals() {
		if m, ok := s.memberOf(r.Device); ok && slices.Contains(before, r.Op) {
			names = append(names, s.deviceName(m.Device))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"back in by it: " + strings.Join(names, ", ") + "; if one of them is out rightly, say --since, or revoke it again"}
}

// describeBack tells of a proposal by somebody who is out, and who of those who are out can co-sign it.
func (s *session) describeBack(p *proposal, q auth.Proposal) {
	t := s.r.Team()
	for _, m := range t.Members() {
		if m.Person == q.Author && m.Removed != 0 {
			p.Text += fmt.Sprintf(", as of before %s took %s out", t.Handle(m.RemovedBy), m.Handle)
			break
		}
	}
	for _, m := range t.Members() {
		if thrownOut(m, q.Person) && m.Person != s.me().Person && !slices.Contains(q.Behind, m.Person) && !slices.Contains(p.Can, m.Handle) {
			p.Can = append(p.Can, m.Handle)
		}
	}
}

// speaksForMe makes a proposal against who threw this device out one that can be co-signed here, as of before. Who made it
// may be in as far as is known here: what threw them out came later, and to those who are out comes little.
func (s *session) speaksForMe(p *proposal, q auth.Proposal) {
	against := s.r.Team().Against(s.r.Device())
	if q.Kind != auth.KindRemove || len(against) == 0 || !q.Back && len(s.before(q.Person, 0)) == 0 {
		return
	}
	_, err := s.may(act{auth.KindCosign, auth.Cosign{Op: q.Op}}, against)
	p.Mine, p.before = err == nil && !slices.Contains(q.Behind, s.me().Person), against
}

// outHint says what the person of a laptop that was thrown out can do.
func (s *session) outHint(m auth.Member) string {
	t := s.r.Team()
	name, by := s.deviceName(m.Device), t.Handle(m.RemovedBy)
	hint := "nobody takes what you write; the board here can still be read. If it is wrong, " + s.takersBack(m) + ": muster reinstate @" + name
	many := slices.ContainsFunc(t.Removals(), func(r auth.Removal) bool { return r.Op == m.Removal && len(r.Behind) > 1 })
	if m.RemovedBy == m.Person || many || !s.hasSecond(m) {
		return hint
	}
	hint += fmt.Sprintf("; if %s is the thief, two of you outvote it: muster revoke @%s --stolen \"why\", then muster cosign", by, by)
	for _, q := range s.proposals() {
		switch {
		case q.Mine:
			return fmt.Sprintf("%s proposes to %s%s; if that is right: muster cosign %s", q.By, q.Text, reasonText(q.Reason), q.ID)
		case q.back && q.author == m.Person:
			return fmt.Sprintf("your word against it waits for a second person: %s", cosignerHint(q.Proposal))
		}
	}
	return hint
}

// takersBack says who can take somebody's removal back: any steward, or two responders together.
func (s *session) takersBack(m auth.Member) string {
	stewards, all := s.persons(auth.RoleSteward, m.Person), s.persons(auth.RoleResponder, m.Person)
	others := len(all) - len(stewards)
	switch {
	case len(stewards) > 0 && others >= 2:
		return orNames(stewards) + " or two others can take it back"
	case len(stewards) > 0:
		return orNames(stewards) + " can take it back"
	case others >= 2:
		return "two of " + orNames(all) + " together can take it back"
	}
	return "two who may write could take it back, and there are not two"
}

// thrownOut reports whether a device was removed, not merely suspended, by a person.
func thrownOut(m auth.Member, by auth.PersonID) bool {
	return (m.Removed == auth.ModeRetire || m.Removed == auth.ModeCompromised) && m.RemovedBy == by
}

// hasSecond reports whether anybody could stand beside a person's word against who removed them: one who is in, or whom
// the same person removed.
func (s *session) hasSecond(m auth.Member) bool {
	if len(s.persons(auth.RoleResponder, m.Person, m.RemovedBy)) > 0 {
		return true
	}
	return slices.ContainsFunc(s.r.Team().Members(), func(o auth.Member) bool {
		return thrownOut(o, m.RemovedBy) && o.Person != m.Person && o.Person != m.RemovedBy
	})
}

// cosignerHint says who can co-sign.
func cosignerHint(q api.Proposal) string {
	if len(q.Can) == 0 {
		return "another who was in before, on their laptop: muster cosign"
	}
	return "@" + strings.Join(q.Can[:min(len(q.Can), 4)], " or @") + " types: muster cosign " + q.ID
}
