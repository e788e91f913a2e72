package board

import (
	"cmp"
	"fmt"
	"slices"
)

// maxSeverity is the least urgent severity; 1 is the most urgent.
const maxSeverity = 5

// statuses lists every status in the order of progress.
var statuses = [...]string{
	StatusActive, StatusInvestigating, StatusIdentified, StatusMitigated, StatusResolved, StatusClosed, StatusDuplicate,
	StatusCancelled, StatusDeclined,
}

// stage is how far along a status is.
func stage(status string) int { return slices.Index(statuses[:], status) }

// ended reports whether an incident of this status is over.
func ended(status string) bool { return stage(status) >= stage(StatusResolved) }

// statusOf returns the status that o, a write of the status, wrote.
func statusOf(o *op) string {
	switch v := o.body.(type) {
	case *statusBody:
		return v.Status
	case *settleBody:
		return v.Value
	}
	return StatusActive // a declaration
}

// escalates reports whether o makes the incident more urgent, so that somebody who ended it without having seen o must
// be asked again. Tasks and notes that do are filed beside their entity.
func escalates(b *Board, o *op) bool {
	switch v := o.body.(type) {
	case *severityBody:
		return v.Severity < v.Was
	case *statusBody:
		return v.Reopens
	case *pageBody:
		return true
	case *ackBody:
		return v.Mode == AckClaim && b.vital(v.Task)
	case *taskReopenBody:
		return b.vital(v.Task)
	case *settleBody:
		return v.Subject == SubjectStatus && !ended(v.Value)
	}
	return false
}

// statusFold is what the writes of the status add up to.
type statusFold struct {
	shown     string
	heads     []*op
	contested *op   // the write that ended the incident, in doubt
	against   []*op // the operations that contest it, in canonical order; at most maxAgainst
	reopened  *op   // escalation after the end, which reopened it
	late      int   // notes and check-ins whose authors did not know of the end
}

// maxAgainst bounds the operations a contested end is shown with.
const maxAgainst = 16

// foldStatus computes the status. An end stands against progress reported elsewhere, and against notes; an escalation
// its author had not seen contests it; an escalation that has seen it reopens the incident (domain C2.1).
func (b *Board) foldStatus() *statusFold {
	if b.statusAt != nil {
		return b.statusAt
	}
	f := &statusFold{shown: StatusActive, heads: b.headsOf(b.statuses.list())}
	b.statusAt = f
	var open, over []*op
	for _, h := range f.heads {
		if ended(statusOf(h)) {
			over = append(over, h)
		} else {
			open = append(open, h)
		}
	}
	for _, h := range over {
		b.contest(f, h)
	}
	switch {
	case f.contested != nil, f.reopened != nil:
		f.shown = StatusActive
	case len(over) > 0: // the earliest stage: resolved rather than closed
		f.shown = statusOf(slices.MinFunc(over, byStage))
		for _, h := range over {
			f.late = max(f.late, b.unaware(h))
		}
	case len(open) > 0:
		f.shown = statusOf(slices.MinFunc(open, byStage))
	}
	return f
}

func byStage(a, b *op) int { return cmp.Compare(stage(statusOf(a)), stage(statusOf(b))) }

// contest looks for escalations that h, which ended the incident, had not seen.
func (b *Board) contest(f *statusFold, h *op) {
	against := b.escalations.list()
	if statusOf(h) == StatusDeclined {
		against = b.withWork()
	}
	for _, x := range against {
		switch {
		case x == h || x.body == nil || b.before(x, h): // what was redacted says nothing any more, wherever it was seen
		case b.before(h, x):
			f.reopened = x
		default:
			if f.contested == nil {
				f.contested = h
			}
			if len(f.against) < maxAgainst && !slices.Contains(f.against, x) {
				f.against = append(f.against, x)
			}
		}
	}
	slices.SortFunc(f.against, compareOps)
}

// withWork returns everything that contests a declined incident: escalations, and all work.
func (b *Board) withWork() []*op {
	all := slices.Concat(b.escalations.list(), b.work.list())
	slices.SortFunc(all, compareOps)
	return slices.Compact(all)
}

// unaware counts the notes and check-ins whose authors did not know of h, nor h of them.
func (b *Board) unaware(h *op) int {
	n := 0
	for _, g := range []*bag{&b.noteList, &b.checkIns} {
		for _, o := range g.list() {
			if b.concurrent(o, h) {
				n++
			}
		}
	}
	return n
}

// severityOf returns the severity that o wrote.
func severityOf(o *op) int {
	switch v := o.body.(type) {
	case *severityBody:
		return v.Severity
	case *declareBody:
		return v.Severity
	}
	return maxSeverity
}

// severity returns the shown severity and the writes that stand: the most urgent of them wins, because a lowering
// cancels only the raises its author had seen (domain C2.2). 0 before the founding operation.
func (b *Board) severity() (int, []*op) {
	heads := b.headsOf(b.severities.list())
	if len(heads) == 0 {
		return 0, nil
	}
	return severityOf(slices.MinFunc(heads, func(x, y *op) int { return cmp.Compare(severityOf(x), severityOf(y)) })), heads
}

// titleOf returns the title that o wrote.
func titleOf(o *op) string {
	switch v := o.body.(type) {
	case *titleBody:
		return v.Text
	case *declareBody:
		return v.Title
	case *taskBody:
		return v.Text
	}
	return ""
}

// title returns the shown title, the latest of those that stand, and all of them.
func (b *Board) title() (string, []*op) {
	heads := b.headsOf(b.titles.list())
	if len(heads) == 0 {
		return "", nil
	}
	return titleOf(heads[len(heads)-1]), heads
}

// severityWords says who did what to the severity, and when.
func (r reader) severityWords(o *op) string {
	how := "set"
	if v, ok := o.body.(*severityBody); ok {
		switch {
		case v.Severity < v.Was:
			how = "raised to"
		case v.Severity > v.Was:
			how = "lowered to"
		}
	}
	return fmt.Sprintf("%s %s %d %s", r.who(o.person), how, severityOf(o), clock(o.wallMS))
}

// statusReason returns why the author of o wrote the status.
func statusReason(o *op) string {
	switch v := o.body.(type) {
	case *statusBody:
		return v.Reason
	case *settleBody:
		return v.Reason
	}
	return ""
}

// statusWords says which status was written, by whom, when and why.
func (r reader) statusWords(o *op) string {
	if why := statusReason(o); why != "" {
		return fmt.Sprintf("%s (%s: %s)", statusOf(o), r.by(o), quote(why))
	}
	return fmt.Sprintf("%s (%s)", statusOf(o), r.by(o))
}

// endValues returns who ended the incident and why, and when that was first, while it is over. Several who did not see each
// other all count: each reason is kept.
func (r reader) endValues(f *statusFold) (ends []Value, firstMS int64) {
	if !ended(f.shown) {
		return nil, 0
	}
	for _, h := range f.heads {
		if !ended(statusOf(h)) {
			continue
		}
		ends = append(ends, Value{Value: with(statusOf(h), statusReason(h)), By: r.who(h.person), AtMS: h.wallMS, Shown: statusOf(h) == f.shown})
		if firstMS == 0 || h.wallMS < firstMS {
			firstMS = h.wallMS
		}
	}
	return ends, firstMS
}
