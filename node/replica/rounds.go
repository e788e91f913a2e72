package replica

import (
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

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
		p.equal = true
		for _, id := range r.order {
			p.holds[id] = &holding{past: r.docs[id].everything()}
		}
		p.abandon()
		p.asks, p.offer = map[crdt.DocID]time.Time{}, Progress{}
		return
	}
	if again := p.lastRound.Add(roundPause); now.Before(again) {
		p.nextRoot = earliest(p.nextRoot, again) // an exchange about the difference is under way: look again after it
		return
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

// sendDocs lists our documents in the buckets given, or in as many of these as fit; in all buckets when covers is nil.
func (r *Replica) sendDocs(p *peer, covers []byte) {
	m := &wire.Docs{}
	for i := 0; i < len(r.order); {
		index, start := r.order[i][0], len(m.Docs)
		for ; i < len(r.order) && r.order[i][0] == index; i++ {
			if covers == nil || slices.Contains(covers, index) {
				d := r.docs[r.order[i]]
				m.Docs = append(m.Docs, wire.DocState{Doc: r.order[i], Digest: d.frontierDigest(), Operations: uint64(d.graph.Len())})
			}
		}
		if len(m.Docs) > wire.MaxDocs && start > 0 { // what is not covered is seen to differ in another round
			m.Docs = m.Docs[:start]
			at, _ := slices.BinarySearch(covers, index)
			covers = covers[:at]
			break
		}
	}
	m.Docs, m.Covers = m.Docs[:min(len(m.Docs), wire.MaxDocs)], covers
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
			p.holds[s.Doc] = &holding{past: d.everything()}
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
		switch {
		case !listed[id] && len(p.jobs) < wire.MaxDocs:
			p.holds[id] = &holding{}
			r.serve(now, p, id, nil)
		case listed[id] && len(docs) < eagerDocs:
			docs = append(docs, r.docFrontier(id))
		default:
			p.soonRoot(now.Add(roundPause)) // in another round
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

// sendFrontiers sends frontiers in as many messages as they fill.
func (r *Replica) sendFrontiers(p *peer, answer bool, docs []wire.DocFrontier) {
	slices.SortFunc(docs, func(a, b wire.DocFrontier) int { return a.Doc.Compare(b.Doc) })
	for len(docs) > 0 {
		n, tips := 1, len(docs[0].Frontier)
		for n < len(docs) && tips+len(docs[n].Frontier) <= eagerTips {
			tips += len(docs[n].Frontier)
			n++
		}
		r.send(p.dev, false, &wire.Frontiers{Answer: answer, Docs: docs[:n:n]})
		docs = docs[n:]
	}
}

// stepFrontiers sends what the peer lacks and, unless this is an answer or we have just said so, says what we have.
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
		if r.lacking(p, id) && !m.Answer && !now.Before(p.asked[id].Add(askPause)) {
			answer = append(answer, r.docFrontier(id))
			p.note(id, now)
		}
		r.serve(now, p, id, theirs[id])
	}
	r.sendFrontiers(p, true, answer)
	r.pump(now, p)
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

// note remembers that p has been told what we have of a document. Forgetting that now and then costs a message.
func (p *peer) note(id crdt.DocID, now time.Time) {
	if len(p.asked) >= maxUnknown {
		p.asked = map[crdt.DocID]time.Time{}
	}
	p.asked[id] = now
}

// ask sends the questions that are due and not yet moot.
func (r *Replica) ask(now time.Time, p *peer) {
	if len(p.asks) == 0 {
		return
	}
	var docs []wire.DocFrontier
	for _, id := range slices.SortedFunc(maps.Keys(p.asks), crdt.DocID.Compare) {
		if now.Before(p.asks[id]) || len(docs) == eagerDocs {
			continue
		}
		delete(p.asks, id)
		if r.lacking(p, id) || r.pending.docs[id] > 0 || id == r.cfg.Team && len(r.pending.ops) > 0 {
			docs = append(docs, r.docFrontier(id))
			p.note(id, now)
		}
	}
	r.sendFrontiers(p, true, docs)
}
