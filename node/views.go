package node

import (
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
		c := s.summary(d)
		out.Incidents = append(out.Incidents, api.IncidentStatus{
			ID: d.String(), Name: board.Name(d), Operations: c.ops, Digest: digestText(s.r.DocDigest(d)), Title: c.Title,
			Severity: c.Severity, Status: c.Status, Commander: c.Commander, Settle: c.Conflicts, Live: c.live, Current: d == current,
		})
	}
	out.Peers = s.peerList(now)
	out.Responders = s.responders(me.Person)
	out.Cut = s.cutNames()
	if p := s.r.Incoming(); p.OperationsTotal > 0 {
		out.Syncing = &api.Sync{Operations: int(p.Operations), OperationsTotal: int(p.OperationsTotal), Bytes: p.Bytes, BytesTotal: p.BytesTotal}
	}
	out.Warnings = s.statusWarnings()
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
	for _, m := range s.r.Team().Members() {
		if m.Device == s.r.Device() {
			continue
		}
		seen := s.r.PeerPresence(m.Device)
		p := api.Peer{
			Device: m.Device.String(), Responder: m.Handle, Reachable: seen.Reachable, Lacks: s.r.Lacks(m.Device),
			Cut: cut.all || cut.devices[m.Device], Never: seen.Heard.IsZero(),
		}
		if info := s.peers[m.Device]; info != nil {
			p.Addr, p.OffsetMS = info.addr.String(), info.offsetMS
		}
		if seen.Reachable {
			p.RTTMS = float64(rtt[m.Device].Microseconds()) / 1000
		} else if !p.Never {
			p.HeardMS = now.Sub(seen.Heard).Milliseconds()
		}
		out = append(out, p)
	}
	return out
}

func (s *session) responders(me auth.PersonID) []api.Responder {
	var out []api.Responder
	for _, p := range s.r.Team().All() {
		r := api.Responder{Handle: s.r.Team().Handle(p), Reachable: s.r.Presence(p).Reachable}
		for _, m := range s.r.Team().Members() {
			if m.Person == p {
				r.Devices++
				r.Role = m.Role.String()
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
	out = append(out, s.twins()...)
	for _, m := range s.r.Team().Members() {
		if info := s.peers[m.Device]; info != nil && info.problem != "" {
			out = append(out, "not talking to "+m.Handle+": "+info.problem)
		}
	}
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
	name := board.Name(doc)
	for _, e := range s.r.Board(doc).Log(s.r.Team()) {
		out = append(out, api.Entry{
			Op: e.Op.String(), Incident: name, AtMS: e.AtMS, OccurredMS: e.OccurredMS, Actor: e.Actor,
			Device: e.Dot.Device.Short(), Kind: e.Kind, Ref: e.Ref, Text: e.Text, Merged: s.merged[e.Op],
		})
	}
	return out
}

// incident runs on the loop.
func (s *session) incident(now time.Time, doc crdt.DocID) api.Incident {
	v := s.r.Board(doc).View(now, s.r.Team())
	out := api.Incident{
		Schema: "muster.show/1", ID: doc.String(), Name: v.Name, Digest: digestText(s.r.DocDigest(doc)), Operations: v.Operations,
		Title: v.Title, Titles: values(v.Titles), Severity: v.Severity, Severities: values(v.Severities), Status: v.Status,
		Contested: v.Contested, Services: v.Services, DeclaredBy: v.DeclaredBy, DeclaredMS: v.DeclaredMS,
		Command: command(&v.Command), Tasks: []api.Task{}, Notes: []api.Note{}, Conflicts: []api.Conflict{},
	}
	for _, r := range v.Roles {
		out.Roles = append(out.Roles, api.Role{Role: r.Role, Holders: r.Holders})
	}
	for i := range v.Tasks {
		out.Tasks = append(out.Tasks, s.task(now, doc, &v.Tasks[i]))
	}
	for _, n := range v.Notes {
		a := api.Note{ID: n.ID, Op: n.Op.String(), Text: n.Text, Kinds: n.Kinds, By: n.By, AtMS: n.AtMS, OccurredMS: n.OccurredMS}
		if n.Redacted != nil {
			r := value(*n.Redacted)
			a.Redacted = &r
		}
		out.Notes = append(out.Notes, a)
	}
	for _, d := range v.Decisions {
		out.Decisions = append(out.Decisions, api.Decision{
			ID: d.ID, Op: d.Op.String(), Text: d.Text, Topic: d.Topic, By: d.By, AtMS: d.AtMS, Stands: d.Stands, Objections: values(d.Objections),
		})
	}
	for _, t := range v.Theories {
		out.Theories = append(out.Theories, api.Theory{ID: t.ID, Op: t.Op.String(), Text: t.Text, By: t.By, AtMS: t.AtMS, State: t.State, Why: t.Why})
	}
	for _, c := range v.CheckIns {
		out.CheckIns = append(out.CheckIns, api.CheckIn{By: c.By, State: c.State, Fatigue: c.Fatigue, AtMS: c.AtMS})
	}
	for _, r := range v.RollCalls {
		out.RollCalls = append(out.RollCalls, api.RollCall{By: r.By, AtMS: r.AtMS, DueMS: r.DueMS})
	}
	for _, t := range v.Thanks {
		out.Thanks = append(out.Thanks, api.Thanks{By: t.By, To: t.To, Text: t.Text, AtMS: t.AtMS})
	}
	for _, c := range v.Conflicts {
		a := api.Conflict{N: c.N, Kind: c.Kind, Subject: c.Subject, Text: c.Text, Shown: c.Shown, Choices: []api.Choice{}}
		for _, ch := range c.Choices {
			a.Choices = append(a.Choices, api.Choice{Key: ch.Key, Value: ch.Value, Label: ch.Label, By: ch.By, AtMS: ch.AtMS})
		}
		out.Conflicts = append(out.Conflicts, a)
	}
	for _, m := range v.Merged {
		out.Merged = append(out.Merged, api.Notice{Kind: m.Kind, Subject: m.Subject, Text: m.Text, Open: m.Open})
	}
	for _, c := range v.Settled {
		out.Settled = append(out.Settled, api.Settled{Kind: c.Kind, Subject: c.Subject, Values: c.Values, Chosen: c.Chosen, By: c.By, Reason: c.Reason, AtMS: c.AtMS})
	}
	return out
}

func command(c *board.Command) api.Command {
	out := api.Command{Commander: c.Commander, Terms: []api.Term{}, SinceMS: c.SinceMS, Requests: values(c.Requests)}
	for _, t := range c.Terms {
		out.Terms = append(out.Terms, api.Term{Holder: t.Holder, Basis: t.Basis, Acting: t.Acting, SinceMS: t.SinceMS, Reason: t.Reason, Orders: t.Orders})
	}
	for _, o := range c.Offers {
		out.Offers = append(out.Offers, api.Offer{From: o.From, To: o.To, Reason: o.Reason, ForMS: o.ForMS, AtMS: o.AtMS})
	}
	return out
}

func (s *session) task(now time.Time, doc crdt.DocID, t *board.Task) api.Task {
	out := api.Task{
		ID: t.ID, Op: t.Op.String(), Text: t.Text, State: t.State, Mark: t.Mark, Owners: t.Owners, Helpers: t.Helpers, By: t.By, AtMS: t.AtMS,
		DueMS: t.DueMS, Once: t.Once, Vital: t.Vital, Resource: t.Resource, Blocked: t.Blocked, Results: values(t.Results),
		Overdue: t.Overdue, Verified: t.Verified, Conflict: t.Conflict, Merged: t.Merged, Settled: t.Settled,
	}
	for _, w := range t.Waiting { // the answer to an order is awaited: has it reached anyone?
		d := s.delivery(now, doc, w.Op, []auth.PersonID{w.Person})
		if out.Delivery == nil {
			out.Delivery = &api.Delivery{}
		}
		out.Delivery.Known += d.Known
		out.Delivery.Delivered += d.Delivered
		out.Delivery.Missing = append(out.Delivery.Missing, d.Missing...)
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
