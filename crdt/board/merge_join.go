package board

import (
	"cmp"
	"slices"
)

// Join adds the report on the same merge of another incident of the same outage, so that one page tells of both.
func (m *MergeReport) Join(o MergeReport) {
	m.AtMS, m.Operations = min(m.AtMS, o.AtMS), m.Operations+o.Operations
	if o.Operations > 0 {
		m.SinceMS = min(m.SinceMS, o.SinceMS)
	}
	m.Them = addMissing(m.Them, o.Them)
	m.You = slices.DeleteFunc(addMissing(m.You, o.You), func(h string) bool { return slices.Contains(m.Them, h) })
	m.Severity, m.SeverityWas = min(m.Severity, o.Severity), min(m.SeverityWas, o.SeverityWas)
	m.Settle = append(m.Settle, o.Settle...)
	m.Settled = append(m.Settled, o.Settled...)
	m.Older += o.Older
	m.Merged = append(m.Merged, o.Merged...)
	slices.SortStableFunc(m.Merged, func(a, b Notice) int { return cmp.Compare(weight(a.Kind), weight(b.Kind)) })
	m.Decisions = append(m.Decisions, o.Decisions...)
	m.Orders = append(m.Orders, o.Orders...)
	m.New = addMissing(m.New, o.New)
	for _, a := range o.Missing {
		if !slices.ContainsFunc(m.Missing, func(x Absent) bool { return x.Handle == a.Handle }) {
			m.Missing = append(m.Missing, a)
		}
	}
	m.TasksNew, m.TasksDone = m.TasksNew+o.TasksNew, m.TasksDone+o.TasksDone
	m.Blocked = append(m.Blocked, o.Blocked...)
	m.Yours = append(m.Yours, o.Yours...)
	m.Notes, m.Redacted = m.Notes+o.Notes, m.Redacted+o.Redacted
	m.Quarantined = append(m.Quarantined, o.Quarantined...)
	m.RollCall = m.RollCall && o.RollCall
}

// addMissing returns a with what of b is not in it.
func addMissing(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Within makes m a report on the group that its incidents belong to: it has the group's name, title, state and
// commander, and waits for what the group waits for.
func (m *MergeReport) Within(g *Group, people People, viewer PersonID) {
	brief := g.Brief(people)
	m.Doc, m.Name, m.Title = g.Doc(), brief.Name, brief.Title
	m.Severity, m.Status, m.Commander = brief.Severity, brief.Status, brief.Commander
	was := m.Settle
	m.Settle = nil
	open := g.Conflicts(people)
	for _, c := range open {
		of := func(x Conflict) bool { return x.id == c.id || x.Kind == ConflictCommand && c.Kind == ConflictCommand }
		if slices.ContainsFunc(was, of) {
			m.Settle = append(m.Settle, c.For(viewer))
		}
	}
	m.Older = len(open) - len(m.Settle)
}

// DeclaredBy returns who declared the incident; empty when that is not known here.
func (b *Board) DeclaredBy(people People) string {
	if b.found == nil {
		return ""
	}
	return people.Handle(b.found.person)
}
