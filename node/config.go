package node

import (
	"log/slog"
	"net"
	"net/netip"
	"os/user"
	"strings"
	"time"

	"muster/crdt/auth"
	"muster/node/identity/vault"
	"muster/node/store"
)

// Config says where a node lives and how it is reached. Dir is required; the zero value of everything else is the default.
type Config struct {
	Dir       string           // home; made when missing
	Responder string           // handle of the founder of a new team; empty: the login name
	Team      string           // name of a new team
	Listen    netip.AddrPort   // UDP; zero: all addresses, port 7946 or any free one when that is taken
	Join      []netip.AddrPort // where to look for members, besides discovery and memory
	Version   string           // of the program, for people

	// Keyring guards the secrets of a fresh home, and opens those it guards. Nil: there is none.
	Keyring Keyring
	// Passphrase opens a home that one guards; empty: the node starts locked.
	Passphrase string
	// PassphraseWork is how hard a new passphrase is to try, as the base-2 logarithm of scrypt's N; 0: about a second each.
	PassphraseWork int

	NoDiscover bool         // neither announce this node nor listen for others
	NoAPI      bool         // no socket; for callers in the same process
	Log        *slog.Logger // nil: none

	// Open and OpenStore replace the socket and the store in tests that run in a bubble of virtual time.
	Open      func() (net.PacketConn, error)
	OpenStore func(dir string, cfg store.Config) (store.Store, store.Report, error)

	// Skew is added to the wall clock wherever the node writes or shows it: a laptop whose clock is wrong, in a bubble
	// where all share one.
	Skew time.Duration
}

// DefaultPort is the UDP port a node listens on when nothing else is asked for and nobody else has it.
const DefaultPort = 7946

// Waits and bounds of a node.
const (
	deliveryWait  = 400 * time.Millisecond // for reachable peers to say that they hold a write
	switchWait    = 10 * time.Second       // of calls, while a session starts
	joinTimeout   = 15 * time.Second
	knocksMax     = 8 // addresses asked at a time to let us in
	knockAgain    = 500 * time.Millisecond
	seenMax       = 32              // addresses on the links that are asked again
	refusalWait   = time.Second     // for another answer, when somebody did not let us in
	firstSyncWait = 5 * time.Second // of a join, for the board to arrive
	seekEvery     = 3 * time.Second // looking again at the addresses given, while nobody is connected
	knockEvery    = 3 * time.Second // introducing ourselves again to a device that does not know us
	fullRetry     = time.Second     // trying again to write after the disk was full
	erasePause    = time.Second     // gathering redactions before their bytes are cleaned out of the files
	callsMax      = 256             // calls waiting for the loop
	drainMax      = 64              // calls and events taken together into one sync
	mergedMax     = 1 << 16         // timeline entries remembered as having come by a merge
	waitersMax    = 1024            // writes waiting for their delivery to be known
)

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Responder == "" {
		c.Responder = loginHandle()
	}
	if c.Team == "" {
		c.Team = c.Responder + "'s team"
	}
	if c.OpenStore == nil {
		c.OpenStore = func(dir string, cfg store.Config) (store.Store, store.Report, error) { return store.Open(dir, cfg) }
	}
	return c
}

// loginHandle makes a handle of the login name.
func loginHandle() string {
	name := "me"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	name = strings.Map(func(c rune) rune {
		if auth.CheckHandle(string(c)) == nil {
			return c
		}
		return -1
	}, strings.ToLower(name))
	if auth.CheckHandle(name) != nil {
		return "me"
	}
	return name
}

// Keyring is a keyring of a desktop session, see [SystemKeyring].
type Keyring = vault.Ring
