package discover

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// message returns a netlink message of a kind, with nothing in it.
func message(kind uint16) []byte {
	b := make([]byte, unix.SizeofNlMsghdr)
	binary.NativeEndian.PutUint32(b, unix.SizeofNlMsghdr)
	binary.NativeEndian.PutUint16(b[4:], kind)
	return b
}

// TestReadsNetlinkUntilItFails: what arrives is told in order, and the end of the socket ends the reading.
func TestReadsNetlinkUntilItFails(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(append(message(unix.RTM_NEWADDR), message(unix.RTM_NEWROUTE)...)); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	var told []bool
	if err := readNetlink(in, func(routes bool) { told = append(told, routes) }); !errors.Is(err, io.EOF) {
		t.Errorf("ended with %v, want %v", err, io.EOF)
	}
	if !slices.Equal(told, []bool{false, true}) {
		t.Errorf("told %v, want links, then routes", told)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNetlinkNews: messages about routes are told apart from those about links and addresses, and garbage is looked
// into rather than ignored.
func TestNetlinkNews(t *testing.T) {
	for name, c := range map[string]struct {
		b             []byte
		links, routes bool
	}{
		"link":     {message(unix.RTM_NEWLINK), true, false},
		"address":  {message(unix.RTM_DELADDR), true, false},
		"route":    {message(unix.RTM_NEWROUTE), false, true},
		"both":     {append(message(unix.RTM_DELROUTE), message(unix.RTM_NEWADDR)...), true, true},
		"none":     {nil, false, false},
		"too long": {append(message(unix.RTM_NEWROUTE)[:4:4], 0xff, 0xff, 0xff, 0xff), false, false},
		"garbage":  {make([]byte, 32), true, false},
	} {
		if links, routes := netlinkNews(c.b); links != c.links || routes != c.routes {
			t.Errorf("%s: links %v, routes %v, want %v, %v", name, links, routes, c.links, c.routes)
		}
	}
}

// TestWatchEndsWithItsContext: the watch waits for the kernel, and for nothing after its context has ended.
func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { ended <- watchSystem(ctx, func(bool) {}) }()
	why := errors.New("enough")
	cancel(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("watch ended with %v, want %v", err, why)
	}
}
