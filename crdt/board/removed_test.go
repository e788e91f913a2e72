package board

import (
	"strings"
	"testing"
	"time"
)

// TestTakeFromSomebodyRemoved: command of those who are out of the team is taken without a question about their silence; while
// one who claims it is not, or it is not known that they are out, the question is asked as ever.
func TestTakeFromSomebodyRemoved(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "carol")
	typeAll(t, w, `ann declare "edge down" --sev 1`)
	w.net([][]string{{"ann"}, {"bob", "carol"}})
	w.nowMS += 60_000
	in, err := typed("take", w.nowMS)
	if err != nil {
		t.Fatal(err)
	}
	ctx := CheckContext{Now: time.UnixMilli(w.nowMS), Actor: owner("bob"), People: w.team, Presence: w.presence("bob")}
	if _, err := Check(w.node("bob").board, in, ctx); err == nil {
		t.Error("ann is only silent, and nothing is asked")
	}
	ctx.Removed = func(p PersonID) (int64, bool) { return 0, p == owner("carol") }
	if _, err := Check(w.node("bob").board, in, ctx); err == nil {
		t.Error("carol is out, and nothing is asked about ann")
	}
	ctx.Removed = func(p PersonID) (int64, bool) { return w.nowMS, p == owner("ann") }
	d, err := Check(w.node("bob").board, in, ctx)
	if err != nil || !strings.Contains(d.Text, "ann was removed from the team") || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "settle command bob") {
		t.Errorf("%+v, %v", d, err)
	}
}
