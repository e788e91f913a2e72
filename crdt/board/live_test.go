package board

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/crdt"
)

// TestLiveOperationsAboutTheWrongThingAreInert signs what no honest node would: words about texts of another update,
// revisions of revisions, items that are not there, settlements of what is no text.
func TestLiveOperationsAboutTheWrongThingAreInert(t *testing.T) {
	w := started(t)
	one := w.must("ann", Intent{Verb: "update", Text: "one"})
	two := w.must("ann", Intent{Verb: "update", Text: "two"})
	again := w.must("ann", Intent{Verb: "update", Ref: "one", Text: "one again"})
	run := w.must("ann", Intent{Verb: "playbook", Value: "restore", Items: []string{"stop", "go"}})
	task := w.must("ann", Intent{Verb: "do", Text: "drain lb2"})
	before := w.nodes[0].view(w)
	for _, x := range []struct {
		kind crdt.Kind
		body any
	}{
		{KindApprove, &approveBody{Update: one.Hash, Revision: two.Hash}},
		{KindApprove, &approveBody{Update: one.Hash, Revision: task.Hash}},
		{KindApprove, &approveBody{Update: again.Hash, Revision: again.Hash}},
		{KindApprove, &approveBody{Update: one.Hash}},
		{KindPublish, &publishBody{Update: task.Hash, Revision: one.Hash}},
		{KindPublish, &publishBody{Update: two.Hash, Revision: again.Hash}},
		{KindUpdate, &updateBody{Update: again.Hash, Text: "a revision of a revision"}},
		{KindUpdate, &updateBody{Update: run.Hash, Text: "a revision of a run"}},
		{KindCheck, &checkBody{Run: run.Hash, Item: 3}},
		{KindCheck, &checkBody{Run: one.Hash, Item: 1}},
		{KindSettle, &settleBody{Subject: SubjectUpdate, Target: task.Hash, Topic: "public"}},
	} {
		w.raw("bob", x.kind, crdt.EncodeBody(x.body))
	}
	strange := []crdt.Hash{{1}, task.Hash, one.Hash}
	for _, r := range w.node("bob").records {
		strange = append(strange, r.Hash)
	}
	for _, s := range []settleBody{{Subject: SubjectUpdate, Target: two.Hash, Topic: "public"}, {Subject: SubjectResource, Topic: "db1", Person: person("ann")}} {
		s.Heads = strange
		w.raw("bob", KindSettle, crdt.EncodeBody(&s))
	}
	w.sync()
	v := w.nodes[0].view(w)
	w.nodes[0].board.Log(w.team)
	if len(v.Settled) != 2 || len(v.Conflicts) != 0 {
		t.Errorf("settled %+v, conflicts %+v", v.Settled, v.Conflicts)
	}
	if v.Updates[1].State != UpdateApproved {
		t.Errorf("what was settled on is %s", v.Updates[1].State)
	}
	before.Operations, before.Settled, before.Updates[1], before.Resources = v.Operations, v.Settled, v.Updates[1], v.Resources
	if got, want := crdt.EncodeBody(&v), crdt.EncodeBody(&before); string(got) != string(want) {
		t.Errorf("the board changed:\n%+v\n%+v", before, v)
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestLiveBodiesOfALaterVersionAreUnknown applies values that this version gives no meaning.
func TestLiveBodiesOfALaterVersionAreUnknown(t *testing.T) {
	w := started(t)
	run := w.must("ann", Intent{Verb: "playbook", Value: "restore", Items: []string{"stop", "go"}})
	bodies := []struct {
		kind crdt.Kind
		body any
	}{
		{KindSaw, &sawBody{Resource: "db1", State: "sideways"}},
		{KindSaw, &sawBody{State: ResourceUp}},
		{KindSitrep, &sitrepBody{Field: "mood", Text: "bad"}},
		{KindSitrep, &sitrepBody{Field: SitrepNext}},
		{KindSitrep, &sitrepBody{Field: SitrepCause, AtMS: 5}},
		{KindPlaybook, &playbookBody{Name: "empty"}},
		{KindPlaybook, &playbookBody{Items: []string{"nameless"}}},
		{KindPlaybook, &playbookBody{Name: "long", Items: make([]string, maxItems+1)}},
		{KindCheck, &checkBody{Run: run.Hash, Item: -1}},
		{KindCheck, &checkBody{Run: run.Hash}},
		{KindSettle, &settleBody{Subject: SubjectResource, Topic: "db1"}},
		{KindSettle, &settleBody{Subject: SubjectResource, Person: person("ann")}},
	}
	for _, x := range bodies {
		w.raw("bob", x.kind, crdt.EncodeBody(x.body))
	}
	w.sync()
	if v := w.nodes[0].view(w); v.Unknown != len(bodies) || len(v.Resources) != 0 || len(v.Runs) != 1 {
		t.Errorf("%d operations unknown, want %d; %+v %+v", v.Unknown, len(bodies), v.Resources, v.Runs)
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestTextsThatComeLate gives a board the bodies of an update and of a run after everything about them: it ends as one
// that had them at once.
func TestTextsThatComeLate(t *testing.T) {
	w := started(t)
	draft := w.must("ann", Intent{Verb: "update", Text: "one"})
	w.must("ann", Intent{Verb: "update", Ref: "one", Text: "one again"})
	w.must("ann", Intent{Verb: "approve", Ref: "one"})
	w.must("ann", Intent{Verb: "publish", Ref: "one", Place: "statuspage"})
	run := w.must("ann", Intent{Verb: "playbook", Value: "restore", Items: []string{"stop", "go"}})
	w.must("ann", Intent{Verb: "check", Ref: "restore", Item: 2})
	n := w.nodes[0]
	b := New(n.graph.Doc(), n.graph)
	for _, r := range n.records {
		ev := n.event(r)
		if r.Hash == draft.Hash || r.Hash == run.Hash {
			ev.Body, ev.Erased = nil, true
		}
		b.Apply(ev)
	}
	if v := b.View(time.UnixMilli(w.nowMS), w.team); len(v.Updates)+len(v.Runs) != 0 {
		t.Errorf("shown without their texts: %+v %+v", v.Updates, v.Runs)
	}
	b.Log(w.team) // must have words for all of it
	for _, h := range []crdt.Hash{run.Hash, draft.Hash} {
		b.Apply(n.event(n.records[n.at[h]]))
	}
	if b.Digest() != n.board.Digest() {
		t.Errorf("late texts give another board: %+v", b.View(time.UnixMilli(w.nowMS), w.team))
	}
}

// TestPostKeyNamesTheText: everybody computes the same key of a text, another text has another one, and the words of the
// same text twice are two texts, because two people may have meant two things.
func TestPostKeyNamesTheText(t *testing.T) {
	w := started(t)
	keys := map[string]bool{}
	w.must("ann", Intent{Verb: "update", Text: "one"})
	for _, in := range []Intent{
		{Verb: "update", Ref: "one", Text: "two"}, {Verb: "update", Ref: "one", Text: "one"}, {Verb: "update", Text: "three"}, {Verb: "update", Text: "three"},
	} {
		w.must("bob", in)
		for i := range w.nodes[0].view(w).Updates {
			a, b := w.nodes[0].view(w).Updates[i], w.nodes[1].view(w).Updates[i]
			if a.Key != b.Key || len(a.Key) != 64 {
				t.Errorf("keys %q and %q", a.Key, b.Key)
			}
			keys[a.Key] = true
		}
	}
	if len(keys) != 4 { // "two", "one" again, "three" twice
		t.Errorf("%d keys, want 4", len(keys))
	}
}

// TestLiveLimits: what does not fit is refused with a way out, and nothing is written.
func TestLiveLimits(t *testing.T) {
	w := started(t)
	long := strings.Repeat("x", maxLineBytes+1)
	many := slices.Repeat([]string{"item"}, maxItems+1)
	w.must("ann", Intent{Verb: "playbook", Value: "restore", Items: []string{" stop ", "", "go"}})
	w.must("ann", Intent{Verb: "playbook", Value: "deploy", Items: []string{"ship"}})
	for _, c := range []struct {
		in   Intent
		code string
	}{
		{Intent{Verb: "sitrep", Value: SitrepImpact, Text: long}, CodeTooLarge},
		{Intent{Verb: "sitrep", Value: SitrepNext, Text: "soon"}, CodeUsage},
		{Intent{Verb: "saw", Resource: long[:maxNameBytes+1], Value: ResourceUp}, CodeTooLarge},
		{Intent{Verb: "saw", Resource: " ", Value: ResourceUp}, CodeUsage},
		{Intent{Verb: "saw", Resource: "db1", Value: ResourceUp, Place: long[:maxNameBytes+1]}, CodeTooLarge},
		{Intent{Verb: "update", Text: strings.Repeat("x", crdt.MaxTextBytes+1)}, CodeTooLarge},
		{Intent{Verb: "update", Text: "x", Topic: long[:maxNameBytes+1]}, CodeTooLarge},
		{Intent{Verb: "playbook", Value: "x", Items: many}, CodeTooLarge},
		{Intent{Verb: "playbook", Value: "x", Items: []string{long[:maxItemBytes+1]}}, CodeTooLarge},
		{Intent{Verb: "playbook", Value: long[:maxNameBytes+1], Items: []string{"x"}}, CodeTooLarge},
		{Intent{Verb: "playbook", Value: "x", Items: []string{"  "}}, CodeUsage},
		{Intent{Verb: "playbook", Value: "Restore", Items: []string{"stop", "go"}}, CodeRefused},
		{Intent{Verb: "check", Item: 1}, CodeAmbiguous},
		{Intent{Verb: "check", Ref: "restore", Item: 3}, CodeUsage},
		{Intent{Verb: "check", Ref: "restore", Item: -1}, CodeUsage},
		{Intent{Verb: "check", Ref: "resort", Item: 1}, CodeNotFound},
		{Intent{Verb: "skip", Ref: "restore", Item: 1}, CodeUsage},
		{Intent{Verb: "approve", Ref: "uzz"}, CodeNotFound},
		{Intent{Verb: "settle", Subject: "db1", Value: "ann"}, CodeRefused},
	} {
		_, _, err := w.do("ann", c.in)
		var p *Problem
		if !errors.As(err, &p) || p.Code != c.code {
			t.Errorf("%s: %v, want %s", c.in.Verb, err, c.code)
		}
	}
	if n := w.nodes[0].board.Len(); n != 3 {
		t.Errorf("%d operations, want 3", n)
	}
}

// TestNobodyIsTooManyHands: the work of one person on one resource by two devices is one person's.
func TestNobodyIsTooManyHands(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "bob2")
	w.must("ann", Intent{Verb: "declare", Text: "db1 down", Severity: 1})
	w.net([][]string{{"ann", "bob"}, {"bob2"}})
	w.must("bob", Intent{Verb: "do", Text: "fail over", Who: []string{"bob"}, Resource: "db1"})
	w.must("bob2", Intent{Verb: "do", Text: "restart", Who: []string{"bob"}, Resource: "db1"})
	w.net([][]string{{"ann", "bob", "bob2"}})
	w.sync()
	if v := w.nodes[0].view(w); len(v.Conflicts) != 0 || len(v.Resources) != 1 || len(v.Resources[0].Hands) != 2 {
		t.Errorf("conflicts %+v, resources %+v", v.Conflicts, v.Resources)
	}
}

// TestPostsAreSettledByTheIDOfAnUpdate: whoever sees the id of an update types that, for the conflict and for the choice.
func TestPostsAreSettledByTheIDOfAnUpdate(t *testing.T) {
	w := started(t)
	w.must("ann", Intent{Verb: "role", Value: "comms", Who: []string{"bob"}})
	w.net([][]string{{"ann"}, {"bob"}})
	for _, who := range []string{"ann", "bob"} {
		w.must(who, Intent{Verb: "update", Text: "by " + who, Topic: "Our  Customers"})
		w.must(who, Intent{Verb: "approve", Ref: "by " + who})
		w.must(who, Intent{Verb: "publish", Ref: "by " + who})
	}
	w.net([][]string{{"ann", "bob"}})
	w.sync()
	v := w.nodes[0].view(w)
	if len(v.Conflicts) != 1 || v.Conflicts[0].Kind != ConflictPosts || v.Conflicts[0].Subject != "our customers" {
		t.Fatalf("conflicts %+v", v.Conflicts)
	}
	for _, value := range []string{"uzzz", "by"} { // nobody's, and both
		_, _, err := w.do("ann", Intent{Verb: "settle", Subject: v.Updates[0].ID, Value: value})
		var p *Problem
		if !errors.As(err, &p) || p.Code != CodeUsage || p.Hint != "one of: 1, 2" {
			t.Errorf("settle %s: %v", value, err)
		}
	}
	w.must("ann", Intent{Verb: "settle", Subject: v.Updates[0].ID, Value: v.Updates[1].ID})
	v = w.nodes[1].view(w)
	if len(v.Conflicts) != 0 || v.Updates[0].Posts[0].Stands || !v.Updates[1].Posts[0].Stands {
		t.Errorf("after it %+v %+v", v.Conflicts, v.Updates)
	}
}
