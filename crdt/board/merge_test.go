package board

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
)

// held returns the set of what a node holds now.
func (n *node) held() func(crdt.Hash) bool {
	past := n.graph.Everything()
	return func(h crdt.Hash) bool { return n.graph.Covers(past, h) }
}

// apart makes a world whose two sides went on alone for a while; the first two people are with ann. It returns what ann
// held when the sides met again.
func apart(t *testing.T, lines ...string) (w *world, before func(crdt.Hash) bool) {
	t.Helper()
	w = newWorld(fatalOf(t), "ann", "bob", "carol", "dave", "erin")
	w.must("ann", Intent{Verb: "declare", Text: "checkout 500s", Severity: 2})
	w.sync()
	for _, line := range lines {
		w.nowMS += 60_000
		who, rest, _ := strings.Cut(line, " ")
		switch who {
		case "cut":
			w.net([][]string{{"ann", "bob"}, {"carol", "dave"}, {"erin"}})
			continue
		case "heal":
			before = w.node("ann").held()
			w.net([][]string{{"ann", "bob", "carol", "dave"}, {"erin"}})
			w.sync()
			continue
		}
		in, err := typed(rest, w.nowMS)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		w.must(who, in)
		w.sync()
	}
	return w, before
}

// report is what ann reads.
func (w *world) report(before func(crdt.Hash) bool) MergeReport {
	n := w.node("ann")
	return n.board.MergeReport(Merge{
		Before: before, Viewer: person("ann"), Device: deviceOf("ann"), Beside: []PersonID{person("bob")}, People: w.team,
		AtMS: w.nowMS, Presence: w.presence("ann"), Now: time.UnixMilli(w.nowMS),
	})
}

// flagship is a split in which nearly everything happens at once.
var flagship = []string{
	`erin note "here"`, `ann do @carol "fail over db1" 5m --once`, `carol ack`, `ann do @bob "drain lb2"`,
	`cut`,
	`carol take "ann is out of reach"`, `carol sev 1 "all regions"`, `carol do @dave "drain lb3"`, `dave ack`,
	`carol done "fail over" "db1 promoted"`, `carol decide "freeze deploys until 05:00" --topic deploys`, `dave stuck "drain lb3" "needs the VPN"`,
	`dave note "queue is long"`, `dave note "and longer"`,
	`ann cancel "fail over" "not now"`, `ann sev 3`, `bob done "drain lb2" "drained"`, `ann do @dave "call the bank"`,
	`heal`,
}

// TestReportSaysWhatTheMergeDid is the commander back after a quarter of an hour: everything another side did is there,
// and nothing of one's own.
func TestReportSaysWhatTheMergeDid(t *testing.T) {
	w, before := apart(t, flagship...)
	m := w.report(before)
	check := func(what string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	check("you", m.You, []string{"ann", "bob"})
	check("them", m.Them, []string{"carol", "dave"})
	check("severity", []int{m.SeverityWas, m.Severity}, []int{3, 1})
	check("commander", []string{m.CommanderWas, m.Commander}, []string{"ann", "ann"})
	check("minutes apart", (m.AtMS-m.SinceMS)/60_000, int64(15))
	var settle []string
	for _, c := range m.Settle {
		keys := c.Kind
		for _, ch := range c.Choices {
			keys += " " + ch.Key + "=" + ch.Value
		}
		settle = append(settle, keys)
	}
	check("to settle", settle[0], "command y=ann c=carol t=teams")
	check("kinds", []string{m.Settle[0].Kind, m.Settle[1].Kind}, []string{ConflictCommand, ConflictDoneVsCancelled})
	check("merged first", m.Merged[0].Kind, NoticeSeverity)
	check("decisions", []string{m.Decisions[0].Text, m.Decisions[0].By}, []string{"freeze deploys until 05:00", "carol"})
	check("blocked", []string{m.Blocked[0].By, m.Blocked[0].Why}, []string{"dave", "needs the VPN"})
	check("counts", []int{m.TasksNew, m.Notes, m.Redacted, m.Older}, []int{1, 2, 0, 0})
	check("orders", []any{m.Orders[0].By, m.Orders[0].Given, len(m.Orders[0].Open)}, []any{"carol", 1, 1})
	check("new", m.New, []string{"dave"})
	check("missing", m.Missing[0].Handle, "erin")
	check("roll call", m.RollCall, true)

	// What is settled since is told as such, and no longer asked for.
	w.nowMS += 60_000
	after := w.node("ann").held()
	w.must("ann", Intent{Verb: "settle", Subject: "command", Value: "y", Text: "back"})
	again := w.node("ann").board.MergeReport(Merge{
		Before: before, After: after, Viewer: person("ann"), Device: deviceOf("ann"), Beside: []PersonID{person("bob")}, People: w.team, AtMS: m.AtMS,
	})
	if len(again.Settle) != 1 || len(again.Settled) != 1 || !strings.HasSuffix(again.Settled[0].Text, ": ann commands") {
		t.Errorf("after settling: %+v, %+v", again.Settle, again.Settled)
	}
	check("their operations", again.Operations, m.Operations)
}

// TestNothingNewIsAnEmptyReport merges nothing.
func TestNothingNewIsAnEmptyReport(t *testing.T) {
	w, _ := apart(t, `ann note "x"`)
	if m := w.report(w.node("ann").held()); !m.Empty() {
		t.Errorf("not empty: %+v", m)
	}
}

// TestSettlementsThatConflictAgainSayWhoChoseWhat settles one conflict on both sides, differently.
func TestSettlementsThatConflictAgainSayWhoChoseWhat(t *testing.T) {
	w, _ := apart(t,
		`cut`, `carol take "ann is away"`, `heal`, // a first merge: two claim command
		`cut`, `ann settle command ann "back"`, `carol settle command carol "ann sleeps"`)
	before := w.node("ann").held()
	w.net([][]string{w.team})
	w.sync()
	m := w.report(before)
	if len(m.Settle) != 1 {
		t.Fatalf("%+v", m.Settle)
	}
	if text := m.Settle[0].Text; !strings.Contains(text, "ann (") || !strings.Contains(text, "carol (") || strings.Count(text, "settled") != 2 {
		t.Errorf("does not say what each chose: %s", text)
	}
}

// TestKeysNeverChangeTheirMeaning draws names and looks at the keys of every subset of them: what one list shows either
// means the same in another, or nothing.
func TestKeysNeverChangeTheirMeaning(t *testing.T) {
	gen := rapid.StringMatching(`[a-d]{1,3}`)
	rapid.Check(t, func(t *rapid.T) {
		names := slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(gen, 2, 6).Draw(t, "names"))))
		all := []Choice{{Key: "d", Value: TaskDone}, {Key: "c", Value: TaskCancelled}}
		for _, n := range names {
			all = append(all, Choice{Key: n, Value: n, person: person(n)})
		}
		meaning := map[string]string{}
		for _, from := range [][]Choice{all, all[:len(all)-1], all[:3]} {
			for _, ch := range (Conflict{Choices: from}).For(PersonID{}).Choices {
				if was, ok := meaning[ch.Key]; ok && was != ch.Value && !strings.HasPrefix(was, ch.Key) {
					t.Fatalf("%s means %s and %s", ch.Key, was, ch.Value)
				}
				meaning[ch.Key] = ch.Value
			}
		}
		seen := map[string]bool{}
		for _, ch := range (Conflict{Choices: all}).For(person(names[0])).Choices {
			if seen[ch.Key] {
				t.Fatalf("%s means two things", ch.Key)
			}
			seen[ch.Key] = true
		}
	})
}

// TestConflictsKeepTheirKeys settles the first of several conflicts: the others are still found by the names they had,
// and the first is answered with who settled it.
func TestConflictsKeepTheirKeys(t *testing.T) {
	w, _ := apart(t, flagship...)
	v := w.node("ann").view(w)
	w.must("ann", Intent{Verb: "settle", Subject: v.Conflicts[0].Key, Value: "y"})
	left := w.node("ann").view(w).Conflicts
	for i, c := range left {
		if c.Key != v.Conflicts[i+1].Key || c.ID() != v.Conflicts[i+1].ID() {
			t.Errorf("%s has become %s", v.Conflicts[i+1].Key, c.Key)
		}
	}
	for _, subject := range []string{v.Conflicts[0].Key, v.Conflicts[0].ID(), "command"} {
		_, _, err := w.do("ann", Intent{Verb: "settle", Subject: subject, Value: "carol"})
		if err == nil || !strings.HasPrefix(err.Error(), "ann settled it ") || !strings.HasSuffix(err.Error(), ": ann commands") {
			t.Errorf("settling %s again: %v", subject, err)
		}
	}
	if got := ConflictKinds(); !slices.Contains(got, left[0].Kind) {
		t.Errorf("%s is not among %v", left[0].Kind, got)
	}
}

// TestReportsAreComputedForEveryHistory draws histories: no merge may stop a node, and its report is about what came.
func TestReportsAreComputedForEveryHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		n := w.nodes[0]
		before := n.held()
		w.net([][]string{lawTeam})
		w.sync()
		m := n.board.MergeReport(Merge{
			Before: before, Viewer: person(n.name), Device: deviceOf(n.name), People: w.team, AtMS: w.nowMS, Presence: w.presence(n.name),
			Now: time.UnixMilli(w.nowMS),
		})
		open := n.view(w).Conflicts
		if len(m.Settle)+m.Older != len(open) {
			t.Fatalf("%d new and %d old conflicts, %d open", len(m.Settle), m.Older, len(open))
		}
		for _, c := range m.Settle {
			if !slices.Contains(ConflictKinds(), c.Kind) {
				t.Fatalf("%s is not of class C", c.Kind)
			}
		}
		if m.SinceMS > m.AtMS {
			t.Fatalf("apart from %d to %d", m.SinceMS, m.AtMS)
		}
	})
}

// split returns a board with a history, and an hour in which each of two sides wrote as many operations, with the set
// that the first held before they met.
func split(b *testing.B, history, each int) (*world, func(crdt.Hash) bool) {
	w := newWorld(b.Fatalf, "ann", "bob", "carol", "dave")
	step := func(who string, in Intent) {
		w.nowMS += 1000
		if _, _, err := w.do(who, in); err != nil {
			b.Fatalf("%s %+v: %v", who, in, err)
		}
	}
	side := func(n int, boss, hand string) {
		for i := 0; i < n; i += 4 {
			text := fmt.Sprintf("%s asks %s at %d", boss, hand, w.nowMS)
			step(boss, Intent{Verb: "do", Who: []string{hand}, Text: text, ForMS: 600_000, Once: i%40 == 0})
			w.sync()
			step(hand, Intent{Verb: "ack", Ref: text})
			step(hand, Intent{Verb: "note", Text: "on " + text})
			step(hand, Intent{Verb: "done", Ref: text, Text: "well"})
			w.sync()
		}
	}
	step("ann", Intent{Verb: "declare", Text: "edge down", Severity: 2})
	w.sync()
	side(history, "ann", "bob")
	open := []string{}
	for i := range 12 { // what both sides will lay hands on
		open = append(open, fmt.Sprint("shared ", i))
		step("ann", Intent{Verb: "do", Text: open[i], Once: i%2 == 0})
		w.sync()
	}
	w.net([][]string{{"ann", "bob"}, {"carol", "dave"}})
	w.nowMS += 600_000
	step("carol", Intent{Verb: "take", Text: "ann is out of reach", Yes: true})
	for _, ref := range open {
		step("bob", Intent{Verb: "claim", Ref: ref})
		step("dave", Intent{Verb: "claim", Ref: ref})
	}
	w.sync()
	side(each-14, "ann", "bob")
	side(each-14, "carol", "dave")
	before := w.node("ann").held()
	w.net([][]string{w.team})
	w.sync()
	return w, before
}

// BenchmarkMergeReport reports on an hour apart with five hundred operations on each side, over a history of two
// thousand; "views" is its cost in looks at the same board.
func BenchmarkMergeReport(b *testing.B) {
	w, before := split(b, 2000, 500)
	n := w.node("ann")
	now := time.UnixMilli(w.nowMS)
	m := Merge{Before: before, Viewer: person("ann"), Device: deviceOf("ann"), Beside: []PersonID{person("bob")}, People: w.team, AtMS: w.nowMS, Now: now}
	n.board.View(now, w.team)
	begun := time.Now()
	for range 10 {
		n.board.View(now, w.team)
	}
	view := time.Since(begun) / 10
	for b.Loop() {
		if r := n.board.MergeReport(m); r.Operations < 400 || len(r.Settle) < 6 {
			b.Fatalf("%d operations, %d to settle", r.Operations, len(r.Settle))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(view.Nanoseconds()), "views")
}
