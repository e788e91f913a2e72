package replica

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"
)

// Bounds of what a replica keeps or sends.
const (
	MaxPending      = 4096    // operations that wait for their past
	MaxPendingBytes = 8 << 20 // of their bodies
	MaxPushPeers    = 16      // peers that get a new operation pushed; the others hear that it exists
	batchOps        = 1024    // aim for one batch of a transfer
	batchBytes      = 512 << 10
	windowBytes     = 2 << 20   // of transfers on their way to one peer, at which no other batch is sent
	windowBatches   = 256       // and batches of them
	eagerDocs       = 64        // documents whose frontiers are sent when a connection comes up
	eagerTips       = 2048      // and the log ends in them; also in one message that names more than one document
	maxAhead        = 256       // log ends of a peer's document not known here
	maxAheadUnknown = 1         // and of one not held at all
	maxUnknown      = 1 << 14   // documents not held here of which a peer says that it has them
	bodiesBytes     = 512 << 10 // of bodies sent at once to a peer that asked
	maxVain         = 2         // exchanges about a document that change nothing, before less is taken for granted
)

// Waits. All are measured by the times the caller passes in.
const (
	rootInterval   = 10 * time.Second       // between digests sent to a peer while nothing happens, ±25 %
	rootPause      = 200 * time.Millisecond // at least, between digests to one peer
	roundPause     = 500 * time.Millisecond // at least, between two answers to a digest that differs
	askDelay       = 30 * time.Millisecond  // for what a peer has and we lack to arrive by itself
	askPause       = 250 * time.Millisecond // at least, between asking one peer for one document
	haveDelay      = 40 * time.Millisecond  // gathering news before telling those who did not send it
	bodiesDelay    = 500 * time.Millisecond // for a body that was withheld to come from somebody by itself, ±25 %
	bodiesPauseMin = 2 * time.Second        // until a peer is asked again for bodies; doubles up to the next
	bodiesPauseMax = 30 * time.Second
	bodiesRest     = 200 * time.Millisecond // at least, between sending bodies to one peer
	stallTimeout   = 30 * time.Second       // without acknowledgement, after which a transfer starts over; half a megabyte on a bad link takes long
)

// Storage is what a replica may read. What it writes goes through [Ready].
type Storage interface {
	Documents() ([]crdt.DocID, error)
	Scan(doc crdt.DocID, visit func(*crdt.Record) error) error
	Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error)
}

// Config is what a replica is made of. All fields but the last are required.
type Config struct {
	Signer  crdt.Signer
	Verify  crdt.Verifier
	Team    crdt.DocID
	Epoch   uint64         // in which this device writes; see crdt.LogID
	Rand    func(b []byte) // fills b: salts, jitter, new epochs
	Storage Storage

	// Board makes the board of an incident; nil: [board.New]. Simulations plant bugs with it.
	Board func(doc crdt.DocID, g *crdt.Graph) *board.Board
}

// Ready is what the caller must do, in the order of the fields.
type Ready struct {
	Own   []*crdt.Record // made by this device now; durable BEFORE Send leaves or anyone is told
	Peers []*crdt.Record // from others; durable BEFORE Send leaves
	Fill  []*crdt.Record // held without a body that never came, and now did; after Own and Peers
	Erase []Erase        // bodies to forget for good; after Own, Peers and Fill

	Send    []wire.Envelope // best effort: may be lost, repeated, reordered
	Changes []Change        // new on the board, in causal order
	Judged  []Judged        // counts for something else than before; an operation in Changes says why
	Next    time.Time       // Tick no later than this
}

// Erase names a record whose body a redaction took away.
type Erase struct {
	Doc  crdt.DocID
	Dot  crdt.Dot
	Hash crdt.Hash
}

// A Change is one operation that has become visible.
type Change struct {
	Doc    crdt.DocID
	Hash   crdt.Hash
	Device crdt.DeviceID
	Team   bool // in the team document
	Merged bool // came in a transfer, not by a push: written while we were apart, or before our time
}

// A Replica is one node's copy of a team's documents. It is not safe for concurrent use.
type Replica struct {
	cfg   Config
	self  crdt.DeviceID
	epoch uint64
	team  *auth.Team
	docs  map[crdt.DocID]*document
	order []crdt.DocID // keys of docs, ascending
	root  crdt.Hash    // digest of everything; zero when stale

	pending pending
	peers   map[crdt.DeviceID]*peer
	met     []crdt.DeviceID                    // keys of peers, ascending
	news    map[crdt.DocID]map[crdt.LogID]bool // logs that grew since the last Have to everyone
	newsDue time.Time
	stats   Stats
	out     Ready

	withheld bool // a body has been found missing since the peers were last asked

	authors  map[crdt.DeviceID]*author
	stands   stands
	teamGrew bool                // since the authors were asked about
	unjudged map[crdt.DocID]bool // incidents to judge anew before the call ends
	reading  bool                // the store, in New

	words map[crdt.DeviceID]word // what was last heard of members in a roundabout way
}

// Stats counts what a replica did since it was made. Counters only grow.
type Stats struct {
	Accepted   int // operations of peers that became visible
	Duplicates int // operations received again
	Refused    int // operations that no correct node would send
	Dropped    int // operations let go because too many were waiting
	Stranded   int // operations that were stored without their past
	Batches    int // received
	RootsEqual int // digests received that were ours
	Filled     int // bodies that came after their operations
	Forks      int // times a peer knew more of our own log than we did
	Judged     int // times an operation that was here came to count for something else, or to be another person's
	Ignored    int // messages of devices that are not admitted
}

// New returns a replica of what storage holds. Operations whose past it has lost are kept until peers have sent that.
// Errors are those of Storage, [ErrNoTeam], or wrap [ErrStore] when what it holds is not a set of valid operations.
func New(cfg Config) (*Replica, error) {
	if cfg.Board == nil {
		cfg.Board = func(doc crdt.DocID, g *crdt.Graph) *board.Board { return board.New(doc, g) }
	}
	r := &Replica{
		cfg: cfg, self: cfg.Signer.Device(), epoch: cfg.Epoch,
		docs: map[crdt.DocID]*document{}, peers: map[crdt.DeviceID]*peer{},
		news: map[crdt.DocID]map[crdt.LogID]bool{}, pending: newPending(), words: map[crdt.DeviceID]word{},
		authors: map[crdt.DeviceID]*author{}, stands: newStands(), unjudged: map[crdt.DocID]bool{}, reading: true,
	}
	if err := r.load(cfg.Team); err != nil {
		return nil, err
	}
	if r.docs[cfg.Team] == nil {
		return nil, ErrNoTeam
	}
	ids, err := cfg.Storage.Documents()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id != cfg.Team {
			if err := r.load(id); err != nil {
				return nil, err
			}
		}
	}
	r.reading = false
	r.settle(time.Time{})
	r.out = Ready{Erase: r.out.Erase} // what a redaction took away, and the disk did not get round to
	return r, nil
}

// ErrNoTeam says that the operation that founds the team is not stored.
var ErrNoTeam = errors.New("no team document is stored")

// ErrStore is wrapped when stored operations do not fit together.
var ErrStore = errors.New("stored operations do not fit together")

// load reads one document. A store returns log after log, so most operations wait for another log's first.
func (r *Replica) load(id crdt.DocID) error {
	waiting := map[crdt.Hash][]*crdt.Record{} // missing operation -> those that wait for it
	add := func(rec *crdt.Record) error {
		r.recall(rec)
		for queue := []*crdt.Record{rec}; len(queue) > 0; queue = queue[1:] {
			rec := queue[0]
			err := r.accept(rec, false)
			if errors.Is(err, crdt.ErrMissing) {
				miss := r.firstMissing(rec)
				waiting[miss] = append(waiting[miss], rec)
				continue
			}
			if err != nil {
				return fmt.Errorf("%w: %s: %w", ErrStore, rec.Op.Dot, err)
			}
			next := waiting[rec.Hash]
			delete(waiting, rec.Hash)
			queue = append(queue, next...)
		}
		return nil
	}
	if err := r.cfg.Storage.Scan(id, add); err != nil {
		return err
	}
	for _, miss := range slices.SortedFunc(maps.Keys(waiting), crdt.Hash.Compare) {
		for _, rec := range waiting[miss] {
			r.strand(rec, miss)
		}
	}
	return nil
}

// strand keeps an operation that is stored without its past, because the store was damaged and what peers wrote is lost
// here: it becomes visible when they have sent it again. Where it is of the log we are writing, that log's end cannot
// be continued, for it is not known here which part of it is seen.
func (r *Replica) strand(rec *crdt.Record, missing crdt.Hash) {
	r.pending.keep(rec, missing)
	r.stats.Stranded++
	if dot := rec.Op.Dot; dot.Device == r.self && dot.Epoch == r.epoch {
		r.epoch = 0
	}
}

// Ready returns the pending work and forgets it.
func (r *Replica) Ready() Ready {
	out := r.out
	r.out = Ready{}
	out.Next = r.next()
	return out
}

// next returns when Tick has something to do.
func (r *Replica) next() time.Time {
	next := r.newsDue
	for _, p := range r.peers { // any order: the earliest of all is looked for
		if p.up {
			next = earliest(next, p.nextRoot)
			if len(p.jobs) > 0 {
				next = earliest(next, p.progress.Add(stallTimeout))
			}
			if len(p.asks) > 0 {
				for _, due := range p.asks { // any order: the earliest is wanted
					next = earliest(next, due)
				}
			}
			next = earliest(next, p.bodies)
		}
	}
	return next
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Device returns whose replica this is.
func (r *Replica) Device() crdt.DeviceID { return r.self }

// Team returns the team, for reading until the next call on r.
func (r *Replica) Team() *auth.Team { return r.team }

// Stats returns the counters.
func (r *Replica) Stats() Stats { return r.stats }

// Waiting returns how many operations of peers wait for their past, and the size of their bodies, at most
// [MaxPending] and [MaxPendingBytes].
func (r *Replica) Waiting() (operations, bytes int) { return r.pending.cached, r.pending.bytes }

// Documents returns the incidents held, ascending.
func (r *Replica) Documents() []crdt.DocID {
	return slices.DeleteFunc(slices.Clone(r.order), func(d crdt.DocID) bool { return d == r.cfg.Team })
}

// Board returns the board of one incident, for reading until the next call on r; nil when it is not held.
func (r *Replica) Board(doc crdt.DocID) *board.Board {
	if d := r.docs[doc]; d != nil {
		return d.board
	}
	return nil
}

// Graph returns the causal order of a document, for reading until the next call on r; nil when it is not held.
func (r *Replica) Graph(doc crdt.DocID) *crdt.Graph {
	if d := r.docs[doc]; d != nil {
		return d.graph
	}
	return nil
}

// uint64n returns a number below n from the random source.
func (r *Replica) uint64n(n uint64) uint64 {
	var b [8]byte
	r.cfg.Rand(b[:])
	rd := crdt.NewReader(b[:])
	return rd.Uint64() % n
}

// jitter returns d ± 25 %.
func (r *Replica) jitter(d time.Duration) time.Duration {
	return d - d/4 + time.Duration(r.uint64n(uint64(d/2)+1))
}

// NeedsEpoch reports whether a peer has shown an operation of our own log that we did not know: its end is not ours to
// continue. Until [Replica.SetEpoch] nothing can be written.
func (r *Replica) NeedsEpoch() bool { return r.epoch == 0 }

// SetEpoch moves this device to a log of its own. The epoch must be one that no operation carries yet, and durable.
func (r *Replica) SetEpoch(epoch uint64) {
	r.epoch = epoch
	for _, id := range r.order {
		r.docs[id].cited = nil
	}
}
