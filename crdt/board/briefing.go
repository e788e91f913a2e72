package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
)

// How an incident goes, as whoever takes it over has to know first (I-PASS: illness severity). Computed from the board:
// unstable when something got worse lately or nobody has hold of it, stable when it is mitigated and nothing vital is open,
// else to be watched.
const (
	TrendStable   = "stable"
	TrendWatcher  = "watcher"
	TrendUnstable = "unstable"
)

const (
	worseMS    = 30 * 60 * 1000 // how long getting worse makes an incident unstable
	historyMax = 5              // lines
)

// A Briefing is what whoever takes command over must know, in the order of transfer briefings (FEMA ICS-201, I-PASS). The
// briefing of an offer is made of what its author had seen when they made it, so that both sides speak of the same one,
// however late it arrives. It shares nothing with the Board.
type Briefing struct {
	Name       string
	Title      string
	Severity   int
	Status     string
	Contested  bool
	Drill      bool
	Trend      string   // a Trend constant
	Why        []string // what makes it so, the weightiest first
	DeclaredMS int64
	AsOfMS     int64 // when the newest thing in it was written, by its author's clock

	History    []Value     // what turned it, oldest first: at most five
	Objectives []Criterion // what must hold before it is over
	Sitrep     Sitrep      // with the next update that was promised
	Plan       []Decision  // that stand
	Work       []Task      // not over: vital first, then what nobody has, then what is late
	Resources  []Resource
	Updates    []Update
	Risks      []Note
	IfThen     []Value // decisions and notes that begin with "if"
	RuledOut   []Theory

	Command Command // who commands by what right, who else claims to
	Roles   []Role  // what is delegated
	Items   []OpenItem

	Offer *Offer // what it goes with; nil: it is of now
	Later int    // operations that were written since, and are not in it
}

// Briefing returns the briefing for a person: that of the offer of command that waits for them or that they have made, else
// that of now. An offer back after a break comes with the briefing of now.
func (b *Board) Briefing(now time.Time, people People, p PersonID) Briefing {
	return reader{b, people}.briefing(now.UnixMilli(), p)
}

// Briefing is that of [Board.Briefing] for all incidents of the group. Of several it is that of now.
func (g *Group) Briefing(now time.Time, people People, p PersonID) Briefing {
	if len(g.boards) == 1 {
		return g.boards[0].Briefing(now, people, p)
	}
	v := g.View(now, people)
	return brief(&v, g.Log(people), now.UnixMilli())
}

func (r reader) briefing(nowMS int64, p PersonID) Briefing {
	of := r.offerOf(nowMS, p)
	if of == nil || of.isBack {
		v := r.view(nowMS)
		return brief(&v, r.Log(r.people), nowMS)
	}
	past := r.atOffer(of)
	v := past.view(nowMS)
	out := brief(&v, past.Log(r.people), nowMS)
	out.Items = r.itemsOf(of, nowMS)
	out.Later = len(r.ops) - len(r.aside.ops) - (len(past.ops) - len(past.aside.ops))
	for _, o := range r.commandView(nowMS).Offers {
		if o.Op == of.op.hash {
			out.Offer = &o
		}
	}
	return out
}

// offerOf returns the newest offer that waits for p or that p has made, one that has not lapsed before one that has.
func (r reader) offerOf(nowMS int64, p PersonID) *offer {
	f := r.foldCommand()
	var old *offer
	for _, of := range slices.Backward(f.offers) {
		if of.to != p && of.by != p || !r.waits(f, of) {
			continue
		}
		if _, lapsed := of.lapsed(nowMS); !lapsed {
			return of
		}
		if old == nil {
			old = of
		}
	}
	return old
}

// atOffer returns the board as the author of an offer saw it, with the short ids of today.
func (r reader) atOffer(of *offer) reader {
	o := r.ops[of.op.hash]
	past := r.At(func(h crdt.Hash) bool { return h == o.hash || r.before(r.ops[h], o) })
	past.ids, past.kin = r.ids, r.kin
	return reader{past, r.people}
}

// brief makes a briefing of a view and its timeline.
func brief(v *View, log []Entry, nowMS int64) Briefing {
	log = effective(log)
	out := Briefing{
		Name: v.Name, Title: v.Title, Severity: v.Severity, Status: v.Status, Contested: v.Contested, Drill: v.Drill,
		DeclaredMS: v.DeclaredMS, Objectives: v.Criteria, Sitrep: v.Sitrep, Resources: v.Resources, Updates: v.Updates,
		Command: v.Command, Roles: v.Roles, Items: openItems(v), History: turns(log),
	}
	for _, e := range log {
		out.AsOfMS = max(out.AsOfMS, e.AtMS)
	}
	for _, d := range v.Decisions {
		if d.Stands && !d.Superseded && d.Text != "" {
			out.Plan = append(out.Plan, d)
		}
		if conditional(d.Text) && d.Stands {
			out.IfThen = append(out.IfThen, Value{Value: d.Text, By: d.By, AtMS: d.AtMS})
		}
	}
	for _, n := range v.Notes {
		switch {
		case slices.Contains(n.Kinds, NoteRisk):
			out.Risks = append(out.Risks, n)
		case conditional(n.Text):
			out.IfThen = append(out.IfThen, Value{Value: n.Text, By: n.By, AtMS: n.AtMS})
		}
	}
	for _, h := range v.Theories {
		if h.State == TheoryRuledOut {
			out.RuledOut = append(out.RuledOut, h)
		}
	}
	for _, t := range v.Tasks {
		if t.State != TaskDone && t.State != TaskCancelled {
			out.Work = append(out.Work, t)
		}
	}
	slices.SortStableFunc(out.Work, func(a, b Task) int { return cmp.Compare(urgency(&a), urgency(&b)) })
	out.Trend, out.Why = trend(v, log, nowMS)
	return out
}

// conditional reports whether a text says what to do if something happens.
func conditional(text string) bool { return strings.HasPrefix(strings.ToLower(text), "if ") }

// urgency orders tasks: the smaller, the sooner somebody has to look.
func urgency(t *Task) int {
	switch {
	case t.Vital:
		return 0
	case t.State == TaskOpen:
		return 1
	case t.Overdue:
		return 2
	case t.State == TaskBlocked, t.State == TaskAssigned:
		return 3
	}
	return 4
}

// turns returns what turned an incident: how it began, and the last changes of how bad it is, how far along, and who
// commands.
func turns(log []Entry) []Value {
	var out []Value
	for _, e := range log {
		switch e.Kind {
		case "declare", "sev", "status", "accept", "release", "take", "settle", "publish":
			if !strings.HasPrefix(e.Text, "asked ") {
				out = append(out, Value{Value: e.Text, By: e.Actor, AtMS: e.AtMS})
			}
		}
	}
	if len(out) > historyMax {
		out = append(out[:1:1], out[len(out)-historyMax+1:]...)
	}
	return out
}

// trend says how it goes, and why.
func trend(v *View, log []Entry, nowMS int64) (how string, why []string) {
	say := func(is bool, format string, args ...any) {
		if is {
			why = append(why, fmt.Sprintf(format, args...))
		}
	}
	say(v.Command.Commander == "", "nobody commands")
	say(v.Contested, "its end is contested")
	say(len(v.Conflicts) > 0, "%s to settle", count(len(v.Conflicts), "conflict"))
	for _, e := range slices.Backward(log) {
		if ago := nowMS - e.AtMS; e.Kind == "sev" && ago < worseMS && strings.HasPrefix(e.Text, "severity raised") {
			say(true, "raised to sev %d %s ago", v.Severity, span(ago))
			break
		}
	}
	for _, n := range slices.Backward(v.Notes) {
		if ago := nowMS - n.AtMS; ago < worseMS && slices.Contains(n.Kinds, NoteBroken) {
			say(true, "%s saw it still broken %s ago", n.By, span(ago))
			break
		}
	}
	vital := 0
	for _, t := range v.Tasks {
		if !t.Vital || t.State == TaskDone || t.State == TaskCancelled {
			continue
		}
		vital++
		say(t.State == TaskOpen, "nobody has vital %s", t.ID)
		say(t.State == TaskBlocked, "vital %s is stuck", t.ID)
		say(t.Overdue && t.State != TaskBlocked, "vital %s is overdue", t.ID)
	}
	if len(why) > 0 {
		return TrendUnstable, why
	}
	if stage(v.Status) >= stage(StatusMitigated) && vital == 0 {
		return TrendStable, []string{"it is " + v.Status + ", nothing vital is open"}
	}
	say(vital > 0, "%s open", count(vital, "vital task"))
	say(vital == 0, "it is %s", v.Status)
	return TrendWatcher, why
}
