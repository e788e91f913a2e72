//go:build netns

package nettest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	tapBytesMax  = 256 << 20 // of frames that a tap keeps
	tapQueue     = 32 << 20  // bytes the kernel keeps until they are read
	frameBytes   = 64 << 10  // of the largest frame, offloaded ones included
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
	protocolUDP  = 17
	etherHeader  = 14
	ipv6Header   = 40
	pcapMagic    = 0xa1b2c3d4
	pcapEthernet = 1
)

// A tap is a sniffer: it keeps every frame that passes any interface of a namespace, the loopback included.
type tap struct {
	l      *lab
	ns     string
	f      *os.File
	raw    interface{ Control(func(uintptr)) error }
	frames [][]byte // in the order they passed; to be read after stop
	size   int      // of them all, in bytes
	ended  chan error
	over   bool
}

// tap starts a sniffer in a namespace. It ends with the test at the latest, and what a failed test captured is kept.
func (l *lab) tap(ns string) *tap {
	l.t.Helper()
	p := &tap{l: l, ns: ns, ended: make(chan error, 1)}
	err := inside(ns, func() error {
		all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)) // in the order of the network
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(all))
		if err != nil {
			return err
		}
		p.f = os.NewFile(uintptr(fd), "tap of "+ns)
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapQueue)
	})
	if err == nil {
		p.raw, err = p.f.SyscallConn()
	}
	if err != nil {
		l.t.Fatalf("tap %s: %v", ns, err)
	}
	go func() { p.ended <- p.read() }()
	l.t.Cleanup(p.stop)
	return p
}

// read keeps frames until stop gives it no more time.
func (p *tap) read() error {
	buf := make([]byte, frameBytes)
	for {
		n, err := p.f.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err == nil {
			err = p.keep(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// rest keeps the frames that have passed and nobody has read yet.
func (p *tap) rest(fd int) error {
	buf := make([]byte, frameBytes)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil:
			err = p.keep(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

func (p *tap) keep(frame []byte) error {
	if p.size += len(frame); p.size > tapBytesMax {
		return fmt.Errorf("more than %d bytes passed", tapBytesMax)
	}
	p.frames = append(p.frames, bytes.Clone(frame))
	return nil
}

// stop ends the sniffing. What a tap did not see it cannot vouch for, so frames it lost fail the test.
func (p *tap) stop() {
	p.l.t.Helper()
	if p.over {
		return
	}
	p.over = true
	err := errors.Join(p.f.SetReadDeadline(time.Unix(1, 0)), <-p.ended)
	var stats *unix.TpacketStats
	control := p.raw.Control(func(fd uintptr) {
		var serr error
		stats, serr = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		err = errors.Join(err, p.rest(int(fd)), serr)
	})
	if err = errors.Join(err, control, p.f.Close()); err != nil {
		p.l.t.Errorf("tap of %s: %v", p.ns, err)
		return
	}
	if stats.Drops > 0 {
		p.l.t.Errorf("the tap of %s missed %d of %d frames", p.ns, stats.Drops, stats.Packets)
	}
	if p.l.t.Failed() {
		p.l.t.Logf("captured: %s", p.save())
	}
}

// save writes what was captured as a file that packet analysers open, without times.
func (p *tap) save() string {
	b := binary.LittleEndian.AppendUint32(nil, pcapMagic)
	b = append(b, 2, 0, 4, 0) // version 2.4
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, frameBytes)
	b = binary.LittleEndian.AppendUint32(b, pcapEthernet)
	for _, f := range p.frames {
		b = append(b, make([]byte, 8)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	path := filepath.Join(os.TempDir(), p.ns+".pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return err.Error()
	}
	return path
}

// inside runs do on a thread of its own that is in a namespace: the sockets it makes stay there. The thread ends with it.
func inside(ns string, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread cannot be used for anything else
		f, err := os.Open(filepath.Join(namespacesRoot, ns))
		if err == nil {
			if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
				err = do()
			}
			err = errors.Join(err, f.Close())
		}
		done <- err
	}()
	return <-done
}

// udp returns the payload of a frame that is a whole UDP packet.
func udp(frame []byte) ([]byte, bool) {
	if len(frame) < etherHeader {
		return nil, false
	}
	kind, b := binary.BigEndian.Uint16(frame[12:]), frame[etherHeader:]
	switch {
	case kind == etherIPv6 && len(b) >= ipv6Header && b[6] == protocolUDP:
		b = b[ipv6Header:]
	case kind == etherIPv4 && len(b) >= 20 && b[9] == protocolUDP && len(b) >= 4*int(b[0]&15):
		b = b[4*int(b[0]&15):]
	default:
		return nil, false
	}
	if len(b) < 8 {
		return nil, false
	}
	size := int(binary.BigEndian.Uint16(b[4:]))
	if size < 8 || size > len(b) { // what the kernel cuts up only later has no size yet
		size = len(b)
	}
	return b[8:size], true
}

// TestTapReadsWhatPasses: what one host sends in the clear is in the capture of the switch, so that a capture without a
// word means that it was not said.
func TestTapReadsWhatPasses(t *testing.T) {
	l := newLab(t)
	a, b := l.plug("a"), l.plug("b")
	l.settled(a, b)
	sniffer := l.tap(l.sw())
	n := leak{text: "a word in the clear"}
	l.say(a, n.text)
	if !b.pings(a) { // it has passed when what was sent later has
		t.Error("b does not reach a")
	}
	sniffer.stop()
	if got := n.in(sniffer.frames); got == "" {
		t.Errorf("%q is not among %d frames", n.text, len(sniffer.frames))
	}
}
