package sim

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/replica"
)

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
	in, write := w.declaration(), func(in board.Intent) ([]replica.Proposed, error) {
		p, err := h.r.Propose(w.wall(h), crdt.DocID{}, in)
		return []replica.Proposed{p}, err
	}
	if len(docs) > 0 && (len(docs) >= w.o.Incidents || w.rng.IntN(20) > 0) {
		doc := docs[w.rng.IntN(len(docs))]
		g := h.group(doc)
		in = w.intent(h, g)
		write = func(in board.Intent) ([]replica.Proposed, error) {
			return h.r.ProposeAll(w.wall(h), func(ctx board.CheckContext) ([]board.Placed, error) {
				if in.Verb == "same" {
					return board.Link(h.r.Board(doc), h.r.Board(in.Other), g, in, ctx)
				}
				return g.Check(in, ctx)
			})
		}
	}
	all, err := write(in)
	var refused *board.Problem
	switch {
	case errors.As(err, &refused):
		w.count("people: refused " + in.Verb)
		w.note(h, "refused", "%-10s %s", in.Verb, refused.Message)
		if refused.Message == "" {
			w.fail("%s: %s refused without a word", h.name, in.Verb)
		}
		return
	case err != nil:
		w.fail("%s: %s: %w", h.name, in.Verb, err)
		return
	}
	w.count("people: " + in.Verb)
	if len(all) > 1 {
		w.count("saw: one act in two incidents")
	}
	for _, p := range all {
		w.trace(h, "did", "%-10s %.8s", in.Verb, p.Hash)
	}
	if w.work(h) && !h.hostile { // on disk: only now is the person told
		h.acked = append(h.acked, all...)
	}
}

// group returns the incidents that are one with doc, and doc itself.
func (h *host) group(doc crdt.DocID) *board.Group {
	for _, g := range h.groups() {
		if slices.Contains(g.Docs(), doc) {
			return g
		}
	}
	panic("sim: an incident is in no group")
}

// groups returns how a host sorts its incidents into outages.
func (h *host) groups() []*board.Group {
	var boards []*board.Board
	for _, doc := range h.r.Documents() {
		boards = append(boards, h.r.Board(doc))
	}
	return board.Groups(boards)
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

// declaration founds an incident.
func (w *world) declaration() board.Intent {
	in := board.Intent{
		Verb: "declare", Text: w.words(), Severity: 1 + w.rng.IntN(5), Drill: w.rng.IntN(8) == 0, Withdraw: w.rng.IntN(8) == 0, Yes: true,
	}
	if w.rng.IntN(2) == 0 {
		in.Services, in.Labels = []string{"db"}, []string{"alert=9f3c"}
	}
	return in
}

// intent chooses what somebody does on a board, mostly something that is asked of them or that they see is wrong, and
// fills in what that needs.
func (w *world) intent(h *host, g *board.Group) board.Intent {
	verbs := board.Verbs()
	do := wish{verb: verbs[w.rng.IntN(len(verbs))].Name}
	if do.verb == "settle" || w.rng.IntN(2) == 0 { // look before
		view := g.View(w.wall(h), h.r.Team())
		w.look(h, g, &view)
		if all := w.wishes(h, &view); len(all) > 0 && do.verb != "settle" {
			do = all[w.rng.IntN(len(all))]
		}
		if do.verb == "settle" {
			return w.settlement(&view)
		}
	}
	i := slices.IndexFunc(verbs, func(v board.Verb) bool { return v.Name == do.verb })
	if i < 0 {
		w.fail("people want to %s, and there is no such verb", do.verb)
		return board.Intent{Verb: do.verb}
	}
	docs := g.Docs()
	in := w.fill(h, docs[w.rng.IntN(len(docs))], &verbs[i])
	if do.ref != "" && verbs[i].RefNeed != board.Never {
		in.Ref = do.ref
	}
	if do.who != "" && verbs[i].Who != board.Never {
		in.Who = []string{do.who}
	}
	if do.ref+do.who != "" {
		in.Withdraw = false
	}
	return in
}

// settlement settles one of the conflicts that somebody sees.
func (w *world) settlement(view *board.View) board.Intent {
	in := board.Intent{Verb: "settle", Subject: "1", Value: "k", Yes: true}
	if n := len(view.Conflicts); n > 0 {
		c := view.Conflicts[w.rng.IntN(n)]
		if c.Kind == board.ConflictCommand { // which comes first, and is not all there is
			c = view.Conflicts[w.rng.IntN(n)]
		}
		in.Subject = fmt.Sprint(c.N)
		if len(c.Choices) > 0 {
			in.Value = c.Choices[w.rng.IntN(len(c.Choices))].Key
		}
	}
	if w.rng.IntN(2) == 0 {
		in.Text = w.words()
	}
	return in
}

// fill gives a verb what it reads, with arguments that fit more often than not.
func (w *world) fill(h *host, doc crdt.DocID, v *board.Verb) board.Intent {
	in := board.Intent{Verb: v.Name, Yes: w.rng.IntN(10) > 0}
	wants := func(n board.Need) bool { return n == board.Must || n == board.May && w.rng.IntN(2) == 0 }
	flag := func(has bool, oneIn int) bool { return has && w.rng.IntN(oneIn) == 0 }
	if wants(v.RefNeed) {
		if ids := w.refs(h, doc, v.Ref); len(ids) > 0 {
			in.Ref = ids[w.rng.IntN(len(ids))]
		}
	}
	if wants(v.Who) {
		in.Who = []string{fmt.Sprintf("p%d", w.rng.IntN(len(w.hosts)))}
	}
	if wants(v.Text) {
		in.Text = w.words()
		if v.Ref == board.RefNote || v.Kinds != nil {
			in.Text += fmt.Sprintf(" %08d", w.secret()) // it can be looked for
		}
	}
	if wants(v.Value) {
		in.Value = w.pick(v.Values, "lead", "scribe", board.RoleComms)
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
	if wants(v.Labels) {
		in.Labels = []string{w.pick(nil, "region=eu", "region=us", "alert=9f3c")}
	}
	if wants(v.Resource) {
		in.Resource = w.pick(nil, "db1", "lb2")
	}
	if wants(v.Place) {
		in.Place = w.pick(nil, "office", "home", "dc2")
	}
	if wants(v.Refs) {
		for n := range 1 + w.rng.IntN(4) {
			in.Refs = append(in.Refs, fmt.Sprint(n+1))
		}
	}
	if wants(v.Items) {
		in.Items = []string{"look at the graphs", "drain it", "restart it"}[:1+w.rng.IntN(3)]
	}
	if wants(v.Item) {
		in.Item = 1 + w.rng.IntN(3)
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
	if v.Name == "note" && w.rng.IntN(12) == 0 {
		all := h.r.Team().All()
		in.SealedFor, in.Sealed = all[:1+w.rng.IntN(len(all))], make([]byte, sealedBytes)
		w.bytes(in.Sealed)
	}
	in.Once, in.Vital, in.Force, in.Withdraw = flag(v.Once, 3), flag(v.Vital, 3), flag(v.Force, 6), flag(v.Withdraw, 4)
	return in
}

// sealedBytes is how long the sealed text of a note is here. Nobody opens it.
const sealedBytes = 300

// makers says which operations make what a reference names.
var makers = map[board.RefKind]crdt.Kind{
	board.RefTask: board.KindTask, board.RefNote: board.KindNote, board.RefDecision: board.KindDecide,
	board.RefTheory: board.KindTheory, board.RefCriterion: board.KindCriterion, board.RefUpdate: board.KindUpdate,
	board.RefRun: board.KindPlaybook,
}

// refs returns the short ids of the newest things of a kind: what is new is what people meet over.
func (w *world) refs(h *host, doc crdt.DocID, kind board.RefKind) []string {
	var out []string
	for _, op := range h.newest(doc, makers[kind]) {
		out = append(out, h.r.Board(doc).Ref(op))
	}
	return out
}

// newest returns the last few operations of a kind that a host shows, oldest first.
func (h *host) newest(doc crdt.DocID, kind crdt.Kind) []crdt.Hash {
	g := h.r.Graph(doc)
	var ops []crdt.Hash
	for _, recs := range h.disk.docs[doc] { // any order: sorted below
		for _, rec := range recs {
			if rec.Op.Kind == kind && g.Has(rec.Hash) {
				ops = append(ops, rec.Hash)
			}
		}
	}
	slices.SortFunc(ops, func(a, b crdt.Hash) int {
		return cmp.Or(cmp.Compare(g.Place(a).TimeMS, g.Place(b).TimeMS), a.Compare(b))
	})
	return ops[max(0, len(ops)-recent):]
}

// secret returns a number that nobody has said before.
func (w *world) secret() int { w.secrets++; return w.secrets }

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
