//go:build linux

package bounds

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/store"
	"muster/node/transport"
	"muster/node/wire"
)

// A hostile is a member of the victim's team whose program is not muster any more.
type hostile struct {
	t         *testing.T
	v         *victim
	device    identity.Device
	signer    crdt.Signer
	team      crdt.DocID
	teamHeads []crdt.Hash
	incident  *crdt.Record // the operation that founds the victim's incident
	note      *crdt.Record // a note of it
	epochs    uint64       // of its own, used so far

	link   *transport.Transport
	stop   func()
	victim crdt.DeviceID
	room   chan struct{} // told when something came or went
}

// takeOver lets a member join as anybody does, and then takes its device key and what it knows.
func takeOver(t *testing.T, v *victim, name string) *hostile {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	n, err := node.New(node.Config{Dir: dir, NoDiscover: true, NoAPI: true, Responder: name, Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	inv, err := v.node.Invite(t.Context(), api.Invite{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Join(t.Context(), api.Join{Code: inv.Code, Responder: name}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	h := &hostile{t: t, v: v, room: make(chan struct{}, 1), epochs: 1 << 32}
	if h.device, err = identity.Load(filepath.Join(dir, "device.key")); err != nil {
		t.Fatal(err)
	}
	h.signer = crdt.Ed25519Signer(h.device.Key())
	h.read(dir)
	return h
}

// read takes from the member's store what the attacks build on.
func (h *hostile) read(dir string) {
	h.t.Helper()
	stores, err := filepath.Glob(filepath.Join(dir, "teams", "*", "store"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, path := range stores {
		s, _, err := store.Open(path, store.Config{Device: h.device.ID()})
		if err != nil {
			h.t.Fatal(err)
		}
		docs, err := s.Documents()
		if err != nil {
			h.t.Fatal(err)
		}
		var team *crdt.Record
		heads := map[crdt.Hash]bool{}
		for _, doc := range docs {
			err := s.Scan(doc, func(r *crdt.Record) error {
				switch {
				case r.Op.Kind == board.KindDeclare:
					h.incident = r
				case r.Op.Kind == board.KindNote:
					h.note = r
				case r.Op.Kind < board.KindDeclare:
					if heads[r.Hash] = true; r.Op.Doc.IsZero() {
						team = r
					}
					for _, p := range append(slices.Clone(r.Op.Parents), r.Op.Prev) {
						heads[p] = false
					}
				}
				return nil
			})
			if err != nil {
				h.t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			h.t.Fatal(err)
		}
		if len(docs) < 2 {
			continue // the team of one it had before
		}
		h.team, h.victim = team.Doc(), team.Op.Dot.Device
		for hash, head := range heads {
			if head && !hash.IsZero() {
				h.teamHeads = append(h.teamHeads, hash)
			}
		}
		slices.SortFunc(h.teamHeads, crdt.Hash.Compare)
	}
	if h.incident == nil || h.note == nil || len(h.teamHeads) == 0 {
		h.t.Fatal("the member does not know the incident")
	}
}

// connectWait is how long the victim is asked for a connection. Only what hangs takes as long.
const connectWait = 2 * time.Minute

// connect opens a connection to the victim, instead of the one there was.
func (h *hostile) connect() {
	h.t.Helper()
	h.disconnect()
	link, err := transport.New(transport.Config{
		Device: h.device, Listen: netip.MustParseAddrPort("127.0.0.1:0"),
		Member: func(crdt.DeviceID) bool { return true },
		Hello: func() []byte {
			return wire.Append(nil, &wire.Hello{Lowest: wire.VersionLowest, Highest: wire.Version, Team: h.team, Program: "not muster"})
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- link.Run(ctx) }()
	go func() {
		for {
			select {
			case <-link.Events():
				select {
				case h.room <- struct{}{}:
				default:
				}
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
	}()
	h.link = link
	h.stop = func() {
		cancel()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				h.t.Errorf("the link ended with %v", err)
			}
		}
		if err := link.Close(); err != nil {
			h.t.Error(err)
		}
	}
	patience, stop := context.WithTimeout(h.t.Context(), connectWait)
	defer stop()
	var refused error // who comes too often from anywhere is, for a while
	if pace(patience, 1000, func(int) error {
		if refused = link.Dial(patience, h.victim, []netip.AddrPort{h.v.addr}); refused == nil {
			stop()
		}
		return refused
	}) == 0 {
		h.t.Fatal(refused)
	}
}

func (h *hostile) disconnect() {
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// send sends a frame as soon as there is room for it, and reports whether that was before ctx ended.
func (h *hostile) send(ctx context.Context, class transport.Class, frame []byte) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !h.link.Send(h.victim, class, frame) {
		select {
		case <-h.room:
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// A chain is one log of the hostile.
type chain struct {
	h     *hostile
	doc   crdt.DocID
	epoch uint64
	seq   uint64
	prev  crdt.Hash
}

// chain begins a log in a document.
func (h *hostile) chain(doc crdt.DocID) *chain {
	h.epochs++
	return &chain{h: h, doc: doc, epoch: h.epochs}
}

// next signs the next operation of a log.
func (c *chain) next(kind crdt.Kind, body []byte, parents ...crdt.Hash) *crdt.Record {
	c.seq++
	op := crdt.Op{Doc: c.doc, Dot: crdt.Dot{Epoch: c.epoch, Seq: c.seq}, Prev: c.prev, Kind: kind, WallMS: time.Now().UnixMilli()}
	if c.seq == 1 {
		op.Team = c.h.teamHeads
		if !c.doc.IsZero() && len(parents) == 0 {
			parents = []crdt.Hash{crdt.Hash(c.doc)}
		}
	}
	op.Parents = slices.SortedFunc(slices.Values(parents), crdt.Hash.Compare)
	r, err := crdt.Seal(op, [crdt.SaltBytes]byte{byte(c.seq), byte(c.seq >> 8)}, body, c.h.signer)
	if err != nil {
		c.h.t.Error(err)
		return nil
	}
	c.prev = r.Hash
	c.doc = r.Doc()
	return r
}

// batch is a frame of operations of one document.
func batch(number uint64, recs ...*crdt.Record) []byte {
	return wire.Append(nil, &wire.Batch{Doc: recs[0].Doc(), Number: number, Records: recs})
}
