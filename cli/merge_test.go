package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"muster/node/api"
)

// mergeNow is a moment in the afternoon.
var mergeNow = time.Date(2026, 9, 28, 3, 12, 30, 0, time.UTC)

// rejoining is the commander's report of the design: 24 minutes apart, two things to settle.
func rejoining() api.MergeReport {
	at := func(clock string) int64 {
		c, err := time.Parse("15:04", clock)
		if err != nil {
			panic(err)
		}
		return mergeNow.Truncate(24*time.Hour).UnixMilli() + c.Sub(c.Truncate(24*time.Hour)).Milliseconds()
	}
	return api.MergeReport{
		Schema: "muster.merge/1", Incident: "amber-otter", Title: "checkout 500s", AtMS: at("03:12"), SinceMS: at("02:48"),
		You: []string{"ann", "bob", "dave"}, Them: []string{"carol", "erin"}, Operations: 41, MaySettle: true,
		Severity: 1, SeverityWas: 2, Status: "active", StatusWas: "resolved", Commander: "ann", CommanderWas: "ann",
		Settle: []api.Conflict{
			{N: 1, Key: "c7f", Kind: "command", Subject: "command", Shown: "ann", Choices: []api.Choice{
				{Key: "y", Value: "ann", Label: "ann (declared since 02:10Z, 3 orders)", By: "ann"},
				{Key: "c", Value: "carol", Label: "carol (acting since 02:51Z, 9 orders)", By: "carol"},
				{Key: "t", Value: "teams", Label: "two teams: ann commands, carol leads a sub-team"},
			}},
			{N: 2, Key: "cab", Kind: "done-vs-cancelled", Subject: "t7f", Shown: "done", Text: `"fail over db1": ann CANCELLED 03:02Z | carol DONE "promoted" 03:05Z`, Choices: []api.Choice{
				{Key: "d", Value: "done", Label: "it is done"},
				{Key: "c", Value: "cancelled", Label: "it is cancelled"},
				{Key: "ca", Value: "carol", Label: "not done: carol has it"},
			}},
		},
		Merged: []api.Notice{
			{Kind: "severity", Subject: "severity", Text: "sev 1 kept: carol 02:52Z; bob 02:58Z wrote 3 without seeing it"},
			{Kind: "status", Subject: "status", Text: "resolved (bob 02:58Z) not applied: vital t2c open"},
			{Kind: "double", Subject: "t4a", Text: `DOUBLE bob and dave on "drain lb2"; bob is primary`},
		},
		Decisions: []api.Decision{{ID: "d4m", Text: "freeze deploys until 05:00", By: "carol", AtMS: at("02:55"), Stands: true, Unread: true}},
		Orders:    []api.Orders{{By: "carol", Given: 9, Open: []string{"t2c", "t9d", "tqq"}}},
		New:       []string{"erin"}, Missing: []api.Missing{{Responder: "frank", HeardMS: 41 * 60_000}, {Responder: "grace", Never: true}},
		TasksNew: 5, TasksDone: 2, Blocked: []api.Blocked{{Task: "t9d", By: "erin", Why: "needs vpn"}}, Yours: []string{"tqq"},
		Notes: 14, Redacted: 1, Clocks: []api.Clock{{Responder: "carol", OffsetMS: 252_000}}, RollCall: true,
	}
}

// TestMergeIsOneScreen is the report a commander reads who was away for 24 minutes.
func TestMergeIsOneScreen(t *testing.T) {
	golden(t, "merge.golden", strings.Join(mergeLines(rejoining(), mergeNow, "<->"), "\n")+"\n")

	r := rejoining() // as somebody reads it who does not command, an hour later, when half of it is settled
	r.You, r.MaySettle = []string{"bob", "ann", "dave"}, false
	r.Settled = []api.Outcome{{Subject: "command", Text: "ann settled it 03:15Z: ann commands"}}
	r.Settle, r.Older = r.Settle[1:], 1
	r.Arrived = []api.Arrived{{Incident: "red-fox", Title: "cards are refused", By: "carol", Same: true}}
	golden(t, "merge-later.golden", strings.Join(mergeLines(r, mergeNow.Add(time.Hour), "⇄"), "\n")+"\n")

	much := rejoining() // an hour apart in which everybody laid hands on everything
	for i := range 12 {
		c := much.Settle[1]
		c.N, c.Subject = i+3, fmt.Sprintf("t%cq", 'a'+i)
		much.Settle = append(much.Settle, c)
		much.Merged = append(much.Merged, api.Notice{Kind: "due", Subject: c.Subject, Text: `"look at the queue" has two deadlines; the earlier counts`})
	}
	golden(t, "merge-much.golden", strings.Join(mergeLines(much, mergeNow, "<->"), "\n")+"\n")

	nothing := api.MergeReport{Incident: "amber-otter", You: []string{"ann"}, Them: []string{"bob"}, Severity: 2, SeverityWas: 2, Empty: true}
	if lines := mergeLines(nothing, mergeNow, "<->"); len(lines) != 5 || !strings.Contains(lines[3], "nothing came") {
		t.Errorf("nothing: %q", lines)
	}
}

// TestMergeVerb asks the node, ends with what a script wants to know, and prints JSON.
func TestMergeVerb(t *testing.T) {
	r := typeOn(t, &fakeNode{merge: rejoining()}, "", "merge", "-i", "amber")
	if r.code != exitHuman || !strings.Contains(r.out, "SETTLE 2\n") || strings.Count(r.out, "\n") > mergeLinesMax {
		t.Errorf("exit %d:\n%s", r.code, r.out)
	}
	r = typeOn(t, &fakeNode{merge: rejoining()}, "", "merge", "-o", "json")
	if r.code != exitHuman || !strings.Contains(r.out, `"schema": "muster.merge/1"`) || !strings.Contains(r.out, `"key": "c7f"`) {
		t.Errorf("exit %d:\n%s", r.code, r.out)
	}
	calm := rejoining()
	calm.Settle = nil
	if r := typeOn(t, &fakeNode{merge: calm}, "", "merge"); r.code != exitOK || !strings.Contains(r.out, "SETTLE 0") {
		t.Errorf("exit %d:\n%s", r.code, r.out)
	}
	if r := typeOn(t, &fakeNode{err: api.Errorf(api.CodeNotFound, "", "nothing was merged yet")}, "", "merge"); r.code != exitFailed {
		t.Errorf("exit %d", r.code)
	}
}

// TestMergeAlwaysFits draws reports of any size: never more than a screen, what waits for a human first and counted, and
// nothing left out without saying so.
func TestMergeAlwaysFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
		word := func(what string) string {
			return rapid.SampledFrom([]string{
				"", "x", "ann", "a-rather-long-handle-of-somebody", "two words", strings.Repeat("long ", 60), strings.Repeat("w", 200), "ünï\ncode \x1b[2J",
			}).Draw(t, what)
		}
		r := api.MergeReport{
			Incident: word("incident"), Title: word("title"), AtMS: mergeNow.UnixMilli(), SinceMS: mergeNow.UnixMilli() - int64(n("apart", 1<<30)),
			Severity: 1, SeverityWas: 1 + n("was", 4), Status: "active", StatusWas: word("status"), Commander: word("commander"), CommanderWas: word("was"),
			MaySettle: rapid.Bool().Draw(t, "may"), Older: n("older", 300), TasksNew: n("new", 500), Notes: n("notes", 500), Redacted: n("redacted", 3),
			RollCall: rapid.Bool().Draw(t, "roll"), Empty: n("empty", 9) == 0,
		}
		list := func(what string, most int) []string {
			out := make([]string, n(what, most))
			for i := range out {
				out[i] = word("word")
			}
			return out
		}
		r.You, r.Them, r.New, r.Yours = list("you", 40), list("them", 40), list("newcomers", 40), list("yours", 40)
		for i := range n("settle", 300) {
			c := api.Conflict{N: i + 1, Kind: rapid.SampledFrom([]string{"command", "double", "ran-twice", "decision"}).Draw(t, "kind"), Subject: word("subject"), Text: word("text")}
			for range n("choices", 12) {
				c.Choices = append(c.Choices, api.Choice{Key: word("key"), Value: word("value"), Label: word("label"), By: word("by")})
			}
			r.Settle = append(r.Settle, c)
		}
		for range n("settled", 5) {
			r.Settled = append(r.Settled, api.Outcome{Subject: word("subject"), Text: word("text")})
		}
		for range n("merged", 100) {
			r.Merged = append(r.Merged, api.Notice{Kind: "double", Subject: word("subject"), Text: word("text")})
		}
		for range n("decisions", 30) {
			r.Decisions = append(r.Decisions, api.Decision{ID: "d4m", Text: word("text"), By: word("by"), Stands: true})
		}
		for range n("orders", 5) {
			r.Orders = append(r.Orders, api.Orders{By: word("by"), Given: 9, Open: list("open", 60)})
		}
		for range n("missing", 9) {
			r.Missing = append(r.Missing, api.Missing{Responder: word("who")})
		}
		for range n("blocked", 9) {
			r.Blocked = append(r.Blocked, api.Blocked{Task: "t7f", Why: word("why")})
		}
		for range n("arrived", 3) {
			r.Arrived = append(r.Arrived, api.Arrived{Incident: word("incident"), By: word("by"), Title: word("title"), Same: rapid.Bool().Draw(t, "same")})
		}
		for range n("clocks", 4) {
			r.Clocks = append(r.Clocks, api.Clock{Responder: word("who"), OffsetMS: 100_000})
		}
		lines := mergeLines(r, mergeNow, "<->")
		page := strings.Join(lines, "\n")
		if len(lines) > mergeLinesMax {
			t.Fatalf("%d lines:\n%s", len(lines), page)
		}
		for _, l := range lines {
			if strings.ContainsAny(l, "\n\x1b") || utf8.RuneCountInString(l) > columns {
				t.Fatalf("a line too wide or worse: %q", l)
			}
		}
		if r.Empty && len(r.Settle) == 0 {
			return
		}
		if want := fmt.Sprintf("SETTLE %d", len(r.Settle)); !strings.HasPrefix(lines[3], want) {
			t.Fatalf("%q does not come first:\n%s", want, page)
		}
		if len(r.Settle) > 0 && !strings.HasPrefix(lines[4], " ") {
			t.Fatalf("nothing of what waits is shown:\n%s", page)
		}
		shown := 0
		for i := range r.Settle {
			at := fmt.Sprintf(" %d", i+1)
			if slices.ContainsFunc(lines, func(l string) bool { return l == at || strings.HasPrefix(l, at+" ") }) {
				shown++
			}
		}
		if shown < len(r.Settle) && !strings.Contains(page, fmt.Sprintf("and %d more: muster conflicts", len(r.Settle)-shown)) {
			t.Fatalf("%d of %d shown and the rest not counted:\n%s", shown, len(r.Settle), page)
		}
		if len(r.Merged) > 0 && !strings.Contains(page, fmt.Sprintf("\nMERGED %d ", len(r.Merged))) {
			t.Fatalf("what was merged is not counted:\n%s", page)
		}
		if len(r.Decisions) > 0 && !strings.Contains(page, fmt.Sprintf("\nTHEIR DECISIONS %d", len(r.Decisions))) {
			t.Fatalf("decisions are not counted:\n%s", page)
		}
	})
}

// TestArrowNeedsMoreThanASCII chooses by the locale.
func TestArrowNeedsMoreThanASCII(t *testing.T) {
	for env, want := range map[string]string{"": "<->", "C": "<->", "en_US.UTF-8": "⇄", "C.utf8": "⇄"} {
		a := &app{Streams: Streams{Getenv: func(name string) string { return map[string]string{"LANG": env}[name] }}}
		if got := a.arrow(); got != want {
			t.Errorf("LANG=%s: %s", env, got)
		}
	}
}
