package cli

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/node/api"
)

// fits checks that a page is one screen.
func fits(t *testing.T, page string) {
	t.Helper()
	if n := strings.Count(page, "\n"); n > screen {
		t.Errorf("%d lines:\n%s", n, page)
	}
	for line := range strings.Lines(page) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > columns {
			t.Errorf("a line of more than %d columns: %s", columns, line)
		}
	}
}

// TestVerifySaysWhatItFound: the figures, the peers, the problems with what to do, on one screen; exit 1 only for problems.
func TestVerifySaysWhatItFound(t *testing.T) {
	sound := api.Verification{
		Schema: "muster.verify/1", Sound: true, Documents: 2, Logs: 4, Operations: 1200, Signatures: 40, Vouched: 1165, Bodies: 1199, Erased: 1, Own: 33,
		Peers: []api.Compared{{Responder: "bob", Equal: true, Reachable: true}, {Responder: "erin", Lacks: 4, Reachable: true}, {Responder: "dan", Lacks: 9}},
	}
	r := typeOn(t, &fakeNode{verified: sound}, "", "verify")
	for _, want := range []string{
		"2 documents, 1200 operations in 4 logs", "40 signatures checked, 1165 vouched", "1 redacted; 33 operations of this laptop",
		"1 of 3 peers equal: erin lacks 4, dan not reachable", "\nsound: ",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("lacks %q:\n%s", want, r.out)
		}
	}
	if fits(t, r.out); r.code != exitOK {
		t.Errorf("exit %d", r.code)
	}

	bad := api.Verification{Documents: 9, More: 3, Notes: []string{strings.Repeat("a long note ", 20), "b", "c", "d"}}
	for i := range 9 {
		bad.Problems = append(bad.Problems, api.Problem{
			Kind: api.ProblemDamage, Incident: "amber-otter", Text: fmt.Sprintf("%d the store is damaged\x1b[31m %s", i, strings.Repeat("at a place ", 20)),
			Hint: strings.Repeat("move the files away ", 7),
		})
	}
	for range 30 {
		bad.Peers = append(bad.Peers, api.Compared{Responder: "a-responder-with-a-long-name"})
	}
	r = typeOn(t, &fakeNode{verified: bad}, "", "verify")
	if fits(t, r.out); r.code != exitFailed || !strings.Contains(r.out, "12 problems in all") || strings.Contains(r.out, "\x1b") {
		t.Errorf("exit %d\n%s", r.code, r.out)
	}
	if r := typeOn(t, &fakeNode{verified: sound}, "", "verify", "-o", "json"); !strings.Contains(r.out, `"schema": "muster.verify/1"`) || r.code != exitOK {
		t.Errorf("json: exit %d\n%s", r.code, r.out)
	}
	if r := typeOn(t, &fakeNode{err: api.Errorf(api.CodeStopped, "", "no")}, "", "verify"); r.code != exitFailed || r.out != "" {
		t.Errorf("an error: exit %d %q", r.code, r.out)
	}
}

// TestDoctorSaysWhy: one line for each responder, what to do for those not reached, then the facts; the page is one screen.
func TestDoctorSaysWhy(t *testing.T) {
	f := &fakeNode{diagnosis: api.Diagnosis{
		Schema: "muster.doctor/1",
		Responders: []api.Examined{
			{Responder: "bob", Reachable: true, Text: "reachable"},
			{Responder: "erin", Cause: api.CauseCut, Text: "CUT by a drill on this laptop", Hint: `end it with "muster drill heal"`},
		},
		Facts: []api.Fact{{About: "socket", Text: "UDP [::]:7946 is open"}, {About: "mdns", Text: "port 5353 is taken", Bad: true}},
	}}
	want := "erin: CUT by a drill on this laptop\n  hint: end it with \"muster drill heal\"\nbob: reachable\nhere:\n  socket: UDP [::]:7946 is open\n! mdns: port 5353 is taken\n"
	if r := typeOn(t, f, "", "doctor", "@bob", "erin"); r.out != want || r.code != exitFailed || strings.Join(f.asked, ",") != "bob,erin" {
		t.Errorf("exit %d, asked %v\n%s", r.code, f.asked, r.out)
	}
	if r := typeOn(t, f, "", "doctor", "-o", "json"); !strings.Contains(r.out, `"cause": "cut"`) || r.code != exitFailed {
		t.Errorf("json: exit %d\n%s", r.code, r.out)
	}
	if r := typeOn(t, &fakeNode{diagnosis: api.Diagnosis{Well: true}}, "", "doctor"); r.code != exitOK || !strings.Contains(r.out, "muster invite") {
		t.Errorf("alone: exit %d\n%s", r.code, r.out)
	}
	if r := typeOn(t, f, "", "doctor", "two words"); r.code != exitUsage {
		t.Errorf("nonsense: exit %d\n%s", r.code, r.out)
	}

	var many api.Diagnosis
	for i := range 20 {
		many.Responders = append(many.Responders, api.Examined{
			Responder: fmt.Sprintf("responder-%d", i), Text: strings.Repeat("nobody answers ", 9), Hint: fmt.Sprint(i, strings.Repeat(" look again", 11)),
			Reachable: i%3 == 0,
		})
		many.Facts = append(many.Facts, api.Fact{About: "interface", Text: strings.Repeat("10.1.2.3 ", 20), Bad: i == 19})
	}
	r := typeOn(t, &fakeNode{diagnosis: many}, "", "doctor")
	if fits(t, r.out); !strings.Contains(r.out, "! interface") || !strings.Contains(r.out, "more with -o json") {
		t.Errorf("many:\n%s", r.out)
	}
}
