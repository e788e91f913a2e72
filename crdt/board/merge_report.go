package board

import (
	"cmp"
	"slices"
	"strings"

	"muster/crdt"
)

// merger computes one report.
type merger struct {
	Merge
	now, before, after reader
	theirs             []*op // of after, in canonical order
	out                MergeReport
}

// MergeReport computes the report on m. It costs two looks at the board as it was (see [Board.At]) and one at each of
// those for its conflicts and notices.
func (b *Board) MergeReport(m Merge) MergeReport {
	w := merger{Merge: m, now: reader{b, m.People}}
	w.before = w.lookBack(m.Before)
	w.after = w.now
	if m.After != nil && slices.ContainsFunc(b.all.ops, func(o *op) bool { return !m.After(o.hash) }) {
		w.after = w.lookBack(m.After)
	}
	var aside []*op
	for _, o := range w.after.all.list() {
		switch came := w.before.ops[o.hash] == nil && o.log.Device != m.Device; {
		case !came || o.kind == crdt.KindWeave:
		case !o.counts():
			aside = append(aside, o)
		case !slices.Contains(m.Beside, o.person):
			w.theirs = append(w.theirs, o)
		}
	}
	w.out = MergeReport{
		Doc: b.doc, Name: Name(b.doc), AtMS: m.AtMS, Operations: len(w.theirs), Quarantined: w.now.quarantined(aside),
	}
	w.sides()
	w.states()
	w.conflicts()
	w.notices()
	w.work()
	w.words()
	w.everyone()
	return w.out
}

// lookBack returns the board at a set, with the short ids of now.
func (w *merger) lookBack(in func(crdt.Hash) bool) reader {
	past := w.now.At(in)
	past.ids = w.now.ids
	return reader{past, w.People}
}

// sides says who was where, and since when they were apart.
func (w *merger) sides() {
	wrote := map[PersonID]int{}
	first := map[PersonID]*op{}
	for _, o := range w.theirs {
		wrote[o.person]++
		if first[o.person] == nil {
			first[o.person] = o
		}
	}
	var them []PersonID
	for _, o := range w.theirs {
		if first[o.person] == o && o.person != w.Viewer {
			them = append(them, o.person)
		}
	}
	commands := func(p PersonID) int {
		if w.after.foldCommand().holds(p) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(them, func(a, b PersonID) int {
		return cmp.Or(cmp.Compare(commands(a), commands(b)), cmp.Compare(wrote[b], wrote[a]))
	})
	for _, p := range them {
		w.out.Them = append(w.out.Them, w.now.who(p))
	}
	you := []PersonID{w.Viewer}
	var last *op // the latest that both sides had
	for _, o := range slices.Backward(w.before.all.list()) {
		if !o.counts() {
			continue
		}
		shared := slices.ContainsFunc(them, func(p PersonID) bool { return w.now.before(o, first[p]) })
		if shared || len(them) == 0 {
			last = o
			break
		}
		if !slices.Contains(you, o.person) && !slices.Contains(them, o.person) {
			you = append(you, o.person)
		}
	}
	for _, p := range w.Beside {
		if !slices.Contains(you, p) && !slices.Contains(them, p) {
			you = append(you, p)
		}
	}
	for _, p := range you {
		w.out.You = append(w.out.You, w.now.who(p))
	}
	if w.out.SinceMS = w.SinceMS; w.SinceMS == 0 && last != nil {
		w.out.SinceMS = min(last.wallMS, w.AtMS)
	}
}

// states says what the incident was and is.
func (w *merger) states() {
	w.out.Title, _ = w.after.title()
	w.out.Severity, _ = w.after.severity()
	w.out.SeverityWas, _ = w.before.severity()
	w.out.Status, w.out.StatusWas = w.after.foldStatus().shown, w.before.foldStatus().shown
	commander := func(r reader) string {
		if f := r.foldCommand(); len(f.live) > 0 {
			return r.who(f.live[0].holder)
		}
		return ""
	}
	w.out.Commander, w.out.CommanderWas = commander(w.after), commander(w.before)
}

// conflicts finds those that arose by the merge, or have another side to them since.
func (w *merger) conflicts() {
	was := w.before.conflicts()
	open := w.now.conflicts()
	arose := open
	if w.after.Board != w.now.Board {
		arose = w.after.conflicts()
	}
	for _, c := range arose {
		if slices.ContainsFunc(was, func(o Conflict) bool { return o.id == c.id && slices.Equal(o.heads, c.heads) }) && !w.back(c) {
			continue
		}
		at := slices.IndexFunc(open, func(o Conflict) bool { return o.id == c.id })
		if at >= 0 {
			w.out.Settle = append(w.out.Settle, open[at].For(w.Viewer))
			continue
		}
		done := Outcome{Subject: c.Subject, Text: "no longer in conflict"}
		if o := w.now.settledByKey(c.ID()); o != nil {
			done.Text = w.now.settledWords(o)
		}
		w.out.Settled = append(w.out.Settled, done)
	}
	w.out.Older = len(open) - len(w.out.Settle)
}

// back reports whether c is about command and has a claimant who was on the other side: whoever acted for somebody out
// of reach has been in this conflict since then, but only now is there somebody to settle it with.
func (w *merger) back(c Conflict) bool {
	return c.Kind == ConflictCommand && slices.ContainsFunc(c.Choices, func(ch Choice) bool {
		if ch.person.IsZero() || slices.Contains(w.out.You, w.now.who(ch.person)) {
			return false
		}
		here := true
		if w.Presence != nil {
			here, _, _ = w.Presence(ch.person)
		}
		return here || slices.Contains(w.out.Them, w.now.who(ch.person))
	})
}

// notices finds what was merged without a human.
func (w *merger) notices() {
	was := map[Notice]bool{}
	for _, n := range w.before.notices() {
		was[told(n)] = true
		was[Notice{Kind: n.Kind, Subject: n.Subject}] = true
	}
	for _, n := range w.after.notices() {
		over := !n.Open && slices.Contains(taskNotices[:], n.Kind) && was[Notice{Kind: n.Kind, Subject: n.Subject}]
		if !was[told(n)] && !over && (n.For.IsZero() || n.For == w.Viewer) {
			w.out.Merged = append(w.out.Merged, n)
		}
	}
	slices.SortStableFunc(w.out.Merged, func(a, b Notice) int { return cmp.Compare(weight(a.Kind), weight(b.Kind)) })
}

// told returns what makes a notice the same one later: all but whether it is open and what is shown now, which change without
// anything new to mention. A task has one notice of each kind, which ends in other words than it began.
func told(n Notice) Notice {
	n.Open = false
	for _, now := range []string{"; shown ", "; now "} {
		n.Text, _, _ = strings.Cut(n.Text, now)
	}
	return n
}

// weight orders notices by how much they change what somebody does next.
func weight(kind string) int {
	if at := slices.Index(noticeOrder[:], kind); at >= 0 {
		return at
	}
	return len(noticeOrder)
}

// noticeOrder lists the kinds of notices that come before all others: what the incident is, who leads it, what was done
// twice or against an order, who has to stop, what nobody has.
var noticeOrder = [...]string{
	NoticeSeverity, NoticeStatus, NoticeOffer, NoticeRole, NoticeDoneAfterCancel, NoticeDisputed, NoticeBothDone,
	NoticeDouble, NoticeStillWorking, NoticeOwnerLeft, NoticeUnowned, NoticeStandDown, NoticeBothAsked, NoticeReopened,
	NoticeDoneKept, NoticeDue,
}

// work says what happened to the tasks.
func (w *merger) work() {
	theirs := map[crdt.Hash]bool{}
	for _, o := range w.theirs {
		theirs[o.hash] = true
	}
	for _, o := range w.after.taskList.list() {
		f := w.after.foldTask(w.after.tasks[o.hash])
		was := &taskFold{}
		if t := w.before.tasks[o.hash]; t != nil {
			was = w.before.foldTask(t)
		}
		id := w.now.shortID(RefTask, o.hash)
		if theirs[o.hash] {
			w.out.TasksNew++
		}
		if f.state == TaskDone && was.state != TaskDone {
			w.out.TasksDone++
		}
		if f.state == TaskBlocked && was.state != TaskBlocked {
			w.out.Blocked = append(w.out.Blocked, Blocked{
				Task: id, By: w.now.who(f.blocked.person), Why: f.blocked.body.(*stuckBody).Reason,
			})
		}
		if isOwner(f, w.Viewer) && !isOwner(was, w.Viewer) && !f.over() {
			w.out.Yours = append(w.out.Yours, id)
		}
	}
	w.orders(theirs)
}

func isOwner(f *taskFold, p PersonID) bool {
	return slices.ContainsFunc(f.owners(), func(s stake) bool { return s.person == p })
}

// over reports whether nobody has anything left to do.
func (f *taskFold) over() bool { return f.state == TaskDone || f.state == TaskCancelled }

// orders lists what those who commanded on the other side told others to do meanwhile.
func (w *merger) orders(theirs map[crdt.Hash]bool) {
	var seen []PersonID
	for _, t := range w.after.foldCommand().terms {
		if slices.Contains(seen, t.holder) || t.holder == w.Viewer {
			continue
		}
		seen = append(seen, t.holder)
		given := Orders{By: w.now.who(t.holder)}
		for _, o := range w.after.orders[t.holder].list() {
			if !theirs[o.hash] || !w.now.before(t.since, o) && t.since != o {
				continue
			}
			given.Given++
			task := o.hash
			if h, _, ok := targetOf(o.body); ok {
				task = h
			}
			id := w.now.shortID(RefTask, task)
			if f := w.now.foldTask(w.now.tasks[task]); !f.over() && !slices.Contains(given.Open, id) {
				given.Open = append(given.Open, id)
			}
		}
		if given.Given > 0 {
			w.out.Orders = append(w.out.Orders, given)
		}
	}
}

// words counts what was said, and lists what was decided.
func (w *merger) words() {
	decided := map[crdt.Hash]bool{}
	redacted := map[crdt.Hash]bool{}
	for _, o := range w.theirs {
		switch v := o.body.(type) {
		case *decideBody:
			decided[o.hash] = true
		case *redactBody:
			if !o.inert {
				redacted[v.Note] = true
			}
		}
		if o.kind == KindNote {
			w.out.Notes++
		}
	}
	w.out.Redacted = len(redacted)
	for _, d := range w.now.decisionViews() {
		if decided[d.Op] {
			w.out.Decisions = append(w.out.Decisions, d)
		}
	}
}

// everyone says who is new and who is not there.
func (w *merger) everyone() {
	here := map[PersonID]bool{}
	for _, o := range w.before.all.list() {
		if o.counts() {
			here[o.person] = true
		}
	}
	for _, o := range w.theirs {
		if !here[o.person] {
			here[o.person] = true
			w.out.New = append(w.out.New, w.now.who(o.person))
		}
	}
	for _, o := range w.after.taskList.list() {
		for _, s := range w.after.foldTask(w.after.tasks[o.hash]).owners() {
			here[s.person] = true
		}
	}
	if w.Presence != nil {
		for _, p := range w.People.All() {
			if !here[p] || p == w.Viewer {
				continue
			}
			if ok, heardMS, ever := w.Presence(p); !ok {
				w.out.Missing = append(w.out.Missing, Absent{Handle: w.now.who(p), HeardMS: heardMS, Never: !ever})
			}
		}
		slices.SortStableFunc(w.out.Missing, func(a, b Absent) int {
			if a.Never != b.Never {
				if a.Never {
					return 1
				}
				return -1
			}
			return cmp.Compare(a.HeardMS, b.HeardMS)
		})
	}
	since := slices.ContainsFunc(w.now.rollCalls.list(), func(o *op) bool {
		return w.after.ops[o.hash] == nil || o.log.Device == w.Device && w.before.ops[o.hash] == nil
	})
	w.out.RollCall = !since && len(here) > 1
}

// LastWords returns, for everyone who has written here, when they wrote the newest operation held of theirs, by their
// clock in Unix milliseconds: how old what is known of them is.
func (b *Board) LastWords() map[PersonID]int64 {
	out := map[PersonID]int64{}
	for _, o := range slices.Backward(b.all.list()) {
		if _, ok := out[o.person]; !ok && o.counts() {
			out[o.person] = o.wallMS
		}
	}
	return out
}

// Heads returns those of the operations that in holds, which must be closed under causality, that none of the others
// has seen; ascending.
func (b *Board) Heads(in func(h crdt.Hash) bool) []crdt.Hash {
	var heads []*op
	for _, o := range slices.Backward(b.all.list()) {
		if in(o.hash) && !slices.ContainsFunc(heads, func(h *op) bool { return b.before(o, h) }) {
			heads = append(heads, o)
		}
	}
	out := make([]crdt.Hash, len(heads))
	for i, o := range heads {
		out[i] = o.hash
	}
	slices.SortFunc(out, crdt.Hash.Compare)
	return out
}

// Conflicts returns what waits for a human, as [View.Conflicts] has it.
func (b *Board) Conflicts(people People) []Conflict { return reader{b, people}.conflicts() }

// Claimants returns who holds a live term of command, the shown commander first.
func (b *Board) Claimants() []PersonID {
	var out []PersonID
	for _, t := range b.foldCommand().claimants() {
		out = append(out, t.holder)
	}
	return out
}
