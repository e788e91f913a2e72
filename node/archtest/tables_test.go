package archtest

import (
	"maps"
	"slices"
	"testing"
)

const module = "muster"

// layers lists, for each package, the packages of this module it may import outside of tests. Packages that do not
// exist yet may be listed; those that exist must be.
var layers = map[string][]string{
	"crdt":         {},
	"crdt/auth":    {"crdt"},
	"crdt/board":   {"crdt", "crdt/auth"},
	"node/wire":    {"crdt"},
	"node/replica": {"crdt", "crdt/auth", "crdt/board", "node/wire"},
	"node/sim":     {"crdt", "crdt/auth", "crdt/board", "node/wire", "node/replica"},

	"node/identity": {"crdt", "crdt/auth"},

	"node/identity/pake":  {},
	"node/identity/vault": {},

	"node/store":      {"crdt"},
	"node/transport":  {"crdt", "node/wire", "node/identity"},
	"node/membership": {"crdt", "node/identity", "node/transport"},
	"node/discover":   {"crdt"},
	"node/api":        {},
	"node/web":        {"node/api"},
	"node/bridge":     {"node/api"},
	"node": {
		"crdt", "crdt/auth", "crdt/board", "node/wire", "node/replica", "node/identity", "node/store", "node/transport",
		"node/identity/pake", "node/identity/vault", "node/membership", "node/discover", "node/api", "node/web", "node/bridge",
	},

	"cli/tui":    {"node/api"},
	"cli/help":   {},
	"cli":        {"node", "node/api", "cli/tui", "cli/help"},
	"cli/muster": {"cli"},

	"node/archtest":          {},
	"node/nettest":           {},
	"node/bounds":            {},
	"node/faults":            {"crdt", "node/api", "node/identity", "node/store"},
	"node/transport/nettest": {"crdt", "node/wire", "node/identity", "node/transport"},
}

// pure packages are deterministic: the same calls give the same results. They have no I/O, clock, goroutine, global
// randomness or logging, and no map whose order can leak.
var pure = []string{"crdt", "crdt/auth", "crdt/board", "node/wire", "node/replica", "node/sim"}

// testSupport is imported by tests only, and may import what tests may.
var testSupport = []string{"node/archtest", "node/nettest", "node/bounds", "node/faults", "node/transport/nettest", "node/sim"}

// libraries lists, for each third-party library, the packages that may import it outside of tests. The longest prefix
// of the import path decides. None: a library for tests.
var libraries = map[string][]string{
	"github.com/fxamacker/cbor/v2":         {"crdt"},
	"github.com/klauspost/compress":        {"node/wire"},
	"github.com/quic-go/quic-go":           {"node/transport"},
	"github.com/quic-go/quic-go/testutils": {},
	"github.com/hashicorp/memberlist":      {"node/membership", "node/transport"},
	"github.com/dgraph-io/badger/v4":       {"node/store"},
	"github.com/miekg/dns":                 {"node/discover"},
	"github.com/spf13/cobra":               {"cli"},
	"golang.org/x/net":                     {"node/discover", "node/transport"},
	"golang.org/x/sys":                     {"node/store", "node/discover", "node/transport", "node/api", "cli"},
	"golang.org/x/tools":                   {},
	"filippo.io/age":                       {"node/identity/vault"},
	"github.com/gtank/ristretto255":        {"node/identity/pake"},
	"github.com/zalando/go-keyring":        {"node/identity/vault"},
	"rsc.io/qr":                            {"cli"},
	"golang.org/x/term":                    {"cli"},
	"golang.org/x/time/rate":               {"node/discover", "node/membership", "node/transport"},
	"github.com/cockroachdb/datadriven":    {},
	"github.com/google/go-cmp":             {},
	"github.com/rogpeppe/go-internal":      {},
	"pgregory.net/rapid":                   {},
}

// topLevel is all that the root of the repository may hold, besides names that begin with a dot and what git ignores.
var topLevel = []string{"LICENSE", "Makefile", "README.md", "cli", "crdt", "go.mod", "go.sum", "node", "staticcheck.conf"}

// ignored names at the root are made by the build, or are the node of someone who works here, whose files come and go;
// .gitignore lists them too.
var ignored = []string{"bin", ".muster"}

// The table itself keeps what architecture promises about absences, so that an arrow added in passing is caught even
// when the package that uses it is not written yet.
func TestLayerTableKeepsItsAbsences(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(layers)) {
		allowed := layers[name]
		for _, to := range allowed {
			if _, ok := layers[to]; !ok {
				t.Errorf("%s may import %s, which is not in the table", name, to)
			}
			if slices.Contains(pure, name) && !slices.Contains(pure, to) {
				t.Errorf("%s is pure and may import %s, which is not", name, to)
			}
			if to == "cli" && name != "cli/muster" {
				t.Errorf("%s may import cli", name)
			}
			if slices.Contains(testSupport, to) && !slices.Contains(testSupport, name) {
				t.Errorf("%s may import %s, which is for tests", name, to)
			}
			if slices.Contains(reach(to), name) {
				t.Errorf("%s and %s may import each other", name, to)
			}
		}
		both := slices.Contains(allowed, "crdt/board") && slices.Contains(allowed, "node/api")
		if both != (name == "node") {
			t.Errorf("%s may import both crdt/board and node/api: %t; node is the one place that does", name, both)
		}
	}
	for lib, by := range libraries {
		for _, name := range by {
			if _, ok := layers[name]; !ok {
				t.Errorf("%s may import %s and is not in the layer table", name, lib)
			}
		}
	}
}

// reach returns every package that name may import, directly or not.
func reach(name string) []string {
	seen := []string{}
	for queue := slices.Clone(layers[name]); len(queue) > 0; queue = queue[1:] {
		if !slices.Contains(seen, queue[0]) {
			seen = append(seen, queue[0])
			queue = append(queue, layers[queue[0]]...)
		}
	}
	return seen
}
