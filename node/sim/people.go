package sim

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
)

// maxIncidents is how many incidents the people of one run declare.
const maxIncidents = 3

// recent is how many of the things of a kind people talk about.
const recent = 4

// act lets somebody do something: any verb the board has, with arguments that fit it more often than not. What the
// rules refuse is part of the game.
func (w *world) act() {
	h := w.hosts[w.rng.IntN(len(w.hosts))]
	if h.r == nil || w.now.Before(h.paused) || h.r.NeedsEpoch() {
		return
	}
	if w.now.Before(h.full) && w.rng.IntN(2) == 0 { // else nobody has noticed before writing
		w.count("saw: disk full, read only")
		return
	}
	if w.rng.IntN(100) == 0 {
		w.invite(h)
		return
	}
	docs := h.r.Documents()
	var doc crdt.DocID
	in := board.Intent{Verb: "declare", Text: w.words(), Severity: 1 + w.rng.IntN(5), Yes: true}
	if len(docs) > 0 && (len(docs) >= maxIncidents || w.rng.IntN(20) > 0) {
		doc = docs[w.rng.IntN(len(docs))]
		verbs := board.Verbs()
		in = w.intent(h, doc, verbs[w.rng.IntN(len(verbs))])
	}
	p, err := h.r.Propose(w.wall(h), doc, in)
	var refused *board.Problem
	switch {
	case errors.As(err, &refused):
		w.count("people: refused " + in.Verb)
		if refused.Message == "" {
			w.fail("%s: %s refused without a word", h.name, in.Verb)
		}
		return
	case err != nil:
		w.fail("%s: %s: %w", h.name, in.Verb, err)
		return
	}
	w.count("people: " + in.Verb)
	w.trace(h, "did", "%-10s %.8s", in.Verb, p.Hash)
	if w.work(h) && !h.hostile { // on disk: only now is the person told
		h.acked = append(h.acked, p)
	}
}

// invite lets somebody write an invitation that nobody uses.
func (w *world) invite(h *host) {
	key := make([]byte, ed25519.PublicKeySize)
	w.bytes(key)
	if _, err := h.r.ProposeTeam(w.wall(h), auth.KindInvite, auth.Invite{Key: key, Role: auth.RoleResponder, Uses: 1}); err != nil {
		w.fail("%s: invite: %w", h.name, err)
		return
	}
	w.count("people: invite")
	w.work(h)
}

// intent fills in what verb needs.
func (w *world) intent(h *host, doc crdt.DocID, v board.Verb) board.Intent {
	view := h.r.Board(doc).View(w.wall(h), h.r.Team())
	if len(view.Conflicts) > 0 && w.rng.IntN(5) == 0 { // people see what is wrong
		v = board.Verb{Name: "settle"}
	}
	in := board.Intent{Verb: v.Name, Yes: w.rng.IntN(10) > 0}
	wants := func(n board.Need) bool { return n == board.Must || n == board.May && w.rng.IntN(2) == 0 }
	if v.Name == "settle" {
		if len(view.Conflicts) > 0 {
			c := view.Conflicts[w.rng.IntN(len(view.Conflicts))]
			in.Subject = fmt.Sprint(c.N)
			if len(c.Choices) > 0 {
				in.Value = c.Choices[w.rng.IntN(len(c.Choices))].Key
			}
		}
		return in
	}
	if wants(v.RefNeed) {
		var ids []string
		switch v.Ref {
		case board.RefTask:
			for i := range view.Tasks {
				ids = append(ids, view.Tasks[i].ID)
			}
		case board.RefNote:
			for i := range view.Notes {
				ids = append(ids, view.Notes[i].ID)
			}
		case board.RefDecision:
			for i := range view.Decisions {
				ids = append(ids, view.Decisions[i].ID)
			}
		case board.RefTheory:
			for i := range view.Theories {
				ids = append(ids, view.Theories[i].ID)
			}
		case board.RefNone:
		}
		if len(ids) > 0 {
			ids = ids[max(0, len(ids)-recent):] // what is new is what people meet over
			in.Ref = ids[w.rng.IntN(len(ids))]
		}
	}
	if wants(v.Who) {
		in.Who = []string{fmt.Sprintf("p%d", w.rng.IntN(len(w.hosts)))}
	}
	if wants(v.Text) {
		in.Text = w.words()
	}
	if wants(v.Value) {
		in.Value = w.pick(v.Values, "lead", "scribe")
	}
	if len(v.Kinds) > 0 && w.rng.IntN(2) == 0 {
		in.Kind = w.pick(v.Kinds)
	}
	if wants(v.Topic) {
		in.Topic = w.pick(nil, "waf", "dns")
	}
	if wants(v.Severity) {
		in.Severity = 1 + w.rng.IntN(5)
	}
	if wants(v.Fatigue) {
		in.Fatigue = 1 + w.rng.IntN(5)
	}
	if wants(v.Services) {
		in.Services = []string{w.pick(nil, "edge", "db")}
	}
	if wants(v.Resource) {
		in.Resource = w.pick(nil, "db1", "lb2")
	}
	if wants(v.Other) {
		docs := h.r.Documents()
		in.Other = docs[w.rng.IntN(len(docs))]
	}
	if wants(v.At) {
		in.AtMS = w.wall(h).UnixMilli() - w.rng.Int64N(1e7)
	}
	if wants(v.For) {
		in.ForMS = 1000 + w.rng.Int64N(1e7)
	}
	in.Once = v.Once && w.rng.IntN(3) == 0
	in.Vital = v.Vital && w.rng.IntN(3) == 0
	in.Force = v.Force && w.rng.IntN(2) == 0
	in.Withdraw = v.Withdraw && w.rng.IntN(4) == 0
	return in
}

// pick returns one of values, or of others when there are none.
func (w *world) pick(values []string, others ...string) string {
	if len(values) == 0 {
		values = others
	}
	return values[w.rng.IntN(len(values))]
}

func (w *world) words() string {
	lexicon := [...]string{"db", "lag", "lb2", "drain", "restart", "edge", "is", "slow", "check", "fail", "over", "page"}
	s := fmt.Sprintf("%s %d", lexicon[w.rng.IntN(len(lexicon))], w.rng.IntN(1000))
	for range w.rng.IntN(4) {
		s += " " + lexicon[w.rng.IntN(len(lexicon))]
	}
	return s
}
