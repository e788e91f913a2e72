package board

import (
	"fmt"
	"slices"
	"strings"
)

// groupConflict is a conflict of a group and where it is settled.
type groupConflict struct {
	Conflict
	board *Board // the incident it is of; nil: it is between incidents, and settled in all of them
	local int    // its number there
}

// conflicts returns every open conflict: first who commands, who holds a role that one person must hold, what was decided
// differently and who has hands on one resource in several incidents, which are asked once for all of them, then those of
// each incident.
func (g *Group) conflicts(people People) []groupConflict {
	var out []groupConflict
	add := func(c Conflict, of *Board, local int) {
		out = append(out, groupConflict{c, of, local})
	}
	if c, ok := g.commandConflict(people); ok {
		add(c, nil, 0)
	}
	for _, name := range g.roleNames() {
		if c, ok := g.roleConflict(people, name); ok {
			add(c, nil, 0)
		}
	}
	topics := map[string]bool{} // asked here for all, as who commands and who holds a role
	for _, key := range g.topicKeys() {
		if c, ok := g.decisionConflict(people, key); ok {
			add(c, nil, 0)
			topics[key] = true
		}
	}
	held := map[string]bool{}
	for _, key := range g.resourceKeys() {
		if c, ok := g.handsConflict(people, key); ok {
			add(c, nil, 0)
			held[key] = true
		}
	}
	for _, b := range g.boards {
		for _, c := range (reader{b, people}).conflicts() {
			key := topicKey(c.Subject)
			if c.Kind == ConflictCommand || c.Kind == ConflictRole || c.Kind == ConflictDecision && topics[key] || c.Kind == ConflictHands && held[key] {
				continue
			}
			add(c, b, c.N)
		}
	}
	g.name(out)
	return out
}

// Conflicts returns what waits for a human, as [Group.View] shows it.
func (g *Group) Conflicts(people People) []Conflict {
	if len(g.boards) == 1 {
		return g.boards[0].Conflicts(people)
	}
	defer g.join()()
	open := g.conflicts(people)
	out := make([]Conflict, len(open))
	for i, c := range open {
		out[i] = c.Conflict
	}
	return out
}

// name numbers the conflicts, says which incident they are of, and gives each the key that tells it from all that is
// open or was settled in the group.
func (g *Group) name(open []groupConflict) {
	if len(open) == 0 {
		return
	}
	var known idIndex
	for i := range open {
		c := &open[i]
		b := g.boards[0]
		if c.board != nil {
			b = c.board
		}
		c.N, c.Incident = i+1, Name(b.doc)
		for _, of := range g.boards {
			c.SinceMS = max(c.SinceMS, of.since(c.heads))
		}
		c.id = b.identity(c.Kind, c.Subject, c.target)
		known.add(c.id)
	}
	for _, b := range g.boards {
		for _, o := range b.settles.list() {
			known.add(b.settledIdentity(o.body.(*settleBody)))
		}
	}
	known.sorted()
	known.hashes = slices.Compact(known.hashes)
	for i := range open {
		open[i].Key = keyLetter + open[i].id.Text()[:known.chars(open[i].id)]
	}
}

// commandConflict is who commands, when the incidents disagree about it or one of them is in conflict itself.
func (g *Group) commandConflict(people People) (Conflict, bool) {
	if !g.disputed() {
		return Conflict{}, false
	}
	claims := g.claims()
	c := Conflict{Kind: ConflictCommand, Subject: ConflictCommand, Shown: people.Handle(claims[0].term.holder)}
	var parts []string
	for _, cl := range claims {
		t, name := cl.term, people.Handle(cl.term.holder)
		orders := ""
		if cl.orders > 0 {
			orders = ", " + count(cl.orders, "order")
		}
		label := fmt.Sprintf("%s (%s since %s%s, %s)", name, basisWords(t), clock(t.since.wallMS), orders, Name(cl.board.doc))
		parts = append(parts, label)
		c.Choices = append(c.Choices, Choice{
			Key: name, Value: name, Label: label, By: people.Handle(t.op.person), AtMS: t.op.wallMS, person: t.holder,
		})
		c.heads = append(c.heads, t.op.hash)
	}
	c.Choices = append(c.Choices, teamsChoice(choiceNames(c.Choices)))
	c.Text = strings.Join(parts, " | ")
	return c, true
}

// roleConflict is who holds a role that one person must hold.
func (g *Group) roleConflict(people People, name string) (Conflict, bool) {
	heads := g.role(name)
	if len(heads) < 2 || !soleRole(name) {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictRole, Subject: name, Shown: people.Handle(roleHolder(heads[0]))}
	var parts []string
	for _, h := range heads {
		holder := people.Handle(roleHolder(h))
		label := fmt.Sprintf("%s (by %s %s, %s)", holder, people.Handle(h.person), clock(h.wallMS), Name(g.Holder(h.hash)))
		parts = append(parts, label)
		c.Choices = append(c.Choices, Choice{
			Key: holder, Value: holder, Label: label, By: people.Handle(h.person), AtMS: h.wallMS, person: roleHolder(h),
		})
		c.heads = append(c.heads, h.hash)
	}
	c.Text = name + ": " + strings.Join(parts, " | ")
	return c, true
}
