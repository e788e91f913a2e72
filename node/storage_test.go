package node

import (
	"strings"
	"testing"

	"muster/node/api"
)

// T11: who fills the board is named, once it is much and more than all others wrote; nobody is told of themselves.
func TestWhoFillsTheBoardIsNamed(t *testing.T) {
	for _, c := range []struct {
		me     string
		counts []int // of mallory, ann
		warns  bool
	}{
		{"ann", nil, false},
		{"ann", []int{storageWarns, 100}, true},
		{"ann", []int{storageWarns - 1, 100}, false},
		{"ann", []int{storageWarns, storageWarns}, false},
		{"mallory", []int{storageWarns, 100}, false},
	} {
		var all []api.Storage
		for i, n := range c.counts {
			all = append(all, api.Storage{Responder: []string{"mallory", "ann"}[i], Operations: n, Bytes: uint64(n) << 8})
		}
		got := storageWarnings(all, c.me)
		if (len(got) == 1 && strings.Contains(got[0], "mallory wrote")) != c.warns {
			t.Errorf("%s, %v: %q", c.me, c.counts, got)
		}
	}
}
