package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity/vault"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport/nettest"
)

// merge is how soon after two nodes can reach each other again they show one board.
const merge = 5 * time.Second

// A bubble is a team of whole nodes in one process under virtual time: real QUIC, real memberlist, real replicas, on a
// simulated network. Stores are in memory: Badger's timers would make each virtual minute cost milliseconds. Times are
// virtual and so do not depend on the machine, but quic-go and memberlist draw from the system's randomness and goroutines
// race, so a run is not repeatable; package sim is where a seed is.
//
// A bubble cannot freeze a goroutine: a machine that sleeps is one whose packets are all held back.
type bubble struct {
	t      *testing.T
	net    *nettest.Router
	nodes  []*Node
	dirs   []string
	skew   []time.Duration
	ends   []chan error
	cancel []context.CancelFunc // nil while the node is not running
	mu     sync.Mutex           // guards stores: several may join at once
	stores map[string]*store.Memory
	bend   func(store.Store) store.Store // what to put around stores opened from now on; nil: nothing
}

func newBubble(t *testing.T) *bubble {
	return &bubble{t: t, net: nettest.New(1), stores: map[string]*store.Memory{}}
}

// team returns a bubble of n nodes that see each other.
func team(t *testing.T, n int) *bubble {
	t.Helper()
	b := newBubble(t)
	for range n {
		b.add()
	}
	b.await(10*time.Second, "everyone sees everyone", b.equal)
	return b
}

// bubbleAddr is where the i'th node is.
func bubbleAddr(i int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:7946", i+1))
}

// at returns the addresses of nodes, for the router.
func at(nodes ...int) []netip.Addr {
	var out []netip.Addr
	for _, i := range nodes {
		out = append(out, bubbleAddr(i).Addr())
	}
	return out
}

// place makes room for one more node, whose clock is wrong by skew.
func (b *bubble) place(skew time.Duration) int {
	i := len(b.nodes)
	b.nodes, b.ends, b.cancel = append(b.nodes, nil), append(b.ends, nil), append(b.cancel, nil)
	b.dirs, b.skew = append(b.dirs, filepath.Join(b.t.TempDir(), "home")), append(b.skew, skew)
	return i
}

// add starts a node and, unless it is the first, lets it join the first one's team.
func (b *bubble) add() *Node {
	b.t.Helper()
	return b.addSkewed(0)
}

// addSkewed adds a node whose clock is wrong by skew.
func (b *bubble) addSkewed(skew time.Duration) *Node {
	b.t.Helper()
	i := b.place(skew)
	b.boot(i)
	if i > 0 {
		b.join(i)
	}
	return b.nodes[i]
}

// join lets the i'th node into the first one's team.
func (b *bubble) join(i int) api.Joined {
	b.t.Helper()
	inv, err := b.nodes[0].Invite(b.t.Context(), api.Invite{})
	if err != nil {
		b.t.Error(err)
	}
	in, err := b.nodes[i].Join(b.t.Context(), api.Join{Code: inv.Code, Responder: fmt.Sprintf("p%d", i)})
	if err != nil {
		b.t.Errorf("p%d does not get in: %v", i, err)
	}
	return in
}

// boot starts the i'th node on its directory.
func (b *bubble) boot(i int) {
	b.t.Helper()
	n, err := New(Config{
		Dir: b.dirs[i], Responder: fmt.Sprintf("p%d", i), Team: "bubble", NoDiscover: true, NoAPI: true, Skew: b.skew[i],
		Listen: bubbleAddr(i), PassphraseWork: vault.WorkRandom,
		Open:      func() (net.PacketConn, error) { return b.net.Socket(bubbleAddr(i)), nil },
		OpenStore: b.openStore,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- n.Run(ctx) }()
	<-n.Ready()
	b.nodes[i], b.ends[i], b.cancel[i] = n, end, cancel
}

// halt ends the i'th node and waits for everything it started.
func (b *bubble) halt(i int) {
	b.t.Helper()
	b.cancel[i]()
	b.cancel[i] = nil
	if err := <-b.ends[i]; err != nil {
		b.t.Errorf("p%d ended with %v", i, err)
	}
}

// openStore keeps memory stores across restarts, by directory; a team that was founded moved its directory.
func (b *bubble) openStore(dir string, cfg store.Config) (store.Store, store.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := filepath.Dir(dir)
	if err := os.MkdirAll(key, 0o700); err != nil { // as a store on disk does: the address book goes there too
		return nil, store.Report{}, err
	}
	m := b.stores[key]
	if m == nil {
		for k, founded := range b.stores { // founded under a temporary name in the same home
			if filepath.Dir(k) == filepath.Dir(key) && filepath.Base(k)[:4] == "new-" {
				m = founded
				delete(b.stores, k)
			}
		}
	}
	var err error
	if m != nil {
		m = m.Crash() // what was durable, open again
	} else if m, err = store.NewMemory(cfg); err != nil {
		return nil, store.Report{}, err
	}
	b.stores[key] = m
	if b.bend != nil {
		return b.bend(m), store.Report{}, nil
	}
	return m, store.Report{}, nil
}

// running lists the nodes that run.
func (b *bubble) running() []int {
	var out []int
	for i := range b.nodes {
		if b.cancel[i] != nil {
			out = append(out, i)
		}
	}
	return out
}

// stop ends all nodes and waits for everything they started.
func (b *bubble) stop() {
	b.t.Helper()
	for _, i := range b.running() {
		b.halt(i)
	}
	time.Sleep(2 * time.Minute) // virtual: timers of closed connections
	synctest.Wait()
}

// await waits up to limit of virtual time until ok, and returns how long it took. A failure ends the bubble in order, or
// the goroutines left would hide it.
func (b *bubble) await(limit time.Duration, what string, ok func() bool) time.Duration {
	b.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			for _, i := range b.running() {
				st := b.state(i)
				b.t.Logf("p%d: digest %s, %d operations", i, st.Digest, st.Operations)
				for _, p := range st.Peers {
					b.t.Logf("    %s reachable %v, heard %d ms ago (never %v), lacks %d", p.Responder, p.Reachable, p.HeardMS, p.Never, p.Lacks)
				}
			}
			b.stop()
			b.t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

func (b *bubble) state(i int) api.Status {
	b.t.Helper()
	st, err := b.nodes[i].Status(b.t.Context())
	if err != nil {
		b.t.Errorf("status of p%d: %v", i, err)
	}
	return st
}

// same reports whether all running nodes hold the same operations.
func (b *bubble) same() bool {
	return b.alike(b.running()...)
}

// alike reports whether these nodes hold the same operations.
func (b *bubble) alike(nodes ...int) bool {
	b.t.Helper()
	digest := b.state(nodes[0]).Digest
	for _, i := range nodes[1:] {
		if b.state(i).Digest != digest {
			return false
		}
	}
	return true
}

// sees reports whether the i'th node is connected to the j'th.
func (b *bubble) sees(i, j int) bool {
	b.t.Helper()
	return b.peer(i, j).Reachable
}

// peer is what the i'th node says of the j'th.
func (b *bubble) peer(i, j int) api.Peer {
	b.t.Helper()
	for _, p := range b.state(i).Peers {
		if p.Responder == fmt.Sprintf("p%d", j) {
			return p
		}
	}
	return api.Peer{}
}

// equal reports whether all running nodes hold the same operations and see each other.
func (b *bubble) equal() bool {
	if !b.same() {
		return false
	}
	run := b.running()
	for _, i := range run {
		for _, j := range run {
			if i != j && !b.sees(i, j) {
				return false
			}
		}
	}
	return true
}

// merges waits until all running nodes hold the same operations and checks that they then show the same.
func (b *bubble) merges(limit time.Duration, what string) {
	b.t.Helper()
	b.t.Logf("%s: after %v", what, b.await(limit, what, b.same))
	b.showsAlike()
}

// showsAlike checks that every incident is shown alike by all running nodes at one moment, but for who is there and who
// has received what, which each knows for itself.
func (b *bubble) showsAlike() {
	b.t.Helper()
	now := time.Now()
	run := b.running()
	for _, inc := range b.state(run[0]).Incidents {
		want := b.shown(run[0], inc.ID, now)
		for _, i := range run[1:] {
			if got := b.shown(i, inc.ID, now); got != want {
				b.t.Errorf("p%d and p%d hold the same of %s and show it differently\n%s", run[0], i, inc.Name, cmp.Diff(want, got))
			}
		}
	}
}

// shown is what the i'th node shows of an incident at now.
func (b *bubble) shown(i int, incident string, now time.Time) string {
	b.t.Helper()
	var inc api.Incident
	b.inside(i, func(s *session, _ time.Time) error {
		doc, err := s.find(incident)
		if err != nil {
			return err
		}
		inc = s.incident(now, doc)
		v := s.group(doc).View(now, s.r.Team())
		inc.Merged = slices.DeleteFunc(inc.Merged, func(n api.Notice) bool { // what is said to one person alone
			return slices.ContainsFunc(v.Merged, func(m board.Notice) bool { return !m.For.IsZero() && m.Text == n.Text })
		})
		return nil
	})
	// What follows is this node's own as well: whom it reaches, and how its person settles.
	for j := range inc.Tasks {
		inc.Tasks[j].Delivery, inc.Tasks[j].AsOfMS = nil, 0
	}
	for j := range inc.Command.Terms {
		t := &inc.Command.Terms[j]
		t.AsOfMS, t.Unaware, t.Unconfirmed = 0, nil, false
	}
	for j := range inc.Conflicts {
		inc.Conflicts[j].N = 0
		for k := range inc.Conflicts[j].Choices {
			inc.Conflicts[j].Choices[k].Key = ""
		}
	}
	inc.Rejoined, inc.Command.Leads = nil, ""
	text, err := json.MarshalIndent(inc, "", " ")
	if err != nil {
		b.t.Error(err)
	}
	return string(text)
}

// inside runs f on the loop of the i'th node.
func (b *bubble) inside(i int, f func(s *session, now time.Time) error) {
	b.t.Helper()
	s, err := b.nodes[i].current(b.t.Context())
	if err == nil {
		err = s.do(b.t.Context(), func(now time.Time) error { return f(s, now) })
	}
	if err != nil {
		b.t.Errorf("p%d: %v", i, err)
	}
}

// stats are the counters of the i'th node's replica, for this run of it.
func (b *bubble) stats(i int) (out replica.Stats) {
	b.t.Helper()
	b.inside(i, func(s *session, _ time.Time) error { out = s.r.Stats(); return nil })
	return out
}

// write does one verb, which must succeed.
func (b *bubble) write(i int, w api.Write) api.Receipt {
	b.t.Helper()
	w.Yes = true
	r, err := b.nodes[i].Write(b.t.Context(), w)
	if err != nil {
		var e *api.Error
		errors.As(err, &e)
		b.t.Errorf("p%d %s: %v (%+v)", i, w.Verb, err, e)
	}
	return r
}

// declare makes an incident and waits until everyone has it.
func (b *bubble) declare() api.Receipt {
	b.t.Helper()
	r := b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2})
	b.await(merge, "the incident is everywhere", b.same)
	return r
}

// holds reports whether the i'th node has the operation of a receipt.
func (b *bubble) holds(i int, r api.Receipt) (out bool) {
	b.t.Helper()
	b.inside(i, func(s *session, _ time.Time) error {
		for _, d := range s.r.Documents() {
			for _, tip := range s.r.Graph(d).Frontier() {
				out = out || tip.Hash.String() == r.Op
			}
		}
		return nil
	})
	if out {
		return true
	}
	log, err := b.nodes[i].Log(b.t.Context(), r.Incident)
	if err != nil {
		return false
	}
	for _, e := range log {
		out = out || e.Op == r.Op
	}
	return out
}

// fill lets the i'th node write n notes of size bytes each on its current incident, at once.
func (b *bubble) fill(i, n, size int) {
	b.t.Helper()
	const step = 500
	r := rand.New(rand.NewPCG(uint64(i), uint64(n)))
	for done := 0; done < n; done += step {
		b.inside(i, func(s *session, now time.Time) error {
			doc, err := s.find("")
			for k := done; err == nil && k < min(n, done+step); k++ {
				text := fmt.Sprintf("note %d of p%d ", k, i)
				for len(text) < size { // so that compression does not make it nothing
					text += strconv.FormatUint(r.Uint64(), 36)
				}
				_, err = s.r.Propose(now, doc, intentOf(api.Write{Verb: "note", Text: text[:size]}))
			}
			return err
		})
	}
}
