package board

import (
	"cmp"
	"slices"
	"time"

	"muster/crdt"
)

// A Group is the incidents that people have found to be one outage, shown and worked on as one. Two incidents are one
// when the document of either says so; that relation is closed, so that whoever holds the same documents sees the same
// groups, in whatever order they were linked (domain C2.1). Most groups hold one incident, and are then that incident.
//
// The canonical incident is the one declared first, by derived time and then by id. It gives the group its name and
// title; every name keeps working. Severity is the worst, an open status beats an ended one, everything else is the union.
//
// A group keeps no state of its own: it reads its boards, and like them it is not safe for concurrent use.
type Group struct {
	boards []*Board // the canonical one first, then as they were declared
}

// Groups sorts boards into groups, ordered by their canonical incidents. A link to an incident that is not among them
// joins what is linked to it.
func Groups(boards []*Board) []*Group {
	parent := map[crdt.DocID]crdt.DocID{}
	var root func(d crdt.DocID) crdt.DocID
	root = func(d crdt.DocID) crdt.DocID {
		if p, ok := parent[d]; ok && p != d {
			parent[d] = root(p)
			return parent[d]
		}
		return d
	}
	for _, b := range boards {
		for _, other := range b.sameAs() {
			parent[root(b.doc)] = root(other)
		}
	}
	all := slices.SortedFunc(slices.Values(boards), compareDeclared)
	var out []*Group
	of := map[crdt.DocID]*Group{} // root -> group
	for _, b := range all {
		r := root(b.doc)
		if of[r] == nil {
			of[r] = &Group{}
			out = append(out, of[r])
		}
		of[r].boards = append(of[r].boards, b)
	}
	return out
}

// compareDeclared orders incidents by their declarations. One whose declaration cannot be read yet comes last.
func compareDeclared(a, b *Board) int {
	switch {
	case a.found == nil && b.found == nil:
		return a.doc.Compare(b.doc)
	case a.found == nil:
		return 1
	case b.found == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(a.found.place.TimeMS, b.found.place.TimeMS), a.doc.Compare(b.doc))
}

// Doc returns the canonical incident.
func (g *Group) Doc() crdt.DocID { return g.boards[0].doc }

// Docs returns every incident of the group, the canonical one first.
func (g *Group) Docs() []crdt.DocID {
	out := make([]crdt.DocID, len(g.boards))
	for i, b := range g.boards {
		out[i] = b.doc
	}
	return out
}

// Names returns the names of the group, the canonical one first.
func (g *Group) Names() []string {
	out := make([]string, len(g.boards))
	for i, b := range g.boards {
		out[i] = Name(b.doc)
	}
	return out
}

// Holder returns the incident in which an operation was written; zero when none of the group has it.
func (g *Group) Holder(op crdt.Hash) crdt.DocID {
	for _, b := range g.boards {
		if b.ops[op] != nil {
			return b.doc
		}
	}
	return crdt.DocID{}
}

// Live reports whether the outage is going on: whether any of its incidents is.
func (g *Group) Live() bool { return slices.ContainsFunc(g.boards, (*Board).Live) }

// join tells the boards of each other until the function it returns is called: short ids are then told apart from all of
// the group's, and whoever commands one incident of it commands here. Joining again meanwhile does nothing.
func (g *Group) join() (part func()) {
	if len(g.boards) == 1 || g.boards[0].kin != nil {
		return func() {}
	}
	for i, b := range g.boards {
		b.kin = slices.Concat(g.boards[:i], g.boards[i+1:])
	}
	return func() {
		for _, b := range g.boards {
			b.kin = nil
		}
	}
}

// chars returns how many characters tell h from the other things of a kind, here and in the rest of the group.
func (b *Board) chars(kind RefKind, h crdt.Hash) int {
	n := b.ids[kind].chars(h)
	for _, k := range b.kin {
		n = max(n, k.ids[kind].chars(h))
	}
	return n
}

// commands reports whether p holds a live term here or in the rest of the group.
func (b *Board) commands(p PersonID) bool {
	return b.foldCommand().holds(p) || slices.ContainsFunc(b.kin, func(k *Board) bool { return k.foldCommand().holds(p) })
}

// stood returns the operation h if the author of o, written here, can have seen it: it counts, and is in the past of o, or in another
// incident of the group, where the order is not known.
func (b *Board) stood(h crdt.Hash, o *op) *op {
	if x := b.ops[h]; x != nil {
		if x.counts() && b.before(x, o) {
			return x
		}
		return nil
	}
	for _, k := range b.kin {
		if x := k.ops[h]; x != nil && x.counts() {
			return x
		}
	}
	return nil
}

// replies returns the check-ins here and in the rest of the group, in canonical order.
func (b *Board) replies() []*op {
	if len(b.kin) == 0 {
		return b.checkIns.list()
	}
	all := slices.Clone(b.checkIns.list())
	for _, k := range b.kin {
		all = append(all, k.checkIns.list()...)
	}
	slices.SortFunc(all, compareOps)
	return all
}

// LastWords is that of [Board.LastWords] for all of the incidents.
func (g *Group) LastWords() map[PersonID]int64 {
	out := map[PersonID]int64{}
	for _, b := range g.boards {
		for p, ms := range b.LastWords() { // any order: the newest counts
			out[p] = max(out[p], ms)
		}
	}
	return out
}

// SuggestPAR is that of [Board.SuggestPAR] for all of the incidents: a roll call in any of them is one.
func (g *Group) SuggestPAR(now time.Time, people People) string {
	why := ""
	for _, b := range g.boards {
		if !b.Live() {
			continue
		}
		if why = b.SuggestPAR(now, people); why == "" {
			return ""
		}
	}
	return why
}

// severity returns the worst severity.
func (g *Group) severity() int {
	worst := 0
	for _, b := range g.boards {
		if s, _ := b.severity(); worst == 0 || s > 0 && s < worst {
			worst = s
		}
	}
	return worst
}

// status returns the shown status and whether the end of one of the incidents is contested. An open incident beats an
// ended one, and of several the earliest stage is shown, as between the writes of one incident.
func (g *Group) status() (shown string, contested bool) {
	rank := func(s string) int { // the open before the ended, the earlier stage first
		if ended(s) {
			return len(statuses) + stage(s)
		}
		return stage(s)
	}
	for _, b := range g.boards {
		f := b.foldStatus()
		if shown == "" || rank(f.shown) < rank(shown) {
			shown = f.shown
		}
		contested = contested || f.contested != nil
	}
	return shown, contested
}

// role returns the writes of a role that stand anywhere in the group, one for each holder.
func (g *Group) role(name string) []*op {
	var out []*op
	for _, b := range g.boards {
		for _, h := range b.role(name) {
			if !slices.ContainsFunc(out, func(o *op) bool { return roleHolder(o) == roleHolder(h) }) {
				out = append(out, h)
			}
		}
	}
	return out
}

// roleNames returns every role that anybody was given, in order.
func (g *Group) roleNames() []string {
	var out []string
	for _, b := range g.boards {
		for name := range b.roles { // any order: sorted below
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A claim is one person's right to command the group, by terms of one or more of its incidents.
type claim struct {
	term   *term
	board  *Board // of term
	orders int    // in all of the incidents
}

// claims returns one claim for each person who holds a live term anywhere, first those of the incident declared first:
// its commander is shown while several claim to command (domain C2.3).
func (g *Group) claims() []claim {
	var out []claim
	for _, b := range g.boards {
		for _, t := range b.foldCommand().claimants() {
			i := slices.IndexFunc(out, func(c claim) bool { return c.term.holder == t.holder })
			if i < 0 {
				i = len(out)
				out = append(out, claim{term: t, board: b})
			}
			out[i].orders += b.ordersIn(t)
		}
	}
	return out
}

// disputed reports whether the incidents disagree about who commands, or one of them does with itself.
func (g *Group) disputed() bool {
	var first []PersonID
	for _, b := range g.boards {
		claims := b.foldCommand().claimants()
		if len(claims) == 0 {
			continue
		}
		holders := make([]PersonID, len(claims))
		for i, t := range claims {
			holders[i] = t.holder
		}
		slices.SortFunc(holders, PersonID.Compare)
		if len(holders) > 1 || first != nil && !slices.Equal(first, holders) {
			return true
		}
		first = holders
	}
	return false
}
