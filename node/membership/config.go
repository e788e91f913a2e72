package membership

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/identity"
)

// Links is what membership needs of the transport. *transport.Transport is one.
type Links interface {
	// Dial connects to the device at one of the addresses and returns when it is up; nil if it already was.
	Dial(ctx context.Context, device crdt.DeviceID, addrs []netip.AddrPort) error
	// Probe connects to an address whose device is not known and returns who is there.
	Probe(ctx context.Context, addr netip.AddrPort) (crdt.DeviceID, error)
	// Memberlist carries gossip over the connections that are up.
	Memberlist() memberlist.NodeAwareTransport
}

// Config says who the node is and what it may believe.
type Config struct {
	// Device is this node's key; it signs the address list. Required.
	Device identity.Device
	// Links is the transport. Required.
	Links Links
	// Member reports whether the device belongs to the team now. It is called by many goroutines, partly under
	// memberlist's locks but never under ours, and must be quick. Required.
	Member func(crdt.DeviceID) bool
	// Team keeps two teams' gossip apart even when a device belongs to both: any text, hashed. Required.
	Team string
	// Path is the file of the address book, in a directory that exists. Empty keeps the book in memory.
	Path string
	// Read and Write stand for reading that file and replacing it in one step, for one that is sealed. Nil: as it is.
	Read  func(path string) ([]byte, error)
	Write func(path string, text []byte) error
	// Log receives what a person debugging the network wants to know. Nil discards it.
	Log *slog.Logger
}

// A State says how a known device can be reached now.
type State uint8

// The states of a known device.
const (
	Away      State = iota // nobody we can ask reaches it
	Heard                  // others reach it, we do not
	Connected              // the transport says it is up
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case Connected:
		return "connected"
	case Heard:
		return "heard"
	default:
		return "away"
	}
}

// Known is a device of the address book.
type Known struct {
	Device   crdt.DeviceID
	Addrs    []netip.AddrPort // in the order they would be tried
	LastSeen time.Time        // when it was last connected; zero if never
	State    State

	TriedAt   time.Time // when the last dial of this run began; zero if there was none
	LastError error     // why that dial failed; nil if it did not
}

// Bounds. Times are chosen so that two nodes meet within five seconds of being able to.
const (
	addrsMax      = 8    // per device that worked, and per signed list
	hintsMax      = 4    // per device, unproven sightings
	devicesMax    = 4096 // in the book
	unknownMax    = 64   // sighted addresses whose device is not known
	gossipNodes   = 4096 // in one memberlist merge
	dialsMax      = 4    // at one time
	floorPerRound = 2    // attempts a round, whatever the back-off says
	joinQueue     = 64
	soonMax       = 64 // devices that hints alone make due before their time, at once,
	soonPerSecond = 4  // and in the long run

	roundMin     = 2 * time.Second
	roundMax     = 3 * time.Second
	shortLived   = 5 * time.Second // a connection that did not last counts as a failed dial
	attemptGap   = time.Second     // between two dials of one device
	backoffMin   = time.Second
	backoffMax   = 30 * time.Second
	dialTimeout  = 4 * time.Second
	deferMin     = 50 * time.Millisecond // the device with the larger name dials this much later,
	deferMax     = 250 * time.Millisecond
	unknownEvery = 250 * time.Millisecond // between dials of unknown addresses
	unknownKeep  = 2 * time.Minute
	saveEvery    = 5 * time.Second
	joinTimeout  = 5 * time.Second
	updateWait   = time.Millisecond // zero would be for ever
)
