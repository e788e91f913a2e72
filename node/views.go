package node

import (
	"cmp"
	"os"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/api"
)

// status runs on the loop.
func (s *session) status(now time.Time) api.Status {
	me := s.me()
	out := api.Status{
		Schema: "muster.status/1", Device: s.r.Device().String(), Responder: me.Handle, Team: s.r.Team().Name(),
		Listen: []string{}, UptimeMS: time.Since(s.n.start).Milliseconds(), Operations: s.operations(), Digest: digestText(s.r.Digest()),
		Incidents: []api.IncidentStatus{}, Peers: []api.Peer{}, Home: s.n.cfg.Dir, Version: s.n.cfg.Version, PID: os.Getpid(),
	}
	for _, a := range s.endpoints() {
		out.Listen = append(out.Listen, a.String())
	}
	docs := s.r.Documents()
	var current crdt.DocID
	if len(docs) > 0 {
		current, _ = s.currentIncident(docs) // several and none of them current: none is marked
	}
	for _, d := range docs {
		out.Incidents = append(out.Incidents, s.incidentStatus(d, current))
	}
	out.Suggestions = suggestions(s.groups().suggestions)
	out.Peers = s.peerList(now)
	out.Responders = s.responders(now, me.Person)
	out.AloneMS = s.alone(now)
	out.Cut = s.cutNames()
	if p := s.r.Incoming(); p.OperationsTotal > 0 {
		out.Syncing = &api.Sync{Operations: int(p.Operations), OperationsTotal: int(p.OperationsTotal), Bytes: p.Bytes, BytesTotal: p.BytesTotal}
	}
	out.Warnings, out.TeamNotes = append(s.statusWarnings(), s.n.guardWarnings()...), s.teamNotes()
	out.Removed = s.ownRemoval()
	out.Storage = s.storage()
	out.Warnings = append(out.Warnings, storageWarnings(out.Storage, me.Handle)...)
	out.Protection = s.n.protection()
	return out
}

func (s *session) peerList(now time.Time) []api.Peer {
	s.n.mu.Lock()
	cut := s.n.cut
	s.n.mu.Unlock()
	rtt := map[crdt.DeviceID]time.Duration{}
	for _, p := range s.t.Peers() {
		rtt[p.Device] = p.RTT
	}
	out := []api.Peer{}
	names, several := deviceNames(s.r.Team().Members()), s.several()
	for _, m := range s.admitted() {
		if m.Device == s.r.Device() {
			continue
		}
		seen := s.r.PeerPresence(m.Device)
		p := api.Peer{
			Device: m.Device.String(), Responder: m.Handle, Name: m.Handle, Reachable: seen.Reachable, Lacks: s.r.Lacks(m.Device),
			Cut: cut.all || cut.devices[m.Device], Never: seen.Heard.IsZero(),
		}
		if several[m.Person] {
			p.Name = names[m.Device]
		}
		if info := s.peers[m.Device]; info != nil {
			p.Addr, p.OffsetMS = info.addr.String(), info.offsetMS
		}
		if seen.Reachable {
			p.RTTMS = float64(rtt[m.Device].Microseconds()) / 1000
		} else if !p.Never {
			p.HeardMS = now.Sub(seen.Heard).Milliseconds()
		}
		s.roundabout(now, &p, m.Person, seen)
		out = append(out, p)
	}
	for _, d := range s.r.Team().Relays() { // of those that are away there is nothing to say
		owner, ok := s.relayOwner(d)
		if info := s.peers[d]; ok && info != nil && s.r.Reachable(d) {
			out = append(out, api.Peer{
				Device: d.String(), Responder: relayName(owner), Name: relayName(owner), Relay: true, Reachable: true, Addr: info.addr.String(), OffsetMS: info.offsetMS,
				RTTMS: float64(rtt[d].Microseconds()) / 1000, Lacks: s.r.Lacks(d),
			})
		}
	}
	return out
}

func (s *session) responders(now time.Time, me auth.PersonID) []api.Responder {
	var out []api.Responder
	for _, p := range s.r.Team().All() {
		r := s.responder(now, p)
		r.Role = s.r.Team().RoleOf(p).String()
		for _, m := range s.admitted() {
			if m.Person == p {
				r.Devices++
			}
		}
		if p == me {
			out = slices.Insert(out, 0, r)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (s *session) cutNames() []string {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if s.n.cut.all {
		return []string{"all"}
	}
	var out []string
	for _, m := range s.r.Team().Members() {
		if s.n.cut.devices[m.Device] && !slices.Contains(out, m.Handle) {
			out = append(out, m.Handle)
		}
	}
	return out
}

// statusWarnings is what a person should know about this node.
func (s *session) statusWarnings() []string {
	var out []string
	if s.full != nil {
		out = append(out, "nothing new is saved until there is room: "+s.full.Error())
	}
	if s.report.SetAside != "" {
		out = append(out, "the store was damaged and set aside; what peers hold is fetched again: "+s.report.SetAside)
	}
	if s.report.LostTail != "" {
		out = append(out, "the store's log had lost its end, by a power cut or damage; what peers hold is fetched again: "+s.report.LostTail)
	}
	if s.report.JournalDamage != "" {
		out = append(out, "the journal was damaged: "+s.report.JournalDamage)
	}
	if s.report.FreshEpoch && !s.report.New {
		out = append(out, "this node began a new log: "+s.report.Reason)
	}
	if what, hint := s.ownTrouble(); what != "" {
		out = append([]string{what + "; " + hint}, out...)
	}
	out = append(out, s.twins()...)
	for _, m := range s.r.Team().Members() {
		if info := s.peers[m.Device]; info != nil && info.problem != "" {
			out = append(out, "not talking to "+m.Handle+": "+info.problem)
		}
	}
	out = append(out, s.wordsWarnings()...)
	return out
}

// twins warns of devices whose key is at work in two places. Both histories are kept.
func (s *session) twins() []string {
	var out []string
	for _, m := range s.r.Team().Members() {
		if !slices.ContainsFunc(s.r.Documents(), func(d crdt.DocID) bool { return slices.Contains(s.summary(d).twins, m.Device) }) {
			continue
		}
		if m.Device == s.r.Device() {
			out = append(out, "a copy of this directory is in use elsewhere: keep one, and let the other machine join as itself")
		} else {
			out = append(out, m.Handle+"'s device "+m.Device.Short()+" writes in two places: its directory was copied")
		}
	}
	return out
}

// entries runs on the loop.
func (s *session) entries(doc crdt.DocID) []api.Entry {
	out := []api.Entry{}
	group := s.group(doc)
	for _, e := range group.Log(s.r.Team()) {
		e.Text = s.entryText(group, &e)
		out = append(out, s.entry(doc, &e))
	}
	s.whereFrom(out)
	return out
}

// entry is one line of a timeline.
func (s *session) entry(doc crdt.DocID, e *board.Entry) api.Entry {
	return api.Entry{
		Op: e.Op.String(), Incident: cmp.Or(e.Incident, board.Name(doc)), AtMS: e.AtMS, OccurredMS: e.OccurredMS, Actor: e.Actor,
		Device: e.Dot.Device.Short(), Kind: e.Kind, Ref: e.Ref, About: e.About, Text: e.Text, Merged: s.merged[e.Op],
		Grey: s.whyGrey(e), Aside: e.Aside,
	}
}

// incident runs on the loop.
func (s *session) incident(now time.Time, doc crdt.DocID) api.Incident {
	group := s.group(doc)
	v := group.View(now, s.r.Team())
	out := api.Incident{
		Schema: "muster.show/1", ID: doc.String(), Name: v.Name, Digest: digestText(s.r.DocDigest(doc)), Operations: v.Operations,
		Title: v.Title, Titles: values(v.Titles), Severity: v.Severity, Severities: values(v.Severities), Status: v.Status,
		Contested: v.Contested, Services: v.Services, DeclaredBy: v.DeclaredBy, DeclaredMS: v.DeclaredMS,
		Command: command(&v.Command), Tasks: []api.Task{}, Notes: []api.Note{}, Conflicts: []api.Conflict{},
	}
	s.ending(now, doc, &v, &out)
	situation(&out, &v)
	out.Names, out.Suggestions = v.Names, suggestions(s.suggestionsFor(doc))
	out.Grey = s.grey(&v)
	for _, r := range v.Roles {
		out.Roles = append(out.Roles, api.Role{Role: r.Role, Holders: r.Holders})
	}
	for i := range v.Tasks {
		out.Tasks = append(out.Tasks, s.task(now, group.Holder(v.Tasks[i].Op), &v.Tasks[i]))
	}
	for _, n := range v.Notes {
		out.Notes = append(out.Notes, s.note(group, n))
	}
	for _, d := range v.Decisions {
		out.Decisions = append(out.Decisions, decision(d))
	}
	for _, t := range v.Theories {
		out.Theories = append(out.Theories, theory(t))
	}
	for _, c := range v.CheckIns {
		out.CheckIns = append(out.CheckIns, api.CheckIn{By: c.By, Incident: c.Incident, For: c.For, State: c.State, Fatigue: c.Fatigue, Text: c.Text, Place: c.Place, AtMS: c.AtMS})
	}
	for _, r := range v.RollCalls {
		out.RollCalls = append(out.RollCalls, api.RollCall{
			By: r.By, Incident: r.Incident, AtMS: r.AtMS, DueMS: r.DueMS, Open: r.Open, Replies: standings(r.Replies), Missing: r.Missing, Known: r.Known,
		})
	}
	for _, t := range v.Thanks {
		out.Thanks = append(out.Thanks, api.Thanks{By: t.By, Incident: t.Incident, To: t.To, Text: t.Text, AtMS: t.AtMS})
	}
	for _, c := range v.Conflicts {
		out.Conflicts = append(out.Conflicts, s.conflict(doc, c))
	}
	out.Rejoined = s.rejoined(now, doc)
	s.asOf(now, doc, &v, &out)
	s.removed(&v.Command, &out.Command)
	s.leads(&v.Command, &out.Command)
	out.Warnings = v.Warnings
	for _, m := range v.Merged {
		if !s.concerns(m) {
			continue
		}
		out.Merged = append(out.Merged, api.Notice{Kind: m.Kind, Incident: m.Incident, Subject: m.Subject, Text: m.Text, Open: m.Open})
	}
	for _, c := range v.Settled {
		out.Settled = append(out.Settled, api.Settled{Kind: c.Kind, Incident: c.Incident, Subject: c.Subject, Values: c.Values, Chosen: c.Chosen, By: c.By, Reason: c.Reason, AtMS: c.AtMS})
	}
	return out
}

// removed marks those who command and are out of the team.
func (s *session) removed(c *board.Command, out *api.Command) {
	for i, t := range c.Terms {
		if at, gone := s.r.RemovedSince(t.HolderID); gone {
			out.Terms[i].RemovedMS = at
		}
	}
}

func command(c *board.Command) api.Command {
	out := api.Command{Commander: c.Commander, Terms: []api.Term{}, SinceMS: c.SinceMS, Requests: values(c.Requests)}
	for _, t := range c.Terms {
		out.Terms = append(out.Terms, api.Term{
			Holder: t.Holder, Basis: t.Basis, Acting: t.Acting, SinceMS: t.SinceMS, Reason: t.Reason, Orders: t.Orders,
			From: t.From, Pending: t.Pending, ConfirmedMS: t.ConfirmedMS, Unconfirmed: t.Unconfirmed,
		})
	}
	for _, o := range c.Offers {
		out.Offers = append(out.Offers, offer(o))
	}
	return out
}

func offer(o board.Offer) api.Offer {
	return api.Offer{
		From: o.From, To: o.To, Reason: o.Reason, ForMS: o.ForMS, AtMS: o.AtMS,
		LapsesMS: o.LapsesMS, Lapsed: o.Lapsed, Back: o.Back, DueMS: o.DueMS, Due: o.Due,
	}
}

func note(n board.Note) api.Note {
	out := api.Note{
		ID: n.ID, Incident: n.Incident, Op: n.Op.String(), Text: n.Text, Texts: values(n.Texts), Kinds: n.Kinds, Pinned: n.Pinned,
		By: n.By, AtMS: n.AtMS, OccurredMS: n.OccurredMS,
	}
	if n.Redacted != nil {
		r := value(*n.Redacted)
		out.Redacted = &r
	}
	return out
}

func decision(d board.Decision) api.Decision {
	return api.Decision{
		ID: d.ID, Incident: d.Incident, Op: d.Op.String(), Text: d.Text, Topic: d.Topic, By: d.By, AtMS: d.AtMS, Stands: d.Stands,
		Superseded: d.Superseded, Unread: d.Unread, Objections: objections(d.Objections),
	}
}

func theory(t board.Theory) api.Theory {
	return api.Theory{ID: t.ID, Incident: t.Incident, Op: t.Op.String(), Text: t.Text, By: t.By, AtMS: t.AtMS, State: t.State, Why: t.Why}
}

func (s *session) task(now time.Time, doc crdt.DocID, t *board.Task) api.Task {
	out := api.Task{
		ID: t.ID, Incident: t.Incident, Op: t.Op.String(), Text: t.Text, State: t.State, Mark: t.Mark, Owners: t.Owners, Helpers: t.Helpers, By: t.By, AtMS: t.AtMS,
		DueMS: t.DueMS, Once: t.Once, Vital: t.Vital, Resource: t.Resource, Blocked: t.Blocked, Results: values(t.Results),
		Overdue: t.Overdue, LateAck: t.LateAck, Stalled: t.Stalled, Verified: t.Verified, Conflict: t.Conflict, Merged: t.Merged, Settled: t.Settled,
	}
	out.Delivery = s.orderDelivery(now, doc, t)
	if t.State == "done" || t.State == "cancelled" {
		return out
	}
	for i, id := range t.OwnerIDs {
		if _, gone := s.r.RemovedSince(id); gone {
			out.Gone = append(out.Gone, t.Owners[i])
		}
	}
	return out
}

func values(vs []board.Value) []api.Value {
	var out []api.Value
	for _, v := range vs {
		out = append(out, value(v))
	}
	return out
}

func value(v board.Value) api.Value {
	return api.Value{Value: v.Value, By: v.By, AtMS: v.AtMS, Shown: v.Shown}
}
