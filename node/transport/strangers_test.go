package transport

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"muster/crdt"
	"muster/node/identity"
)

// A raw client speaks QUIC to a node without obeying its rules.
type rawClient struct {
	*quic.Transport
	tls *tls.Config
}

func (w *world) rawClient(t *testing.T, i int, dev identity.Device) *rawClient {
	t.Helper()
	cert, err := dev.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	sock := w.net.Socket(hostAddr(i))
	c := &rawClient{
		Transport: &quic.Transport{Conn: sock},
		tls:       &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}, Certificates: []tls.Certificate{cert}},
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), sock.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *rawClient) dial(t *testing.T, to *node) (*quic.Conn, error) {
	t.Helper()
	return c.Dial(t.Context(), net.UDPAddrFromAddrPort(to.addr), c.tls, &quic.Config{EnableDatagrams: true})
}

// ended waits for the end of a connection and returns why it ended.
func ended(conn *quic.Conn) error {
	<-conn.Context().Done()
	return reason(context.Cause(conn.Context()))
}

// A device that is no member dials as if it were one. Its handshake succeeds, which proves nothing: it is refused with the
// reason, and no side is ever up. The dialer's owner hears that it must prove its membership.
func TestNonMemberIsRefusedAndNeverUp(t *testing.T) {
	for _, joining := range []bool{false, true} {
		simulate(t, func(t *testing.T, w *world) {
			a := w.start(1)
			b := w.start(2, func(c *Config) {
				c.Member = func(crdt.DeviceID) bool { return false }
				if joining {
					c.Stranger = func(context.Context, crdt.DeviceID, []byte, io.ReadWriter) error { return nil }
				}
			})
			begun := time.Now()
			if err := a.Dial(t.Context(), b.dev.ID(), []netip.AddrPort{b.addr}); !errors.Is(err, ErrRefused) {
				t.Errorf("dial: %v", err)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("refused after %v", took)
			}
			time.Sleep(20 * time.Second)
			if len(seen[PeerUp](a))+len(seen[PeerUp](b)) != 0 {
				t.Error("the connection came up")
			}
			if r := seen[Refused](a); len(r) != 1 || r[0].Device != b.dev.ID() || r[0].Addr != b.addr {
				t.Errorf("refusals are %v", r)
			}
		})
	}
}

// A certificate that is not one Ed25519 key, or another protocol, does not get through the handshake.
func TestHandshakeWantsOneEd25519Key(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a := w.start(1)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		for i, edit := range []func(*tls.Config){
			func(c *tls.Config) { c.Certificates = nil },
			func(c *tls.Config) {
				c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
			},
			func(c *tls.Config) {
				double := c.Certificates[0]
				double.Certificate = append(double.Certificate[:1:1], double.Certificate[0])
				c.Certificates = []tls.Certificate{double}
			},
			func(c *tls.Config) { c.NextProtos = []string{"muster/2"} },
		} {
			c := w.rawClient(t, 10+i, device(10+i))
			edit(c.tls)
			conn, err := c.dial(t, a)
			if err == nil {
				err = ended(conn) // TLS 1.3: the client finishes before it is judged
			}
			var refused *quic.TransportError
			if !errors.As(err, &refused) || !refused.ErrorCode.IsCryptoError() {
				t.Errorf("case %d: %v", i, err)
			}
		}
		if len(seen[PeerUp](a)) != 0 {
			t.Error("a connection came up")
		}
	})
}

// A member breaks each rule of the protocol: the connection ends, the node goes on, and says why.
func TestProtocolErrorsEndTheConnection(t *testing.T) {
	greeting := appendFrame([]byte{streamControl}, hello{instance: [instanceSize]byte{1}}.format())
	for _, c := range []struct {
		name string
		sent []byte // on the first stream
		more []byte // on a second one
		want error
	}{
		{"another stream first", []byte{streamBulk}, nil, ErrProtocol},
		{"no hello", []byte{streamControl}, nil, ErrProtocol}, // which is how the peer hears of ErrNoHello
		{"silence", nil, nil, ErrProtocol},
		{"short hello", appendFrame([]byte{streamControl}, []byte{1}), nil, ErrProtocol},
		{"version of the future", appendFrame([]byte{streamControl}, []byte{9, 0, 0, 0, 0, 0, 0, 0, 0}), nil, ErrProtocol},
		{"empty frame", append(bytes.Clone(greeting), 0, 0, 0, 0), nil, ErrProtocol},
		{"huge frame", append(bytes.Clone(greeting), 0xff, 0, 0, 0), nil, ErrProtocol},
		{"huge bulk frame", greeting, []byte{streamBulk, 0xff, 0, 0, 0}, ErrProtocol},
	} {
		simulate(t, func(t *testing.T, w *world) {
			a := w.start(1)
			conn, err := w.rawClient(t, 10, device(10)).dial(t, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, bytes := range [][]byte{c.sent, c.more} {
				if bytes == nil {
					continue
				}
				s, err := conn.OpenUniStream()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Write(bytes); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			if err := ended(conn); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			if took := time.Since(begun); took > helloTimeout+time.Second {
				t.Errorf("%s: took %v", c.name, took)
			}
			time.Sleep(time.Second)
			a.checkStory()
			if len(a.Peers()) != 0 {
				t.Errorf("%s: still a peer", c.name)
			}
		})
	}
}

// A stream of a kind that this version does not know is refused alone; the connection stays.
func TestUnknownStreamIsRefusedAlone(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a := w.start(1)
		conn, err := w.rawClient(t, 10, device(10)).dial(t, a)
		if err != nil {
			t.Fatal(err)
		}
		for _, sent := range [][]byte{appendFrame([]byte{streamControl}, hello{instance: [instanceSize]byte{1}}.format()), []byte("zebra")} {
			s, err := conn.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(sent); err != nil {
				t.Fatal(err)
			}
		}
		s, err := conn.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("zebra")); err != nil {
			t.Fatal(err)
		}
		var refused *quic.StreamError
		if _, err := s.Read(make([]byte, 1)); !errors.As(err, &refused) || !refused.Remote {
			t.Errorf("read: %v", err)
		}
		time.Sleep(8 * time.Second)
		if len(a.Peers()) != 1 {
			t.Error("the connection did not stay")
		}
		if err := conn.CloseWithError(0, ""); err != nil {
			t.Fatal(err)
		}
	})
}

// The joining stream carries both ways, both ends share the exporter and know each other's key, and the last answer is
// delivered although the connection ends then.
func TestStrangerJoins(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var exporters [][]byte
		keep := func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			exporters = append(exporters, b)
		}
		joiner := w.start(3)
		host := w.start(1, func(c *Config) {
			c.Stranger = func(_ context.Context, d crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
				if d != device(3).ID() {
					t.Errorf("the stranger is %v", d.Short())
				}
				keep(exporter)
				var question [8]byte
				if _, err := io.ReadFull(rw, question[:]); err != nil {
					return err
				}
				w.setMember(d, true)
				_, err := rw.Write(bytes.Repeat([]byte("welcome"), 5000))
				return err
			}
		})
		w.setMember(joiner.dev.ID(), false)
		var answer []byte
		err := joiner.DialStranger(t.Context(), host.addr, func(_ context.Context, d crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
			if d != host.dev.ID() {
				t.Errorf("the host is %v", d.Short())
			}
			keep(exporter)
			if _, err := rw.Write([]byte("let me i")); err != nil {
				return err
			}
			var err error
			answer, err = io.ReadAll(rw)
			return err
		})
		if err != nil || len(answer) != 7*5000 {
			t.Errorf("join: %d bytes, %v", len(answer), err)
		}
		if len(exporters) != 2 || len(exporters[0]) != 32 || !bytes.Equal(exporters[0], exporters[1]) {
			t.Error("the exporters differ")
		}
		w.connect(joiner, host) // a member now
	})
}

// A member that takes this node for a stranger may say why: one has been thrown out, and the other does not know it.
func TestMemberMayComeAsStranger(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host := w.start(1, func(c *Config) {
			c.Stranger = func(_ context.Context, d crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
				if d != device(3).ID() {
					t.Errorf("the stranger is %v", d.Short())
				}
				_, err := io.CopyN(rw, rw, 8)
				return err
			}
		})
		other := w.start(3, func(c *Config) { c.Member = func(crdt.DeviceID) bool { return false } })
		var answer [8]byte
		begun := time.Now()
		if err := other.DialStranger(t.Context(), host.addr, func(_ context.Context, _ crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
			if _, err := rw.Write([]byte("you too!")); err != nil {
				return err
			}
			_, err := io.ReadFull(rw, answer[:])
			return err
		}); err != nil || string(answer[:]) != "you too!" {
			t.Errorf("it heard %q, %v", answer, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(10 * time.Second)
		if len(seen[PeerUp](host))+len(seen[PeerUp](other)) != 0 {
			t.Error("the connection came up")
		}
	})
}

// A two-way stream that the network brings before the hello is served once the connection is up.
func TestStreamBeforeTheHello(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host := w.start(1)
		gossip := host.Memberlist()
		conn, err := w.rawClient(t, 10, device(10)).dial(t, host)
		if err != nil {
			t.Fatal(err)
		}
		s, err := conn.OpenStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte{streamMemberlist, 'x'}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		greeting, err := conn.OpenUniStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := greeting.Write(appendFrame([]byte{streamControl}, hello{instance: [instanceSize]byte{1}}.format())); err != nil {
			t.Fatal(err)
		}
		select {
		case c := <-gossip.StreamCh():
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		case <-time.After(time.Second):
			t.Error("the stream was not served")
		}
		if len(host.Peers()) != 1 {
			t.Error("the connection is not up")
		}
		if err := conn.CloseWithError(0, ""); err != nil {
			t.Fatal(err)
		}
	})
}

// A stranger is bounded in bytes and in time, and so is what is written to it.
func TestStrangerIsBounded(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		results := make(chan error, 1)
		proves := false
		serve := func(_ context.Context, _ crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
			if proves {
				Proven(rw)
				Proven(rw) // which changes nothing
			}
			_, err := io.Copy(io.Discard, rw)
			if err == nil {
				_, err = rw.Write(make([]byte, strangerBytes+1))
			}
			results <- err
			return err
		}
		host := w.start(1, func(c *Config) {
			c.Member = func(crdt.DeviceID) bool { return false }
			c.Stranger = serve
		})
		c := w.rawClient(t, 10, device(10))
		join := func(send []byte, finish bool) error {
			conn, err := c.dial(t, host)
			if err != nil {
				t.Fatal(err)
			}
			s, err := conn.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(append([]byte{streamJoin}, send...)); err != nil {
				t.Fatal(err)
			}
			if finish {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { _ = ended(conn) }()
			return <-results
		}
		if err := join(make([]byte, strangerFirstBytes+1), true); !errors.Is(err, ErrTooMuch) {
			t.Errorf("too much sent before anything was proved: %v", err)
		}
		proves = true
		if err := join(make([]byte, strangerBytes+1), true); !errors.Is(err, ErrTooMuch) {
			t.Errorf("too much sent: %v", err)
		}
		if err := join(nil, true); !errors.Is(err, ErrTooMuch) {
			t.Errorf("too much answered: %v", err)
		}
		begun := time.Now()
		if err := join([]byte("slowly"), false); !isTimeout(err) {
			t.Errorf("too slow: %v", err)
		}
		if took := time.Since(begun); took > strangerTime+strangerLinger+100*time.Millisecond {
			t.Errorf("a slow stranger was kept for %v", took)
		}
	})
}

// A hundred strangers hold on to their streams. No source has more than eight, all together no more than 32, and a member
// still gets in; when they are gone there is room again.
func TestStrangersAreBounded(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		host := w.start(1, func(c *Config) {
			c.Stranger = func(ctx context.Context, _ crdt.DeviceID, _ []byte, _ io.ReadWriter) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
		friend := w.start(2)
		w.connect(friend, host)
		var conns []*quic.Conn
		for i := range 10 {
			c := w.rawClient(t, 10+i, device(10+i))
			w.setMember(device(10+i).ID(), false)
			for range 10 {
				conn, err := c.dial(t, host)
				if err != nil {
					continue // refused at once
				}
				s, err := conn.OpenStream()
				if err != nil {
					continue
				}
				if _, err := s.Write([]byte{streamJoin}); err == nil {
					conns = append(conns, conn)
				}
			}
			if got := int(host.Stats().Strangers); got > strangersPerSource*(i+1) || got > strangersMax {
				t.Fatalf("%d strangers after %d sources", got, i+1)
			}
		}
		if got := host.Stats(); got.Strangers != strangersMax || got.Refusals == 0 || got.Retries == 0 {
			t.Errorf("stats are %+v", got)
		}
		if !host.Send(friend.dev.ID(), Control, []byte("still here")) {
			t.Error("not sent")
		}
		w.until("frame", time.Second, func() bool { return len(friend.got(Control)) == 1 })
		for _, conn := range conns {
			_ = ended(conn)
		}
		time.Sleep(time.Second)
		w.connect(w.start(3), host)
	})
}

// A member that is one no more is dropped, and the other side hears why.
func TestRecheckDropsTheRevoked(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b := w.start(1), w.start(2)
		w.connect(a, b)
		w.setMember(b.dev.ID(), false)
		a.Recheck()
		w.until("down", time.Second, func() bool { return !a.up(b) && !b.up(a) })
		if why := seen[PeerDown](a)[0].Reason; !errors.Is(why, ErrStranger) {
			t.Errorf("reason here is %v", why)
		}
		if why := seen[PeerDown](b)[0].Reason; !errors.Is(why, ErrRefused) {
			t.Errorf("reason there is %v", why)
		}
	})
}
