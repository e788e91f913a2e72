package cli

import (
	"bytes"
	"testing"

	"muster/node/api"
)

// TestPageOfADrill: what it needs to end, the decision that waits to be read, the note on top, and who needs help.
func TestPageOfADrill(t *testing.T) {
	in := api.Incident{
		Name: "red-fox", Title: "game day", Severity: 2, Status: "active", DeclaredMS: ago(60), Drill: true,
		Labels: []string{"alert=9f3c01", "region=eu"}, Command: api.Command{Commander: "ann", SinceMS: ago(60), Terms: []api.Term{{Holder: "ann"}}},
		Criteria: []api.Criterion{
			{ID: "e2a", Text: "errors below 1 %", By: "ann", Met: true, MetBy: "bob", MetMS: ago(9), Evidence: "0.4 % since 11:40"},
			{ID: "e3b", Text: "queue empty", By: "ann", MetBy: "bob", MetMS: ago(9), Unmet: &api.Value{By: "carol", Value: "12 left", AtMS: ago(8)}},
			{ID: "e4c", Text: "no customer calls for a quarter of an hour", By: "ann"},
		},
		Tasks: []api.Task{
			{ID: "t2c", Text: "drain lb2", State: "assigned", Owners: []string{"bob"}, LateAck: true, Mark: "LATE ACK 3m"},
			{ID: "t3d", Text: "check the lag", State: "acked", Owners: []string{"carol"}, DueMS: ago(7), Overdue: true, Stalled: true, Mark: "STALLED, no word for 12m"},
		},
		Decisions: []api.Decision{
			{ID: "d4c", Text: "freeze deploys until five", By: "carol", AtMS: ago(12), Stands: true, Unread: true},
			{ID: "d5d", Text: "drain the east", By: "ann", AtMS: ago(20), Stands: true, Superseded: true, Objections: []api.Objection{{By: "bob", Value: "half of them are there"}, {By: "eve", Value: "me too", Seen: true}}},
		},
		Notes: []api.Note{
			{ID: "n2a", Text: "graphs fall", By: "bob", AtMS: ago(30), Texts: []api.Value{{Value: "graphs rise", By: "eve"}, {Value: "graphs fall", By: "bob", Shown: true}}},
			{ID: "n5d", Text: "the bridge is 555-0100", By: "ann", AtMS: ago(20), Pinned: true, Kinds: []string{"comms"}},
		},
		People: []api.Standing{
			{Who: "dave", State: "help", Place: "the cage", Text: "locked in", AtMS: ago(6)},
			{Who: "bob", State: "relief", Fatigue: 4, AtMS: ago(10)},
			{Who: "carol", State: "busy", By: "bob", AtMS: ago(49)},
		},
		RollCalls: []api.RollCall{
			{By: "ann", AtMS: ago(59), Known: 7},
			{By: "ann", AtMS: ago(51), DueMS: ago(48), Open: true, Known: 7, Missing: []string{"erin", "fay", "gus"}},
		},
		SuggestPAR: "the last roll call was 51m ago",
	}
	var b bytes.Buffer
	p := &printer{w: &b}
	printIncident(p, in, noon)
	in.RollCalls, in.People = in.RollCalls[:1], nil
	printRollCalls(p, in, noon)
	if p.err != nil {
		t.Fatal(p.err)
	}
	golden(t, "drill.golden", b.String())
}
