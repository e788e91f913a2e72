package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// Merge reports on the last merge of one incident.
func (n *Node) Merge(ctx context.Context, incident string) (api.MergeReport, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.MergeReport{}, err
	}
	var out api.MergeReport
	err = s.do(ctx, func(now time.Time) error {
		doc, err := s.find(incident)
		if err != nil {
			return err
		}
		all := s.lastMerges(doc)
		if len(all) == 0 {
			return s.nothingMerged(now, doc)
		}
		out = s.mergeReport(now, doc, all)
		if !out.Seen {
			for _, m := range all {
				m.seen = true
			}
			s.keepMerges()
		}
		return nil
	})
	return out, problem(err)
}

// nothingMerged is the answer to whoever asks for a report where there is none.
func (s *session) nothingMerged(now time.Time, doc crdt.DocID) error {
	hint := "muster conflicts lists what waits; a report comes up when nodes meet again after a time apart"
	for _, a := range s.arrivedWith(doc, now.Add(-time.Hour), now) {
		hint = fmt.Sprintf("but %s came from %s: muster show -i %s", a.Incident, a.By, a.Incident)
	}
	return api.Errorf(api.CodeNotFound, hint, "nothing was merged into %s here yet", board.Name(doc))
}

// lookAt computes what a merge did.
func (s *session) lookAt(now time.Time, doc crdt.DocID, m *merging) board.MergeReport {
	g := s.r.Graph(doc)
	within := func(heads []crdt.Hash) func(crdt.Hash) bool {
		past := g.PastOf(heads)
		return func(h crdt.Hash) bool { return g.Covers(past, h) }
	}
	in := board.Merge{
		Before: within(m.before), After: within(m.after), Viewer: s.me().Person, Device: s.r.Device(), Beside: m.beside,
		People: s.r.Team(), AtMS: m.at.UnixMilli(), Now: now,
		Presence: func(p board.PersonID) (bool, int64, bool) {
			seen := s.r.Presence(p)
			at, _ := seen.Last(now)
			return seen.Reachable, max(0, now.Sub(at).Milliseconds()), !at.IsZero()
		},
	}
	if !m.since.IsZero() {
		in.SinceMS = min(m.since.UnixMilli(), m.at.UnixMilli())
	}
	return s.r.Board(doc).MergeReport(in)
}

// mergeReport puts the last merge of an outage into the words of the api.
func (s *session) mergeReport(now time.Time, doc crdt.DocID, all []mergedDoc) api.MergeReport {
	group := s.group(doc)
	r := s.lookAt(now, all[0].doc, all[0].merging)
	seen, last := all[0].seen, all[0].last
	for _, m := range all[1:] {
		r.Join(s.lookAt(now, m.doc, m.merging))
		seen, last = seen && m.seen, later(last, m.last)
	}
	if len(group.Docs()) > 1 {
		r.Within(group, s.r.Team(), s.me().Person)
	}
	out := api.MergeReport{
		Schema: "muster.merge/1", Incident: r.Name, Title: r.Title, Drill: s.summary(doc).Drill, AtMS: r.AtMS, SinceMS: r.SinceMS, You: r.You, Them: r.Them,
		Operations: r.Operations, Seen: seen, Empty: r.Empty(), Severity: r.Severity, SeverityWas: r.SeverityWas, Status: r.Status,
		StatusWas: r.StatusWas, Commander: r.Commander, CommanderWas: r.CommanderWas, Settle: []api.Conflict{}, Older: r.Older,
		Merged: []api.Notice{}, New: r.New, TasksNew: r.TasksNew, TasksDone: r.TasksDone, Yours: r.Yours, Notes: r.Notes,
		Redacted: r.Redacted, RollCall: r.RollCall, MaySettle: s.maySettle(doc), Clocks: s.clocks(r.Them),
		Arrived: s.arrivedWith(doc, all[len(all)-1].at.Add(-mergePause), last.Add(mergePause)),
	}
	for _, c := range r.Settle {
		out.Settle = append(out.Settle, s.conflict(doc, c))
	}
	for _, o := range r.Settled {
		out.Settled = append(out.Settled, api.Outcome(o))
	}
	for _, n := range r.Merged {
		out.Merged = append(out.Merged, api.Notice{Kind: n.Kind, Incident: n.Incident, Subject: n.Subject, Text: n.Text, Open: n.Open})
	}
	for _, d := range r.Decisions {
		out.Decisions = append(out.Decisions, api.Decision{
			ID: d.ID, Incident: d.Incident, Op: d.Op.String(), Text: d.Text, Topic: d.Topic, By: d.By, AtMS: d.AtMS, Stands: d.Stands,
			Superseded: d.Superseded, Unread: d.Unread, Objections: objections(d.Objections),
		})
	}
	for _, o := range r.Orders {
		out.Orders = append(out.Orders, api.Orders(o))
	}
	for _, b := range r.Blocked {
		out.Blocked = append(out.Blocked, api.Blocked(b))
	}
	for _, a := range r.Missing {
		miss := api.Missing{Responder: a.Handle, Never: a.Never}
		if !a.Never {
			miss.HeardMS = a.HeardMS
		}
		if p, ok := s.r.Team().Person(a.Handle); ok {
			miss.Via, miss.Phones = s.missing(now, p).Via, s.r.Team().Profile(p).Phones
		}
		out.Missing = append(out.Missing, miss)
	}
	return out
}

// arrivedWith lists the incidents that came whole between two moments, from people who had been away.
func (s *session) arrivedWith(doc crdt.DocID, from, to time.Time) []api.Arrived {
	var out []api.Arrived
	own := s.group(doc).Docs()
	for _, d := range s.r.Documents() {
		at, ok := s.merges.arrived[d]
		if !ok || at.Before(from) || at.After(to) || slices.Contains(own, d) {
			continue
		}
		a := api.Arrived{Incident: board.Name(d), Title: s.summary(d).Title, By: s.r.Board(d).DeclaredBy(s.r.Team())}
		for _, x := range s.suggestionsFor(doc) {
			a.Same = a.Same || x.Incident == a.Incident || x.Other == a.Incident
		}
		out = append(out, a)
	}
	return out
}

// clocks returns how far the clocks of those people are off who are connected and whose are far off.
func (s *session) clocks(people []string) []api.Clock {
	var out []api.Clock
	for _, m := range s.r.Team().Members() {
		info := s.peers[m.Device]
		if info == nil || max(info.offsetMS, -info.offsetMS) < clockWarns || !slices.Contains(people, m.Handle) {
			continue
		}
		if !slices.ContainsFunc(out, func(c api.Clock) bool { return c.Responder == m.Handle }) {
			out = append(out, api.Clock{Responder: m.Handle, OffsetMS: info.offsetMS})
		}
	}
	return out
}

// maySettle reports whether this node's person may settle conflicts: they hold command or claim it, or nobody does.
func (s *session) maySettle(doc crdt.DocID) bool {
	var holders []board.PersonID
	for _, d := range s.group(doc).Docs() {
		holders = append(holders, s.r.Board(d).Claimants()...)
	}
	return len(holders) == 0 || slices.Contains(holders, s.me().Person)
}

// rejoined returns what points to a report that has not been read here; nil when there is none worth it.
func (s *session) rejoined(now time.Time, doc crdt.DocID) *api.Rejoined {
	for _, m := range s.lastMerges(doc) {
		if m.seen {
			continue
		}
		if !m.judged && s.mayJudge(now, m) {
			r := s.lookAt(now, m.doc, m.merging)
			m.apart = time.Duration(r.AtMS-r.SinceMS) * time.Millisecond
			collided := len(r.Settle)+len(r.Settled)+len(r.Merged)+len(r.Decisions)+len(r.Orders) > 0
			m.judged, m.notable, m.judgedAt = true, collided || !r.Empty() && m.apart >= apartWarns, now
		}
		if m.notable {
			return &api.Rejoined{AtMS: m.at.UnixMilli(), ApartMS: m.apart.Milliseconds(), Settle: s.brief(doc).Conflicts}
		}
	}
	return nil
}

// mayJudge reports whether a merge may be looked at again only to say that there is a report. That takes time and memory
// for each operation of the board, and every write asks for it: while the operations of a large one keep coming, what was
// found last stands for a while. Of a board so large that only a flood makes it, whoever asks for the report computes it.
func (s *session) mayJudge(now time.Time, m mergedDoc) bool {
	n := s.r.Graph(m.doc).Len()
	return n <= judgeFree || n <= judgeMost && (m.judgedAt.IsZero() || now.Sub(m.judgedAt) >= mergePause)
}

// rejoinedNote is the line by which a receipt points to it; empty when there is none.
func (s *session) rejoinedNote(now time.Time, doc crdt.DocID) string {
	r := s.rejoined(now, doc)
	if r == nil || r.Settle == 0 { // a bare muster names the report until it has been read
		return ""
	}
	apart := time.Duration(r.ApartMS) * time.Millisecond
	unit := time.Second
	if apart >= time.Minute {
		unit = time.Minute
	}
	return fmt.Sprintf("rejoined %s after %s apart: %d to settle: muster merge", time.UnixMilli(r.AtMS).UTC().Format("15:04Z"), shortSpan(apart.Truncate(unit)), r.Settle)
}

// shortSpan writes a duration without its empty end: 24m rather than 24m0s.
func shortSpan(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return d.String()
}

// unaware names whose claim to command was settled away and whose node is not known to have heard of it. Who reads this
// knows.
func (s *session) unaware(now time.Time, doc crdt.DocID, t board.Term, out *api.Term) {
	if len(t.Losers) == 0 {
		return
	}
	for _, p := range t.Losers {
		if p != s.me().Person && s.delivery(now, doc, t.Op, []board.PersonID{p}).Delivered == 0 {
			out.Unaware = append(out.Unaware, s.r.Team().Handle(p))
		}
	}
	out.Unconfirmed = len(out.Unaware) > 0
}

// asOf marks what is said of people out of reach with when they wrote the last thing that is known of them.
func (s *session) asOf(now time.Time, doc crdt.DocID, v *board.View, out *api.Incident) {
	var words map[board.PersonID]int64
	me := s.me().Person
	away := func(p board.PersonID) int64 {
		if p == me || s.r.Presence(p).Reachable {
			return 0
		}
		if words == nil {
			words = s.group(doc).LastWords()
		}
		return words[p]
	}
	for i := range v.Tasks {
		if t := &v.Tasks[i]; t.State != board.TaskDone && t.State != board.TaskCancelled && len(t.OwnerIDs) > 0 {
			out.Tasks[i].AsOfMS = away(t.OwnerIDs[0])
		}
	}
	for i, t := range v.Command.Terms {
		out.Command.Terms[i].AsOfMS = away(t.HolderID)
		s.unaware(now, doc, t, &out.Command.Terms[i])
	}
}
