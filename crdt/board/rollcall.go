package board

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// parEveryMS is how long the last roll call is good for: fire services call the roll every 20 to 30 minutes.
const parEveryMS = 30 * 60 * 1000

// parFirstMS is how old an incident is before its first roll call is due: the first minutes are for getting to work.
const parFirstMS = 5 * 60 * 1000

// parTeam is the least number of people for whom a roll call is suggested: with fewer, one word answers it.
const parTeam = 3

// wordOf is the last word about somebody: who said it, and whether it was themselves.
type wordOf struct {
	op  *op
	own bool
}

// standings returns the last word about everybody among the check-ins of all, which are in canonical order. Their own word
// beats that of others, and the newest counts.
func standings(all []*op) map[PersonID]wordOf {
	out := map[PersonID]wordOf{}
	for _, o := range all {
		h := o.body.(*hereBody)
		p, own := o.person, true
		if !h.Person.IsZero() && h.Person != o.person {
			p, own = h.Person, false
		}
		if was, ok := out[p]; !ok || own || !was.own {
			out[p] = wordOf{op: o, own: own}
		}
	}
	return out
}

func (r reader) standing(p PersonID, w wordOf) Standing {
	h := w.op.body.(*hereBody)
	s := Standing{Who: r.who(p), ID: p, State: h.State, Fatigue: h.Fatigue, Text: h.Text, Place: h.Place, AtMS: w.op.wallMS}
	if !w.own {
		s.By = r.who(w.op.person)
	}
	return s
}

// standingViews returns the last word about everybody in words, the newest first.
func (r reader) standingViews(words map[PersonID]wordOf) []Standing {
	people := make([]PersonID, 0, len(words))
	for p := range words { // any order: sorted below
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b PersonID) int {
		return cmp.Or(compareOps(words[b].op, words[a].op), a.Compare(b))
	})
	out := make([]Standing, len(people))
	for i, p := range people {
		out[i] = r.standing(p, words[p])
	}
	return out
}

// rollCallView says who has answered a roll call and who has not. A check-in answers every roll call before it in the order
// of the timeline, on whichever side, for its author and for whom the author vouches.
func (r reader) rollCallView(o *op) RollCall {
	v := RollCall{By: r.who(o.person), AtMS: o.wallMS, DueMS: o.body.(*rollCallBody).DueMS}
	all := r.replies()
	from, _ := slices.BinarySearchFunc(all, o, compareOps)
	words := standings(all[from:])
	v.Replies = r.standingViews(words)
	here := map[PersonID]bool{o.person: true}
	for p := range words { // any order: a set
		here[p] = true
	}
	for _, c := range all[from:] {
		here[c.person] = true // who vouches for somebody is there
	}
	for _, p := range r.people.All() {
		v.Known++
		if !here[p] {
			v.Missing = append(v.Missing, r.who(p))
			v.MissingIDs = append(v.MissingIDs, p)
		}
	}
	again := func(x *op) bool { return x != o && r.before(o, x) }
	v.Open = len(v.Missing) > 0 && !slices.ContainsFunc(r.rollCalls.list(), again)
	return v
}

// SuggestPAR says why a roll call is due now, in a few words; empty: it is not. It is while an incident goes on that more
// than two people may work on, when none was called in the last half hour: who is still there is what nobody knows after a
// cut, a handover or a shift.
func (b *Board) SuggestPAR(now time.Time, people People) string {
	if !b.Live() || len(people.All()) < parTeam {
		return ""
	}
	all := b.rollCalls.list()
	if len(all) == 0 {
		if ops := b.all.list(); len(ops) == 0 || now.UnixMilli()-ops[0].wallMS < parFirstMS {
			return ""
		}
		return "no roll call yet"
	}
	if ms := now.UnixMilli() - all[len(all)-1].wallMS; ms > parEveryMS {
		return fmt.Sprintf("the last roll call was %s ago", span(ms))
	}
	return ""
}
