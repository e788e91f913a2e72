package board

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
	"muster/crdt/auth"
)

// drawTroubled lets people write while some of them remove laptops, adopt what those wrote, and take them back.
func drawTroubled(t *rapid.T, least, most int) *world {
	return drawHistoryWith(t, least, most, func(w *world) {
		if roll(t, 8) == 0 {
			trouble(t, w)
		}
	})
}

// trouble lets somebody say something about what a laptop wrote.
func trouble(t *rapid.T, w *world) {
	n, dev := pick(t, w.nodes...), deviceOf(pick(t, lawTeam...))
	switch roll(t, 4) {
	case 0:
		n.remove(w, dev, auth.Quarantined)
	case 1:
		n.remove(w, dev, auth.AsObserver)
	case 2:
		n.reinstate(w, dev)
	default:
		if n.board == nil {
			return
		}
		if ops := n.board.Aside(dev); len(ops) > 0 {
			n.adopt(w, ops[roll(t, len(ops)):]...)
		}
	}
}

// refill gives everybody every body that no redaction took away, as asking each other does.
func (w *world) refill() {
	for _, n := range w.nodes {
		if n.board != nil {
			n.refill(w)
		}
	}
}

// TestEveryOrderOfRemovalsFoldsTheSame is the law of the package with removals: whether what makes an operation not count is
// known before it, after it or in between, and however often that changed, the same operations under the same rulings give
// the same board and the same timeline. (T8: identical state for all orders.)
func TestEveryOrderOfRemovalsFoldsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTroubled(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		w.refill()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		n := w.nodes[0]
		want, log := n.board.Canonical(), n.board.Log(w.team)
		all := n.remarks
		for range 3 {
			n.remarks = nil
			left := slices.Clone(all)
			var b *Board
			b = n.rebuilt(w, func(ready []*crdt.Record) int {
				if len(left) > 0 && roll(t, 8) == 0 { // one more becomes known
					i := roll(t, len(left))
					n.remarks = append(n.remarks, left[i])
					left = slices.Delete(left, i, i+1)
					judge(w, n, b)
				}
				if roll(t, 8) == 0 {
					b.View(time.UnixMilli(w.nowMS), w.team) // fills caches that must be dropped again
				}
				return roll(t, len(ready))
			}, &b)
			n.remarks = append(n.remarks, left...)
			judge(w, n, b)
			if got := b.Canonical(); !bytes.Equal(got, want) {
				t.Fatalf("another order gives another board:\n%s", cmp.Diff(n.view(w), b.View(time.UnixMilli(w.nowMS), w.team), viewOpts))
			}
			if d := cmp.Diff(log, b.Log(w.team)); d != "" {
				t.Fatalf("another order gives another timeline:\n%s", d)
			}
		}
	})
}

// TestWhatDoesNotCountChangesNothing: a board on which the operations of a laptop do not count shows what it would show had
// that laptop never written, but for what others wrote about them and for the record of it.
func TestWhatDoesNotCountChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		n, out := w.node("ann"), deviceOf(pick(t, lawTeam[1:]...))
		n.remarks = []*remark{{device: out, standing: auth.Quarantined}}
		b := n.rebuilt(w, func(ready []*crdt.Record) int { return roll(t, len(ready)) })
		without := b.At(func(h crdt.Hash) bool { return n.graph.Dot(h).Device != out })
		now := time.UnixMilli(w.nowMS)
		got, want := b.View(now, w.team), without.View(now, w.team)
		count := 0
		for _, r := range n.records {
			if r.Op.Dot.Device == out && r.Op.Kind != crdt.KindWeave {
				count++
			}
		}
		quarantined := 0
		for _, q := range got.Quarantined {
			quarantined += q.Count
		}
		if quarantined != count || want.Quarantined != nil {
			t.Fatalf("%d operations are set aside, want %d", quarantined, count)
		}
		if lines, less := len(b.Log(w.team)), len(without.Log(w.team)); lines != less+count {
			t.Fatalf("the timeline has %d lines, want %d and %d", lines, less, count)
		}
		got.Quarantined, got.Operations = nil, want.Operations
		if d := cmp.Diff(want, got, viewOpts); d != "" {
			t.Fatalf("what does not count shows:\n%s", d)
		}
		if d := cmp.Diff(without.Briefing(now, w.team, person("ann")), b.Briefing(now, w.team, person("ann")), viewOpts, cmp.AllowUnexported(OpenItem{})); d != "" {
			t.Fatalf("what does not count is briefed:\n%s", d)
		}
		if d := cmp.Diff(without.LastWords(), b.LastWords()); d != "" {
			t.Fatalf("what does not count is a sign of life:\n%s", d)
		}
		half := n.graph.PastOf([]crdt.Hash{n.records[roll(t, len(n.records))].Hash})
		m := Merge{
			Before: func(h crdt.Hash) bool { return n.graph.Covers(half, h) },
			Viewer: person("ann"), Device: deviceOf("ann"), People: w.team, AtMS: w.nowMS, Now: now,
		}
		report := b.MergeReport(m)
		report.Quarantined = nil
		if d := cmp.Diff(without.MergeReport(m), report, viewOpts); d != "" {
			t.Fatalf("what does not count is in a merge report:\n%s", d)
		}
	})
}

// TestRedactionsThatDoNotCountEraseNothing: a removed laptop redacts every note there is. Whoever held their text holds it
// still, or has it again as soon as the removal is known; when its word counts after all, the text goes.
func TestRedactionsThatDoNotCountEraseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t.Fatalf, "ann", "bob", "dave")
		w.must("ann", Intent{Verb: "declare", Text: "edge down", Severity: 2})
		var notes []crdt.Hash
		for i := range 1 + roll(t, 4) {
			rec := w.must(pick(t, "ann", "bob"), Intent{Verb: "note", Text: fmt.Sprint("secret ", i)})
			notes = append(notes, rec.Hash)
			if roll(t, 2) == 0 {
				w.must("bob", Intent{Verb: "edit", Ref: rec.Hash.String(), Text: fmt.Sprint("secret too ", i)})
			}
		}
		w.must("ann", Intent{Verb: "role", Value: "scribe", Who: []string{"dave"}})
		n := w.node("ann")
		early := roll(t, 2) == 0
		if early {
			n.remove(w, deviceOf("dave"), auth.Quarantined)
		}
		for _, h := range notes {
			w.net([][]string{{"ann", "bob"}, {"dave"}})
			if roll(t, 2) == 0 {
				w.net([][]string{w.team})
			}
			w.must("dave", Intent{Verb: "redact", Ref: h.String(), Text: "no"})
		}
		w.net([][]string{w.team})
		if !early {
			n.hear(w, &remark{device: deviceOf("dave"), standing: auth.Quarantined})
		}
		w.sync()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		for _, node := range w.nodes {
			for _, note := range node.view(w).Notes {
				if note.Text == "" || note.Redacted != nil || note.Erased {
					t.Fatalf("%s: %+v", node.name, note)
				}
			}
			if e := node.board.Erasures(); len(e) > 0 {
				t.Fatalf("%s would erase %d bodies", node.name, len(e))
			}
		}
		n.adopt(w, n.board.Aside(deviceOf("dave"))...)
		w.sync()
		for _, node := range w.nodes {
			for _, note := range node.view(w).Notes {
				if note.Text != "" || note.Redacted == nil {
					t.Fatalf("%s still has %+v", node.name, note)
				}
			}
			for _, rec := range node.records {
				if bytes.Contains(rec.Body, []byte("secret")) {
					t.Fatalf("%s still holds %q", node.name, rec.Body)
				}
			}
		}
	})
}

// TestALaptopThatIsSomebodyElsesFoldsAnew: when a laptop turns out to be another person's, the board is the one it would be had
// that been known from the start, and what was looked up before stays what it was.
func TestALaptopThatIsSomebodyElsesFoldsAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 40)
		w.net([][]string{lawTeam})
		w.sync()
		n, dev, to := w.nodes[0], deviceOf(pick(t, lawTeam...)), person(pick(t, lawTeam[0], lawTeam[3]))
		past := n.board.At(func(crdt.Hash) bool { return true })
		before := past.Canonical()
		n.board.Judge(func(x Ruled) Ruling {
			if x.Dot.Device == dev {
				return Ruling{Person: to}
			}
			return x.Ruling
		}, nil)
		if !bytes.Equal(past.Canonical(), before) {
			t.Fatal("a board of the past has changed")
		}
		authors := maps.Clone(n.authors)
		authors[dev] = to
		n.authors = authors
		b := n.rebuilt(w, func(ready []*crdt.Record) int { return roll(t, len(ready)) })
		if !bytes.Equal(b.Canonical(), n.board.Canonical()) {
			t.Fatalf("judged and built differ:\n%s", cmp.Diff(b.View(time.UnixMilli(w.nowMS), w.team), n.view(w), viewOpts))
		}
	})
}
