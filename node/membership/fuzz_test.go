package membership

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/transport"
)

// quietLinks is a transport whose other end is the fuzzer.
type quietLinks struct {
	self    crdt.DeviceID
	packets chan *memberlist.Packet
	streams chan net.Conn
}

var (
	_ Links                         = (*quietLinks)(nil)
	_ memberlist.NodeAwareTransport = (*quietLinks)(nil)
)

var errNobody = errors.New("nobody is there")

func (*quietLinks) Dial(context.Context, crdt.DeviceID, []netip.AddrPort) error { return errNobody }

func (*quietLinks) Probe(context.Context, netip.AddrPort) (crdt.DeviceID, error) {
	return crdt.DeviceID{}, errNobody
}
func (l *quietLinks) Memberlist() memberlist.NodeAwareTransport { return l }

func (l *quietLinks) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return transport.SynthIP(l.self), transport.GossipPort, nil
}

func (*quietLinks) WriteToAddress([]byte, memberlist.Address) (time.Time, error) {
	return time.Now(), nil
}
func (*quietLinks) WriteTo([]byte, string) (time.Time, error) { return time.Now(), nil }

func (*quietLinks) DialAddressTimeout(memberlist.Address, time.Duration) (net.Conn, error) {
	return nil, errNobody
}
func (*quietLinks) DialTimeout(string, time.Duration) (net.Conn, error) { return nil, errNobody }
func (l *quietLinks) PacketCh() <-chan *memberlist.Packet               { return l.packets }
func (l *quietLinks) StreamCh() <-chan net.Conn                         { return l.streams }
func (*quietLinks) Shutdown() error                                     { return nil }

// FuzzGossipMessages: no packet and no stream of a member's memberlist stops ours, or brings in a device that is no
// member or an address list that its device has not signed. What package transport keeps from memberlist is not tried.
func FuzzGossipMessages(f *testing.F) {
	self, peer := device(1), device(2)
	meta, err := formatMeta(peer, []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:4100")})
	if err != nil {
		f.Fatal(err)
	}
	alive := append([]byte("\x86\xabIncarnation\x01\xa4Node\xb4"), peer.ID().String()...)
	alive = append(append(append(alive, "\xa4Addr\xb0"...), transport.SynthIP(peer.ID())...), "\xa4Port\xcd\x1f\x0a\xa4Meta\xda\x00"...)
	alive = append(append(append(alive, byte(len(meta))), meta...), "\xa3Vsn\xa6\x01\x05\x05\x00\x00\x00"...)
	f.Add(append([]byte{4}, alive...), false)
	f.Add([]byte("\x00\x82\xa5SeqNo\x01\xa4Node\xa0"), false)
	f.Add([]byte("\x03\x83\xabIncarnation\x01\xa4Node\xa1x\xa4From\xa1y"), false)
	f.Add([]byte("\x07\x02\x00\x02\x00\x02\x05\x80\x02\x80"), false)
	f.Add([]byte("\x06\x83\xa5Nodes\x00\xacUserStateLen\x00\xa4Join\xc3"), true)
	f.Add([]byte("\x06\x83\xa5Nodes\x01\xacUserStateLen\x00\xa4Join\xc2\x81\xa4Name\xa1x"), true)
	f.Fuzz(func(t *testing.T, b []byte, stream bool) {
		if len(b) == 0 || len(b) > 4<<10 || bytes.Contains(b, []byte{9}) || stream && b[0] == 8 { // packed: transport's
			return
		}
		synctest.Test(t, func(t *testing.T) {
			l := &quietLinks{self: self.ID(), packets: make(chan *memberlist.Packet), streams: make(chan net.Conn)}
			members := map[crdt.DeviceID]bool{self.ID(): true, peer.ID(): true}
			m, err := New(Config{Device: self, Links: l, Team: "acme", Member: func(d crdt.DeviceID) bool { return members[d] }})
			if err != nil {
				t.Fatal(err)
			}
			ml, err := m.startGossip()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte("muster/gossip/v1\x00acme"))
			packet, err := memberlist.AddLabelHeaderToPacket(b, hex.EncodeToString(sum[:8]))
			if err != nil {
				t.Fatal(err)
			}
			if stream {
				ours, theirs := net.Pipe()
				l.streams <- theirs
				go func() {
					buf := make([]byte, 4<<10)
					for {
						if _, err := ours.Read(buf); err != nil {
							return
						}
					}
				}()
				_, err := ours.Write(packet)
				if cerr := ours.Close(); cerr != nil {
					t.Fatal(err, cerr)
				}
			} else {
				l.packets <- &memberlist.Packet{Buf: packet, From: &net.UDPAddr{IP: transport.SynthIP(peer.ID()), Port: transport.GossipPort}, Timestamp: time.Now()}
			}
			synctest.Wait()
			for _, n := range ml.Members() {
				if d, err := crdt.ParseDeviceID(n.Name); err != nil || !members[d] {
					t.Errorf("%q is in the list", n.Name)
				}
			}
			for _, k := range m.Known() {
				if k.Device != peer.ID() {
					t.Errorf("%s is in the book", k.Device)
				}
			}
			if err := ml.Shutdown(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second) // of the bubble, for memberlist's timers
		})
	})
}
