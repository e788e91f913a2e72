package board

import "testing"

// TestWhatWasMentionedIsNotMentionedAgain: two sides cross each other, meet, part, and meet again. The second report tells of
// what crossed in the second part, and not of what the first has told and somebody ended since.
func TestWhatWasMentionedIsNotMentionedAgain(t *testing.T) {
	w, before := apart(t, `ann do @bob "drain lb2"`,
		`cut`,
		`ann sev 3`, `carol sev 1`, `ann status identified`, `carol status mitigated`, `ann sitrep impact "a"`, `carol sitrep impact "b"`,
		`bob ack`, `carol claim "drain"`,
		`heal`,
	)
	kinds := func(m MergeReport) map[string]bool {
		out := map[string]bool{}
		for _, n := range m.Merged {
			out[n.Kind] = true
		}
		return out
	}
	if got := kinds(w.report(before)); !got[NoticeSeverity] || !got[NoticeStatus] || !got[NoticeSitrep] || !got[NoticeDouble] {
		t.Fatalf("the first report mentions %v", got)
	}
	w.net([][]string{{"ann", "bob"}, {"carol", "dave"}, {"erin"}})
	for _, in := range []Intent{
		{Verb: "sev", Severity: 4},
		{Verb: "status", Value: StatusResolved},
		{Verb: "sitrep", Value: SitrepImpact, Text: "c"},
		{Verb: "no", Ref: "drain"},
		{Verb: "title", Text: "from the west"},
	} {
		w.must("carol", in)
	}
	w.must("ann", Intent{Verb: "title", Text: "from the east"})
	before = w.node("ann").held()
	w.net([][]string{{"ann", "bob", "carol", "dave"}, {"erin"}})
	w.sync()
	if m := w.report(before); len(m.Merged) != 1 || m.Merged[0].Kind != NoticeTitle {
		t.Errorf("the second report mentions %+v", m.Merged)
	}
}
