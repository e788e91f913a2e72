package membership

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"muster/crdt"
)

// An entry is what is known of one device.
type entry struct {
	// In the file.
	worked []netip.AddrPort // a connection ran over them; the latest first
	signed []netip.AddrPort // the device's own list, latest received
	seen   time.Time        // last connected; zero if never

	// Not in the file.
	hints     []netip.AddrPort // sightings, the latest first: anybody's word
	connected bool
	upAt      time.Time // connected since, or last so
	heard     bool      // memberlist has it alive

	// The rejoin loop's.
	dialing bool
	tried   time.Time     // begin of the last attempt
	failed  error         // how that ended
	next    time.Time     // not due before
	backoff time.Duration // after the last failure
}

// A book is the address book. The Membership's mutex guards it.
type book struct {
	entries map[crdt.DeviceID]*entry
	dirty   bool // differs from the file
}

func newBook() *book { return &book{entries: map[crdt.DeviceID]*entry{}} }

// entry returns the entry of the device, made if it is new; nil if the book is full of devices that matter more.
func (b *book) entry(device crdt.DeviceID) *entry {
	if e := b.entries[device]; e != nil {
		return e
	}
	if len(b.entries) >= devicesMax {
		return nil
	}
	e := &entry{}
	b.entries[device] = e
	return e
}

// learnWorked notes the address of a connection.
func (b *book) learnWorked(e *entry, addr netip.AddrPort) {
	if !addr.IsValid() {
		return
	}
	e.worked = toFront(e.worked, addr, addrsMax)
	b.dirty = true
}

// learnSigned replaces the device's own list, and reports whether it says something new.
func (b *book) learnSigned(e *entry, addrs []netip.AddrPort) bool {
	if slices.Equal(e.signed, addrs) {
		return false
	}
	e.signed = addrs
	b.dirty = true
	return true
}

// learnHint notes a sighting, and reports whether it says something new.
func (e *entry) learnHint(addr netip.AddrPort) bool {
	news := !slices.Contains(e.addrs(), addr)
	e.hints = toFront(e.hints, addr, hintsMax)
	return news
}

// addrs returns the addresses in the order to try them: the newest sighting, for the device may have moved, and then
// what worked last, each costing the other a fifth of a second; then the rest from the most to the least trusted.
func (e *entry) addrs() []netip.AddrPort {
	var out []netip.AddrPort
	for _, list := range [][]netip.AddrPort{first(e.hints), first(e.worked), e.signed, e.worked, e.hints} {
		for _, a := range list {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

func first(list []netip.AddrPort) []netip.AddrPort { return list[:min(1, len(list))] }

// toFront puts addr first and keeps at most limit.
func toFront(list []netip.AddrPort, addr netip.AddrPort, limit int) []netip.AddrPort {
	out := append(make([]netip.AddrPort, 0, limit), addr)
	for _, a := range list {
		if a != addr && len(out) < limit {
			out = append(out, a)
		}
	}
	return out
}

// state is how the device can be reached.
func (e *entry) state() State {
	switch {
	case e.connected:
		return Connected
	case e.heard:
		return Heard
	default:
		return Away
	}
}

// known lists the book: connected first, then the newest seen.
func (b *book) known() []Known {
	out := make([]Known, 0, len(b.entries))
	for d, e := range b.entries {
		out = append(out, Known{Device: d, Addrs: e.addrs(), LastSeen: e.seen, State: e.state(), TriedAt: e.tried, LastError: e.failed})
	}
	slices.SortFunc(out, func(a, b Known) int {
		return cmp.Or(
			-cmp.Compare(btoi(a.State == Connected), btoi(b.State == Connected)),
			b.LastSeen.Compare(a.LastSeen),
			a.Device.Compare(b.Device))
	})
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
