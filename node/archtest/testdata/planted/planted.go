// Package planted breaks every rule that needs types, each on a line that says so.
package planted

import (
	"crypto/ed25519"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"time"
)

var (
	ErrFine = errors.New("an error is as good as a constant")
	pattern = regexp.MustCompile("so is a pattern")
	table   = map[string]int{"and a table": 1}
	config  = struct{ n int }{1}
	list    = []int{1, 2}
	pointer = &config                       // want `config is pointed at`
	empty   int                             // want `empty without a value`
	mu      = sync.Mutex{}                  // want `mu has a type`
	once    = struct{ o *sync.Once }{}      // want `once has a type`
	wake    = make(chan int)                // want `wake has a type`
	logger  = slog.New(slog.DiscardHandler) // want `logger has a type`
	source  = rand.New(rand.NewPCG(1, 2))   // want `source has a type`
	held    = &holder{}                     // want `held has a type`
	builder = pattern.String() + ErrFine.Error()
	clock   = time.Now // want `clock is a function` // want `time.Now in a pure package`
	_       = time.Time{}
)

type holder struct{ mu sync.Mutex }

//go:embed planted.go
var embedded string

func init() { // want `init has effects`
	fmt.Sprint(embedded, builder, once, wake, logger, pointer, clock)
}

func writes(n int) {
	config.n = n                    // want `config is assigned to`
	empty++                         // want `empty is assigned to`
	table["x"] = n                  // want `table is assigned to`
	delete(table, "x")              // want `table is changed`
	list[0], n = n, list[0]         // want `list is assigned to`
	copy(list[1:], list)            // want `list is changed`
	for _, empty = range []int{n} { // want `empty is assigned to`
	}
	mu.Lock()            // want `mu is pointed at`
	defer mu.Unlock()    // want `mu is pointed at`
	held.mu.Lock()       // want `held is pointed at`
	slog.SetDefault(nil) // want `slog.SetDefault logs to a global logger`
	log.Printf("x")      // want `log.Printf logs to a global logger`
	time.Local = nil     // want `Local is assigned to` // want `time.Local in a pure package`
	local := config
	local.n = 1
	table := map[string]int{}
	table["x"] = local.n
	pattern.Longest()
}

func impure(now time.Time, m map[string]int) (out []string) {
	go writes(1)       // want `goroutine`
	for k := range m { // want `range over a map`
		out = append(out, k)
	}
	for k := range m { // any order: a count does not depend on it
		now = now.Add(time.Duration(len(k)))
	}
	for k := range m { // order does not matter // want `range over a map`
		out = append(out, k)
	}
	for k := range maps.Keys(m) { // want `maps.Keys has no fixed order`
		out = append(out, k)
	}
	out = append(out, slices.Collect(maps.Keys(m))...) // want `maps.Keys has no fixed order`
	keys := maps.Keys(m)                               // want `maps.Keys has no fixed order`
	out = append(out, slices.Sorted(keys)...)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k)
	}
	out = append(out, slices.SortedFunc(maps.Keys(m), func(a, b string) int { return len(a) - len(b) })...)
	maps.Insert(m, maps.All(m))
	select { // want `select`
	case <-wake:
	default:
	}
	read := time.Now                          // want `time.Now in a pure package`
	since := time.Since(read())               // want `time.Since`
	fmt.Println(since, now.Local(), time.UTC) // want `fmt.Println` // want `time.Time.Local`
	println(rand.IntN(6), source.IntN(6))     // want `println` // want `uses the global random source`
	_, _, err := ed25519.GenerateKey(nil)     // want `ed25519.GenerateKey`
	return append(out, fmt.Sprint(err, now.Add(time.Second), rand.New(rand.NewPCG(1, 2)).IntN(6)))
}
