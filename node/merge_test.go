package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// report asks the i'th node for its report on the last merge.
func (b *bubble) report(i int) api.MergeReport {
	b.t.Helper()
	r, err := b.nodes[i].Merge(b.t.Context(), "")
	if err != nil {
		b.t.Errorf("p%d: %v", i, err)
	}
	return r
}

// none reports whether the i'th node says that it has merged nothing.
func (b *bubble) none(i int) bool {
	_, err := b.nodes[i].Merge(b.t.Context(), "")
	var e *api.Error
	return errors.As(err, &e) && e.Code == api.CodeNotFound
}

// TestReportAfterATimeApart: two and two are apart for 24 minutes, and each side is led, and both decide and work. Everyone
// gets a report in which the others are the others; it stays through a restart, and numbers mean what they meant.
func TestReportAfterATimeApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		b.write(0, api.Write{Verb: "do", Text: "fail over db1", Who: []string{"p2"}, Once: true})
		b.write(3, api.Write{Verb: "note", Text: "before"})
		b.await(merge, "one board", b.same)
		time.Sleep(time.Minute)

		b.net.Partition(at(0, 1), at(2, 3))
		time.Sleep(12 * time.Minute)
		b.write(2, api.Write{Verb: "take", Text: "p0 is out of reach"})
		b.write(2, api.Write{Verb: "sev", Severity: 1})
		b.write(2, api.Write{Verb: "done", Ref: "fail over", Text: "db1 promoted"})
		b.write(2, api.Write{Verb: "decide", Text: "freeze deploys"})
		b.write(2, api.Write{Verb: "do", Text: "drain lb3", Who: []string{"p3"}})
		b.write(0, api.Write{Verb: "cancel", Ref: "fail over", Text: "not now"})
		b.write(1, api.Write{Verb: "note", Text: "from here"})
		show, err := b.nodes[0].Show(t.Context(), "")
		if task := show.Tasks[0]; err != nil || task.Owners[0] != "p2" || show.Rejoined != nil {
			t.Errorf("before the heal: %+v, %v", task, err)
		}
		time.Sleep(12 * time.Minute)
		b.net.Heal()
		b.merges(merge, "one board after 24 minutes")
		time.Sleep(time.Second) // what was noticed is on disk

		receipt := b.write(0, api.Write{Verb: "note", Text: "back"})
		if n := len(receipt.Notes); n == 0 || !strings.HasSuffix(receipt.Notes[n-1], "2 to settle: muster merge") {
			t.Errorf("the receipt does not point to the report: %q", receipt.Notes)
		}
		b.await(merge, "one board", b.same)
		for i, want := range map[int][2][]string{
			0: {{"p0", "p1"}, {"p2"}}, 1: {{"p1", "p0"}, {"p2"}}, 2: {{"p2", "p3"}, {"p0", "p1"}}, 3: {{"p3", "p2"}, {"p0", "p1"}},
		} {
			r := b.report(i)
			if d := cmp.Diff(want[0], r.You); d != "" {
				t.Errorf("p%d with: %s", i, d)
			}
			if d := cmp.Diff(want[1], r.Them); d != "" {
				t.Errorf("p%d apart from: %s", i, d)
			}
			if apart := time.Duration(r.AtMS-r.SinceMS) * time.Millisecond; apart < 23*time.Minute || apart > 26*time.Minute {
				t.Errorf("p%d was apart for %v", i, apart)
			}
			if len(r.Settle) != 2 || r.Settle[0].Kind != "command" || r.Settle[1].Kind != "done-vs-cancelled" || r.MaySettle != (i%2 == 0) {
				t.Errorf("p%d: to settle %+v, may %v", i, r.Settle, r.MaySettle)
			}
		}
		r := b.report(0)
		if !r.Seen || r.SeverityWas != 2 || r.Severity != 1 || len(r.Decisions) != 1 || len(r.Orders) != 1 || r.Orders[0].By != "p2" || r.TasksNew != 1 {
			t.Errorf("p0 reads %+v", r)
		}
		if d := cmp.Diff([]string{"y", "p2", "t"}, keysOf(r.Settle[0])); d != "" {
			t.Errorf("keys: %s", d)
		}
		if show, err = b.nodes[0].Show(t.Context(), ""); err != nil || show.Rejoined != nil {
			t.Errorf("still pointed to after it was read: %+v, %v", show.Rejoined, err)
		}

		first, second := strconv.Itoa(r.Settle[0].N), strconv.Itoa(r.Settle[1].N)
		b.write(0, api.Write{Verb: "settle", Subject: first, Value: "y", Text: "back"})
		b.halt(0)
		b.boot(0)
		b.await(10*time.Second, "all are there again", b.equal)
		_, err = b.nodes[0].Write(t.Context(), api.Write{Verb: "settle", Subject: first, Value: "p2"})
		if err == nil || !strings.HasPrefix(err.Error(), "p0 settled it ") || !strings.HasSuffix(err.Error(), ": p0 commands") {
			t.Errorf("settling a second time: %v", err)
		}
		b.write(0, api.Write{Verb: "settle", Subject: second, Value: "d", Text: "it ran"})
		r = b.report(0)
		if len(r.Settle) != 0 || len(r.Settled) != 2 || !r.Seen {
			t.Errorf("after settling both: %+v, %+v", r.Settle, r.Settled)
		}
		b.stop()
	})
}

func keysOf(c api.Conflict) (out []string) {
	for _, ch := range c.Choices {
		out = append(out, ch.Key)
	}
	return out
}

// TestNoReportWhileTogether: people who reach each other write for some minutes, and somebody joins: nothing of that is a
// merge.
func TestNoReportWhileTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		for i := range 30 {
			time.Sleep(7 * time.Second)
			b.write(i%3, api.Write{Verb: "note", Text: "x"})
		}
		b.add()
		b.merges(merge, "the new one has all of it")
		for i := range 20 {
			time.Sleep(7 * time.Second)
			b.write(i%4, api.Write{Verb: "note", Text: "y"})
		}
		b.merges(merge, "one board")
		for i := range 4 {
			if !b.none(i) {
				t.Errorf("p%d reports a merge: %+v", i, b.report(i))
			}
		}
		b.stop()
	})
}

// TestMergesCloseTogetherAreOne: three sides meet within a minute, and one report covers both others.
func TestMergesCloseTogetherAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		time.Sleep(time.Minute)
		for _, cut := range [][2]int{{0, 1}, {0, 2}, {1, 2}} {
			b.net.Partition(at(cut[0]), at(cut[1]))
		}
		time.Sleep(5 * time.Minute)
		for i := range 3 {
			b.write(i, api.Write{Verb: "note", Text: "alone"})
		}
		b.net.Heal()
		b.merges(merge, "one board")
		for i := range 3 {
			if r := b.report(i); len(r.You) != 1 || len(r.Them) != 2 || r.Notes != 2 {
				t.Errorf("p%d: %v and %v, %d notes", i, r.You, r.Them, r.Notes)
			}
		}
		b.stop()
	})
}

// TestWhatIsSaidOfTheAbsentHasAnAge: a task of somebody out of reach says how old what is known of them is.
func TestWhatIsSaidOfTheAbsentHasAnAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		b.write(0, api.Write{Verb: "do", Text: "look", Who: []string{"p1"}})
		b.await(merge, "one board", b.same)
		said := time.Now().UnixMilli()
		b.write(1, api.Write{Verb: "ack"})
		b.await(merge, "one board", b.same)
		time.Sleep(time.Minute)
		show, err := b.nodes[0].Show(t.Context(), "")
		if err != nil || show.Tasks[0].AsOfMS != 0 {
			t.Errorf("although p1 is there: %+v, %v", show.Tasks, err)
		}
		b.net.Partition(at(0), at(1))
		b.await(2*time.Minute, "they do not see each other", func() bool { return !b.sees(0, 1) && !b.sees(1, 0) })
		if show, err = b.nodes[0].Show(t.Context(), ""); err != nil || show.Tasks[0].AsOfMS != said {
			t.Errorf("as of %d, p1 last wrote at %d, %v", show.Tasks[0].AsOfMS, said, err)
		}
		if show, err = b.nodes[1].Show(t.Context(), ""); err != nil || show.Command.Terms[0].AsOfMS == 0 || show.Tasks[0].AsOfMS != 0 {
			t.Errorf("on the other side: %+v, %+v, %v", show.Command.Terms, show.Tasks, err)
		}
		b.stop()
	})
}

// TestMergeFile writes and reads what is remembered, and takes a broken file for none.
func TestMergeFile(t *testing.T) {
	l := newMergeLog()
	doc := crdt.DocID(crdt.SumHash([]byte("doc")))
	at := time.UnixMilli(1_700_000_000_000)
	l.of[doc] = []*merging{{before: []crdt.Hash{crdt.SumHash(nil)}, after: []crdt.Hash{crdt.SumHash([]byte("x"))}, at: at, last: at, beside: []crdt.Hash{{1}}, seen: true}}
	l.numbers[doc] = &numbering{next: 3, of: map[string]int{"cabc": 1, "cdef": 2}}
	text, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	var read mergeLog
	if err := read.decode(text); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l.of, read.of, cmp.AllowUnexported(merging{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(l.numbers, read.numbers, cmp.AllowUnexported(numbering{})); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "{", `{"incidents":{"zz":{}}}`, `{"incidents":{"` + doc.String() + `":{"merges":[{"before":["12"]}]}}}`, string(text[:len(text)-2])} {
		if err := read.decode([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if len(read.of[doc]) != 1 {
		t.Error("a broken file took away what was there")
	}
}

// TestBrokenMergeFileCostsItsReportsOnly starts a node on a directory whose file is broken.
func TestBrokenMergeFileCostsItsReportsOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		time.Sleep(time.Minute)
		b.net.Partition(at(0), at(1))
		time.Sleep(2 * time.Minute)
		b.write(1, api.Write{Verb: "note", Text: "x"})
		b.net.Heal()
		b.merges(merge, "one board")
		if b.none(0) {
			t.Error("no report after two minutes")
		}
		b.halt(0)
		files, err := filepath.Glob(filepath.Join(b.dirs[0], "teams", "*", "merges"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if err := os.WriteFile(files[0], []byte("{\"incidents\":7"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.boot(0)
		if !b.none(0) {
			t.Error("a broken file gave a report")
		}
		if !slices.Contains(b.running(), 0) {
			t.Error("a broken file stopped the node")
		}
		b.stop()
	})
}

// TestReportTellsOfTheOthersIncident: the other side declared the same outage under another name. The report says so, and
// once the two are linked one report tells of both, by either name.
func TestReportTellsOfTheOthersIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		one := b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2, Services: []string{"payments"}})
		b.await(merge, "the incident is everywhere", b.same)
		time.Sleep(time.Minute)
		b.net.Partition(at(0), at(1))
		time.Sleep(2 * time.Minute)
		b.write(1, api.Write{Verb: "note", Incident: one.Incident, Text: "x"})
		two := b.write(1, api.Write{Verb: "declare", Text: "cards are refused", Severity: 1, Services: []string{"payments"}})
		b.net.Heal()
		b.merges(merge, "one board")
		r, err := b.nodes[0].Merge(t.Context(), one.Incident)
		want := []api.Arrived{{Incident: two.Incident, Title: "cards are refused", By: "p1", Same: true}}
		if d := cmp.Diff(want, r.Arrived); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		_, err = b.nodes[0].Merge(t.Context(), two.Incident)
		if e := api.AsError(err); e == nil || e.Code != api.CodeNotFound {
			t.Errorf("what came whole was merged: %v", err)
		}

		b.write(0, api.Write{Verb: "same", Incident: one.Incident, Ref: two.Incident})
		b.await(merge, "linked", b.same)
		time.Sleep(2 * time.Minute)
		b.net.Partition(at(0), at(1))
		time.Sleep(2 * time.Minute)
		b.inside(1, func(s *session, now time.Time) error { // a note in each of the two
			for _, doc := range s.r.Documents() {
				if _, err := s.r.Propose(now, doc, board.Intent{Verb: "note", Text: "y"}); err != nil {
					return err
				}
			}
			return nil
		})
		b.net.Heal()
		b.merges(merge, "one board again")
		for _, name := range []string{one.Incident, two.Incident} {
			r, err := b.nodes[0].Merge(t.Context(), name)
			if err != nil || r.Incident != one.Incident || r.Notes != 2 || len(r.Arrived) != 0 || r.Older != 1 {
				t.Errorf("by %s: %+v, %v", name, r, err)
			}
		}
		b.stop()
	})
}

// FuzzMergeFile reads anything: what is taken over can be written and read again, and is within its bounds.
func FuzzMergeFile(f *testing.F) {
	doc := crdt.DocID(crdt.SumHash([]byte("doc"))).String()
	f.Add([]byte(`{"incidents":{"` + doc + `":{"merges":[{"before":["` + doc + `"],"after":[],"at_ms":1,"last_ms":2}],"next":3,"numbers":{"cab":2}}}}`))
	f.Add([]byte(`{"incidents":{"` + doc + `":{"next":-1,"numbers":{"":-7}}}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := newMergeLog()
		if l.decode(b) != nil {
			return
		}
		for doc, all := range l.of {
			if len(all) > mergesKept {
				t.Fatalf("%d merges of %s", len(all), doc)
			}
		}
		text, err := l.encode()
		if err != nil {
			t.Fatal(err)
		}
		again := newMergeLog()
		if err := again.decode(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if d := cmp.Diff(l.numbers, again.numbers, cmp.AllowUnexported(numbering{})); d != "" {
			t.Fatal(d)
		}
	})
}
