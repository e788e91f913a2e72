package board

import (
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// A grip is somebody's work on a resource and the incident it is written in.
type grip struct {
	hold
	board *Board
}

// resourceKeys returns every resource that is named in any of the incidents, in order.
func (g *Group) resourceKeys() []string {
	var out []string
	for _, b := range g.boards {
		for key := range b.resources { // any order: a set
			out = append(out, key)
		}
	}
	return set(out)
}

// grips returns who works on a resource now in any of the incidents, by the order of their word.
func (g *Group) grips(key string) []grip {
	var out []grip
	for _, b := range g.boards {
		if x := b.resources[key]; x != nil {
			f := b.foldResource(x)
			for _, h := range f.holds {
				out = append(out, grip{h, b})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y grip) int { return compareOps(x.since, y.since) })
	return out
}

// given returns the settlements about a resource that stand in any of the incidents.
func (g *Group) given(key string) []*op {
	var out []*op
	for _, b := range g.boards {
		if x := b.resources[key]; x != nil {
			out = append(out, b.headsOf(x.settles.list())...)
		}
	}
	return out
}

// keeper returns whom the settlements about a resource gave it to, when they agree; zero: nobody.
func (g *Group) keeper(key string) PersonID {
	var p PersonID
	for _, s := range g.given(key) {
		if v := s.body.(*settleBody); p.IsZero() {
			p = v.Person
		} else if v.Person != p {
			return PersonID{}
		}
	}
	return p
}

// knew reports whether a settlement about the resource names both pieces of work: that is all that can be known of the
// order of what was written in two incidents.
func (g *Group) knew(key string, x, y grip) bool {
	names := func(s *op, h crdt.Hash) bool { return slices.Contains(s.body.(*settleBody).Heads, h) }
	return slices.ContainsFunc(g.given(key), func(s *op) bool { return names(s, x.since.hash) && names(s, y.since.hash) })
}

// handsConflict is two people at work on one resource in different incidents of the group, as long as nobody has settled
// that or settlements disagree; and two in one of them, when a settlement stands in another.
func (g *Group) handsConflict(people People, key string) (Conflict, bool) {
	all := g.grips(key)
	agreed := !g.keeper(key).IsZero()
	apart := func(x grip) bool {
		return slices.ContainsFunc(all, func(y grip) bool {
			return x.board != y.board && x.person != y.person && !(agreed && g.knew(key, x, y))
		})
	}
	if !slices.ContainsFunc(all, apart) && !g.askedAgain(people, key) {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictHands, Subject: key}
	var parts, names []string
	for _, h := range all {
		r := reader{h.board, people}
		name := r.who(h.person)
		parts = append(parts, fmt.Sprintf("%s %s %s %s", name, r.shortID(RefTask, h.task.hash), quote(taskText(r.foldTask(r.tasks[h.task.hash]))), clock(h.since.wallMS)))
		c.heads = append(c.heads, h.since.hash)
		if !slices.Contains(names, name) {
			names = append(names, name)
			c.Choices = append(c.Choices, Choice{
				Key: name, Value: name, Label: name + " keeps hands on " + key + ", the others off it", By: name, AtMS: h.since.wallMS, person: h.person,
			})
		}
	}
	c.Shown = strings.Join(names, " and ")
	c.Text = fmt.Sprintf("%s hold %s: %s", fewPeople(len(names)), key, strings.Join(parts, " | "))
	return c, true
}

// askedAgain reports whether hands on a resource are in conflict within one incident while a settlement of them stands in
// another. Settled in the first alone, the two would disagree.
func (g *Group) askedAgain(people People, key string) bool {
	var open, settled []*Board
	for _, b := range g.boards {
		x := b.resources[key]
		if x == nil {
			continue
		}
		if _, waits := (reader{b, people}).handsConflict(key); waits {
			open = append(open, b)
		}
		if len(b.headsOf(x.settles.list())) > 0 {
			settled = append(settled, b)
		}
	}
	return slices.ContainsFunc(open, func(b *Board) bool {
		return slices.ContainsFunc(settled, func(o *Board) bool { return o != b })
	})
}

// handsOff marks who must keep their hands off a resource because a settlement gave it to somebody at work on it in
// another incident.
func (g *Group) handsOff(people People, v *View) {
	for _, key := range g.resourceKeys() {
		all, keeper := g.grips(key), g.keeper(key)
		kept := slices.IndexFunc(all, func(x grip) bool { return x.person == keeper })
		if kept < 0 {
			continue
		}
		for _, h := range all {
			if h.person == keeper || !g.knew(key, h, all[kept]) {
				continue
			}
			id := h.board.shortID(RefTask, h.task.hash)
			i := slices.IndexFunc(v.Tasks, func(t Task) bool { return t.Op == h.task.hash })
			if v.Tasks[i].Conflict == "" {
				v.Tasks[i].Mark = fmt.Sprintf("HANDS OFF %s: %s has it", key, people.Handle(keeper))
			}
			for r := range v.Resources {
				if v.Resources[r].Name != key {
					continue
				}
				for n := range v.Resources[r].Hands {
					if hand := &v.Resources[r].Hands[n]; hand.Task == id && hand.Person == people.Handle(h.person) {
						hand.Off = true
					}
				}
			}
		}
	}
}
