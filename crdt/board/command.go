package board

import (
	"cmp"
	"slices"

	"muster/crdt"
)

// Grounds on which a term of command began, as people read them.
const (
	BasisDeclare = "declare"
	BasisAccept  = "accept"
	BasisAssume  = "assume"
	BasisTake    = "take"
	BasisForced  = "forced"
	BasisSettle  = "settle"
)

// term is one stint in command. Terms form a graph: an accepted offer ends one and begins another, and nothing but the
// holder's own operations, or a settlement, ends one (domain C2.3).
type term struct {
	op     *op
	holder PersonID
	basis  string
	reason string
	over   []*term // assumed while these went on
	enders []*op   // the holder's own operations and settlements that end it
	offer  *offer  // that was accepted

	// Rank of a claim while several stand: formal before acting, then the line of succession, then earlier, then hash. A
	// settlement inherits the rank its choice had, so that settling twice does not make one side's choice stronger than
	// it was.
	acting bool
	line   int // place in the line of succession when it was taken; 0 unless acting
	since  *op
}

// compareTerms orders claims: the first is the provisional commander.
func compareTerms(a, b *term) int {
	if a.acting != b.acting {
		if b.acting {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.line, b.line), compareOps(a.since, b.since), compareOps(a.op, b.op))
}

// commandFold is what the operations about command add up to.
type commandFold struct {
	terms    []*term // all, in canonical order
	live     []*term // by rank
	offers   []*offer
	requests []*op // unanswered

	made     map[crdt.Hash]*offer // the operation that made it -> offer
	accepted map[crdt.Hash]*offer // an acceptance that took effect -> its offer

	// overtaken lists, for each pair that must be mentioned, an offer whose accepting and something else crossed.
	overtaken []*offer
}

// claimants returns one term for each person who holds a live one, by rank.
func (f *commandFold) claimants() []*term {
	var out []*term
	for _, t := range f.live {
		if !slices.ContainsFunc(out, func(o *term) bool { return o.holder == t.holder }) {
			out = append(out, t)
		}
	}
	return out
}

// holds reports whether p holds a live term.
func (f *commandFold) holds(p PersonID) bool {
	return slices.ContainsFunc(f.live, func(t *term) bool { return t.holder == p })
}

// foldCommand computes who commands. Its cost grows with the square of the number of terms, of which an incident has a few.
func (b *Board) foldCommand() *commandFold {
	if b.commandAt != nil {
		return b.commandAt
	}
	f := &commandFold{made: map[crdt.Hash]*offer{}, accepted: map[crdt.Hash]*offer{}}
	for _, o := range b.command.list() {
		b.stepCommand(f, o)
	}
	for _, t := range f.terms {
		if b.liveAt(t, nil) {
			f.live = append(f.live, t)
		}
	}
	slices.SortFunc(f.live, compareTerms)
	f.requests = slices.DeleteFunc(f.requests, func(r *op) bool { return b.answered(f, r) })
	for _, of := range f.offers {
		if len(of.accepts) > 0 && (len(of.withdrawn)+len(of.declines) > 0 || b.laidDown(of)) {
			f.overtaken = append(f.overtaken, of)
		}
	}
	b.commandAt = f
	return f
}

// stepCommand adds one operation. All of its past has been added, so what its author saw is known.
func (b *Board) stepCommand(f *commandFold, o *op) {
	switch v := o.body.(type) {
	case *declareBody:
		if !v.NoCommander {
			b.openTerm(f, &term{op: o, holder: o.person, basis: BasisDeclare})
		}
	case *takeBody:
		t := &term{op: o, holder: o.person, reason: v.Reason, acting: true, line: b.placeInLine(o)}
		switch v.Mode {
		case TakeVacant:
			t.basis = BasisTake
		case TakeAbsent:
			t.basis = BasisAssume
			t.over = b.seenLive(f, o)
		case TakeForced:
			t.basis = BasisForced
		case TakeRequest:
			f.requests = append(f.requests, o)
			return
		}
		b.openTerm(f, t)
	case *offerBody, *withdrawBody, *declineBody, *acceptBody, *confirmBody:
		b.stepOffer(f, o)
	case *releaseBody:
		b.endOwn(f, o)
	case *settleBody:
		t := &term{op: o, holder: v.Person, basis: BasisSettle, reason: v.Reason, since: o}
		for _, old := range f.terms {
			if !b.before(old.op, o) {
				continue
			}
			if old.holder == v.Person && b.liveAt(old, o) && (t.since == o || compareTerms(old, t) < 0) {
				t.acting, t.line, t.since = old.acting, old.line, old.since
			}
			b.end(old, o)
		}
		f.terms = append(f.terms, t)
	}
}

// openTerm begins a term, which ends those its holder had.
func (b *Board) openTerm(f *commandFold, t *term) {
	b.endOwn(f, t.op)
	if t.since == nil {
		t.since = t.op
	}
	f.terms = append(f.terms, t)
}

// endOwn ends the terms that the author of o had and knew of.
func (b *Board) endOwn(f *commandFold, o *op) {
	for _, t := range f.terms {
		if t.holder == o.person && b.before(t.op, o) {
			b.end(t, o)
		}
	}
}

// seenLive returns the terms that were live for the author of o.
func (b *Board) seenLive(f *commandFold, o *op) []*term {
	var out []*term
	for _, t := range f.terms {
		if b.before(t.op, o) && b.liveAt(t, o) {
			out = append(out, t)
		}
	}
	return out
}

// liveAt reports whether t goes on as the author of at saw it, or, for nil, as everything here says.
func (b *Board) liveAt(t *term, at *op) bool {
	return !slices.ContainsFunc(t.enders, func(e *op) bool {
		return (at == nil || b.before(e, at)) && !b.overruled(t, e, at)
	})
}

// end records that o ends t, unless that adds nothing: o's author knew of an end that nothing can overrule, or knew t to
// be over and whatever overrules that end overrules o as well.
func (b *Board) end(t *term, o *op) {
	for _, e := range t.enders {
		if !overrulable(t, e) && b.before(e, o) {
			return
		}
	}
	if !overrulable(t, o) || b.liveAt(t, o) {
		t.enders = append(t.enders, o)
	}
}

// overrulable reports whether e is a settlement by somebody else in somebody else's favour.
func overrulable(t *term, e *op) bool {
	v, ok := e.body.(*settleBody)
	return ok && e.person != t.holder && v.Person != t.holder
}

// overruled reports whether e is a settlement that does not end t, because t's holder, who had not seen it, went on
// commanding: that is a conflict again, not a silent loss.
func (b *Board) overruled(t *term, e, at *op) bool {
	if !overrulable(t, e) {
		return false
	}
	return slices.ContainsFunc(b.acts[t.holder].list(), func(a *op) bool {
		return (at == nil || b.before(a, at)) && b.before(t.op, a) && b.concurrent(a, e)
	})
}

// answered reports whether a request for command is settled: its author commands, or command changed knowing of it.
func (b *Board) answered(f *commandFold, r *op) bool {
	return f.holds(r.person) || slices.ContainsFunc(f.terms, func(t *term) bool { return b.before(r, t.op) })
}

// ordersIn counts the orders given in t.
func (b *Board) ordersIn(t *term) int {
	n := 0
	for _, o := range b.orders[t.holder].list() {
		if b.before(t.since, o) {
			n++
		}
	}
	return n
}

// losers returns those whose claim the settlement that gave t ended and who have not been seen to know.
func (b *Board) losers(f *commandFold, t *term) []PersonID {
	if t.basis != BasisSettle {
		return nil
	}
	var out []PersonID
	for _, old := range f.terms {
		if old.holder == t.holder || old.holder == t.op.person || !slices.Contains(old.enders, t.op) {
			continue
		}
		gone := slices.ContainsFunc(old.enders, func(e *op) bool { return b.before(e, t.op) })
		if !gone && !b.knows(old.holder, t.op) && !slices.Contains(out, old.holder) {
			out = append(out, old.holder)
		}
	}
	return out
}

// knows reports whether p has written anything on top of o.
func (b *Board) knows(p PersonID, o *op) bool {
	all := b.wrote[p].list()
	for i := len(all) - 1; i >= 0 && compareOps(all[i], o) > 0; i-- {
		if b.before(o, all[i]) {
			return true
		}
	}
	return false
}
