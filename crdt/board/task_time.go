package board

// Times after which a task shows that it waits. They are read off the clock when the board is looked at; no operation comes
// of them, or every node would write its own.
const (
	lateAckMS = 2 * 60 * 1000  // an order unanswered at severity 1 and 2
	slowAckMS = 10 * 60 * 1000 // at the others
	urgentSev = 2              // the least urgent severity that counts as the first
	stallBoxs = 2              // a task is stalled after this many times the time it was given, without a word of its owners
	minBoxMS  = 60 * 1000      // a shorter time given counts as this
)

// lateAck returns how long somebody who was asked has not answered, if that is too long.
func (b *Board) lateAck(f *taskFold, nowMS int64) (ms int64, late bool) {
	if f.state != TaskAssigned {
		return 0, false
	}
	for _, s := range f.stakes {
		ms = max(ms, nowMS-s.given.wallMS)
	}
	if ms <= lateAckMS {
		return ms, false
	}
	if sev, _ := b.severity(); sev > urgentSev && ms <= slowAckMS {
		return ms, false
	}
	return ms, true
}

// stalled returns how long the owners of a task have said nothing about it, if that is too long for the time it was given.
// A task without a deadline never stalls.
func (f *taskFold) stalled(nowMS int64) (ms int64, still bool) {
	if f.state != TaskAcked && f.state != TaskBlocked || f.due == nil {
		return 0, false
	}
	box := max(f.dueMS-f.due.wallMS, minBoxMS)
	ms = nowMS - f.wordMS
	return ms, ms > stallBoxs*box
}

// lastWord notes when an owner last wrote something about the task, by their own clocks; when none did, when it was given.
func (w *taskWalk) lastWord() {
	for _, s := range w.owners() {
		w.wordMS = max(w.wordMS, s.given.wallMS)
		for _, o := range w.last[s.person] {
			w.wordMS = max(w.wordMS, o.wallMS)
		}
	}
}
