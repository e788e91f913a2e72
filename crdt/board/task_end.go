package board

import (
	"cmp"
	"slices"

	"muster/crdt"
)

// finish computes what is shown, once everything has been added.
func (w *taskWalk) finish() {
	w.texts = w.headOps(&w.text)
	w.taskFold.life = w.lifeOps()
	w.helpers = w.helps.Elems(crdt.Hash.Compare)
	w.mergeStakes()
	if due := w.headOps(&w.due); len(due) > 0 {
		slices.SortStableFunc(due, func(a, b *op) int { return cmp.Compare(dueOf(a), dueOf(b)) })
		w.dues, w.taskFold.due, w.dueMS = due, due[0], dueOf(due[0])
		if len(due) > 1 {
			w.mark(NoticeDue)
		}
	}
	reopened := false
	for _, h := range w.taskFold.life {
		switch lifeOf(h) {
		case TaskDone:
			w.ends = append(w.ends, h)
		case TaskCancelled:
			w.cancels = append(w.cancels, h)
		default:
			reopened = true
		}
		if h.kind == KindSettle && w.settleVs == nil &&
			slices.ContainsFunc(w.taskFold.life, func(o *op) bool { return o.kind == KindSettle && lifeOf(o) != lifeOf(h) }) {
			w.settleVs = h
		}
	}
	w.dispute()
	w.setState(reopened)
	w.lastWord()
	w.marksAtEnd()
	w.setConflict()
}

// dispute collects what says that the task is not done and is concurrent with the word that it is.
func (w *taskWalk) dispute() {
	against := slices.Clone(w.doubts)
	for _, h := range w.taskFold.life {
		if lifeOf(h) == TaskOpen && !w.lookedAt(h) {
			against = append(against, h)
		}
	}
	for _, x := range against {
		if slices.ContainsFunc(w.ends, func(d *op) bool { return w.concurrent(d, x) }) {
			w.disputed = append(w.disputed, x)
		}
	}
	slices.SortFunc(w.disputed, compareOps)
}

// lookedAt reports whether somebody who had seen x, by which the task goes on, and a report that it is done went to look, and
// found it done.
func (w *taskWalk) lookedAt(x *op) bool {
	return slices.ContainsFunc(w.verifies, func(v *op) bool {
		return w.before(x, v) && slices.ContainsFunc(w.ends, func(d *op) bool { return w.before(d, v) })
	})
}

// setState chooses the state shown. Not done beats done when somebody says so, done beats cancelled because it happened
// in the world, and open beats cancelled.
func (w *taskWalk) setState(reopened bool) {
	switch {
	case len(w.ends) > 0 && len(w.disputed) == 0:
		w.state = TaskDone
		w.creditDoers()
		return
	case len(w.cancels) > 0 && len(w.ends) == 0 && !reopened:
		w.state = TaskCancelled
		for _, s := range w.stakes {
			if s.acked && !w.heard(s.person) && !w.reported(s.person) {
				w.working = append(w.working, s.last)
			}
		}
		return
	}
	w.state = TaskOpen
	for _, s := range w.stakes {
		if s.acked {
			w.state = TaskAcked
			break
		}
		w.state = TaskAssigned
	}
	for _, x := range w.blocks {
		if x.kind == KindStuck && (w.blocked == nil || compareOps(w.blocked, x) < 0) {
			w.blocked = x
		}
	}
	if w.blocked != nil && w.state != TaskOpen {
		w.state = TaskBlocked
	}
}

// heard reports whether p has written something about the task since it was called off.
func (w *taskWalk) heard(p PersonID) bool {
	return slices.ContainsFunc(w.last[p], func(o *op) bool {
		return slices.ContainsFunc(w.cancels, func(c *op) bool { return c == o || w.before(c, o) })
	})
}

// reported reports whether the last that p wrote about the task is that it is done: nothing is left to stop.
func (w *taskWalk) reported(p PersonID) bool {
	all := w.last[p]
	return len(all) > 0 && all[len(all)-1].kind == KindDone
}

// claimed reports whether somebody took the task of their own accord, rather than answering when they were asked.
func (s stake) claimed() bool {
	v, ok := s.given.body.(*ackBody)
	return s.given.person == s.person && !(ok && v.Mode == AckAssigned)
}

// mergeStakes leaves one stake for each person: those who were asked and have answered, then those who took it, then those
// who were asked (domain C2.5), each in the order of their word.
func (w *taskWalk) mergeStakes() {
	var out []stake
	slices.SortStableFunc(w.stakes, func(a, b stake) int {
		if a.claimed() != b.claimed() {
			if b.claimed() {
				return -1
			}
			return 1
		}
		return compareOps(a.last, b.last)
	})
	for _, acked := range []bool{true, false} {
		for _, s := range w.stakes {
			if s.acked == acked && !slices.ContainsFunc(out, func(o stake) bool { return o.person == s.person }) {
				out = append(out, s)
			}
		}
	}
	w.stakes = out
	for _, s := range out {
		if s.acked {
			w.doubled = append(w.doubled, s)
		}
	}
	if len(w.doubled) < 2 {
		w.doubled = nil
	}
}

// creditDoers makes those who did a task its owners when nobody who acknowledged it is left: it was given to somebody
// else by a person who did not know.
func (w *taskWalk) creditDoers() {
	if len(w.stakes) > 0 && w.stakes[0].acked {
		return
	}
	var doers []stake
	for _, d := range w.ends {
		if d.kind == KindDone && !slices.ContainsFunc(doers, func(s stake) bool { return s.person == d.person }) {
			doers = append(doers, stake{person: d.person, given: d, last: d, acked: true})
		}
	}
	w.stakes = append(doers, slices.DeleteFunc(w.stakes, func(s stake) bool {
		return slices.ContainsFunc(doers, func(d stake) bool { return d.person == s.person })
	})...)
}

// owners returns the stakes of those the task belongs to: who works on it, else who was asked.
func (f *taskFold) owners() []stake {
	for i, s := range f.stakes {
		if !s.acked && i > 0 && f.stakes[0].acked {
			return f.stakes[:i]
		}
	}
	return f.stakes
}

// marksAtEnd adds the class B marks that need the whole picture.
func (w *taskWalk) marksAtEnd() {
	crossed := func(kind string, as, bs []*op) {
		for _, a := range as {
			for _, b := range bs {
				if w.concurrent(a, b) {
					w.cross(kind, a, b)
				}
			}
		}
	}
	if w.state == TaskDone {
		crossed(NoticeDoneKept, w.dones, w.given)
	}
	crossed(NoticeUnowned, w.refused, w.edits)
	crossed(NoticeVerifyReopened, w.verifies, w.reopens)
	if len(w.disputed) > 0 {
		w.mark(NoticeDisputed)
	}
	if len(w.working) > 0 {
		w.mark(NoticeStillWorking)
	}
	if len(w.texts) > 1 {
		w.mark(NoticeTaskTitle)
	}
	for _, s := range w.stakes {
		for _, l := range w.leaving.list() {
			if l.person == s.person && w.concurrent(l, s.given) && s.given.person != s.person {
				w.leftAt = l
				w.mark(NoticeOwnerLeft)
			}
		}
	}
	if w.verified != nil && !slices.ContainsFunc(w.ends, func(d *op) bool { return w.before(d, w.verified) }) {
		w.verified = nil
	}
	for _, kind := range taskNotices {
		if w.marks[kind] {
			w.merged = append(w.merged, kind)
		}
	}
}

// taskNotices lists the class B kinds of tasks in the order they are shown.
var taskNotices = [...]string{
	NoticeDouble, NoticeBothAsked, NoticeStandDown, NoticeBothDone, NoticeDoneAfterCancel, NoticeDisputed, NoticeStillWorking,
	NoticeUnowned, NoticeDoneKept, NoticeOwnerLeft, NoticeReopened, NoticeVerifyReopened, NoticeTaskTitle, NoticeDue,
}

// setConflict says which conflict waits for a human. At most one does: the first that applies.
func (w *taskWalk) setConflict() {
	care := w.body.Once || w.body.Resource != ""
	reports := 0
	for _, d := range w.ends {
		if d.kind == KindDone {
			reports++
		}
	}
	switch {
	case w.settleVs != nil:
		w.conflict = w.settleVs.body.(*settleBody).Conflict
	case w.body.Once && reports > 1:
		w.conflict = ConflictRanTwice
	case care && len(w.ends) > 0 && len(w.cancels) > 0:
		w.conflict = ConflictDoneVsCancelled
	case w.body.Vital && len(w.disputed) > 0:
		w.conflict = ConflictDisputedDone
	case care && len(w.doubled) > 1 && w.state != TaskDone && w.state != TaskCancelled:
		w.conflict = ConflictDouble
	}
}

// dueOf returns the deadline that o wrote.
func dueOf(o *op) int64 {
	switch v := o.body.(type) {
	case *taskBody:
		return v.DueMS
	case *assignBody:
		return v.DueMS
	case *extendBody:
		return v.DueMS
	}
	return 0
}
