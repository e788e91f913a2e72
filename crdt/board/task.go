package board

import (
	"slices"

	"muster/crdt"
)

// States of a task.
const (
	TaskOpen      = "open"
	TaskAssigned  = "assigned"
	TaskAcked     = "acked"
	TaskBlocked   = "blocked"
	TaskDone      = "done"
	TaskCancelled = "cancelled"
)

// task is one task and the operations about it, its own included.
type task struct {
	op    *op
	bag   bag
	fold  *taskFold
	leftN int // check-ins of people leaving that fold has seen
}

func (t *task) add(o *op) {
	t.bag.add(o)
	t.fold = nil
}

// stake is one person's word that they work on a task, or somebody's order that they do.
type stake struct {
	person PersonID
	given  *op // what made them an owner
	last   *op // given, or their acknowledgement: who has seen it has seen the stake
	acked  bool
}

// taskFold is what the operations about a task add up to.
type taskFold struct {
	body    *taskBody // never nil
	texts   []*op
	stakes  []stake // acknowledged ones first, then in the order of the word they rest on
	helpers []PersonID
	state   string
	blocked *op // why it is blocked
	results []*op
	dueMS   int64
	due     *op   // wrote dueMS; nil: there is no deadline
	wordMS  int64 // when its owners last said something about it
	life    []*op // heads among what opened, ended and settled it

	ends     []*op // of life: what reports it done, or settled it as done
	cancels  []*op // of life: what called it off, or settled it so
	disputed []*op // what says it is not done, concurrent with the report
	verified *op
	working  []*op   // life is cancelled: the stakes whose holders have not heard
	doubled  []stake // the acknowledged stakes, when several people hold them now
	settleVs *op     // life: one of several settlements that differ
	conflict string
	merged   []string          // kinds of class B marks, in a fixed order, without those that are conflicts
	pairs    map[string][2]*op // kind of a mark -> the operations that crossed, for those about two
	dues     []*op             // heads of the deadline, the earliest first
	leftAt   *op               // an owner left without knowing of the task
}

// vital reports whether the task named h is vital.
func (b *Board) vital(h crdt.Hash) bool {
	v, ok := b.tasks[h].op.body.(*taskBody)
	return ok && v.Vital
}

// foldTask computes the task's state from its operations in canonical order.
func (b *Board) foldTask(t *task) *taskFold {
	if t.fold != nil && t.leftN == len(b.leaving.ops) {
		return t.fold
	}
	f := &taskFold{body: &taskBody{}}
	if v, ok := t.op.body.(*taskBody); ok {
		f.body = v
	}
	w := &taskWalk{Board: b, taskFold: f}
	for _, o := range t.bag.list() {
		w.step(o)
	}
	w.finish()
	t.fold, t.leftN = f, len(b.leaving.ops)
	return f
}

// taskWalk is what is kept while the operations of one task are gone through.
type taskWalk struct {
	*Board
	*taskFold

	text, life crdt.Register[*op]
	due        crdt.Register[*op]
	helps      crdt.AddWinsSet[PersonID]
	blocks     []*op              // stuck and refuse operations that nobody who saw them has gone on from
	doubts     []*op              // the same, but kept when who went on had also seen a report that crossed them
	last       map[PersonID][]*op // person -> their operations on this task
	dones      []*op
	given      []*op // assignments and extensions
	edits      []*op // extensions and titles
	refused    []*op
	verifies   []*op
	reopens    []*op
	marks      map[string]bool
}

func (w *taskWalk) mark(kind string) {
	if w.marks == nil {
		w.marks = map[string]bool{}
	}
	w.marks[kind] = true
}

// cross marks that two operations crossed. Of several pairs the last is told.
func (w *taskWalk) cross(kind string, a, b *op) {
	w.mark(kind)
	if w.pairs == nil {
		w.pairs = map[string][2]*op{}
	}
	w.pairs[kind] = [2]*op{a, b}
}

// step adds one operation; everything its author saw has been added.
func (w *taskWalk) step(o *op) {
	switch v := o.body.(type) {
	case *taskBody:
		w.text.Add(w.causal.Before, o.hash, o)
		w.live(o)
		if v.DueMS > 0 {
			w.due.Add(w.causal.Before, o.hash, o)
		}
		if !v.Owner.IsZero() {
			w.give(v.Owner, o, v.Owner == o.person)
		}
	case *titleBody:
		w.text.Add(w.causal.Before, o.hash, o)
		w.edits = append(w.edits, o)
	case *assignBody:
		w.resume(o)
		w.dropSeen(o, func(stake) bool { return true })
		w.give(v.To, o, v.To == o.person)
		w.given = append(w.given, o)
		if v.DueMS > 0 {
			w.due.Add(w.causal.Before, o.hash, o)
		}
	case *ackBody:
		w.ack(o, v.Mode)
	case *refuseBody:
		w.dropSeen(o, func(s stake) bool { return s.person == o.person })
		w.object(o)
		w.refused = append(w.refused, o)
	case *stuckBody:
		w.resume(o)
		w.ackOwn(o)
		w.object(o)
	case *doneBody:
		w.overcome(o)
		if v.Claim {
			w.dropSeen(o, func(stake) bool { return true })
			w.give(o.person, o, true)
		} else {
			w.ackOwn(o)
		}
		w.live(o)
		w.dones = append(w.dones, o)
		w.results = append(w.results, o)
	case *cancelBody:
		w.overcome(o)
		w.live(o)
	case *taskReopenBody:
		w.overcome(o)
		w.live(o)
		w.reopens = append(w.reopens, o)
	case *extendBody:
		w.due.Add(w.causal.Before, o.hash, o)
		w.given = append(w.given, o)
		w.edits = append(w.edits, o)
	case *verifyBody:
		w.overcome(o)
		w.verified = o
		w.verifies = append(w.verifies, o)
	case *assistBody:
		if v.Remove {
			w.helps.Remove(w.causal.Before, o.hash, o.person)
		} else {
			w.helps.Add(w.causal.Before, o.hash, o.person)
		}
	case *settleBody:
		w.settle(o, v)
	default:
		w.live(o) // the task itself, without a body
	}
	if w.last == nil {
		w.last = map[PersonID][]*op{}
	}
	w.last[o.person] = append(w.last[o.person], o)
	w.noteStakes()
}

// settle applies a settlement: it gives the task to somebody, or says how it ended, or both.
func (w *taskWalk) settle(o *op, v *settleBody) {
	w.overcome(o)
	if !v.Person.IsZero() {
		w.dropSeen(o, func(stake) bool { return true })
		w.give(v.Person, o, true)
		if v.Conflict == ConflictDouble && !w.endedApart(o) {
			return
		}
	}
	w.live(o)
}

// endedApart reports whether the author of o had seen settlements that differ in how the task ended: to give it to somebody
// then says that it goes on.
func (w *taskWalk) endedApart(o *op) bool {
	seen := slices.DeleteFunc(w.lifeOps(), func(h *op) bool { return h.kind != KindSettle || !w.before(h, o) })
	return slices.ContainsFunc(seen, func(h *op) bool { return lifeOf(h) != lifeOf(seen[0]) })
}

// live adds a write of how the task goes, and marks what it crossed.
func (w *taskWalk) live(o *op) {
	for _, h := range w.lifeOps() {
		if w.before(h, o) {
			continue
		}
		switch a, b := lifeOf(h), lifeOf(o); {
		case h.kind == KindSettle || o.kind == KindSettle:
		case a == TaskDone && b == TaskDone:
			w.mark(NoticeBothDone)
		case a == TaskDone && b == TaskCancelled:
			w.cross(NoticeDoneAfterCancel, h, o)
		case a == TaskCancelled && b == TaskDone:
			w.cross(NoticeDoneAfterCancel, o, h)
		case a == TaskCancelled && b == TaskOpen:
			w.cross(NoticeReopened, h, o)
		case a == TaskOpen && b == TaskCancelled:
			w.cross(NoticeReopened, o, h)
		}
	}
	w.life.Add(w.causal.Before, o.hash, o)
}

func (w *taskWalk) lifeOps() []*op { return w.headOps(&w.life) }

// lifeOf returns what a write of life says: open, done or cancelled.
func lifeOf(o *op) string {
	switch v := o.body.(type) {
	case *doneBody:
		return TaskDone
	case *cancelBody:
		return TaskCancelled
	case *settleBody:
		switch {
		case v.Person.IsZero():
			return v.Value
		case v.Conflict == ConflictRanTwice:
			return TaskDone
		}
	}
	return TaskOpen
}

// give adds a stake.
func (w *taskWalk) give(p PersonID, o *op, acked bool) {
	w.stakes = append(w.stakes, stake{person: p, given: o, last: o, acked: acked})
}

// dropSeen removes the stakes the author of o had seen and which says so.
func (w *taskWalk) dropSeen(o *op, which func(stake) bool) {
	w.stakes = slices.DeleteFunc(w.stakes, func(s stake) bool { return w.before(s.last, o) && which(s) })
}

// ack applies an acknowledgement. A claim takes the task from everyone the author saw on it; the answer of somebody who
// was asked leaves others who work on it alone, but ends what was asked of people who had not answered.
func (w *taskWalk) ack(o *op, mode AckMode) {
	switch mode {
	case AckHeard: // that it was written after the cancellation is all there is to it
	case AckClaim:
		w.resume(o)
		w.dropSeen(o, func(stake) bool { return true })
		w.give(o.person, o, true)
	case AckAssigned:
		w.resume(o)
		w.dropSeen(o, func(s stake) bool { return s.person == o.person || !s.acked })
		w.give(o.person, o, true) // their latest word: a claim that crossed it does not take the task from them
	}
}

// ackOwn marks the stakes of o's author that they had seen as acknowledged. It reports whether there was one.
func (w *taskWalk) ackOwn(o *op) bool {
	found := false
	for i := range w.stakes {
		s := &w.stakes[i]
		if s.person == o.person && w.before(s.last, o) {
			if found = true; !s.acked {
				s.acked, s.last = true, o
			}
		}
	}
	return found
}

// object adds the word of somebody who cannot or will not go on.
func (w *taskWalk) object(o *op) {
	w.blocks = append(w.blocks, o)
	w.doubts = append(w.doubts, o)
}

// overcome forgets the objections that the author of o had seen: o says how the task ends.
func (w *taskWalk) overcome(o *op) {
	seen := func(x *op) bool { return w.before(x, o) }
	w.blocks = slices.DeleteFunc(w.blocks, seen)
	w.doubts = slices.DeleteFunc(w.doubts, seen)
}

// resume forgets the objections that the author of o had seen: work goes on. That does not answer the question whether
// the task was done when a report crossed the objection and the author had seen both.
func (w *taskWalk) resume(o *op) {
	seen := func(x *op) bool { return w.before(x, o) }
	w.blocks = slices.DeleteFunc(w.blocks, seen)
	heads := w.lifeOps()
	w.doubts = slices.DeleteFunc(w.doubts, func(x *op) bool {
		return seen(x) && !slices.ContainsFunc(heads, func(d *op) bool {
			return lifeOf(d) == TaskDone && w.before(d, o) && w.concurrent(d, x)
		})
	})
}

// noteStakes marks what the stakes show at this point of history.
func (w *taskWalk) noteStakes() {
	acked, asked := w.countStakes()
	switch {
	case acked > 1:
		w.mark(NoticeDouble)
	case acked == 0 && asked > 1:
		w.mark(NoticeBothAsked)
	}
	if acked > 0 && asked > 0 {
		w.mark(NoticeStandDown)
	}
}

// countStakes returns how many people work on the task, and how many others were asked.
func (w *taskWalk) countStakes() (acked, asked int) {
	for i, s := range w.stakes {
		other := func(o stake) bool { return o.person == s.person && (o.acked || !s.acked) }
		if slices.ContainsFunc(w.stakes[:i], other) {
			continue
		}
		if s.acked {
			acked++
		} else if !slices.ContainsFunc(w.stakes, func(o stake) bool { return o.acked && o.person == s.person }) {
			asked++
		}
	}
	return acked, asked
}
