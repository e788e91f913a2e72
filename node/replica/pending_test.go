package replica

import (
	"testing"

	"muster/crdt"
)

// waiting returns an operation with so long a body that waits for a past nobody has.
func waiting(i, bodyBytes int) *crdt.Record {
	return &crdt.Record{
		Op: crdt.Op{Doc: crdt.DocID{1}}, Hash: crdt.Hash{byte(i >> 16), byte(i >> 8), byte(i), 1}, Body: make([]byte, bodyBytes),
	}
}

// Operations whose past never comes fill what there is for them and no more, also when each is sent again and again;
// what comes out when a past comes after all makes room, and what the disk holds always has it.
func TestPendingFloodIsBounded(t *testing.T) {
	for name, bodyBytes := range map[string]int{"many": 0, "large": crdt.MaxBodyBytes} {
		p := newPending()
		missing := crdt.Hash{2}
		fit := 0
		for i := range 2 * MaxPending {
			if p.add(waiting(i, bodyBytes), missing) {
				fit++
			}
			p.add(waiting(0, bodyBytes), missing)
		}
		if fit == 0 || fit > MaxPending || fit*bodyBytes > MaxPendingBytes {
			t.Errorf("%s: %d of %d bytes each wait", name, fit, bodyBytes)
		}
		if len(p.ops) != fit || len(p.waits[missing]) != fit {
			t.Errorf("%s: %d fit, %d are kept, %d wait", name, fit, len(p.ops), len(p.waits[missing]))
		}
		p.keep(waiting(1<<20, bodyBytes), missing)
		if got := len(p.take(missing)); got != fit+1 {
			t.Errorf("%s: %d come out, want %d", name, got, fit+1)
		}
		if !p.add(waiting(1, bodyBytes), missing) || p.cached != 1 || p.bytes != bodyBytes {
			t.Errorf("%s: %d of %d bytes wait after all came out", name, p.cached, p.bytes)
		}
	}
}
