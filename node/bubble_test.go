package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"muster/node/api"
	"muster/node/store"
	"muster/node/transport/nettest"
)

// A bubble is a team of whole nodes in one process under virtual time: real QUIC, real memberlist, real replicas, on a
// simulated network. Stores are in memory: Badger's timers would make each virtual minute cost milliseconds.
type bubble struct {
	t      *testing.T
	net    *nettest.Router
	nodes  []*Node
	ends   []chan error
	cancel []context.CancelFunc
	stores map[string]*store.Memory
}

func newBubble(t *testing.T) *bubble {
	return &bubble{t: t, net: nettest.New(1), stores: map[string]*store.Memory{}}
}

func bubbleAddr(i int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:7946", i+1))
}

// add starts a node and, unless it is the first, lets it join the first one's team.
func (b *bubble) add() *Node {
	b.t.Helper()
	i := len(b.nodes)
	b.nodes, b.ends, b.cancel = append(b.nodes, nil), append(b.ends, nil), append(b.cancel, nil)
	n := b.boot(i, filepath.Join(b.t.TempDir(), "home"))
	if i > 0 {
		inv, err := b.nodes[0].Invite(b.t.Context(), api.Invite{})
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := n.Join(b.t.Context(), api.Join{Code: inv.Code, Responder: fmt.Sprintf("p%d", i)}); err != nil {
			b.t.Fatalf("p%d does not get in: %v", i, err)
		}
	}
	return n
}

// boot starts the i'th node on its directory.
func (b *bubble) boot(i int, dir string) *Node {
	b.t.Helper()
	n, err := New(Config{
		Dir: dir, Responder: fmt.Sprintf("p%d", i), Team: "bubble", NoDiscover: true, NoAPI: true,
		Listen:    bubbleAddr(i),
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
	return n
}

// openStore keeps memory stores across restarts, by directory; a team that was founded moved its directory.
func (b *bubble) openStore(dir string, cfg store.Config) (store.Store, store.Report, error) {
	key := filepath.Dir(dir)
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
	return m, store.Report{}, nil
}

// stop ends all nodes and waits for everything they started.
func (b *bubble) stop() {
	for i := range b.nodes {
		b.cancel[i]()
		if err := <-b.ends[i]; err != nil {
			b.t.Errorf("p%d ended with %v", i, err)
		}
	}
	time.Sleep(2 * time.Minute) // virtual: timers of closed connections
}

// await waits up to limit of virtual time until ok, and returns how long it took.
func (b *bubble) await(limit time.Duration, what string, ok func() bool) time.Duration {
	b.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			for i, n := range b.nodes {
				st, err := n.Status(b.t.Context())
				b.t.Logf("p%d digest %s ops %d peers %+v err %v", i, st.Digest, st.Operations, st.Peers, err)
			}
			b.t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// equal reports whether all nodes hold the same operations and see all others.
func (b *bubble) equal() bool {
	var digest string
	for i, n := range b.nodes {
		st, err := n.Status(b.t.Context())
		if err != nil || i > 0 && st.Digest != digest {
			return false
		}
		digest = st.Digest
		for _, p := range st.Peers {
			if !p.Reachable {
				return false
			}
		}
	}
	return true
}

func (b *bubble) write(i int, w api.Write) api.Receipt {
	b.t.Helper()
	w.Yes = true
	r, err := b.nodes[i].Write(b.t.Context(), w)
	if err != nil {
		var e *api.Error
		errors.As(err, &e)
		b.t.Fatalf("p%d %s: %v (%+v)", i, w.Verb, err, e)
	}
	return r
}

// TestHourApart: six nodes, three on each side of an hour's partition, all of them write; after the heal all show one
// board within five seconds.
func TestHourApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		for range 6 {
			b.add()
		}
		b.await(10*time.Second, "everyone sees everyone", b.equal)
		b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2})
		b.await(5*time.Second, "the incident is everywhere", b.equal)

		var left, right []netip.Addr
		for i := range 6 {
			if i < 3 {
				left = append(left, bubbleAddr(i).Addr())
			} else {
				right = append(right, bubbleAddr(i).Addr())
			}
		}
		b.net.Partition(left, right)
		for range 60 {
			time.Sleep(time.Minute)
			for i := range 6 {
				b.write(i, api.Write{Verb: "note", Text: fmt.Sprintf("p%d at %s", i, time.Now().Format("15:04"))})
			}
		}
		b.write(3, api.Write{Verb: "take"})
		b.write(1, api.Write{Verb: "sev", Severity: 1})
		b.write(4, api.Write{Verb: "sev", Severity: 3})
		b.net.Heal()
		took := b.await(5*time.Second, "one board after the heal", b.equal)
		t.Logf("merged %v after the heal", took)
		for i, n := range b.nodes {
			inc, err := n.Show(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			if inc.Severity != 1 || inc.Command.Commander != "p0" || len(inc.Conflicts) != 1 || len(inc.Notes) != 360 {
				t.Errorf("p%d shows sev %d, commander %q, %d conflicts, %d notes", i, inc.Severity, inc.Command.Commander, len(inc.Conflicts), len(inc.Notes))
			}
		}
		b.stop()
	})
}

// TestRestartedNodeIsBack: a node that ends and starts on the same address with the same disk is one of the group again
// within two seconds, and has missed nothing.
func TestRestartedNodeIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		for range 3 {
			b.add()
		}
		b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2})
		b.await(10*time.Second, "everyone sees everyone", b.equal)
		b.cancel[2]()
		if err := <-b.ends[2]; err != nil {
			t.Fatal(err)
		}
		b.write(0, api.Write{Verb: "note", Text: "while p2 was away"})
		b.boot(2, b.nodes[2].cfg.Dir)
		took := b.await(2*time.Second, "p2 is back", b.equal)
		t.Logf("back after %v", took)
		b.stop()
	})
}

// TestStrangerIsNotLetIn: a code with another secret is refused with a reason, and nothing of the team is told.
func TestStrangerIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		inv, err := b.nodes[0].Invite(t.Context(), api.Invite{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCode(inv.Code)
		if err != nil {
			t.Fatal(err)
		}
		c.secret[0] ^= 1
		b.nodes, b.ends, b.cancel = append(b.nodes, nil), append(b.ends, nil), append(b.cancel, nil)
		n := b.boot(1, filepath.Join(t.TempDir(), "home"))
		_, err = n.Join(t.Context(), api.Join{Code: c.String()})
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeBadCode || e.Hint == "" {
			t.Errorf("a wrong code gives %v", err)
		}
		b.stop()
	})
}

// TestCodeSurvivesPasting: a code is read in any case, with spaces and line ends, and refused when a character is wrong.
func TestCodeSurvivesPasting(t *testing.T) {
	c := &code{team: [32]byte{1, 2, 3}, addrs: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:7946"), netip.MustParseAddrPort("[2001:db8::1]:9")}}
	c.secret = [16]byte{4, 5, 6}
	text := c.String()
	for _, s := range []string{text, "  " + text + "\n", text[:20] + "\n" + text[20:40] + " " + text[40:]} {
		got, err := parseCode(s)
		if err != nil || got.team != c.team || got.secret != c.secret || len(got.addrs) != 2 || got.addrs[1] != c.addrs[1] {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	if !got25519(c) {
		t.Error("the key does not follow from the secret")
	}
	for i := len(codePrefix); i < len(text); i++ {
		wrong := []byte(text)
		wrong[i] = map[bool]byte{true: 'b', false: 'a'}[wrong[i] == 'a']
		if got, err := parseCode(string(wrong)); err == nil && got.String() != text {
			t.Errorf("a wrong character at %d goes unnoticed", i)
		}
	}
	for _, s := range []string{"", "muster-", "hello", text[:len(text)-4]} {
		if _, err := parseCode(s); err == nil {
			t.Errorf("%q is taken for a code", s)
		}
	}
}

func got25519(c *code) bool { return len(c.key()) == ed25519.PrivateKeySize && c.key().Equal(c.key()) }
