package board

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/crdt"
)

// asked checks an intent of ann's without answering questions.
func (w *world) asked(who string, in Intent) (Draft, *Problem) {
	d, err := Check(w.node(who).board, in, CheckContext{Now: time.UnixMilli(w.nowMS), Actor: owner(who), People: w.team})
	var p *Problem
	errors.As(err, &p)
	return d, p
}

// TestEndingAsksAboutWhatIsOpen: resolving over vital tasks or unmet criteria is a question that names them.
func TestEndingAsksAboutWhatIsOpen(t *testing.T) {
	w := started(t)
	w.must("ann", Intent{Verb: "do", Text: "post the update", Vital: true})
	w.must("ann", Intent{Verb: "criterion", Text: "errors below 1 %"})
	_, p := w.asked("ann", Intent{Verb: "resolve"})
	if p == nil || p.Code != CodeConfirm {
		t.Fatalf("resolve gave %+v, want a question", p)
	}
	for _, want := range []string{"post the update", "errors below 1 %", "resolve anyway?"} {
		if !strings.Contains(p.Question, want) {
			t.Errorf("the question %q lacks %q", p.Question, want)
		}
	}
	if _, p = w.asked("ann", Intent{Verb: "status", Value: StatusClosed}); p == nil || !strings.Contains(p.Question, "closed anyway?") {
		t.Errorf("closing asks %+v", p)
	}
	if _, p = w.asked("ann", Intent{Verb: "status", Value: StatusDuplicate}); p == nil || strings.Contains(p.Question, "criteria") {
		t.Errorf("a duplicate is asked about its criteria: %+v", p)
	}
	if _, p = w.asked("ann", Intent{Verb: "resolve", Force: true}); p != nil {
		t.Errorf("--force is asked %q", p.Question)
	}
	w.must("ann", Intent{Verb: "done", Ref: "post"})
	w.must("ann", Intent{Verb: "met", Ref: "errors"})
	if _, p = w.asked("ann", Intent{Verb: "resolve"}); p != nil {
		t.Errorf("with nothing open it asks %q", p.Question)
	}
}

// TestRollCallIsSuggestedWhenItIsDue: never for two, not in the first minutes, never once it is over, and half an hour after the last.
func TestRollCallIsSuggestedWhenItIsDue(t *testing.T) {
	w := started(t)
	due := func(people ...string) string {
		return w.nodes[0].board.SuggestPAR(time.UnixMilli(w.nowMS), team(people))
	}
	if got := due("ann", "bob", "carol"); got != "" {
		t.Errorf("at once: %q", got)
	}
	w.nowMS += parFirstMS
	if got := due("ann", "bob"); got != "" {
		t.Errorf("two people: %q", got)
	}
	if got := due("ann", "bob", "carol"); got != "no roll call yet" {
		t.Errorf("three people and no roll call: %q", got)
	}
	w.must("ann", Intent{Verb: "par"})
	w.nowMS += parEveryMS
	if got := due("ann", "bob", "carol"); got != "" {
		t.Errorf("after exactly half an hour: %q", got)
	}
	w.nowMS++
	if got := due("ann", "bob", "carol"); got != "the last roll call was 30m ago" {
		t.Errorf("after more than that: %q", got)
	}
	w.must("ann", Intent{Verb: "resolve"})
	if got := due("ann", "bob", "carol"); got != "" {
		t.Errorf("when it is over: %q", got)
	}
}

// TestLateAndStalledBegin: each at its own time and no sooner, and none in the folded state.
func TestLateAndStalledBegin(t *testing.T) {
	w := started(t)
	w.must("ann", Intent{Verb: "do", Who: []string{"bob"}, Text: "drain lb2", ForMS: 5 * 60_000})
	task := func() Task { return w.nodes[0].view(w).Tasks[0] }
	step := func(ms int64, late, stalled bool) {
		t.Helper()
		w.nowMS += ms
		if v := task(); v.LateAck != late || v.Stalled != stalled {
			t.Errorf("late %t, stalled %t (%s), want %t and %t", v.LateAck, v.Stalled, v.Mark, late, stalled)
		}
	}
	digest := w.nodes[0].board.Digest()
	step(lateAckMS, false, false)
	step(1, true, false)
	if w.nodes[0].board.Digest() != digest {
		t.Error("the clock changed the folded state")
	}
	w.must("ann", Intent{Verb: "sev", Severity: 3})
	step(0, false, false)
	step(slowAckMS-lateAckMS, true, false)
	w.must("bob", Intent{Verb: "ack"})
	step(10*60_000, false, false)
	step(1, false, true)
	w.must("bob", Intent{Verb: "stuck", Text: "no login"})
	step(0, false, false)
}

// TestWordsThatAskNobody: whole words only, in any case, with or without punctuation.
func TestWordsThatAskNobody(t *testing.T) {
	for text, want := range map[string]string{
		"can someone check the lag?": "someone", "Anyone: restart it": "anyone", "please, everyone!": "everyone", "@here look": "@here",
		"Can we roll back": "can we", "could  we stop": "could we", "check the lag": "", "drain anyonesquare": "", "canwe": "", "": "",
		"american wells": "",
	} {
		if got := askedNobody(text); got != want {
			t.Errorf("%q asks %q, want %q", text, got, want)
		}
	}
}

// TestWhatIsTooLongOrMakesNoSenseIsRefused gives every new field what it cannot hold.
func TestWhatIsTooLongOrMakesNoSenseIsRefused(t *testing.T) {
	w := started(t)
	w.must("ann", Intent{Verb: "criterion", Text: "errors below 1 %"})
	w.must("ann", Intent{Verb: "note", Text: "hello"})
	long := strings.Repeat("x", maxLineBytes+1)
	many := make([]string, maxLabels+1)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	for _, x := range []struct {
		in   Intent
		code string
	}{
		{Intent{Verb: "label"}, CodeUsage},
		{Intent{Verb: "label", Labels: []string{"region"}}, CodeUsage},
		{Intent{Verb: "label", Labels: []string{"=eu"}}, CodeUsage},
		{Intent{Verb: "label", Labels: []string{"a b=eu"}}, CodeUsage},
		{Intent{Verb: "label", Labels: []string{"k=" + long}}, CodeTooLarge},
		{Intent{Verb: "label", Labels: many}, CodeTooLarge},
		{Intent{Verb: "label", Labels: []string{"a=b"}, Withdraw: true}, CodeNotFound},
		{Intent{Verb: "criterion"}, CodeUsage},
		{Intent{Verb: "criterion", Text: long}, CodeTooLarge},
		{Intent{Verb: "met", Ref: "nothing"}, CodeNotFound},
		{Intent{Verb: "met", Ref: "errors", Withdraw: true}, CodeRefused},
		{Intent{Verb: "pin", Ref: "hello", Withdraw: true}, CodeRefused},
		{Intent{Verb: "pin", Ref: "errors"}, CodeNotFound},
		{Intent{Verb: "read"}, CodeRefused},
		{Intent{Verb: "read", Ref: "hello"}, CodeNotFound},
		{Intent{Verb: "here", Place: long}, CodeTooLarge},
		{Intent{Verb: "here", Value: "asleep"}, CodeUsage},
		{Intent{Verb: "note", Text: "x", Place: "here"}, CodeUsage},
		{Intent{Verb: "edit", Ref: "hello"}, CodeUsage},
	} {
		if _, p := w.asked("ann", x.in); p == nil || p.Code != x.code {
			t.Errorf("%+v: %+v, want %s", x.in, p, x.code)
		}
	}
	if _, err := Declare(Intent{Text: "x", Labels: []string{"region"}}, CheckContext{}); err == nil {
		t.Error("an incident was declared with half a label")
	}
}

// TestReferencesToTheWrongThingAreInert: a newer or hostile node may point anywhere.
func TestReferencesToTheWrongThingAreInert(t *testing.T) {
	w := started(t)
	note := w.must("ann", Intent{Verb: "note", Text: "hello"})
	task := w.must("ann", Intent{Verb: "do", Text: "drain lb2"})
	before := fmt.Sprintf("%+v", w.nodes[0].view(w))
	n := 0
	for _, x := range []struct {
		kind crdt.Kind
		body any
	}{
		{KindMet, &metBody{Criterion: note.Hash}},
		{KindMet, &metBody{}},
		{KindPin, &pinBody{Note: task.Hash}},
		{KindRead, &readBody{Decision: note.Hash}},
		{KindRead, &readBody{Decision: crdt.SumHash([]byte("nothing"))}},
	} {
		w.raw("bob", x.kind, crdt.EncodeBody(x.body))
		n++
	}
	w.sync()
	v := w.nodes[0].view(w)
	v.Operations -= n
	if got := fmt.Sprintf("%+v", v); got != before {
		t.Errorf("the board changed:\n%s\n%s", got, before)
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestVoicesAgreeWithLookingAtEverything: who had seen what is found by halving logs; looking at every operation finds the same.
func TestVoicesAgreeWithLookingAtEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 60)
		w.net([][]string{lawTeam})
		w.sync()
		b := w.nodes[0].board
		for _, name := range lawTeam {
			v := b.voiceOf(person(name))
			for _, o := range b.all.list() {
				after, crossed := false, false
				for _, x := range b.all.list() {
					if x.person != person(name) || x.kind == crdt.KindWeave {
						continue
					}
					after = after || b.before(o, x)
					crossed = crossed || b.concurrent(o, x)
				}
				if got := b.after(v, o); got != after {
					t.Fatalf("%s wrote after %s: %t, want %t", name, KindName(o.kind), got, after)
				}
				if got := b.crossed(v, o); got != crossed {
					t.Fatalf("%s wrote beside %s: %t, want %t", name, KindName(o.kind), got, crossed)
				}
			}
		}
	})
}
