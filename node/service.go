package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/replica"
)

// Write does one verb.
func (n *Node) Write(ctx context.Context, in api.Write) (api.Receipt, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Receipt{}, err
	}
	var out api.Receipt
	w := &waiter{done: make(chan struct{})}
	err = s.do(ctx, func(now time.Time) error {
		if err := cmp.Or(s.mayWrite(), s.canWrite()); err != nil {
			return err
		}
		var err error
		if out, err = s.write(now, in, w); err == nil {
			s.ensureKeys(now)
		}
		return err
	})
	if err != nil {
		return api.Receipt{}, problem(err)
	}
	out.Delivery = s.awaitDelivery(ctx, w)
	return out, nil
}

// write runs on the loop.
func (s *session) write(now time.Time, in api.Write, w *waiter) (api.Receipt, error) {
	var doc crdt.DocID
	var err error
	intent := intentOf(in)
	switch in.Verb {
	case "declare":
	case "same": // of the names as they are typed
		if doc, err = s.findOne(in.Incident); err == nil {
			intent.Other, err = s.findOne(cmp.Or(in.Ref, in.Subject))
		}
		intent.Ref, intent.Subject = "", ""
	default:
		doc, err = s.find(in.Incident)
		if err == nil && in.Incident == "" {
			doc = s.meant(now, in, doc)
		}
	}
	if err != nil {
		return api.Receipt{}, err
	}
	if in.Verb == "settle" {
		var err error
		if intent.Subject, err = s.settleSubject(doc, in.Subject); err != nil {
			return api.Receipt{}, err
		}
	}
	if err := s.checkSecret(doc, in, intent); err != nil {
		return api.Receipt{}, err
	}
	sealNotes, err := s.sealNote(&in, &intent)
	if err != nil {
		return api.Receipt{}, err
	}
	var made []replica.Proposed
	if doc.IsZero() {
		made = make([]replica.Proposed, 1)
		made[0], err = s.r.Propose(now, doc, intent)
	} else {
		made, err = s.propose(now, doc, intent)
	}
	if err != nil {
		return api.Receipt{}, err
	}
	p := made[0]
	s.await(w, p.Doc, p.Hash)
	s.recent = p.Doc
	out := api.Receipt{
		Schema: "muster.receipt/1", Op: p.Hash.String(), Incident: board.Name(p.Doc), Text: p.Draft.Text, Notes: s.groupNotes(in.Verb, made),
		Settle: s.brief(p.Doc).Conflicts, Drill: s.summary(p.Doc).Drill,
	}
	if p.Draft.Ref != nil {
		out.ID = p.Draft.Ref(p.Hash)
	}
	for i, n := range out.Notes { // what is suggested can be typed as it stands
		out.Notes[i] = placeholder.ReplaceAllString(n, "${1}"+out.ID)
	}
	out.Notes = append(out.Notes, sealNotes...)
	s.address(&out, in)
	if note := s.rejoinedNote(now, p.Doc); note != "" {
		out.Notes = append(out.Notes, note)
	}
	return out, nil
}

// meant returns the incident that a verb is about which names none, where that may be another than doc, the current one:
// the answer to an offer goes where the offer is; and what ends an incident, or is said at its end, stays with the one that
// was acted on last, so that a resolve that is typed twice does not end what somebody else has open.
func (s *session) meant(now time.Time, in api.Write, doc crdt.DocID) crdt.DocID {
	switch in.Verb {
	case "accept", "decline":
		return s.offeredIn(now, doc)
	case "resolve", "status", "reopen", "thanks":
		if in.Ref == "" && slices.Contains(s.r.Documents(), s.recent) && !s.group(s.recent).Live() {
			return s.group(s.recent).Doc()
		}
	}
	return doc
}

// offeredIn returns the incident in which command is offered to this node's person: doc if it is there, else the only other
// one where it is, else doc.
func (s *session) offeredIn(now time.Time, doc crdt.DocID) crdt.DocID {
	offered := func(d crdt.DocID) bool {
		v := s.group(d).View(now, s.r.Team())
		return slices.ContainsFunc(v.Command.Offers, func(o board.Offer) bool { return o.ToID == s.me().Person && !o.Lapsed && !o.Back })
	}
	if offered(doc) {
		return doc
	}
	var found []crdt.DocID
	for _, d := range s.canonicals(s.r.Documents()) {
		if s.summary(d).live && offered(d) {
			found = append(found, d)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return doc
}

// placeholder is where a note of the board means what the write is about to make, which has no id while the note is made.
var placeholder = regexp.MustCompile(`(muster (?:assign|approve) )ID\b`)

func intentOf(w api.Write) board.Intent {
	return board.Intent{
		Verb: w.Verb, Ref: w.Ref, Who: w.Who, Text: w.Text, Reason: w.Reason, Kind: w.Kind, Topic: w.Topic,
		Subject: w.Subject, Value: w.Value, Severity: w.Severity, Fatigue: w.Fatigue, Services: w.Services, Refs: w.Refs, Labels: w.Labels, Place: w.Place, Drill: w.Drill,
		Items: w.Items, Item: w.Item,
		Resource: w.Resource, AtMS: w.AtMS, ForMS: w.ForMS, Once: w.Once, Vital: w.Vital, Force: w.Force,
		Withdraw: w.Withdraw, Yes: w.Yes,
	}
}

// canWrite refuses writes that could not be kept.
func (s *session) canWrite() error {
	if !s.hasRoom() || s.r.NeedsEpoch() {
		return errFull()
	}
	return nil
}

// me is this device's member.
func (s *session) me() auth.Member {
	m, _ := s.r.Team().Member(s.r.Device())
	return m
}

// operations returns how many operations this node holds.
func (s *session) operations() int {
	n := s.r.Graph(s.team).Len()
	for _, d := range s.r.Documents() {
		n += s.r.Graph(d).Len()
	}
	return n
}

// A summary is what lists say about an incident.
type summary struct {
	ops int
	board.Brief
	live  bool
	twins []crdt.DeviceID // that write in two places
}

// summary returns the summary of an incident, computing it only when the board has grown.
func (s *session) summary(doc crdt.DocID) *summary {
	ops := s.r.Graph(doc).Len()
	if c := s.summaries[doc]; c != nil && c.ops == ops {
		return c
	}
	b := s.r.Board(doc)
	c := &summary{ops, b.Brief(s.r.Team()), b.Live(), s.r.Graph(doc).Twins()}
	s.summaries[doc] = c
	return c
}

// find resolves how people name an incident, and returns the canonical one of those that are one with it. An empty name
// means the current one.
func (s *session) find(name string) (crdt.DocID, error) {
	doc, err := s.findOne(name)
	if err != nil {
		return crdt.DocID{}, err
	}
	return s.group(doc).Doc(), nil
}

// findOne is find for the incident that was named and no other.
func (s *session) findOne(name string) (crdt.DocID, error) {
	docs := s.r.Documents()
	if len(docs) == 0 {
		return crdt.DocID{}, api.Errorf(api.CodeNotFound, `declare one: muster declare "what is broken" --sev 2`, "there is no incident")
	}
	if name == "" {
		return s.currentIncident(docs)
	}
	lower := strings.ToLower(name)
	var starts []crdt.DocID
	for _, d := range docs {
		title := strings.ToLower(s.summary(d).Title)
		if board.Name(d) == lower || d.String() == lower || title == lower {
			return d, nil
		}
		if strings.HasPrefix(board.Name(d), lower) || strings.HasPrefix(title, lower) || len(lower) >= 4 && strings.HasPrefix(d.String(), lower) {
			starts = append(starts, d)
		}
	}
	switch len(s.canonicals(starts)) {
	case 1:
		return starts[0], nil
	case 0:
		e := api.Errorf(api.CodeNotFound, "muster status lists the incidents", "no incident %q", name)
		e.Candidates = s.names(docs)
		return crdt.DocID{}, e
	}
	e := api.Errorf(api.CodeAmbiguous, "type more of it", "%q could be one of %d incidents", name, len(starts))
	e.Candidates = s.names(starts)
	return crdt.DocID{}, e
}

func (s *session) names(docs []crdt.DocID) []string {
	var out []string
	for _, d := range docs[:min(len(docs), 8)] {
		out = append(out, fmt.Sprintf("%s (%s)", board.Name(d), s.summary(d).Title))
	}
	return out
}

// currentIncident is the only live incident, else the one acted on last, else the only one there is.
func (s *session) currentIncident(docs []crdt.DocID) (crdt.DocID, error) {
	var live []crdt.DocID
	known := slices.Contains(docs, s.recent) // a full disk may have taken it back
	docs = s.canonicals(docs)
	if known {
		s.recent = s.canonicals([]crdt.DocID{s.recent})[0]
	}
	for _, d := range docs {
		if s.group(d).Live() {
			live = append(live, d)
		}
	}
	switch {
	case len(live) == 1:
		return live[0], nil
	case slices.Contains(docs, s.recent):
		return s.recent, nil
	case len(docs) == 1:
		return docs[0], nil
	}
	if len(live) == 0 {
		live = docs
	}
	e := api.Errorf(api.CodeAmbiguous, "say which one: -i NAME", "there are %d incidents", len(live))
	e.Candidates = s.names(live)
	return crdt.DocID{}, e
}

// Status describes the node.
func (n *Node) Status(ctx context.Context) (api.Status, error) {
	if why := n.isLocked(); why != nil {
		return n.lockedStatus(why), nil
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	var out api.Status
	err = s.do(ctx, func(now time.Time) error { out = s.status(now); return nil })
	return out, problem(err)
}

// Show returns one incident whole.
func (n *Node) Show(ctx context.Context, incident string) (api.Incident, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Incident{}, err
	}
	var out api.Incident
	err = s.do(ctx, func(now time.Time) error {
		doc, err := s.find(incident)
		if err == nil {
			out = s.incident(now, doc)
		}
		return err
	})
	return out, problem(err)
}

// Log returns the timeline of one incident.
func (n *Node) Log(ctx context.Context, incident string) ([]api.Entry, error) {
	s, err := n.current(ctx)
	if err != nil {
		return nil, err
	}
	var out []api.Entry
	err = s.do(ctx, func(time.Time) error {
		doc, err := s.find(incident)
		if err == nil {
			out = s.entries(doc)
		}
		return err
	})
	return out, problem(err)
}

// Watch yields the state and then every change.
func (n *Node) Watch(ctx context.Context, incident string) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		for known := map[string]bool{}; ; {
			s, err := n.current(ctx)
			if err != nil {
				yield(api.Event{}, err)
				return
			}
			if !s.stream(ctx, incident, known, yield) || ctx.Err() != nil {
				return
			}
		}
	}
}

// stream yields events of one session. It reports whether to go on with the next one.
func (s *session) stream(ctx context.Context, incident string, known map[string]bool, yield func(api.Event, error) bool) bool {
	wake, stop := s.watch()
	defer stop()
	for {
		var ev api.Event
		err := s.do(ctx, func(now time.Time) error {
			st := s.status(now)
			ev.Status = &st
			doc, err := s.find(incident)
			if err != nil {
				return nil // no incident yet is a state, not an error
			}
			inc := s.incident(now, doc)
			ev.Incident = &inc
			for _, e := range s.entries(doc) {
				if !known[e.Op] {
					known[e.Op] = true
					ev.Entries = append(ev.Entries, e)
				}
			}
			return nil
		})
		if err != nil {
			if s.ctx.Err() != nil && ctx.Err() == nil {
				return true
			}
			return false
		}
		if !yield(ev, nil) {
			return false
		}
		select {
		case <-wake:
		case <-s.ctx.Done():
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// Cut stops all exchange with the named responders.
func (n *Node) Cut(ctx context.Context, who []string) (api.Status, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	var devices []crdt.DeviceID
	err = s.do(ctx, func(time.Time) error {
		for _, h := range who {
			h = strings.TrimPrefix(h, "@")
			p, ok := s.r.Team().Person(h)
			switch {
			case !ok:
				return api.Errorf(api.CodeNotFound, "muster status lists who is in the team", "nobody is called %s", h)
			case p == s.me().Person:
				return api.Errorf(api.CodeUsage, "name the others", "%s is you", h)
			}
			for _, m := range s.r.Team().Members() {
				if m.Person == p {
					devices = append(devices, m.Device)
					if d, ok := s.r.Team().RelayKey(m.Device); ok {
						devices = append(devices, d)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		return api.Status{}, problem(err)
	}
	n.mu.Lock()
	n.cut.all = n.cut.all || len(who) == 0
	for _, d := range devices {
		n.cut.devices[d] = true
	}
	n.mu.Unlock()
	if len(who) == 0 {
		s.t.CutAll()
	} else {
		s.t.Cut(devices...)
	}
	return n.Status(ctx)
}

// Heal ends every cut.
func (n *Node) Heal(ctx context.Context) (api.Status, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	n.mu.Lock()
	n.cut = cutState{devices: map[crdt.DeviceID]bool{}}
	n.mu.Unlock()
	s.t.Heal()
	s.m.Wake("a cut was healed")
	return n.Status(ctx)
}

// digestText is how digests are shown: 32 hexadecimal digits are enough to tell boards apart.
func digestText(h crdt.Hash) string { return hex.EncodeToString(h[:16]) }
