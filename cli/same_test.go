package cli

import (
	"bytes"
	"strings"
	"testing"

	"muster/node/api"
)

// TestOutageWithTwoNames: the page of an outage that was declared twice names both, and says what may be a third.
func TestOutageWithTwoNames(t *testing.T) {
	in := busy()
	in.Names = []string{"amber-otter", "red-fox"}
	in.Suggestions = []api.Suggestion{{
		Incident: "amber-otter", Other: "green-owl", Why: "both: payments",
		Text: "green-owl may be the same outage as amber-otter (both: payments): muster same amber-otter green-owl",
	}}
	var b bytes.Buffer
	printIncident(&printer{w: &b}, in, noon)
	for _, want := range []string{"also: red-fox (declared apart", "same? green-owl may be the same outage"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing:\n%s", want, b.String())
		}
	}
	b.Reset()
	printStatus(&printer{w: &b}, api.Status{
		Incidents: []api.IncidentStatus{
			{Name: "amber-otter", Title: "checkout", Severity: 1, Status: "active", Also: []string{"red-fox"}},
			{Name: "red-fox", Title: "customers", Severity: 1, Status: "active", Same: "amber-otter"},
		},
		Suggestions: in.Suggestions,
	})
	if !strings.Contains(b.String(), "amber-otter = red-fox SEV1") || strings.Contains(b.String(), "customers") {
		t.Errorf("two names are not one line:\n%s", b.String())
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestStandingSuggests: a bare muster names the likeliest suggestion about the current incident.
func TestStandingSuggests(t *testing.T) {
	in := api.Incident{Name: "amber-otter", Severity: 2, Status: "active", Command: api.Command{Commander: "ann", Terms: []api.Term{{Holder: "ann"}}}}
	in.Suggestions = []api.Suggestion{{Incident: "amber-otter", Other: "green-owl", Why: "both: payments"}}
	s := stand(api.Status{Responder: "ann"}, &in, nil, noon)
	if got := strings.Join(s.Lines, "\n"); !strings.Contains(got, "muster same amber-otter green-owl") {
		t.Errorf("not suggested:\n%s", got)
	}
}

// TestStandingBetweenTwoOutages: somebody who has acted on neither of two incidents sees both, and that they may be one.
func TestStandingBetweenTwoOutages(t *testing.T) {
	st := api.Status{
		Responder: "carol", Incidents: []api.IncidentStatus{
			{Name: "amber-otter", Title: "checkout", Severity: 2, Status: "active", Live: true},
			{Name: "green-owl", Title: "customers", Severity: 1, Status: "active", Live: true, Also: []string{"blue-cat"}},
			{Name: "blue-cat", Title: "cards", Severity: 1, Status: "active", Live: true, Same: "green-owl"},
			{Name: "old-news", Title: "over", Severity: 3, Status: "resolved"},
		},
		Suggestions: []api.Suggestion{{Incident: "amber-otter", Other: "green-owl", Why: "both: payments"}},
	}
	s := stand(st, nil, nil, noon)
	got := strings.Join(append(s.Lines, s.Next), "\n")
	for _, want := range []string{"amber-otter SEV2 ACTIVE", "green-owl = blue-cat SEV1", "muster same amber-otter green-owl", "muster -i amber-otter"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if strings.Contains(got, "old-news") || strings.Contains(got, "cards") {
		t.Errorf("too much:\n%s", got)
	}
	for range 12 {
		st.Incidents = append(st.Incidents, st.Incidents[0])
	}
	if s = stand(st, nil, nil, noon); len(s.Lines) > standingMax-1 || !strings.Contains(strings.Join(s.Lines, "\n"), "muster same") {
		t.Errorf("%d lines:\n%s", len(s.Lines), strings.Join(s.Lines, "\n"))
	}
}
