package board

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/crdt"
)

// View returns the incident as it is shown at now. Its cost is in proportion to the operations that came since the last
// one, and to the length of its lists.
func (b *Board) View(now time.Time, people People) View {
	return reader{b, people}.view(now.UnixMilli())
}

func (r reader) view(nowMS int64) View {
	v := View{
		Doc: r.doc, Name: Name(r.doc), Operations: len(r.ops), Unknown: r.unknown,
		Services: r.serviceNames(), Same: r.sameAs(), Labels: r.labelNames(), Drill: r.IsDrill(), Criteria: r.criterionViews(),
	}
	if r.found != nil {
		v.DeclaredBy, v.DeclaredMS = r.who(r.found.person), r.found.wallMS
	}
	var heads []*op
	v.Title, heads = r.title()
	v.Titles = r.versionValues(heads, titleOf)
	v.Severity, heads = r.severity()
	v.Severities = r.severityValues(v.Severity, heads)
	status := r.foldStatus()
	v.Status, v.Contested = status.shown, status.contested != nil
	v.Ended, v.EndedMS = r.endValues(status)
	v.Command = r.commandView(nowMS)
	for _, role := range slices.Sorted(maps.Keys(r.roles)) {
		if heads := r.role(role); len(heads) > 0 {
			v.Roles = append(v.Roles, Role{Role: role, Holders: r.names(heads, roleHolder)})
		}
	}
	v.Tasks = make([]Task, 0, len(r.tasks))
	settled := r.settledKinds()
	for _, o := range r.taskList.list() {
		v.Tasks = append(v.Tasks, r.taskView(r.tasks[o.hash], nowMS, settled[o.hash]))
	}
	v.Notes = make([]Note, 0, len(r.noteList.ops))
	for _, o := range r.noteList.list() {
		v.Notes = append(v.Notes, r.noteView(r.note(o.hash)))
	}
	v.Decisions = r.decisionViews()
	for _, o := range r.theoryList.list() {
		v.Theories = append(v.Theories, r.theoryView(r.theories[o.hash]))
	}
	r.peopleViews(&v)
	v.Sitrep, v.Updates, v.Runs = r.sitrepView(nowMS), r.updateViews(), r.runViews()
	r.resourceViews(&v)
	v.Conflicts = r.conflicts()
	v.Merged = r.notices()
	v.Settled = r.settled(v.Conflicts)
	v.Warnings = r.warnings(&v, nowMS)
	v.Quarantined = r.quarantined(r.aside.list())
	return v
}

// names returns the handles of the people that ops name.
func (r reader) names(ops []*op, person func(*op) PersonID) []string {
	out := make([]string, len(ops))
	for i, o := range ops {
		out[i] = r.who(person(o))
	}
	return out
}

// versionValues returns texts that were written concurrently; nil when there is one. The last is shown.
func (r reader) versionValues(heads []*op, text func(*op) string) []Value {
	if len(heads) < 2 {
		return nil
	}
	out := make([]Value, len(heads))
	for i, h := range heads {
		out[i] = Value{Value: text(h), By: r.who(h.person), AtMS: h.wallMS, Shown: i == len(heads)-1}
	}
	return out
}

func (r reader) severityValues(shown int, heads []*op) []Value {
	if len(heads) < 2 {
		return nil
	}
	out := make([]Value, len(heads))
	for i, h := range heads {
		s := severityOf(h)
		out[i] = Value{Value: strconv.Itoa(s), By: r.who(h.person), AtMS: h.wallMS, Shown: s == shown}
	}
	return out
}

// settledKinds returns the kinds of conflict that were settled on each task.
func (b *Board) settledKinds() map[crdt.Hash][]string {
	out := map[crdt.Hash][]string{}
	for _, o := range b.settles.list() {
		if v := o.body.(*settleBody); v.Subject == SubjectTask && !slices.Contains(out[v.Target], v.Conflict) {
			out[v.Target] = append(out[v.Target], v.Conflict)
		}
	}
	return out
}

func (r reader) taskView(t *task, nowMS int64, settled []string) Task {
	f := r.foldTask(t)
	v := Task{
		ID: r.shortID(RefTask, t.op.hash), Op: t.op.hash, Text: taskText(f), Texts: r.versionValues(f.texts, titleOf),
		State: f.state, Mark: r.taskMark(t, f, nowMS), By: r.who(t.op.person), AtMS: t.op.wallMS, DueMS: f.dueMS,
		Once: f.body.Once, Vital: f.body.Vital, Resource: f.body.Resource, Verified: f.verified != nil,
		Erased: t.op.body == nil, Conflict: f.conflict, Merged: slices.Clone(f.merged),
		Settled: slices.DeleteFunc(slices.Clone(settled), func(k string) bool { return k == f.conflict }),
	}
	over := f.state == TaskDone || f.state == TaskCancelled
	v.Overdue = !over && f.dueMS > 0 && nowMS > f.dueMS
	_, v.LateAck = r.lateAck(f, nowMS)
	_, v.Stalled = f.stalled(nowMS)
	for _, s := range f.owners() {
		v.Owners = append(v.Owners, r.who(s.person))
		v.OwnerIDs = append(v.OwnerIDs, s.person)
	}
	for _, s := range f.stakes {
		if !s.acked && !over {
			v.Waiting = append(v.Waiting, Waiting{Person: s.person, Handle: r.who(s.person), Op: s.given.hash})
		}
	}
	for _, p := range f.helpers {
		v.Helpers = append(v.Helpers, r.who(p))
	}
	if f.state == TaskBlocked {
		v.Blocked = f.blocked.body.(*stuckBody).Reason
		if v.Blocked == "" {
			v.Blocked = "no reason given"
		}
	}
	for _, d := range f.results {
		v.Results = append(v.Results, Value{
			Value: d.body.(*doneBody).Result, By: r.who(d.person), AtMS: d.wallMS, Shown: slices.Contains(f.ends, d),
		})
	}
	return v
}

// taskMark returns what a tired reader must see of a task before anything else.
func (r reader) taskMark(t *task, f *taskFold, nowMS int64) string {
	over := f.state == TaskDone || f.state == TaskCancelled
	switch {
	case f.conflict == ConflictRanTwice:
		return "RAN TWICE?"
	case f.conflict == ConflictDoneVsCancelled:
		return "DONE? CANCEL?"
	case len(f.disputed) > 0:
		return "DONE? disputed, needs verify"
	case f.state == TaskDone && len(f.cancels) > 0:
		return "DONE after CANCEL"
	case len(f.working) > 0:
		return "CANCELLED - " + r.opNames(f.working) + " still working"
	case over:
		return ""
	case len(f.doubled) > 0:
		return "DOUBLE " + r.stakeNames(f.doubled)
	case len(f.stakes) > len(f.owners()):
		return "stand down " + r.stakeNames(f.stakes[len(f.owners()):])
	}
	for _, s := range f.owners() {
		if l := r.gone(s.person); l != nil {
			return "owner left " + clock(l.wallMS)
		}
	}
	if ms, still := f.stalled(nowMS); still {
		return "STALLED, no word for " + span(ms)
	}
	asked := ""
	if f.state == TaskAssigned && len(f.stakes) > 1 {
		asked = "asked " + r.stakeNames(f.stakes)
	}
	if ms, late := r.lateAck(f, nowMS); late {
		return strings.TrimSuffix("LATE ACK "+span(ms)+", "+asked, ", ")
	}
	return asked
}

// gone returns the check-in by which p left, unless p checked in again since.
func (b *Board) gone(p PersonID) *op {
	last := b.ownWord(p)
	for _, k := range b.kin {
		if o := k.ownWord(p); o != nil && (last == nil || compareOps(last, o) < 0) {
			last = o
		}
	}
	if last == nil || last.body.(*hereBody).State != HereLeaving {
		return nil
	}
	return last
}

// ownWord returns the last check-in of p about themselves; nil when there is none, or nobody left here or in the rest of
// the group, which is all that asks for it.
func (b *Board) ownWord(p PersonID) *op {
	left := func(k *Board) bool { return len(k.leaving.ops) > 0 }
	if !left(b) && !slices.ContainsFunc(b.kin, left) {
		return nil
	}
	for _, o := range slices.Backward(b.checkIns.list()) {
		if o.person == p && o.body.(*hereBody).Person.IsZero() {
			return o
		}
	}
	return nil
}

func (r reader) noteView(n *note) Note {
	f := r.foldNote(n)
	v := Note{
		ID: r.shortID(RefNote, n.op.hash), Op: n.op.hash, Kinds: f.kinds, By: r.who(n.op.person), AtMS: n.op.wallMS,
		OccurredMS: f.occurredMS, Pinned: f.pinned, Texts: r.versionValues(f.texts, textOf),
	}
	switch {
	case f.redacted != nil:
		v.Redacted = &Value{Value: f.redacted.body.(*redactBody).Reason, By: r.who(f.redacted.person), AtMS: f.redacted.wallMS}
	case len(f.texts) > 0:
		v.Text = textOf(f.texts[len(f.texts)-1])
		r.sealedView(n, &v)
	default:
		v.Erased = true
	}
	return v
}

func (r reader) decisionViews() []Decision {
	topics := map[string]topicFold{}
	for _, key := range slices.Sorted(maps.Keys(r.topics)) {
		topics[key] = r.foldTopic(key)
	}
	var out []Decision
	var commander PersonID
	var voice voice
	voiceOf := r.voices()
	if f := r.foldCommand(); len(f.live) > 0 && len(r.decisions) > 0 {
		commander = f.live[0].holder
		voice = voiceOf(commander)
	}
	for _, o := range r.decisionList.list() {
		v := Decision{ID: r.shortID(RefDecision, o.hash), Op: o.hash, By: r.who(o.person), AtMS: o.wallMS, Stands: true}
		if body, ok := o.body.(*decideBody); ok {
			v.Text, v.Topic = body.Text, body.Topic
			if body.Topic != "" {
				f := topics[topicKey(body.Topic)]
				v.Stands = !f.losers[o.hash]
				v.Superseded = v.Stands && !slices.ContainsFunc(f.standing, func(s *op) bool { return decisionText(s) == body.Text })
			}
		}
		v.Objections = r.objectionViews(r.decisions[o.hash], voiceOf)
		v.Unread = r.unread(r.decisions[o.hash], commander, voice)
		out = append(out, v)
	}
	return out
}

func (r reader) theoryView(t *theory) Theory {
	v := Theory{ID: r.shortID(RefTheory, t.op.hash), Op: t.op.hash, By: r.who(t.op.person), AtMS: t.op.wallMS, State: TheoryOpen}
	if body, ok := t.op.body.(*theoryBody); ok {
		v.Text = body.Text
	}
	if ends := t.ends.list(); len(ends) > 0 {
		v.State = TheoryRuledOut
		v.Why = ends[len(ends)-1].body.(*ruleOutBody).Reason
	}
	return v
}

// peopleViews fills in what is about people rather than work.
func (r reader) peopleViews(v *View) {
	for _, o := range r.checkIns.list() {
		h := o.body.(*hereBody)
		c := CheckIn{By: r.who(o.person), State: h.State, Fatigue: h.Fatigue, Text: h.Text, Place: h.Place, AtMS: o.wallMS}
		if !h.Person.IsZero() && h.Person != o.person {
			c.For = r.who(h.Person)
		}
		v.CheckIns = append(v.CheckIns, c)
	}
	if len(r.replies()) > 0 {
		v.People = r.standingViews(standings(r.replies()))
	}
	for _, o := range r.rollCalls.list() {
		v.RollCalls = append(v.RollCalls, r.rollCallView(o))
	}
	for _, o := range r.thanks.list() {
		body := o.body.(*thanksBody)
		to := make([]string, len(body.To))
		for i, p := range body.To {
			to[i] = r.who(p)
		}
		v.Thanks = append(v.Thanks, Thanks{By: r.who(o.person), To: strings.Join(to, ", "), Text: body.Text, AtMS: o.wallMS})
	}
	for _, o := range r.pages.list() {
		body := o.body.(*pageBody)
		p := Page{By: r.who(o.person), Text: body.Text, AtMS: o.wallMS}
		for _, who := range body.Who {
			p.To = append(p.To, r.who(who))
		}
		v.Pages = append(v.Pages, p)
	}
}
