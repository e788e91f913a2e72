package transport

import (
	"net/netip"
	"time"

	"muster/crdt"
)

// A Class says which stream a frame travels on. Frames of one class arrive in order; classes do not wait for each other.
type Class uint8

// The classes of frames.
const (
	Control Class = iota // small and urgent: requests, digests, single operations; at most ControlFrameMax bytes
	Bulk                 // long runs; at most BulkFrameMax bytes
)

// String returns the class in lower case.
func (c Class) String() string {
	if c == Control {
		return "control"
	}
	return "bulk"
}

// An Event is what happened; a type switch over the exported event types is the owner's loop.
type Event interface{ event() }

// PeerUp says that a member's hello arrived and frames can be sent to it. A device has at most one PeerUp without a PeerDown.
type PeerUp struct {
	Device  crdt.DeviceID
	Hello   []byte // what the peer's Config.Hello returned; the owner may keep it
	At      time.Time
	RTT     time.Duration // of the handshake; with At and a clock in Hello it gives the peer's clock offset
	Addr    netip.AddrPort
	Inbound bool // the peer dialed
}

// PeerDown says that the connection is gone, with whatever was queued for it or on its way.
type PeerDown struct {
	Device crdt.DeviceID
	Reason error // never nil; matches one of this package's errors or is QUIC's
}

// Frame is one frame that the peer sent. The owner may keep and change Bytes.
type Frame struct {
	Device crdt.DeviceID
	Class  Class
	Bytes  []byte
}

// BulkReady says that the bulk queue to the peer, once refusing or more than half full, is below half. Nothing else wakes a sender
// that [Transport.Send] has refused.
type BulkReady struct {
	Device crdt.DeviceID
}

// Refused says that a node at Addr with the key Device does not know this node as a member. The remedy is to present the proof of
// membership with [Transport.DialStranger]. It can come again and again, at the pace of the dials.
type Refused struct {
	Device crdt.DeviceID
	Addr   netip.AddrPort
	Why    string // in that node's words, at most [RefusalMax] bytes of printable text: nobody vouches for it; empty: it said nothing
}

// Rebuilt says that the socket was replaced, because the machine had slept or the socket had died. A PeerDown came for each peer.
// Addresses may have changed: announce again and wake whoever dials.
type Rebuilt struct {
	Reason error
}

func (PeerUp) event()    {}
func (PeerDown) event()  {}
func (Frame) event()     {}
func (BulkReady) event() {}
func (Refused) event()   {}
func (Rebuilt) event()   {}

// An Announce is a packet that is not QUIC, from anybody at all.
type Announce struct {
	Bytes []byte
	From  netip.AddrPort // with the zone of the receiving interface when link-local
}

// PeerInfo describes a peer that is up.
type PeerInfo struct {
	Device                  crdt.DeviceID
	Addr                    netip.AddrPort
	Inbound                 bool
	Since                   time.Time
	RTT                     time.Duration // smoothed; zero until measured
	BytesIn, BytesOut       uint64        // on the wire, without UDP and IP headers
	PacketsOut              uint64
	PacketsLost             uint64
	ControlQueue, BulkQueue int // bytes waiting in the two queues
	Stalled                 bool
}

// Stats counts what a Transport refused or dropped since it was made, for people and tests.
type Stats struct {
	Connections      uint64 // handshakes that finished, both directions
	Duplicates       uint64 // closed because the device had a better connection
	Refusals         uint64 // inbound connections refused because too many were unfinished or of strangers
	Retries          uint64 // handshakes made to prove their address first
	Strangers        uint64 // joining streams served
	GossipOutDropped uint64 // gossip packets to a device that is not up or whose queue is full
	GossipInDropped  uint64 // gossip packets that memberlist was too slow for
	GossipBig        uint64 // gossip packets sent on a stream because no datagram holds them
	AnnounceDropped  uint64
	CutDropped       uint64 // packets dropped by a cut, both directions
	SendErrors       uint64 // full buffers taken as packet loss
	Rebuilds         uint64
	Stalls           uint64 // redials of connections that had stalled
}
