package cli

import (
	"strings"
	"testing"

	"muster/node/api"
)

// TestStandingSaysWhatWaitsElsewhere: whoever has moved on to another incident is still told of the command that is offered
// to them and of the tasks they have in the first.
func TestStandingSaysWhatWaitsElsewhere(t *testing.T) {
	in := api.Incident{Name: "amber-otter", Severity: 2, Status: "active", Command: api.Command{Commander: "bob", Terms: []api.Term{{Holder: "bob"}}}}
	first := api.Incident{
		Name: "green-owl", Status: "active",
		Command: api.Command{Commander: "ann", Offers: []api.Offer{{From: "ann", To: "bob", AtMS: ago(2), LapsesMS: ago(-8)}}},
		Tasks:   []api.Task{{ID: "t2c", State: "acked", Owners: []string{"bob"}}, {ID: "t7f", State: "done", Owners: []string{"bob"}}},
	}
	st := api.Status{Responder: "bob", Incidents: []api.IncidentStatus{
		{Name: "amber-otter", Live: true, Current: true}, {Name: "green-owl", Live: true}, {Name: "old-news"}, {Name: "blue-cat", Live: true, Same: "green-owl"},
	}}
	want := "also open: muster -i green-owl; you owe 1 task; ann offers you command (11:58Z, 8m left)"
	if got := stand(st, &in, &first, noon).Lines; got[len(got)-1] != want {
		t.Errorf("got  %q\nwant %q", got[len(got)-1], want)
	}
	st.Incidents = append(st.Incidents, api.IncidentStatus{Name: "red-fox", Live: true})
	if got := elsewhere(st, "amber-otter"); got != "also open: 2 other incidents (muster status)" {
		t.Errorf("two others: %q", got)
	}
	if got := elsewhere(st, "green-owl"); !strings.Contains(got, "2 other") {
		t.Errorf("seen from the first: %q", got)
	}
}

// TestRefusalSaysWhichIncident: a refusal names the incident it is about only where nobody said which and there are two.
func TestRefusalSaysWhichIncident(t *testing.T) {
	f := &fakeNode{err: &api.Error{Code: api.CodeRefused, Message: "no", Hint: "do that"}}
	if r := typeOn(t, f, "", "ack", "t7f"); strings.Contains(r.err, "this is about") || !strings.Contains(r.err, "hint: do that\n") {
		t.Errorf("with one incident:\n%s", r.err)
	}
}

// TestConflictsSayWhoSettles: the keys are shown to all, and to those who may not use them also who may.
func TestConflictsSayWhoSettles(t *testing.T) {
	two := api.Command{Commander: "ann", Terms: []api.Term{{Holder: "ann"}, {Holder: "bob", Acting: true}}}
	for who, want := range map[string]string{"ann": "", "bob": "", "carol": "; ann commands and settles, not you"} {
		if got := whoSettles(two, who); got != want {
			t.Errorf("%s reads %q, want %q", who, got, want)
		}
	}
	if got := whoSettles(api.Command{}, "carol"); got != "" {
		t.Errorf("nobody commands: %q", got)
	}
}

// TestEveryKeyIsShown: two long texts get shorter words each, so that the second is not hidden behind the first.
func TestEveryKeyIsShown(t *testing.T) {
	long := strings.Repeat("roll back and wait ", 4)
	c := api.Conflict{N: 1, Kind: "decision", Subject: "deploy", Text: "two", Choices: []api.Choice{
		{Key: "1", Label: long}, {Key: "2", Label: long}, {Key: "b", Label: "both stand"},
	}}
	got := strings.Join(settleItem(c, 1), "\n")
	for _, key := range []string{"[1] roll", "[2] roll", "[b] both"} {
		if !strings.Contains(got, key) {
			t.Errorf("%s is missing:\n%s", key, got)
		}
	}
}
