package membership

import (
	"errors"
	"testing"
	"time"
)

// What the last dial of a device failed with is known until a connection comes up.
func TestLastErrorIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		m := startFake(t, &fakeLinks{})
		know(m, 1)
		time.Sleep(10 * time.Second)
		if k := m.Known(); len(k) != 1 || !errors.Is(k[0].LastError, errNoAnswer) || k[0].TriedAt.IsZero() {
			t.Errorf("after dials in vain: %+v", k)
		}
		m.Connected(device(10).ID(), hostAddr(10), true)
		if k := m.Known(); k[0].LastError != nil {
			t.Errorf("while connected: %v", k[0].LastError)
		}
	})
}
