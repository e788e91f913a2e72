package transport

import (
	"testing"
	"time"
)

// Frames of a device that is held wait, in order and without loss, and the connection stays; what is sent to it, and the
// frames of others, do not wait.
func TestHeldFramesComeLater(t *testing.T) {
	simulate(t, func(t *testing.T, w *world) {
		a, b, c := w.start(1), w.start(2), w.start(3)
		w.connect(a, b)
		w.connect(a, c)
		a.Hold(b.dev.ID(), time.Now().Add(10*time.Second))
		for i := range 20 {
			if !b.Send(a.dev.ID(), Control, []byte{byte(i)}) {
				t.Fatal("not sent")
			}
		}
		a.Send(b.dev.ID(), Control, []byte("there"))
		c.Send(a.dev.ID(), Control, []byte("other"))
		w.until("the others", time.Second, func() bool { return len(b.got(Control)) == 1 && len(a.got(Control)) == 1 })
		time.Sleep(8 * time.Second)
		if got := a.got(Control); len(got) != 1 {
			t.Fatalf("%d frames came while held", len(got))
		}
		w.until("all frames", 3*time.Second, func() bool { return len(a.got(Control)) == 21 })
		for i, f := range a.got(Control)[1:] {
			if f[0] != byte(i) {
				t.Fatalf("frame %d is %v", i, f)
			}
		}
		if !a.up(b) || !b.up(a) {
			t.Error("the connection did not last")
		}
	})
}
