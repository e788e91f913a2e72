package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// A peer is another device of the team, and what is known of it. It outlives its connections.
type peer struct {
	dev   crdt.DeviceID
	up    bool
	heard time.Time                // last message; zero: never
	holds map[crdt.DocID]*holding  // what it said it has
	asks  map[crdt.DocID]time.Time // documents to ask it for, and when
	asked map[crdt.DocID]time.Time // when it was asked last

	nextRoot  time.Time // when to send our digest
	lastRoot  time.Time
	lastRound time.Time // when we last answered a digest that differed

	jobs     []*job    // transfers to it, the first one in progress
	sent     uint64    // batches sent on this connection
	acked    uint64    // batches acknowledged
	progress time.Time // of the transfers: last batch sent or acknowledged
	offer    Progress  // what it announced to us
}

// holding is what a peer has of one document.
type holding struct {
	past  crdt.Past
	ahead []crdt.Tip // log ends not known here: it has more than we do
}

// Progress is how far a peer's transfer to us has come, as it announced it. Totals are zero when nothing is announced.
type Progress struct {
	Operations, OperationsTotal uint64
	Bytes, BytesTotal           uint64
}

func (r *Replica) peer(dev crdt.DeviceID) *peer {
	p := r.peers[dev]
	if p == nil {
		p = &peer{dev: dev, holds: map[crdt.DocID]*holding{}}
		r.peers[dev] = p
	}
	return p
}

// peerOrder returns all peers ever met, ascending.
func (r *Replica) peerOrder() []crdt.DeviceID {
	return slices.SortedFunc(maps.Keys(r.peers), crdt.DeviceID.Compare)
}

func (r *Replica) send(to crdt.DeviceID, bulk bool, m wire.Message) {
	r.out.Send = append(r.out.Send, wire.Envelope{To: to, Bulk: bulk, Msg: m})
}

// PeerUp says that messages to dev may arrive from now on. The caller has checked that dev is a member. A connection
// that replaces another is a PeerUp like the first: whatever was on its way is taken as lost.
func (r *Replica) PeerUp(now time.Time, dev crdt.DeviceID) {
	if dev == r.self {
		return
	}
	p := r.peer(dev)
	p.up, p.heard = true, now
	p.reset(now)
	r.sendRoot(now, p)
	var docs []wire.DocFrontier
	tips := 0
	for _, id := range r.byUrgency(r.order) {
		d := r.docs[id]
		if d.board != nil && !r.live(d) {
			break
		}
		f := d.graph.Frontier()
		if tips += len(f); len(docs) == eagerDocs || tips > eagerTips {
			break
		}
		docs = append(docs, wire.DocFrontier{Doc: id, Frontier: f})
	}
	r.sendFrontiers(p, false, docs)
	p.lastRound = now
	p.nextRoot = now.Add(r.jitter(2 * roundPause))
}

// reset forgets what belonged to a connection.
func (p *peer) reset(now time.Time) {
	p.asks, p.asked = map[crdt.DocID]time.Time{}, map[crdt.DocID]time.Time{}
	p.jobs, p.sent, p.acked, p.progress = nil, 0, 0, now
	p.offer = Progress{}
}

// PeerDown says that nothing will arrive from dev until the next PeerUp.
func (r *Replica) PeerDown(now time.Time, dev crdt.DeviceID) {
	if p := r.peers[dev]; p != nil {
		p.up = false
		p.reset(now)
	}
}

// Step takes a message from a peer. An error says that no correct node would have sent it; the caller ends the
// connection and goes on.
func (r *Replica) Step(now time.Time, from crdt.DeviceID, m wire.Message) error {
	if from == r.self {
		return fmt.Errorf("%w: message from ourselves", crdt.ErrFormat)
	}
	p := r.peer(from)
	p.heard = now
	switch m := m.(type) {
	case *wire.Root:
		r.stepRoot(now, p, m.Digest)
	case *wire.Buckets:
		r.stepBuckets(p, m)
	case *wire.Docs:
		r.stepDocs(now, p, m)
	case *wire.Frontiers:
		r.stepFrontiers(now, p, m)
	case *wire.Batch:
		return r.stepBatch(now, p, m)
	case *wire.Have:
		r.stepHave(now, p, m)
	case *wire.Offer:
		p.offer.OperationsTotal, p.offer.BytesTotal = p.offer.Operations+m.Operations, p.offer.Bytes+m.Bytes
	default:
		return fmt.Errorf("%w: unexpected %T", crdt.ErrFormat, m)
	}
	return nil
}

// Lost says that a message to dev could not be handed to the network. What it said is made up for by the next digest.
func (r *Replica) Lost(now time.Time, dev crdt.DeviceID) {
	if p := r.peers[dev]; p != nil && p.up {
		p.soonRoot(now)
	}
}

// Tick does what is due at now.
func (r *Replica) Tick(now time.Time) {
	if !r.newsDue.IsZero() && !now.Before(r.newsDue) {
		r.tellNews()
	}
	for _, dev := range r.peerOrder() {
		p := r.peers[dev]
		if !p.up {
			continue
		}
		if len(p.jobs) > 0 && !now.Before(p.progress.Add(stallTimeout)) {
			p.jobs, p.acked, p.progress = nil, p.sent, now // lost on the way: start over from what it says it has
			p.nextRoot = now
		}
		r.ask(now, p)
		if !now.Before(p.nextRoot) {
			r.sendRoot(now, p)
		}
	}
}

func (r *Replica) sendRoot(now time.Time, p *peer) {
	r.send(p.dev, false, &wire.Root{Digest: r.Digest()})
	p.lastRoot, p.nextRoot = now, now.Add(r.jitter(rootInterval))
}

// soonRoot makes the next digest to p due as soon as the pause between them allows.
func (p *peer) soonRoot(now time.Time) {
	due := p.lastRoot.Add(rootPause)
	if due.Before(now) {
		due = now
	}
	p.nextRoot = earliest(p.nextRoot, due)
}

func (r *Replica) stepRoot(now time.Time, p *peer, digest crdt.Hash) {
	if digest == r.Digest() {
		r.stats.RootsEqual++
		for _, id := range r.order {
			p.holds[id] = &holding{past: r.docs[id].graph.Everything()}
		}
		p.jobs, p.asks = nil, map[crdt.DocID]time.Time{}
		p.offer = Progress{}
		return
	}
	if now.Before(p.lastRound.Add(roundPause)) {
		return // an exchange about the difference is under way already
	}
	p.lastRound = now
	if len(r.order) <= wire.DocsAtOnce {
		r.sendDocs(p, nil)
		return
	}
	r.send(p.dev, false, &wire.Buckets{Buckets: r.buckets()})
}

func (r *Replica) stepBuckets(p *peer, m *wire.Buckets) {
	ours, theirs := map[byte]crdt.Hash{}, map[byte]crdt.Hash{}
	for _, b := range r.buckets() {
		ours[b.Index] = b.Digest
	}
	for _, b := range m.Buckets {
		theirs[b.Index] = b.Digest
	}
	var differ []byte
	for i := range 256 {
		if b := byte(i); ours[b] != theirs[b] {
			differ = append(differ, b)
		}
	}
	if len(differ) > 0 {
		r.sendDocs(p, differ)
	}
}

// sendDocs lists our documents in the buckets given; in all of them when covers is nil.
func (r *Replica) sendDocs(p *peer, covers []byte) {
	m := &wire.Docs{Covers: covers}
	for _, id := range r.order {
		if covers == nil || slices.Contains(covers, id[0]) {
			d := r.docs[id]
			m.Docs = append(m.Docs, wire.DocState{Doc: id, Digest: d.frontierDigest(), Operations: uint64(d.graph.Len())})
		}
	}
	m.Docs = m.Docs[:min(len(m.Docs), wire.MaxDocs)]
	r.send(p.dev, false, m)
}

// stepDocs answers with our frontiers of the documents that differ, and starts to send those the peer does not have.
func (r *Replica) stepDocs(now time.Time, p *peer, m *wire.Docs) {
	listed := map[crdt.DocID]bool{}
	var differ []crdt.DocID
	for _, s := range m.Docs {
		listed[s.Doc] = true
		d := r.docs[s.Doc]
		if d != nil && d.frontierDigest() == s.Digest {
			p.holds[s.Doc] = &holding{past: d.graph.Everything()}
			continue
		}
		differ = append(differ, s.Doc)
	}
	for _, id := range r.order {
		if !listed[id] && (len(m.Covers) == 0 || slices.Contains(m.Covers, id[0])) {
			differ = append(differ, id)
		}
	}
	var docs []wire.DocFrontier
	for _, id := range r.byUrgency(differ) {
		if len(docs) == eagerDocs {
			p.soonRoot(now.Add(roundPause)) // the rest in another round
			break
		}
		docs = append(docs, r.docFrontier(id))
		if !listed[id] {
			r.serve(now, p, id, nil)
		}
	}
	p.lastRound = now
	r.sendFrontiers(p, false, docs)
	r.pump(now, p)
}

func (r *Replica) docFrontier(id crdt.DocID) wire.DocFrontier {
	if d := r.docs[id]; d != nil {
		return wire.DocFrontier{Doc: id, Frontier: d.graph.Frontier()}
	}
	return wire.DocFrontier{Doc: id}
}

func (r *Replica) sendFrontiers(p *peer, answer bool, docs []wire.DocFrontier) {
	if len(docs) > 0 {
		slices.SortFunc(docs, func(a, b wire.DocFrontier) int { return a.Doc.Compare(b.Doc) })
		r.send(p.dev, false, &wire.Frontiers{Answer: answer, Docs: docs})
	}
}

// stepFrontiers sends what the peer lacks and, unless this is an answer already, says what we lack.
func (r *Replica) stepFrontiers(now time.Time, p *peer, m *wire.Frontiers) {
	theirs := map[crdt.DocID]crdt.Frontier{}
	ids := make([]crdt.DocID, 0, len(m.Docs))
	for _, d := range m.Docs {
		theirs[d.Doc] = d.Frontier
		ids = append(ids, d.Doc)
	}
	var answer []wire.DocFrontier
	for _, id := range r.byUrgency(ids) {
		r.learn(p, id, theirs[id], true)
		if len(p.holds[id].ahead) > 0 && !m.Answer {
			answer = append(answer, r.docFrontier(id))
			p.asked[id] = now
		}
		r.serve(now, p, id, theirs[id])
	}
	r.sendFrontiers(p, true, answer)
	r.pump(now, p)
}

// learn notes what a peer says it has of a document: all of it, or (whole false) at least that.
func (r *Replica) learn(p *peer, id crdt.DocID, f crdt.Frontier, whole bool) {
	h := p.holds[id]
	if h == nil || whole {
		h = &holding{}
		p.holds[id] = h
	}
	d := r.docs[id]
	if d == nil {
		h.ahead = f[:min(len(f), maxAhead)]
		return
	}
	h.past = h.past.Union(d.graph.Holds(f))
	for _, t := range f {
		if !d.graph.Has(t.Hash) && len(h.ahead) < maxAhead && !slices.Contains(h.ahead, t) {
			h.ahead = append(h.ahead, t)
		}
	}
}

// lacking reports whether p is known to have something of the document that is not here, and forgets what has arrived.
func (r *Replica) lacking(p *peer, id crdt.DocID) bool {
	h := p.holds[id]
	if h == nil {
		return false
	}
	if d := r.docs[id]; d != nil {
		h.ahead = slices.DeleteFunc(h.ahead, func(t crdt.Tip) bool {
			if !d.graph.Has(t.Hash) {
				return false
			}
			h.past = h.past.Union(d.graph.Holds(crdt.Frontier{t}))
			return true
		})
	}
	return len(h.ahead) > 0
}

// want makes us ask p for a document unless what is missing arrives soon by itself.
func (r *Replica) want(now time.Time, p *peer, id crdt.DocID) {
	if _, ok := p.asks[id]; ok || !p.up || len(p.asks) >= wire.MaxDocs {
		return
	}
	due := now.Add(askDelay)
	if again := p.asked[id].Add(askPause); again.After(due) {
		due = again
	}
	p.asks[id] = due
}

// ask sends the questions that are due and not yet moot.
func (r *Replica) ask(now time.Time, p *peer) {
	var docs []wire.DocFrontier
	for _, id := range slices.SortedFunc(maps.Keys(p.asks), crdt.DocID.Compare) {
		if now.Before(p.asks[id]) || len(docs) == eagerDocs {
			continue
		}
		delete(p.asks, id)
		if id == r.cfg.Team || r.lacking(p, id) || r.pending.docs[id] > 0 {
			docs = append(docs, r.docFrontier(id))
			p.asked[id] = now
		}
	}
	r.sendFrontiers(p, true, docs)
}

// stepHave notes what is durable at p, which may be more than we have, and goes on with the transfer to it.
func (r *Replica) stepHave(now time.Time, p *peer, m *wire.Have) {
	// An acknowledgement can be left over from an earlier connection; the next digest finds out what that confused.
	if n := min(m.Batches, p.sent); n > p.acked {
		p.acked, p.progress = n, now
	}
	for _, d := range m.Docs {
		r.learn(p, d.Doc, d.Frontier, false)
		if r.lacking(p, d.Doc) {
			r.want(now, p, d.Doc)
		}
	}
	r.pump(now, p)
}

// stepBatch takes in operations and says which of them are now durable here.
func (r *Replica) stepBatch(now time.Time, p *peer, m *wire.Batch) error {
	if !m.Verify(r.cfg.Verify) {
		return fmt.Errorf("%w: %w in a batch from %s", crdt.ErrFormat, errSignature, p.dev.Short())
	}
	r.stats.Batches++
	logs := map[crdt.LogID]bool{}
	waits := false
	for _, rec := range m.Records {
		held, err := r.take(rec, m.Number > 0)
		if err != nil {
			return err
		}
		logs[rec.Op.Dot.Log()] = true
		waits = waits || !held
		if m.Number > 0 {
			p.offer.Operations++
			p.offer.Bytes += uint64(crdt.RecordSize(rec))
		}
	}
	if p.offer.Operations >= p.offer.OperationsTotal {
		p.offer = Progress{}
	}
	have := &wire.Have{Batches: m.Number}
	if d := r.docs[m.Doc]; d != nil {
		var f crdt.Frontier
		for _, log := range slices.SortedFunc(maps.Keys(logs), crdt.LogID.Compare) {
			f = append(f, d.graph.Log(log)...)
		}
		if len(f) > 0 {
			have.Docs = []wire.DocFrontier{{Doc: m.Doc, Frontier: f}}
		}
		r.learn(p, m.Doc, tipsOf(m.Records, d.graph), false) // it sent them, so it has them
	}
	r.send(p.dev, false, have)
	if waits {
		r.want(now, p, m.Doc)
		if m.Doc != r.cfg.Team {
			r.want(now, p, r.cfg.Team) // perhaps it waits for team heads
		}
	}
	if len(r.news) > 0 && r.newsDue.IsZero() {
		r.newsDue = now.Add(haveDelay)
	}
	return nil
}

var errSignature = errors.New("bad signature")

// tipsOf returns the last operation of each log in recs that is in g.
func tipsOf(recs []*crdt.Record, g *crdt.Graph) crdt.Frontier {
	last := map[crdt.LogID]crdt.Tip{}
	for _, rec := range recs {
		if g.Has(rec.Hash) {
			log := rec.Op.Dot.Log()
			last[log] = crdt.Tip{Log: log, Seq: rec.Op.Dot.Seq, Hash: rec.Hash}
		}
	}
	return slices.SortedFunc(maps.Values(last), crdt.Tip.Compare)
}

// tellNews tells the peers which did not send it what has become durable here: for them it is news of what they may
// lack, for its author that it has arrived.
func (r *Replica) tellNews() {
	var docs []wire.DocFrontier
	for _, id := range slices.SortedFunc(maps.Keys(r.news), crdt.DocID.Compare) {
		var f crdt.Frontier
		for _, log := range slices.SortedFunc(maps.Keys(r.news[id]), crdt.LogID.Compare) {
			f = append(f, r.docs[id].graph.Log(log)...)
		}
		docs = append(docs, wire.DocFrontier{Doc: id, Frontier: f})
	}
	r.news, r.newsDue = map[crdt.DocID]map[crdt.LogID]bool{}, time.Time{}
	n := 0
	for _, dev := range r.pushOrder() {
		p := r.peers[dev]
		fresh := slices.DeleteFunc(slices.Clone(docs), func(d wire.DocFrontier) bool {
			h := p.holds[d.Doc]
			return h != nil && !slices.ContainsFunc(d.Frontier, func(t crdt.Tip) bool { return !r.docs[d.Doc].graph.Covers(h.past, t.Hash) })
		})
		if n++; len(fresh) > 0 && n <= MaxPushPeers {
			r.send(dev, false, &wire.Have{Docs: fresh})
		}
	}
}
