package wire_test

import (
	"testing"

	"muster/node/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func FuzzParse(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(wire.Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkCanonical(t, b) })
}

// FuzzParseBatch looks behind the packing, where FuzzParse hardly gets.
func FuzzParseBatch(f *testing.F) {
	for _, m := range messages(f) {
		if b, ok := m.(*wire.Batch); ok {
			f.Add(wire.AppendBatch(nil, b))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseBatch(b)
		if err != nil {
			return
		}
		got, err := wire.ParseBatch(wire.AppendBatch(nil, m))
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%x is written as what reads differently: %v\n%s", b, err, diff)
		}
	})
}
