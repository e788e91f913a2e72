//go:build linux

package bounds

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/discover"
	"muster/node/transport"
	"muster/node/wire"
)

// Each flood lasts this long; "make bounds" makes it longer.
var (
	span = flag.Duration("bounds.span", 200*time.Millisecond, "length of each flood; with more than half a minute, -timeout must be raised too")
	only = flag.String("bounds.only", "", "run the floods by a member whose name contains this, and no others")
)

// The promise to an honest person, whatever a member or an outsider sends.
const (
	writeMax  = time.Second
	memoryMax = memoryLimitBytes

	// What a member signs is delayed and not refused, and a node has all it holds in memory. In floods of minutes that adds
	// up: beyond so many operations each may take so much more.
	heldFree      = 100_000
	heldEachBytes = 1500
)

// A flood sends one message after the other.
type flood struct {
	name  string
	class transport.Class
	// next makes the frames of the nth round.
	next func(h *hostile, n int) [][]byte
	// fatal: the victim listens no more after a frame, so each needs a connection of its own.
	fatal bool
}

// TestFloodsLeaveRoomForWork is a member gone bad that tries everything there is to send, and strangers that fill the
// socket, while a person writes: each write is answered within a second, and the node stays within its memory.
func TestFloodsLeaveRoomForWork(t *testing.T) {
	v := startVictim(t)
	v.write(api.Write{Verb: "declare", Text: "flooded", Severity: 2})
	for range 8 { // the first notes find the caches cold
		v.write(api.Write{Verb: "note", Text: string(bytes.Repeat([]byte("long "), 800))})
	}
	h := takeOver(t, v, "mallory")
	defer h.disconnect()
	var all []time.Duration
	var idle time.Duration // p99 of writes while nothing happens
	report := func(name string, took []time.Duration, sent string) {
		if got := p99(took); *span >= time.Second && got > writeMax { // in less there are too few writes to tell
			t.Errorf("%s: p99 of writes is %v, want %v", name, got, writeMax)
		}
		all = append(all, took...)
		if idle == 0 {
			idle = p99(took)
		}
		peak, now, own := v.memory()
		t.Logf("%-28s %-24s %5d writes, p99 %8.1f ms, %5.1f times idle, memory %3d MB of which files %3d, most so far %3d MB",
			name, sent, len(took), float64(p99(took).Microseconds())/1000, float64(p99(took))/float64(idle), now>>20, (now-own)>>20, peak>>20)
	}
	report("nothing", v.writing(func() { <-time.After(*span) }), "")
	outside := []func(context.Context) string{h.initials, h.handshakes, h.announces}
	if *only != "" {
		outside = nil
	}
	for _, f := range outside {
		ctx, cancel := context.WithTimeout(t.Context(), *span)
		var sent string
		took := v.writing(func() { sent = f(ctx) })
		cancel()
		report("outsider", took, sent)
	}
	if *only == "" {
		h.connect()
		report("gossip", v.writing(h.gossip), "")
	}
	for i, f := range floods {
		if !strings.Contains(f.name, *only) {
			continue
		}
		h.disconnect()
		h := takeOver(t, v, fmt.Sprintf("mallory%d", i)) // with an allowance of its own
		h.connect()
		var frames, sizeBytes int
		took := v.writing(func() { frames, sizeBytes = h.flood(f) })
		report(f.name, took, fmt.Sprintf("%d frames, %d KB", frames, sizeBytes>>10))
		h.disconnect()
	}
	report("after all of it", v.writing(func() { <-time.After(*span) }), "")
	peak, _, _ := v.memory()
	t.Logf("all: %d writes, p99 %v, most memory %d MB", len(all), p99(all).Round(time.Millisecond), peak>>20)
	if got := p99(all); got > writeMax {
		t.Errorf("p99 of writes is %v, want %v", got, writeMax)
	}
	st, err := v.node.Status(t.Context())
	if err != nil || st.Operations < len(all) {
		t.Errorf("%d operations after %d writes: %v", st.Operations, len(all), err)
	}
	if most := memoryMax + uint64(max(0, st.Operations-heldFree))*heldEachBytes; peak > most {
		t.Errorf("the node needed %d MB for %d operations, want %d", peak>>20, st.Operations, most>>20)
	}
}

// flood sends until the span is over.
func (h *hostile) flood(f flood) (frames, sizeBytes int) {
	ctx, cancel := context.WithTimeout(h.t.Context(), *span)
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		for _, b := range f.next(h, n) {
			if !h.send(ctx, f.class, b) {
				return frames, sizeBytes
			}
			frames, sizeBytes = frames+1, sizeBytes+len(b)
		}
		if f.fatal {
			h.connect()
		}
	}
	return frames, sizeBytes
}

func one(b []byte) [][]byte { return [][]byte{b} }

// run returns n operations of a log as one batch of a transfer.
func run(c *chain, number, n int, make func(i int) (crdt.Kind, []byte, []crdt.Hash)) []byte {
	var recs []*crdt.Record
	for i := range n {
		kind, body, parents := make(i)
		recs = append(recs, c.next(kind, body, parents...))
	}
	for _, r := range recs[:n-1] {
		r.Sig = nil
	}
	return batch(uint64(number+1), recs...)
}

func ids(n, round int) []crdt.DocID {
	out := make([]crdt.DocID, n)
	for i := range out {
		binary.BigEndian.PutUint64(out[i][:], uint64(i)<<40|uint64(round)<<16|1)
	}
	return out
}

func randomBody(n int) []byte {
	b := append([]byte{0x59, byte(n >> 8), byte(n)}, make([]byte, n)...)
	_, _ = rand.Read(b[3:]) // never fails
	return b
}

var floods = []flood{
	{name: "news of many documents", next: func(_ *hostile, n int) [][]byte {
		m := &wire.Have{}
		for _, id := range ids(wire.MaxDocs, n) {
			m.Docs = append(m.Docs, wire.DocFrontier{Doc: id, Frontier: crdt.Frontier{{Seq: 1, Hash: crdt.Hash{1}}}})
		}
		return one(wire.Append(nil, m))
	}},
	{name: "frontiers of many logs", next: func(h *hostile, n int) [][]byte {
		var f crdt.Frontier
		for i := range 9000 {
			f = append(f, crdt.Tip{Log: crdt.LogID{Device: h.device.ID(), Epoch: uint64(n)<<20 | uint64(i)}, Seq: 1, Hash: crdt.Hash{1, byte(i >> 8), byte(i)}})
		}
		docs := []wire.DocFrontier{{Doc: h.incident.Doc(), Frontier: f}}
		return [][]byte{wire.Append(nil, &wire.Frontiers{Docs: docs}), wire.Append(nil, &wire.Have{Docs: docs})}
	}},
	{name: "lists of documents", next: func(_ *hostile, n int) [][]byte {
		m := &wire.Docs{}
		for _, id := range ids(wire.MaxDocs, n) {
			m.Docs = append(m.Docs, wire.DocState{Doc: id, Digest: crdt.Hash{1}, Operations: 1 << 40})
		}
		return [][]byte{wire.Append(nil, m), wire.Append(nil, &wire.Docs{})}
	}},
	{name: "digests and offers", next: func(_ *hostile, n int) [][]byte {
		return [][]byte{
			wire.Append(nil, &wire.Root{Digest: crdt.Hash{byte(n)}}), wire.Append(nil, &wire.Buckets{}),
			wire.Append(nil, &wire.Offer{Operations: 1 << 60, Bytes: 1 << 60}), wire.Append(nil, &wire.Have{Batches: 1 << 60}),
		}
	}},
	{name: "the same without a past", next: func() func(*hostile, int) [][]byte {
		var b []byte
		return func(h *hostile, _ int) [][]byte {
			if b == nil {
				b = batch(0, h.chain(h.incident.Doc()).next(200, nil, crdt.Hash{9}))
			}
			return one(b)
		}
	}()},
	{name: "frames of garbage", class: transport.Bulk, fatal: true, next: func(*hostile, int) [][]byte {
		return one(append([]byte{6}, make([]byte, wire.MaxBatchBytes-1)...))
	}},
	{name: "zip bombs", class: transport.Bulk, fatal: true, next: func() func(*hostile, int) [][]byte {
		var b []byte
		return func(h *hostile, _ int) [][]byte {
			if b == nil {
				enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
				if err != nil {
					h.t.Error(err)
					return nil
				}
				packed := bytes.Repeat(enc.EncodeAll(make([]byte, wire.MaxBatchBytes), nil), 64)
				b = append([]byte{6}, make([]byte, 32)...)
				b = binary.AppendUvarint(append(b, 1, 1), uint64(len(packed)))
				b = append(append(b, packed...), 0)
			}
			return one(b)
		}
	}()},
	{name: "operations without a past", class: transport.Bulk, next: func(h *hostile, n int) [][]byte {
		var recs []*crdt.Record
		for i := range 100 {
			missing := crdt.Hash{1, byte(n >> 16), byte(n >> 8), byte(n), byte(i)}
			recs = append(recs, h.chain(h.incident.Doc()).next(200, randomBody(2000), missing))
		}
		return one(batch(uint64(n+1), recs...))
	}},
	{name: "notes pushed one by one", next: func() func(*hostile, int) [][]byte {
		var c *chain
		return func(h *hostile, _ int) [][]byte {
			if c == nil {
				c = h.chain(h.incident.Doc())
			}
			return one(batch(0, c.next(board.KindNote, h.note.Body)))
		}
	}()},
	{name: "many logs", class: transport.Bulk, next: func(h *hostile, n int) [][]byte {
		var recs []*crdt.Record
		for range 200 {
			recs = append(recs, h.chain(h.incident.Doc()).next(200, nil))
		}
		return one(batch(uint64(n+1), recs...))
	}},
	{name: "many parents", class: transport.Bulk, next: func() func(*hostile, int) [][]byte {
		var cs []*chain
		var last []crdt.Hash
		return func(h *hostile, n int) [][]byte {
			for len(cs) < crdt.MaxParents {
				cs = append(cs, h.chain(h.incident.Doc()))
			}
			var recs []*crdt.Record
			for range 10 {
				var now []crdt.Hash
				for _, c := range cs {
					parents := slices.DeleteFunc(slices.Clone(last), func(p crdt.Hash) bool { return p == c.prev })
					r := c.next(200, nil, parents...)
					recs, now = append(recs, r), append(now, r.Hash)
				}
				last = now
			}
			return one(batch(uint64(n+1), recs...))
		}
	}()},
	{name: "notes in transfers", class: transport.Bulk, next: func() func(*hostile, int) [][]byte {
		var c *chain
		return func(h *hostile, n int) [][]byte {
			if c == nil {
				c = h.chain(h.incident.Doc())
			}
			return one(run(c, n, 1000, func(int) (crdt.Kind, []byte, []crdt.Hash) { return board.KindNote, h.note.Body, nil }))
		}
	}()},
	{name: "the largest operations", class: transport.Bulk, next: func() func(*hostile, int) [][]byte {
		var c *chain
		body := randomBody(crdt.MaxBodyBytes - 3)
		return func(h *hostile, n int) [][]byte {
			if c == nil {
				c = h.chain(h.incident.Doc())
			}
			return one(run(c, n, 50, func(int) (crdt.Kind, []byte, []crdt.Hash) { return 200, body, nil }))
		}
	}()},
	{name: "many documents", class: transport.Bulk, next: func(h *hostile, n int) [][]byte {
		var out [][]byte
		for range 16 {
			out = append(out, batch(uint64(n+1), h.chain(crdt.DocID{}).next(board.KindDeclare, h.incident.Body)))
		}
		return out
	}},
}

// gossip opens streams that announce more nodes than there can be, and sends packets that unpack to megabytes.
func (h *hostile) gossip() {
	ctx, cancel := context.WithTimeout(h.t.Context(), *span)
	defer cancel()
	g := h.link.Memberlist()
	to := memberAddr(h.victim)
	var open []net.Conn // the oldest first
	defer func() {
		for _, c := range open {
			_ = c.Close() // the victim may have ended it
		}
	}()
	for ctx.Err() == nil {
		if _, err := g.WriteToAddress(append([]byte{9}, bytes.Repeat([]byte{0xff}, 1000)...), to); err != nil {
			return
		}
		c, err := g.DialAddressTimeout(to, min(*span, streamWait))
		if err != nil { // the victim lets no more in at a time
			if len(open) > 0 {
				_ = open[0].Close() // as above
				open = open[1:]
			}
			continue
		}
		open = append(open, c)
		head := binary.BigEndian.AppendUint32([]byte("\x06\x83\xa5Nodes\xce"), 1<<20)
		if _, err := c.Write(append(head, "\xacUserStateLen\x00\xa4Join\xc3"...)); err != nil {
			return
		}
	}
}

// streamWait is how long the gossip flood waits for a stream.
const streamWait = time.Second

// initials sends the first packets of connections that nobody means to open, from one socket, 10,000 a second.
func (h *hostile) initials(ctx context.Context) string {
	c, err := net.Dial("udp", h.v.addr.String())
	if err != nil {
		h.t.Error(err)
		return ""
	}
	packet := make([]byte, 1200)
	copy(packet, "\xc3\x00\x00\x00\x01\x08")
	packet[14], packet[23], packet[24], packet[25] = 8, 0, 0x44, 0x90 // source id, no token, length
	sent := pace(ctx, 10_000, func(n int) error {
		binary.BigEndian.PutUint64(packet[6:], uint64(n))
		binary.BigEndian.PutUint64(packet[15:], uint64(n))
		_, err := c.Write(packet)
		return err
	})
	if err := c.Close(); err != nil {
		h.t.Error(err)
	}
	return fmt.Sprintf("%d Initial packets", sent)
}

// handshakes opens connections with keys nobody knows.
func (h *hostile) handshakes(ctx context.Context) string {
	n := 0
	for ; ctx.Err() == nil; n++ {
		conn, err := net.Dial("udp", h.v.addr.String())
		if err != nil {
			break
		}
		if err := stranger(ctx, h.v.addr); err != nil && ctx.Err() == nil {
			n-- // refused, as it may be
		}
		if err := conn.Close(); err != nil {
			h.t.Error(err)
		}
	}
	return fmt.Sprintf("%d handshakes", n)
}

// announces sends announcements of as many devices as fit, all made with the team's key.
func (h *hostile) announces(ctx context.Context) string {
	c, err := net.Dial("udp", h.v.addr.String())
	if err != nil {
		h.t.Error(err)
		return ""
	}
	key := discoveryKey(h.team)
	day := discover.Day(time.Now())
	tag := discover.TeamTag(key, day)
	sent := pace(ctx, 100_000, func(n int) error {
		b := binary.BigEndian.AppendUint32([]byte("\x01mst\x01\x00"), day)
		b = append(b, tag[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
		_, err := c.Write(append(b, mac(key, b)...))
		return err
	})
	if err := c.Close(); err != nil {
		h.t.Error(err)
	}
	return fmt.Sprintf("%d announcements", sent)
}

// pace calls send so many times a second, in bursts a millisecond apart, until ctx ends.
func pace(ctx context.Context, perSecond int, send func(n int) error) int {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	n := 0
	for {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
		for range perSecond / 1000 {
			if send(n) != nil {
				continue // the socket's buffer is full, or the victim refuses: either is its right
			}
			n++
		}
	}
}
