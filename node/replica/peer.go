package replica

import (
	"fmt"
	"slices"
	"time"

	"muster/crdt"
	"muster/node/wire"
)

// A peer is another device of the team, and what is known of it. It outlives its connections.
type peer struct {
	dev   crdt.DeviceID
	link  bool                     // the caller says that messages may arrive
	up    bool                     // and they are listened to
	heard time.Time                // last message; zero: never
	holds map[crdt.DocID]*holding  // what it said it has
	asks  map[crdt.DocID]time.Time // documents to ask it for, and when
	asked map[crdt.DocID]time.Time // when it was asked last

	equal     bool      // it has shown our own digest on this connection
	nextRoot  time.Time // when to send our digest
	lastRoot  time.Time
	lastRound time.Time // when we last answered a digest that differed

	bodies      time.Time     // when to ask it for bodies that were withheld; zero: there are none
	bodiesPause time.Duration // until it is asked again
	bodiesSent  time.Time     // when it was last sent some

	served   map[crdt.DocID]exchange // the last transfer of a document to it, as it began
	jobs     []*job                  // transfers to it, in the order they are sent
	promise  wire.Offer              // what was queued and is not announced to it yet
	sent     uint64                  // batches sent on this connection
	acked    uint64                  // batches acknowledged
	flight   []int                   // sizes in bytes of the batches sent and not acknowledged
	progress time.Time               // of the transfers: last batch sent or acknowledged
	offer    Progress                // what it announced to us

	flightBytes int // sum of flight
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
		p.reset(time.Time{})
		r.peers[dev] = p
		at, _ := slices.BinarySearchFunc(r.met, dev, crdt.DeviceID.Compare)
		r.met = slices.Insert(r.met, at, dev)
	}
	return p
}

// peerOrder returns all peers ever met, ascending, for reading.
func (r *Replica) peerOrder() []crdt.DeviceID { return r.met }

func (r *Replica) send(to crdt.DeviceID, bulk bool, m wire.Message) {
	r.out.Send = append(r.out.Send, wire.Envelope{To: to, Bulk: bulk, Msg: m})
}

// PeerUp says that messages to dev may arrive from now on. The caller has checked that dev is a member; one that is not
// admitted any more is not talked to, until it is again. A connection
// that replaces another is a PeerUp like the first: whatever was on its way is taken as lost.
func (r *Replica) PeerUp(now time.Time, dev crdt.DeviceID) {
	if dev == r.self {
		return
	}
	p := r.peer(dev)
	if p.link = true; !r.admitted(dev) {
		return
	}
	p.up, p.heard = true, now
	p.reset(now)
	r.sendRoot(now, p)
	var docs []wire.DocFrontier
	tips := 0
	for _, id := range r.byUrgency(r.order) {
		d := r.docs[id]
		if d.board != nil && !d.board.Live() {
			break
		}
		f := d.graph.Frontier()
		if tips += len(f); len(docs) == eagerDocs || tips > eagerTips {
			break
		}
		docs = append(docs, wire.DocFrontier{Doc: id, Frontier: f})
		p.note(id, now)
	}
	r.sendFrontiers(p, false, docs)
	p.lastRound = now
	p.nextRoot = now.Add(r.jitter(2 * roundPause))
}

// reset forgets what belonged to a connection.
func (p *peer) reset(now time.Time) {
	p.asks, p.asked = map[crdt.DocID]time.Time{}, map[crdt.DocID]time.Time{}
	p.jobs, p.sent, p.acked, p.progress = nil, 0, 0, now
	p.promise, p.flight, p.flightBytes = wire.Offer{}, nil, 0
	p.served = map[crdt.DocID]exchange{}
	p.offer, p.equal = Progress{}, false
	p.bodies, p.bodiesPause, p.bodiesSent = now, bodiesPauseMin, time.Time{}
}

// PeerDown says that nothing will arrive from dev until the next PeerUp.
func (r *Replica) PeerDown(now time.Time, dev crdt.DeviceID) {
	if p := r.peers[dev]; p != nil {
		p.link, p.up = false, false
		p.reset(now)
	}
}

// Step takes a message from a peer. One of a device that is not admitted any more is ignored, from the moment the operation
// that removes it is held: what it brings can come from others, where it is judged. An error says that no correct node would have sent it; the caller ends the
// connection and goes on.
func (r *Replica) Step(now time.Time, from crdt.DeviceID, m wire.Message) error {
	if from == r.self {
		return fmt.Errorf("%w: message from ourselves", crdt.ErrFormat)
	}
	if !r.admitted(from) {
		r.stats.Ignored++
		return nil
	}
	p := r.peer(from)
	p.heard = now
	err := r.step(now, p, m)
	r.settle(now)
	r.dueBodies(now)
	return err
}

func (r *Replica) step(now time.Time, p *peer, m wire.Message) error {
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
	case *wire.NeedBodies:
		r.stepNeedBodies(now, p, m)
	case *wire.Bodies:
		r.stepBodies(now, p, m)
	default:
		return fmt.Errorf("%w: unexpected %T", crdt.ErrFormat, m)
	}
	return nil
}

// Lost says that a message to dev could not be handed to the network. What it said is made up for by the next digest,
// and transfers start over from what dev then says it has.
func (r *Replica) Lost(now time.Time, dev crdt.DeviceID) {
	if p := r.peers[dev]; p != nil && p.up {
		p.abandon()
		p.soonRoot(now)
	}
}

// abandon takes what is on its way to p as lost.
func (p *peer) abandon() {
	p.landed(p.sent)
	p.jobs = nil
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
			p.abandon()
			p.nextRoot = now
		}
		r.ask(now, p)
		r.askBodies(now, p)
		if !now.Before(p.nextRoot) {
			r.sendRoot(now, p)
		}
	}
}
