package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"muster/node/api"
)

// handover is the briefing of an offer in a bad hour, with something of everything.
func handover() api.Briefing {
	in := busy()
	return api.Briefing{
		Incident: in.Name, Title: in.Title, Severity: 1, Status: "active", Trend: "unstable", Why: []string{"1 conflict to settle", "nobody has vital t2c"},
		DeclaredMS: ago(102), AsOfMS: ago(4), Later: 2,
		Offer:   &api.Offer{From: "ann", To: "dan", AtMS: ago(3), LapsesMS: ago(-7), Reason: "seven hours in"},
		Command: api.Command{Commander: "ann", SinceMS: ago(102), Terms: []api.Term{{Holder: "ann", SinceMS: ago(102)}}},
		Roles:   []api.Role{{Role: "deputy", Holders: []string{"dan"}}, {Role: "scribe", Holders: []string{"erin", "gus"}}},
		History: []api.Value{
			{Value: `declared "checkout 500s", sev 2, payments`, By: "ann", AtMS: ago(102)},
			{Value: "severity raised to 1: every region", By: "bob", AtMS: ago(40)},
			{Value: "MITIGATED: half the traffic is off", By: "ann", AtMS: ago(20)},
		},
		Objectives: []api.Criterion{{ID: "e3x", Text: "errors below 1 % for ten minutes"}, {ID: "e9z", Text: "queue drained", Met: true}},
		Sitrep:     &api.Sitrep{Fields: []api.SitrepField{{Field: "headline", Text: "half of all payments fail"}, {Field: "cause", Text: "a bad rule?"}}, NextMS: ago(-10), NextBy: "ann"},
		Plan:       in.Decisions[:1], Work: in.Tasks[:5],
		Resources: []api.Resource{{Name: "db1", State: "down"}, {Name: "lb2", State: "up"}},
		Updates:   []api.Update{{ID: "u2k", State: "published", Text: "We are looking into failing payments."}},
		Risks:     []api.Note{{ID: "n7r", Text: "one copy left"}},
		IfThen:    []api.Value{{Value: "if errors rise again, roll back"}},
		RuledOut:  in.Theories[1:2],
		Items: []api.OpenItem{
			{N: 1, ID: "c2a", Kind: "conflict", Text: "t7f: carol DONE | ann CANCELLED"},
			{N: 2, ID: "t2c", Kind: "vital", Text: "status page first post"},
			{N: 3, ID: "t9d", Kind: "order", Text: "capture heap dumps", Owners: []string{"dave"}},
			{N: 4, ID: "n3q", Kind: "todo", Text: "call the carrier back \x1b[31m", Closed: true},
		},
	}
}

// TestBriefingPage: what somebody reads before they say "I have it".
func TestBriefingPage(t *testing.T) {
	var b bytes.Buffer
	for _, l := range briefLines(handover(), noon) {
		fmt.Fprintln(&b, l)
	}
	golden(t, "brief.golden", b.String())
	if n := strings.Count(b.String(), "\n"); n > briefLinesMax {
		t.Errorf("%d lines", n)
	}
	quiet := api.Briefing{Incident: "red-fox", Title: "x", Severity: 3, Status: "resolved", Trend: "stable", Why: []string{"it is resolved, nothing vital is open"}}
	if got := strings.Join(briefLines(quiet, noon), "\n"); !strings.Contains(got, "STABLE") || !strings.Contains(got, "COMMAND   nobody") {
		t.Errorf("a quiet one:\n%s", got)
	}
	f := &fakeNode{briefing: handover()}
	if r := typeOn(t, f, "", "brief"); r.code != exitOK || !strings.Contains(r.out, "muster accept --tick c2a --tick t2c --tick t9d") {
		t.Errorf("exit %d\n%s", r.code, r.out)
	}
	if r := typeOn(t, f, "", "brief", "-o", "json"); r.code != exitOK || !strings.Contains(r.out, `"trend": "unstable"`) {
		t.Errorf("json: exit %d\n%s", r.code, r.out)
	}
}

// TestBriefingFitsTheScreen: whatever there is to say, a briefing is 24 lines of 80 columns, and open items come before the
// rest.
func TestBriefingFitsTheScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := handover()
		many := func(name string) int { return rapid.SampledFrom([]int{0, 1, 2, 5, 6, 30}).Draw(t, name) }
		long := strings.Repeat("long words ", rapid.IntRange(0, 20).Draw(t, "long")) + "x"
		b.Items, b.Work, b.History, b.Risks, b.Plan = nil, nil, nil, nil, nil
		for i := range many("items") {
			b.Items = append(b.Items, api.OpenItem{N: i + 1, ID: "t7f", Kind: "vital", Text: long})
		}
		for range many("work") {
			b.Work = append(b.Work, api.Task{ID: "t7f", Text: long, State: "acked", Owners: []string{long}})
		}
		for range many("history") {
			b.History = append(b.History, api.Value{Value: long, By: long, AtMS: ago(1)})
		}
		for range many("risks") {
			b.Risks = append(b.Risks, api.Note{Text: long})
		}
		for range many("plan") {
			b.Plan = append(b.Plan, api.Decision{ID: "d2a", Text: long})
		}
		b.Why, b.Title = append(b.Why, long), long
		lines := briefLines(b, noon)
		if len(lines) > briefLinesMax {
			t.Fatalf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) > columns || strings.Contains(l, "\n") {
				t.Fatalf("too wide: %s", l)
			}
		}
		page := strings.Join(lines, "\n")
		if n := len(b.Items); n > 0 && !strings.Contains(page, "OPEN      1 t7f") {
			t.Fatalf("%d open items are not there:\n%s", n, page)
		}
		if n := len(b.Items); n == 30 && !strings.Contains(page, "more: muster brief -o json") {
			t.Fatalf("open items are cut and not counted:\n%s", page)
		}
	})
}

// TestCommandLine: who commands and what is on its way, in the words of each situation.
func TestCommandLine(t *testing.T) {
	offer := func(o api.Offer) api.Command {
		return api.Command{Commander: "ann", Terms: []api.Term{{Holder: "ann"}}, Offers: []api.Offer{o}}
	}
	for want, c := range map[string]api.Command{
		"NO COMMANDER; anyone: muster take":                {},
		"ann (offered to bob 11:57Z, 7m left)":             offer(api.Offer{To: "bob", AtMS: ago(3), LapsesMS: ago(-7)}),
		"ann (the offer to bob lapsed 11:50Z)":             offer(api.Offer{To: "bob", AtMS: ago(20), LapsesMS: ago(10), Lapsed: true}),
		"ann (for bob, on a break until 12:10Z)":           offer(api.Offer{To: "bob", Back: true, DueMS: ago(-10)}),
		"ann (break OVER since 11:55Z: bob takes it back)": offer(api.Offer{To: "bob", Back: true, DueMS: ago(5), Due: true}),
		"bob (not yet seen by ann)":                        {Commander: "bob", Terms: []api.Term{{Holder: "bob", From: "ann", Pending: true}}},
		"bob (settled; not yet known to all who claimed it)": {
			Commander: "bob", Terms: []api.Term{{Holder: "bob", Unconfirmed: true}},
		},
		"ann (out of reach; as of 11:36Z); HERE bob acting since 11:40Z": {
			Commander: "ann", Leads: "bob",
			Terms: []api.Term{{Holder: "ann", AsOfMS: ago(24)}, {Holder: "bob", Acting: true, SinceMS: ago(20)}},
		},
	} {
		if got := commandLine(c, noon); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
