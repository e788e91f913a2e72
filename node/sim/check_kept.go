package sim

import (
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// everythingKept checks that whatever somebody wrote is on the board, unless an operation that names it has taken its
// place: every operation in the timeline; notes, orders, words of people who work on something, results, decisions,
// objections, hypotheses and check-ins where people look for them.
func (a *account) everythingKept(b *board.Board, v *board.View, people board.People) error {
	for _, f := range a.facts {
		switch e, ok := b.Entry(f.hash, people); {
		case !ok || e.ActorID != f.person || e.AtMS != f.wallMS:
			return fmt.Errorf("%s %.8s is not in the timeline as it was written", board.KindName(f.kind), f.hash)
		case e.Text == "" && f.text != "":
			return fmt.Errorf("the timeline has no words for %s %.8s", board.KindName(f.kind), f.hash)
		}
	}
	for _, check := range []func(*board.View) error{
		a.notesKept, a.tasksKept, a.decisionsKept, a.wordsKept, a.reportsKept, a.resourcesKept, a.updatesKept, a.runsKept,
	} {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

// lost is the error of the checks here.
func lost(f *fact, what string) error {
	return fmt.Errorf("%s %.8s %s", board.KindName(f.kind), f.hash, what)
}

// notesKept: a note and its revisions are shown, until somebody who had read them revised them, or a redaction names the
// note; then nothing of it is.
func (a *account) notesKept(v *board.View) error {
	at := map[crdt.Hash]*board.Note{}
	for i := range v.Notes {
		at[v.Notes[i].Op] = &v.Notes[i]
	}
	for _, f := range a.facts {
		if f.kind != board.KindNote || f.grey {
			continue
		}
		n := at[f.hash]
		if n == nil {
			return lost(f, "is not among the notes")
		}
		var texts []*fact
		redacted := false
		for _, x := range append([]*fact{f}, a.about[f.hash]...) {
			redacted = redacted || x.kind == board.KindRedact
			if x.text != "" && (x.kind == board.KindNote || x.kind == board.KindEdit) {
				texts = append(texts, x)
			}
		}
		switch {
		case redacted != (n.Redacted != nil):
			return lost(f, fmt.Sprintf("is shown as redacted: %t, and it is: %t", n.Redacted != nil, redacted))
		case redacted && (n.Text != "" || n.Texts != nil || n.Kinds != nil):
			return lost(f, "was redacted, and is shown")
		case redacted || f.gone || f.inert:
			continue
		}
		for _, x := range a.heads(texts) {
			if !has(n.Text, n.Texts, x.text) {
				return lost(x, "is not what its note shows, and nobody has revised it")
			}
		}
	}
	return nil
}

// has reports whether a field that shows one value, or several that were written concurrently, shows text.
func has(one string, several []board.Value, text string) bool {
	return one == text || slices.ContainsFunc(several, func(v board.Value) bool { return v.Value == text })
}

// tasksKept: a task is shown, with its words, its results and everybody who has it.
func (a *account) tasksKept(v *board.View) error {
	at := map[crdt.Hash]*board.Task{}
	for i := range v.Tasks {
		at[v.Tasks[i].Op] = &v.Tasks[i]
	}
	for _, f := range a.facts {
		if f.kind != board.KindTask || f.inert {
			continue
		}
		t := at[f.hash]
		if t == nil {
			return lost(f, "is not among the tasks")
		}
		all := append([]*fact{f}, a.about[f.hash]...)
		var texts []*fact
		for _, x := range all {
			if (x.kind == board.KindTask || x.kind == board.KindTitle) && !x.gone {
				texts = append(texts, x)
			}
			if x.kind == board.KindDone && !slices.ContainsFunc(t.Results, func(r board.Value) bool { return r.Value == x.text && r.AtMS == x.wallMS }) {
				return lost(x, "is not among the results of "+t.ID)
			}
		}
		for _, x := range a.heads(texts) {
			if !has(t.Text, t.Texts, x.text) {
				return lost(x, "is not what "+t.ID+" shows")
			}
		}
		for _, x := range all {
			if err := a.stakeKept(t, x, all); err != nil {
				return err
			}
		}
	}
	return nil
}

// stakeKept: who was given a task, or took it, has it until they give it back, or somebody who knew of it gave it to
// somebody else. What was only asked also ends when another answers, or when the task is over; if neither knew of the
// other, that is mentioned.
// An order about what was over gives it to nobody: it was made where the word of whoever ended it did not count yet.
func (a *account) stakeKept(t *board.Task, x *fact, all []*fact) error {
	p, took := stakeOf(x)
	if p.IsZero() {
		return nil
	}
	asked := slices.ContainsFunc(t.Waiting, func(w board.Waiting) bool { return w.Person == p })
	switch {
	case slices.Contains(t.OwnerIDs, p) && !(took && asked), asked && !took:
		return nil
	}
	over := t.State == board.TaskDone || t.State == board.TaskCancelled
	for _, y := range all {
		after := a.before(x, y)
		q, takes := stakeOf(y)
		switch {
		case after && y.kind == board.KindRefuse && y.person == p:
			return nil
		case after && !q.IsZero() && (!took || y.kind != board.KindAck || board.AckMode(y.mode) == board.AckClaim) && (takes || y.kind == board.KindAssign):
			return nil
		case !took && over && goes(y) == t.State && y.kind != board.KindTask && (after || a.before(y, x) || len(t.Merged) > 0):
			return nil
		}
	}
	return lost(x, fmt.Sprintf("gave %s to somebody who is not shown to have it", t.ID))
}

// stakeOf returns who has a task by an operation about it, and whether that is their word, not only somebody's order.
func stakeOf(f *fact) (p crdt.Hash, took bool) {
	switch f.kind {
	case board.KindTask, board.KindAssign:
		return f.given, f.given == f.person
	case board.KindAck:
		if board.AckMode(f.mode) != board.AckHeard {
			return f.person, true
		}
	case board.KindDone:
		if f.flag {
			return f.person, true
		}
	case board.KindSettle:
		return f.given, true
	}
	return crdt.Hash{}, false
}

// decisionsKept: decisions and what was said against them, hypotheses and what ended them.
func (a *account) decisionsKept(v *board.View) error {
	for _, f := range a.of(board.KindDecide, board.KindObject, board.KindTheory, board.KindRuleOut) {
		of := f.hash
		if f.kind == board.KindObject || f.kind == board.KindRuleOut {
			of = f.target
		}
		d := slices.IndexFunc(v.Decisions, func(d board.Decision) bool { return d.Op == of })
		h := slices.IndexFunc(v.Theories, func(h board.Theory) bool { return h.Op == of })
		ok := false
		switch f.kind {
		case board.KindDecide:
			ok = d >= 0 && v.Decisions[d].Text == f.text
		case board.KindObject:
			ok = d >= 0 && slices.ContainsFunc(v.Decisions[d].Objections, func(o board.Objection) bool { return o.Value == f.text })
		case board.KindTheory:
			ok = h >= 0 && v.Theories[h].Text == f.text
		case board.KindRuleOut:
			ok = h >= 0 && v.Theories[h].State == board.TheoryRuledOut
		}
		if !ok {
			return lost(f, "is not shown")
		}
	}
	return nil
}

// wordsKept: what people said about themselves and to each other.
func (a *account) wordsKept(v *board.View) error {
	for _, c := range []struct {
		kind  crdt.Kind
		shown int
	}{
		{board.KindHere, len(v.CheckIns)},
		{board.KindRollCall, len(v.RollCalls)},
		{board.KindPage, len(v.Pages)},
		{board.KindThanks, len(v.Thanks)},
	} {
		if n := len(a.kinds[c.kind]); n != c.shown {
			return fmt.Errorf("%d of %d operations %s are shown", c.shown, n, board.KindName(c.kind))
		}
	}
	return nil
}
