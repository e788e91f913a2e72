package transport

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"muster/crdt"
	"muster/node/identity"
)

// Config says who the node is and whom it trusts. The functions are called from many goroutines, without any lock of this
// package held, and must return quickly.
type Config struct {
	// Device is this node's key. Required.
	Device identity.Device

	// Listen is the UDP address to bind when Open is nil. The zero value means every address, IPv4 and IPv6, and a free
	// port, which stays the same for the life of the Transport.
	Listen netip.AddrPort

	// Open returns the socket; nil means a UDP socket at Listen. It is called once by [New] and again, after the earlier
	// socket was closed, whenever the socket must be replaced. The Transport closes what it returns. A *net.UDPConn keeps
	// segmentation offload, batched reads and path MTU discovery; tests return a conn of package nettest.
	Open func() (net.PacketConn, error)

	// Member reports whether the device belongs to the team now. Everyone else is a stranger. Required.
	Member func(crdt.DeviceID) bool

	// Refusal returns what a device that is no member is told when it is refused, such as "removed by ana: stolen", of which
	// at most [RefusalMax] bytes of printable text are sent; empty, or nil: only that it is none. What it returns must be for
	// the device named alone: whoever holds its key hears it. It is asked for devices of which Member says no.
	Refusal func(crdt.DeviceID) string

	// Hello returns the first frame of each connection, at most [HelloMax] bytes; what is longer is a bug and panics. It
	// is called for each connection just before sending, so it may carry the wall clock. Nil means an empty frame.
	Hello func() []byte

	// Stranger serves the joining stream of an inbound connection from a device that is no member. It may read 68 KiB, which
	// holds any one operation, and after it has called [Proven] 1 MiB, and write 1 MiB, until ctx ends. The exporter is 32 bytes that only the two ends of this connection share (RFC 5705,
	// label "muster-join"), to bind a password exchange to the channel. What it wrote is delivered before the connection
	// is closed, even when it returns an error. Nil refuses every stranger.
	Stranger func(ctx context.Context, device crdt.DeviceID, exporter []byte, rw io.ReadWriter) error

	// StrangerTime bounds one call of Stranger. Zero means five seconds.
	StrangerTime time.Duration

	// Redial returns further addresses of a device whose connection has stalled; nil tries only the one it runs over.
	Redial func(crdt.DeviceID) []netip.AddrPort

	// Log receives what a person debugging the network wants to know. Nil discards it.
	Log *slog.Logger
}

// Limits on frames. Longer ones are refused by [Transport.Send] and end the connection when received.
const (
	HelloMax        = 4 << 10
	ControlFrameMax = 1 << 20
	BulkFrameMax    = 4 << 20
	AnnounceMax     = 512
	RefusalMax      = 200
)

// Bounds on queues, per peer where not said otherwise.
const (
	controlQueueFrames = 512
	controlQueueBytes  = 2 << 20
	bulkQueueFrames    = 32
	bulkQueueBytes     = 8 << 20
	gossipQueuePackets = 64
	gossipInPackets    = 256 // for the whole node: packets that memberlist has not taken yet
	gossipInStreams    = 16  // for the whole node
	announceQueue      = 32  // for the whole node
	bulkStreamsMax     = 4   // open at one time, inbound
)

// Bounds on strangers and dials, for the whole node.
const (
	strangersMax       = 32       // unfinished handshakes and joining connections
	memberSlots        = 8        // more, for whoever comes from where a member was met
	strangersPerSource = 8        // of one IP address, except the loopback's, which is this machine
	handshakeRate      = 64       // a second, begun by others from where no member was met; each costs a millisecond of processor
	handshakeBurst     = 128      // of those at once, as when the power comes back
	sourceRate         = 16       // a second of one source, so that it leaves some to the others
	sourceBurst        = 64       // of those at once, as of a team behind one address
	sourcesMax         = 256      // counted by themselves
	strangerFirstBytes = 68 << 10 // from a stranger until it has proved something: the largest operation and its frame
	strangerBytes      = 1 << 20  // each way after that: the team document of some two thousand people, read as it comes
	strangerTime       = 5 * time.Second
	strangerLinger     = time.Second // for the other side to read the last of what was written
	metSourcesMax      = 256         // addresses at which members were met
	tokenPeersMax      = 256         // addresses whose tokens we keep
	tokensPerPeer      = 2
	dialsMax           = 16  // handshakes under way that we began
	candidatesMax      = 16  // addresses tried for one device
	refreshDials       = 8   // connections replaced at a time after a change of address
	learnedCutMax      = 256 // addresses under a cut
)

// Times, each with its reason in pitfalls: short enough that any two reachable nodes are one group within five seconds.
const (
	idleTimeout      = 12 * time.Second // bounds every black hole
	keepAlive        = 4 * time.Second
	handshakeIdle    = 2 * time.Second         // an address that does not answer costs this much
	halfOpenIdle     = 1500 * time.Millisecond // of a handshake that somebody else began; twice this in all
	dialTimeout      = 5 * time.Second
	dialStagger      = 200 * time.Millisecond // happy eyeballs, RFC 8305
	dialStuck        = 10 * time.Second       // after its end, a dial that has not returned means a broken QUIC transport
	helloTimeout     = 3 * time.Second
	prefixTimeout    = 5 * time.Second
	packetTimeout    = 2 * time.Second
	closeWait        = time.Second     // for CONNECTION_CLOSE to leave when the node ends
	simultaneousDial = 3 * time.Second // two connections closer together than this were dialed at one moment
	healthEvery      = time.Second
	stallAfter       = 3 * time.Second             // silence that counts as a stall, if we were sending
	stallPackets     = 3                           // sent since the last one received; an idle link sends at most two
	redialEvery      = 3 * time.Second             // while stalled
	silentAfter      = idleTimeout - 2*time.Second // of a stall: give up and say so, before QUIC does it without a word
	refreshEvery     = 500 * time.Millisecond
	refreshTries     = 8               // an IPv6 address is usable within two seconds or not at all
	sleptAfter       = 5 * time.Second // the wall clock ran this far ahead of the monotonic one: the machine slept
	reopenEvery      = 500 * time.Millisecond
	reopenTries      = 20
)

// QUIC flow control: memory the other side can make us hold. An unread stream stops at its window.
const (
	streamWindowInitial = 256 << 10
	streamWindowMax     = 4 << 20
	connWindowInitial   = 384 << 10
	connWindowMax       = 6 << 20
	streamsMax          = 256
	uniStreamsMax       = 64
)
