package board

import (
	"fmt"
	"slices"
	"time"

	"muster/crdt"
)

// NoticeSame says that an incident is a second name of another.
const NoticeSame = "same"

// View returns the group as it is shown at now. What was written in one of several incidents says which.
func (g *Group) View(now time.Time, people People) View {
	if len(g.boards) == 1 {
		return g.boards[0].View(now, people)
	}
	defer g.join()()
	views := make([]View, len(g.boards))
	for i, b := range g.boards {
		views[i] = reader{b, people}.view(now.UnixMilli())
	}
	out := views[0] // name, title, who declared it
	out.Names = g.Names()
	out.Operations, out.Unknown, out.Services, out.Labels, out.Same = 0, 0, nil, nil, nil
	for i := range views {
		v := &views[i]
		out.Operations += v.Operations
		out.Unknown += v.Unknown
		out.Services = append(out.Services, v.Services...)
		out.Labels = append(out.Labels, v.Labels...)
		out.Same = append(out.Same, g.boards[i].doc)
		out.Same = append(out.Same, v.Same...)
	}
	out.Services, out.Labels, out.Same = set(out.Services), set(out.Labels), g.others(out.Same)
	out.Severity = g.severity()
	out.Status, out.Contested = g.status()
	out.Ended, out.EndedMS = nil, 0
	for i := range views {
		v := &views[i]
		if !ended(out.Status) || len(v.Ended) == 0 {
			continue
		}
		out.Ended = append(out.Ended, v.Ended...)
		if out.EndedMS == 0 || v.EndedMS < out.EndedMS {
			out.EndedMS = v.EndedMS
		}
	}
	out.Command = commandView(views)
	out.Warnings = nil
	for _, v := range views {
		for _, w := range v.Warnings {
			if !slices.Contains(out.Warnings, w) {
				out.Warnings = append(out.Warnings, w)
			}
		}
	}
	out.Roles = nil
	for _, name := range g.roleNames() {
		if heads := g.role(name); len(heads) > 0 {
			out.Roles = append(out.Roles, Role{Role: name, Holders: reader{g.boards[0], people}.names(heads, roleHolder)})
		}
	}
	dropTwins(views)
	g.unite(&out, views)
	g.handsOff(people, &out)
	out.Conflicts = g.Conflicts(people)
	out.Merged, out.Settled = g.notices(people, views), g.settled(people, out.Conflicts)
	return out
}

// set sorts words and drops those that are there twice.
func set(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

// others returns the incidents among docs that are not the canonical one.
func (g *Group) others(docs []crdt.DocID) []crdt.DocID {
	slices.SortFunc(docs, crdt.DocID.Compare)
	return slices.DeleteFunc(slices.Compact(docs), func(d crdt.DocID) bool { return d == g.Doc() })
}

// unite merges the lists of things into out, each in the order of the timeline.
func (g *Group) unite(out *View, views []View) {
	out.Tasks = union(g, views, func(v *View) []Task { return v.Tasks },
		func(b *Board, _ int, t *Task) *op { return b.ops[t.Op] }, func(t *Task) *string { return &t.Incident })
	out.Notes = union(g, views, func(v *View) []Note { return v.Notes },
		func(b *Board, _ int, n *Note) *op { return b.ops[n.Op] }, func(n *Note) *string { return &n.Incident })
	out.Decisions = union(g, views, func(v *View) []Decision { return v.Decisions },
		func(b *Board, _ int, d *Decision) *op { return b.ops[d.Op] }, func(d *Decision) *string { return &d.Incident })
	lost := g.overruledElsewhere()
	for i := range out.Decisions {
		d := &out.Decisions[i]
		d.Stands = d.Stands && !lost[d.Op]
		d.Superseded = d.Superseded && d.Stands
	}
	out.Theories = union(g, views, func(v *View) []Theory { return v.Theories },
		func(b *Board, _ int, h *Theory) *op { return b.ops[h.Op] }, func(h *Theory) *string { return &h.Incident })
	out.Criteria = union(g, views, func(v *View) []Criterion { return v.Criteria },
		func(b *Board, _ int, c *Criterion) *op { return b.ops[c.Op] }, func(c *Criterion) *string { return &c.Incident })
	out.CheckIns = union(g, views, func(v *View) []CheckIn { return v.CheckIns },
		func(b *Board, i int, _ *CheckIn) *op { return b.checkIns.list()[i] }, func(c *CheckIn) *string { return &c.Incident })
	out.Thanks = union(g, views, func(v *View) []Thanks { return v.Thanks },
		func(b *Board, i int, _ *Thanks) *op { return b.thanks.list()[i] }, func(t *Thanks) *string { return &t.Incident })
	out.Pages = union(g, views, func(v *View) []Page { return v.Pages },
		func(b *Board, i int, _ *Page) *op { return b.pages.list()[i] }, func(p *Page) *string { return &p.Incident })
	out.Updates = union(g, views, func(v *View) []Update { return v.Updates },
		func(b *Board, _ int, u *Update) *op { return b.ops[u.Op] }, func(u *Update) *string { return &u.Incident })
	out.Runs = union(g, views, func(v *View) []Run { return v.Runs },
		func(b *Board, _ int, n *Run) *op { return b.ops[n.Op] }, func(n *Run) *string { return &n.Incident })
	out.RollCalls = union(g, views, func(v *View) []RollCall { return v.RollCalls },
		func(b *Board, i int, _ *RollCall) *op { return b.rollCalls.list()[i] }, func(r *RollCall) *string { return &r.Incident })
	out.Quarantined = nil
	for i := range views {
		for _, q := range views[i].Quarantined {
			q.Incident = views[i].Name
			out.Quarantined = append(out.Quarantined, q)
		}
	}
}

// dropTwins drops from the views what was decided in an earlier one at the same moment in the same words: it is one
// decision, written in several incidents at once.
func dropTwins(views []View) {
	type decided struct {
		by, text, topic string
		atMS            int64
	}
	where := map[decided]int{}
	for i := range views {
		views[i].Decisions = slices.DeleteFunc(views[i].Decisions, func(d Decision) bool {
			k := decided{d.By, d.Text, d.Topic, d.AtMS}
			n, there := where[k]
			if !there {
				where[k] = i
			}
			return there && n < i
		})
	}
}

// union merges one list of the views in the order of the timeline. at returns the operation that item i of a board's list
// is from; incident is where an item says in which incident it was written.
func union[T any](g *Group, views []View, list func(*View) []T, at func(b *Board, i int, item *T) *op, incident func(*T) *string) []T {
	type placed struct {
		op   *op
		item T
	}
	var all []placed
	for n, b := range g.boards {
		for i, item := range list(&views[n]) {
			*incident(&item) = views[n].Name
			all = append(all, placed{at(b, i, &item), item})
		}
	}
	slices.SortStableFunc(all, func(x, y placed) int { return compareOps(x.op, y.op) })
	out := make([]T, len(all))
	for i, p := range all {
		out[i] = p.item
	}
	return out
}

// commandView merges who commands. The same person commanding several of the incidents is one commander.
func commandView(views []View) Command {
	var c Command
	for _, v := range views {
		for _, t := range v.Command.Terms {
			if i := slices.IndexFunc(c.Terms, func(o Term) bool { return o.HolderID == t.HolderID }); i >= 0 {
				c.Terms[i].Orders += t.Orders
				c.Terms[i].Unconfirmed = c.Terms[i].Unconfirmed || t.Unconfirmed
				c.Terms[i].Losers = append(c.Terms[i].Losers, t.Losers...)
				continue
			}
			c.Terms = append(c.Terms, t)
		}
		for _, o := range v.Command.Offers {
			if !slices.ContainsFunc(c.Offers, func(x Offer) bool { return x.From == o.From && x.ToID == o.ToID }) {
				c.Offers = append(c.Offers, o)
			}
		}
		for _, q := range v.Command.Requests {
			if !slices.ContainsFunc(c.Requests, func(x Value) bool { return x.By == q.By }) {
				c.Requests = append(c.Requests, q)
			}
		}
	}
	if len(c.Terms) > 0 {
		c.Commander, c.CommanderID, c.SinceMS = c.Terms[0].Holder, c.Terms[0].HolderID, c.Terms[0].SinceMS
	}
	return c
}

// notices merges what was merged without asking, and says who made one of several.
func (g *Group) notices(people People, views []View) []Notice {
	var out []Notice
	for i, b := range g.boards {
		for _, o := range b.sames.list() {
			v := o.body.(*sameBody)
			if v.Remove || !slices.Contains(b.sameAs(), v.Other) {
				continue
			}
			out = append(out, Notice{
				Kind: NoticeSame, Subject: Name(v.Other), Open: true, Incident: views[i].Name,
				Text: fmt.Sprintf("%s and %s are one, said %s", views[i].Name, Name(v.Other), reader{b, people}.by(o)),
			})
		}
		for _, n := range views[i].Merged {
			n.Incident = views[i].Name
			out = append(out, n)
		}
	}
	return append(out, g.postNotices(people)...)
}

// settled merges what humans have settled and is not open again. Settling who commands writes the same in every
// incident that must change: that is one settlement.
func (g *Group) settled(people People, open []Conflict) []Settled {
	var out []Settled
	for _, b := range g.boards {
		for _, s := range (reader{b, people}).settled(open) {
			same := func(o Settled) bool {
				return o.Kind == s.Kind && o.Subject == s.Subject && o.Chosen == s.Chosen && o.By == s.By && o.AtMS == s.AtMS && o.Reason == s.Reason
			}
			if !slices.ContainsFunc(out, same) {
				s.Incident = Name(b.doc)
				out = append(out, s)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Settled) int { return int(max(min(a.AtMS-b.AtMS, 1), -1)) })
	return out
}

// Log returns the timelines of all incidents as one, oldest first. What somebody wrote in several at once is one line.
func (g *Group) Log(people People) []Entry {
	if len(g.boards) == 1 {
		return g.boards[0].Log(people)
	}
	defer g.join()()
	type line struct {
		by         PersonID
		atMS       int64
		kind, text string
	}
	type placed struct {
		op    *op
		entry Entry
	}
	where := map[line]int{} // line -> incident that has it first
	var all []placed
	for i, b := range g.boards {
		for _, o := range b.all.list() {
			if o.kind == crdt.KindWeave {
				continue
			}
			e := reader{b, people}.entry(o)
			e.Incident = Name(b.doc)
			l := line{o.person, o.wallMS, e.Kind, e.Text}
			if n, there := where[l]; !there {
				where[l] = i
			} else if n < i {
				continue
			}
			all = append(all, placed{o, e})
		}
	}
	slices.SortStableFunc(all, func(x, y placed) int { return compareOps(x.op, y.op) })
	out := make([]Entry, len(all))
	for i, p := range all {
		out[i] = p.entry
	}
	return out
}

// Brief returns the group in one line.
func (g *Group) Brief(people People) Brief {
	if len(g.boards) == 1 {
		return g.boards[0].Brief(people)
	}
	defer g.join()()
	out := Brief{Name: Name(g.Doc()), Severity: g.severity(), Conflicts: len(g.conflicts(people))}
	out.Title, _ = g.boards[0].title()
	out.Status, _ = g.status()
	if c := g.claims(); len(c) > 0 {
		out.Commander = people.Handle(c[0].term.holder)
	}
	return out
}
