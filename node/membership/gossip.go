package membership

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/transport"
)

// startGossip starts memberlist with values measured to suit datagrams of 1,200 bytes and a group that wants to know
// within seconds.
func (m *Membership) startGossip() (*memberlist.Memberlist, error) {
	label := sha256.Sum256([]byte("muster/gossip/v1\x00" + m.cfg.Team))
	d := delegate{m}
	c := memberlist.DefaultLANConfig()
	c.Name = m.self.String()
	c.Transport = m.cfg.Links.Memberlist()
	c.Label = hex.EncodeToString(label[:8])
	c.RequireNodeNames = true
	c.UDPBufferSize = 1200      // a datagram right after the handshake holds 1,243 bytes
	c.EnableCompression = false // LZW for each packet
	c.PushPullInterval = 10 * time.Second
	c.ProbeInterval = time.Second
	c.ProbeTimeout = 500 * time.Millisecond
	c.TCPTimeout = joinTimeout
	c.HandoffQueueDepth = 4096
	c.DNSConfigPath = "" // names are never looked up
	c.Delegate, c.Alive, c.Merge, c.Events = d, d, d, d
	c.Logger = log.New(&logWriter{m.log}, "", 0)
	ml, err := memberlist.Create(c)
	if err != nil {
		return nil, fmt.Errorf("start memberlist: %w", err)
	}
	return ml, nil
}

// work joins memberlist with devices that came up, and spreads a changed address list: the first waits for the network.
func (m *Membership) work(ctx context.Context, ml *memberlist.Memberlist) {
	for {
		select {
		case <-ctx.Done():
			return
		case device := <-m.joins:
			if m.heardOrGone(device) {
				continue
			}
			if _, err := ml.Join([]string{transport.JoinAddr(device)}); err != nil {
				m.log.Debug("join failed", "device", device.Short(), "err", err) // tried again next round
			}
		case <-m.update:
			// Queues the list for gossip and then waits for it to leave, which a join or the end of the node must not.
			if err := ml.UpdateNode(updateWait); err != nil {
				m.log.Debug("addresses not spread yet", "err", err)
			}
		}
	}
}

// join asks for memberlist to merge with the device, over the connection there is.
func (m *Membership) join(device crdt.DeviceID) {
	select {
	case m.joins <- device:
	default: // the next round asks again
	}
}

// joinUnheard asks again for the devices that are connected but that memberlist does not have.
func (m *Membership) joinUnheard() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for d, e := range m.book.entries {
		if e.connected && !e.heard {
			m.join(d)
		}
	}
}

func (m *Membership) heardOrGone(device crdt.DeviceID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.book.entries[device]
	return e == nil || e.heard || !e.connected
}

// delegate is what memberlist calls, partly under its locks: nothing here calls memberlist or waits for the network.
type delegate struct{ m *Membership }

var (
	_ memberlist.Delegate      = delegate{}
	_ memberlist.AliveDelegate = delegate{}
	_ memberlist.MergeDelegate = delegate{}
	_ memberlist.EventDelegate = delegate{}
)

// NodeMeta returns our signed address list, which is shorter than any limit.
func (d delegate) NodeMeta(int) []byte {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.m.meta
}

// NotifyAlive refuses everyone who is not a member or whose address list is not signed by the device, and learns the rest.
// This is the only way into memberlist.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	device, err := crdt.ParseDeviceID(n.Name)
	switch {
	case err != nil:
		return err
	case device == d.m.self:
		return nil
	case !n.Addr.Equal(transport.SynthIP(device)) || n.Port != transport.GossipPort:
		return errors.New("its address is not made from its name")
	case !d.m.cfg.Member(device):
		return errors.New("not a member")
	}
	return d.m.learnMeta(device, n.Meta)
}

// learnMeta verifies a list unless it is the one verified last, which gossip repeats, and writes it in the book.
func (m *Membership) learnMeta(device crdt.DeviceID, meta []byte) error {
	sum := crdt.SumHash(meta)
	m.mu.Lock()
	same := m.metas[device] == sum
	m.mu.Unlock()
	if same {
		return nil
	}
	addrs, err := parseMeta(device, meta)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.book.entry(device)
	if e == nil {
		return errors.New("the address book is full")
	}
	m.metas[device] = sum
	if m.book.learnSigned(e, addrs) && !e.connected {
		m.trySoon(e)
	}
	return nil
}

// NotifyMerge bounds how many nodes one peer can tell of. Names that we do not know are refused one by one.
func (d delegate) NotifyMerge(peers []*memberlist.Node) error {
	if len(peers) > gossipNodes {
		return fmt.Errorf("a merge of %d nodes", len(peers))
	}
	return nil
}

// NotifyJoin hears that others reach the device: then perhaps we do.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.heard(n.Name, true) }

// NotifyLeave hears that nobody does.
func (d delegate) NotifyLeave(n *memberlist.Node) { d.heard(n.Name, false) }

// NotifyUpdate is for changed meta data, which NotifyAlive has seen.
func (d delegate) NotifyUpdate(*memberlist.Node) {}

func (d delegate) heard(name string, heard bool) {
	device, err := crdt.ParseDeviceID(name)
	if err != nil || device == d.m.self {
		return
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	e := d.m.book.entries[device]
	if e == nil {
		return
	}
	e.heard = heard
	if heard && !e.connected {
		d.m.trySoon(e)
	}
}

// NotifyMsg, GetBroadcasts, LocalState and MergeRemoteState are not used: operations travel on streams of their own.
func (delegate) NotifyMsg([]byte) {}

// GetBroadcasts implements memberlist.Delegate.
func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements memberlist.Delegate.
func (delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState implements memberlist.Delegate.
func (delegate) MergeRemoteState([]byte, bool) {}

// logWriter turns memberlist's log lines into debug records: what is an error to memberlist, such as a stream that broke,
// is the daily life of a laptop.
type logWriter struct{ log *slog.Logger }

// Write implements io.Writer.
func (w *logWriter) Write(line []byte) (int, error) {
	w.log.Debug(strings.TrimSpace(string(line)))
	return len(line), nil
}
