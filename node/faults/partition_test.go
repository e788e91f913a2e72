//go:build faults

package faults

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/node/api"
)

const (
	healLimit   = 5 * time.Second // from the heal to the moment at which all nodes hold the same
	bulkTimeout = 5 * time.Minute // for one side to write all of its part; only a hang takes that long
	crowd       = 24              // people writing at a time on one node
	perIncident = 400             // operations of a partition that go to one incident
)

// TestHealsWithinSeconds: two sides of a partition write thousands of operations; as soon as it ends all are equal.
func TestHealsWithinSeconds(t *testing.T) {
	t.Parallel()
	since := time.Now()
	ls, g := newTeam(t, tempHomes(t, 3)...), newLedger()
	worst := time.Duration(0)
	for i := range *partitions {
		alone := ls[i%len(ls)]
		if _, err := alone.node.Cut(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		until(t, startTimeout, func() string {
			st, err := alone.status()
			if err != nil {
				return err.Error()
			}
			for _, p := range st.Peers {
				if p.Reachable {
					return alone.name + " still reaches " + p.Responder
				}
			}
			return ""
		})
		bulk(t, g, alone, *difference/2, i)
		bulk(t, g, ls[(i+1)%len(ls)], *difference/2, i)
		until(t, startTimeout, func() string { return same(ls[(i+1)%len(ls)], ls[(i+2)%len(ls)]) })
		heal := time.Now()
		if _, err := alone.node.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
		converge(t, ls)
		took := time.Since(heal)
		t.Logf("partition %d: equal %.2f s after the heal", i, took.Seconds())
		if worst = max(worst, took); took > healLimit {
			t.Errorf("equal after %v, want %v at most", took, healLimit)
		}
	}
	report("partition", *partitions, audit(t, ls, g), since, fmt.Sprintf("equal within %.2f s of the heal, %d operations apart", worst.Seconds(), *difference))
}

// same says whether two nodes differ.
func same(a, b *laptop) string {
	x, err := a.status()
	if err != nil {
		return err.Error()
	}
	y, err := b.status()
	if err != nil {
		return err.Error()
	}
	if x.Digest != y.Digest {
		return a.name + " and " + b.name + " hold different boards"
	}
	return ""
}

// bulk writes n operations on one node, on incidents of their own.
func bulk(t *testing.T, g *ledger, l *laptop, n, round int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bulkTimeout)
	defer cancel()
	title := func(i int) string { return fmt.Sprintf("cut %d %s %d", round, l.name, i/perIncident) }
	for i := 0; i < n; i += perIncident {
		r, err := l.node.Write(ctx, api.Write{Verb: "declare", Text: title(i), Severity: 3})
		g.note(l.name, r, err)
	}
	var next atomic.Int64
	next.Store(int64((n + perIncident - 1) / perIncident))
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				r, err := l.node.Write(ctx, api.Write{Verb: "note", Incident: title(int(i - 1)), Text: fmt.Sprintf("%s sees %d of something", l.name, i)})
				g.note(l.name, r, err)
				if err != nil {
					t.Errorf("%s: %v", l.name, err)
					return
				}
			}
		})
	}
	all.Wait()
}
