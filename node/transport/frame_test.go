package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
	"time"
)

// Frames of every size are read as written, however the bytes are cut.
func TestFrameRoundTrip(t *testing.T) {
	for _, size := range []int{1, 2, frameChunk - 1, frameChunk, frameChunk + 1, 3*frameChunk + 7, ControlFrameMax} {
		body := bytes.Repeat([]byte{byte(size)}, size)
		for name, r := range map[string]io.Reader{
			"whole":   bytes.NewReader(appendFrame(nil, body)),
			"halves":  iotest.HalfReader(bytes.NewReader(appendFrame(nil, body))),
			"at once": iotest.DataErrReader(bytes.NewReader(appendFrame(nil, body))),
		} {
			got, err := readFrame(r, ControlFrameMax)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %s: %d bytes, %v", size, name, len(got), err)
			}
		}
	}
}

// A bad length is the peer's fault, a stream that ends early is not EOF, and a stream that ends between frames is.
func TestFrameErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"half a length", []byte{0, 0}, io.ErrUnexpectedEOF},
		{"no body", []byte{0, 0, 0, 5}, io.ErrUnexpectedEOF},
		{"half a body", []byte{0, 0, 0, 5, 1, 2}, io.ErrUnexpectedEOF},
		{"empty", []byte{0, 0, 0, 0}, ErrProtocol},
		{"too long", binary.BigEndian.AppendUint32(nil, ControlFrameMax+1), ErrProtocol},
		{"longest", []byte{0xff, 0xff, 0xff, 0xff}, ErrProtocol},
	} {
		if _, err := readFrame(bytes.NewReader(c.in), ControlFrameMax); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// A length that promises 4 MiB costs no memory until the bytes come.
func TestFrameLengthAloneCostsLittle(t *testing.T) {
	in := append(binary.BigEndian.AppendUint32(nil, BulkFrameMax), make([]byte, 100)...)
	const rounds = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		if _, err := readFrame(bytes.NewReader(in), BulkFrameMax); err == nil {
			t.Fatal("read")
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / rounds; got > 2*frameChunk {
		t.Errorf("%d bytes were allocated for 100", got)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, []byte("hello")))
	f.Add([]byte{0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		body, err := readFrame(bytes.NewReader(in), 1<<10)
		if err == nil && !bytes.HasPrefix(in, appendFrame(nil, body)) {
			t.Fatalf("%x was read as %x", in, body)
		}
	})
}

func FuzzParseHello(f *testing.F) {
	f.Add(hello{instance: [instanceSize]byte{1}, body: []byte("x")}.format())
	f.Add(hello{turn: 1 << 31}.format())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := parseHello(in)
		if err == nil && !bytes.Equal(h.format(), in) {
			t.Fatalf("%x was read as %+v", in, h)
		}
	})
}

// A hello that is short, long or of another version is refused.
func TestHelloErrors(t *testing.T) {
	good := hello{instance: [instanceSize]byte{1}}.format()
	for _, bad := range [][]byte{nil, good[:helloHeadSize-1], append(good[:helloHeadSize:helloHeadSize], make([]byte, HelloMax+1)...), append([]byte{2}, good[1:]...)} {
		if _, err := parseHello(bad); !errors.Is(err, ErrProtocol) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// A queue is bounded in frames and in bytes, tells once when there is room again, and forgets everything when closed.
func TestQueueBounds(t *testing.T) {
	q := newQueue(100, 4, 250)
	if q.push([]byte("x")) {
		t.Error("closed, but took a frame")
	}
	q.setOpen(true)
	for i, c := range []struct {
		size int
		want bool
	}{{0, false}, {101, false}, {100, true}, {100, true}, {51, false}, {50, true}, {1, false}} {
		if got := q.push(make([]byte, c.size)); got != c.want {
			t.Errorf("push %d of %d bytes: %v", i, c.size, got)
		}
	}
	var told int
	for range 3 {
		_, _, ready, ok := q.pop(t.Context())
		if !ok {
			t.Fatal("nothing to pop")
		}
		if ready {
			told++
		}
	}
	if told != 1 || q.size() != 0 {
		t.Errorf("told %d times, %d bytes left", told, q.size())
	}
	for range 4 {
		q.push([]byte("x"))
	}
	if q.push([]byte("x")) {
		t.Error("took a fifth frame")
	}
	q.setOpen(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, ok := q.pop(ctx); ok || q.isOpen() {
		t.Error("a closed queue has frames")
	}
}

// A connection is stalled when we send and hear nothing for long enough, and well again with the first packet.
func TestHealthObserve(t *testing.T) {
	var h health
	now := time.Unix(0, 0)
	for i, c := range []struct {
		after          time.Duration
		received, sent uint64
		want           bool
	}{
		{0, 10, 10, false},
		{time.Second, 11, 12, false},
		{3 * time.Second, 11, 14, false}, // an acknowledgement and a keep-alive
		{time.Second, 11, 15, true},
		{time.Second, 11, 99, true},
		{time.Second, 12, 99, false},
		{2 * time.Second, 12, 200, false}, // not long enough
	} {
		now = now.Add(c.after)
		if got := h.observe(now, c.received, c.sent); got != c.want {
			t.Errorf("look %d: stalled is %v", i, got)
		}
	}
}

// A suspend is what makes the wall clock run ahead of the monotonic one; small steps and clocks set back are not.
func TestAsleep(t *testing.T) {
	for _, c := range []struct{ monotonic, wall, want time.Duration }{
		{time.Second, time.Second, 0},
		{time.Second, 4 * time.Second, 0},
		{time.Second, -time.Hour, 0},
		{10 * time.Second, 11 * time.Second, 0}, // we were busy
		{time.Second, time.Hour + time.Second, time.Hour},
	} {
		if got := asleep(c.monotonic, c.wall); got != c.want {
			t.Errorf("asleep(%v, %v) = %v, want %v", c.monotonic, c.wall, got, c.want)
		}
	}
}
