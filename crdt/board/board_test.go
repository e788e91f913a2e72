package board

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/crdt"
)

// raw signs any body as somebody's next operation, as a newer, broken or hostile node might.
func (w *world) raw(name string, kind crdt.Kind, body []byte) *crdt.Record {
	return w.node(name).propose(w, Draft{Kind: kind, Body: body}, w.nowMS)
}

func started(t *testing.T) *world {
	t.Helper()
	w := newWorld(fatalOf(t), "ann", "bob")
	if _, _, err := w.do("ann", Intent{Verb: "declare", Text: "edge down", Severity: 2}); err != nil {
		t.Fatal(err)
	}
	w.sync()
	return w
}

func (w *world) must(who string, in Intent) *crdt.Record {
	_, rec, err := w.do(who, in)
	if err != nil {
		w.fatal("%s %s: %v", who, in.Verb, err)
	}
	w.sync()
	return rec
}

// TestUnreadableOperationsAreListedAndHarmless applies kinds and values of a later version, and garbage.
func TestUnreadableOperationsAreListedAndHarmless(t *testing.T) {
	w := started(t)
	task := w.must("ann", Intent{Verb: "do", Text: "drain lb2"})
	before := w.nodes[0].view(w)
	type later struct {
		Status string `cbor:"1,keyasint"`
		New    string `cbor:"77,keyasint"`
	}
	bodies := []struct {
		kind crdt.Kind
		body []byte
	}{
		{4711, []byte{0xa0}},
		{KindStatus, crdt.EncodeBody(&later{Status: "pondering"})},
		{KindSeverity, crdt.EncodeBody(&severityBody{Severity: 0})},
		{KindSeverity, crdt.EncodeBody(&severityBody{Severity: 6})},
		{KindTake, crdt.EncodeBody(&takeBody{Mode: 99})},
		{KindAck, crdt.EncodeBody(&ackBody{Task: task.Hash, Mode: 99})},
		{KindSettle, crdt.EncodeBody(&settleBody{Subject: 99})},
		{KindSettle, crdt.EncodeBody(&settleBody{Subject: SubjectTask, Target: task.Hash, Value: "maybe"})},
		{KindHere, crdt.EncodeBody(&hereBody{State: "ok", Fatigue: 17})},
		{KindTask, []byte("not cbor")},
		{KindDecide, nil},
	}
	for _, x := range bodies {
		w.raw("bob", x.kind, x.body)
	}
	w.sync()
	v := w.nodes[0].view(w)
	if v.Unknown != len(bodies) {
		t.Errorf("%d operations unknown, want %d", v.Unknown, len(bodies))
	}
	v.Unknown, v.Operations = before.Unknown, before.Operations
	if got, want := fmt.Sprintf("%+v", v), fmt.Sprintf("%+v", before); got != want {
		t.Errorf("unreadable operations changed the board:\n%s\n%s", got, want)
	}
	log := w.nodes[0].board.Log(w.team)
	if e := log[len(log)-1]; !strings.Contains(e.Text, "unknown operation") || e.Actor != "bob" {
		t.Errorf("the timeline says %+v", e)
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestNewFieldsAreIgnored reads a body of a later version that has more to say.
func TestNewFieldsAreIgnored(t *testing.T) {
	type later struct {
		Text string `cbor:"1,keyasint"`
		New  []int  `cbor:"40,keyasint"`
	}
	w := started(t)
	w.raw("bob", KindNote, crdt.EncodeBody(&later{Text: "from the future", New: []int{1}}))
	w.sync()
	if v := w.nodes[0].view(w); len(v.Notes) != 1 || v.Notes[0].Text != "from the future" {
		t.Errorf("notes %+v", v.Notes)
	}
}

// TestReferencesOutsideThePastAreInert writes about a task its author cannot have seen: whether that counts must not
// depend on which of the two arrives first.
func TestReferencesOutsideThePastAreInert(t *testing.T) {
	w := started(t)
	w.net([][]string{{"ann"}, {"bob"}})
	task := w.must("ann", Intent{Verb: "do", Text: "drain lb2"})
	note := w.must("ann", Intent{Verb: "note", Text: "secret"})
	w.raw("bob", KindDone, crdt.EncodeBody(&doneBody{Task: task.Hash, Result: "guessed"}))
	w.raw("bob", KindRedact, crdt.EncodeBody(&redactBody{Note: note.Hash}))
	w.raw("bob", KindCancel, crdt.EncodeBody(&cancelBody{Task: w.node("bob").records[0].Hash})) // no task at all
	w.net([][]string{{"ann", "bob"}})
	w.sync()
	for _, n := range w.nodes {
		v := n.view(w)
		if v.Tasks[0].State != TaskOpen || len(v.Tasks[0].Results) != 0 || v.Notes[0].Text != "secret" {
			t.Errorf("%s: %+v %+v", n.name, v.Tasks[0], v.Notes[0])
		}
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestOnlyTheHolderGivesCommandAway writes what only others may write: an acceptance of somebody else's offer, a
// withdrawal of somebody else's, a release by who holds nothing, a second founding.
func TestOnlyTheHolderGivesCommandAway(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "eve")
	w.must("ann", Intent{Verb: "declare", Text: "edge down"})
	w.sync()
	of := w.must("ann", Intent{Verb: "handoff", Who: []string{"bob"}, Text: "tired"})
	w.raw("eve", KindAccept, crdt.EncodeBody(&acceptBody{Offer: of.Hash, ReadBack: "mine"}))
	w.raw("eve", KindWithdraw, crdt.EncodeBody(&withdrawBody{Offer: of.Hash}))
	w.raw("eve", KindDecline, crdt.EncodeBody(&declineBody{Offer: of.Hash}))
	w.raw("eve", KindRelease, crdt.EncodeBody(&releaseBody{}))
	w.raw("eve", KindDeclare, crdt.EncodeBody(&declareBody{Title: "mine", Severity: 1}))
	w.raw("eve", KindOffer, crdt.EncodeBody(&offerBody{To: person("eve")}))
	w.sync()
	v := w.nodes[0].view(w)
	if v.Command.Commander != "ann" || len(v.Command.Offers) != 1 || v.Title != "edge down" || v.Severity != 2 {
		t.Errorf("command %+v, title %q, severity %d", v.Command, v.Title, v.Severity)
	}
}

// TestABodyThatCameErasedStaysATombstone gives a board a task and a note without bodies, and then with.
func TestABodyThatCameErasedStaysATombstone(t *testing.T) {
	w := started(t)
	task := w.must("ann", Intent{Verb: "do", Who: []string{"bob"}, Text: "drain lb2"})
	note := w.must("ann", Intent{Verb: "note", Text: "all quiet"})
	n := w.nodes[0]
	b := New(n.graph.Doc(), n.graph)
	for _, r := range n.records {
		ev := n.event(r)
		if r == task || r == note {
			ev.Body, ev.Erased = nil, true
		}
		b.Apply(ev)
	}
	v := b.View(time.UnixMilli(w.nowMS), w.team)
	if x := v.Tasks[0]; !x.Erased || x.State != TaskOpen || x.By != "ann" {
		t.Errorf("task %+v", x)
	}
	if x := v.Notes[0]; !x.Erased || x.Redacted != nil || x.By != "ann" {
		t.Errorf("note %+v", x)
	}
	for _, r := range []*crdt.Record{task, note} {
		if ch := b.Apply(n.event(r)); len(ch) != 1 {
			t.Errorf("the body came after all: %+v", ch)
		}
	}
	if !bytes.Equal(b.Canonical(), n.board.Canonical()) {
		t.Error("a body that comes late is not the same as one that comes in time")
	}
}

// TestRedactedBodiesAreAskedToBeErasedAgain gives a board a body that was redacted before.
func TestRedactedBodiesAreAskedToBeErasedAgain(t *testing.T) {
	w := started(t)
	note := w.must("ann", Intent{Verb: "note", Text: "hunter2"})
	w.must("ann", Intent{Verb: "redact", Ref: note.Hash.String(), Text: "a secret"})
	n := w.nodes[0]
	ev := n.event(note) // with its body
	if ch := n.board.Apply(ev); len(ch) != 1 || len(ch[0].Erase) != 1 || ch[0].Erase[0] != note.Hash {
		t.Errorf("changes %+v", ch)
	}
	if v := n.view(w); v.Notes[0].Text != "" {
		t.Errorf("the text is back: %+v", v.Notes[0])
	}
}

// TestTextsCannotCommandATerminal makes escape codes and turned writing harmless on the way in, by whoever wrote them.
func TestTextsCannotCommandATerminal(t *testing.T) {
	w := started(t)
	evil := "red \x1b[31m \u202egnp.exe \x00\r"
	w.raw("bob", KindNote, crdt.EncodeBody(&noteBody{Text: evil}))
	w.must("ann", Intent{Verb: "do", Text: evil})
	w.sync()
	all := fmt.Sprintf("%+v %+v", w.nodes[0].view(w), w.nodes[0].board.Log(w.team))
	if strings.ContainsAny(all, "\x1b\x00\r\u202e") {
		t.Errorf("got through: %q", all)
	}
}

// TestTooLongIsSaidBeforeSigning checks the limits of what a person may write.
func TestTooLongIsSaidBeforeSigning(t *testing.T) {
	w := started(t)
	for _, in := range []Intent{
		{Verb: "note", Text: strings.Repeat("x", crdt.MaxTextBytes+1)},
		{Verb: "do", Text: strings.Repeat("x", maxLineBytes+1)},
		{Verb: "title", Text: strings.Repeat("x", maxLineBytes+1)},
		{Verb: "decide", Text: "x", Topic: strings.Repeat("x", maxNameBytes+1)},
		{Verb: "do", Text: "x", Resource: strings.Repeat("x", maxNameBytes+1)},
		{Verb: "role", Who: []string{"bob"}, Value: strings.Repeat("x", maxNameBytes+1)},
		{Verb: "declare", Text: strings.Repeat("x", maxLineBytes+1)},
	} {
		_, _, err := w.do("ann", in)
		var p *Problem
		if !errors.As(err, &p) || p.Code != CodeTooLarge {
			t.Errorf("%s of %d bytes: %v", in.Verb, len(in.Text), err)
		}
	}
	w.must("ann", Intent{Verb: "note", Text: strings.Repeat("x", crdt.MaxTextBytes)})
}

// TestQuestionsAreAskedOnce checks that what cannot be undone asks, and goes through with a yes.
func TestQuestionsAreAskedOnce(t *testing.T) {
	w := started(t)
	w.must("ann", Intent{Verb: "note", Text: "hunter2"})
	w.must("ann", Intent{Verb: "do", Who: []string{"bob"}, Text: "tell customers", Vital: true})
	w.must("ann", Intent{Verb: "do", Who: []string{"ann"}, Text: "fail over", Once: true})
	ctx := CheckContext{Now: time.UnixMilli(w.nowMS), Actor: person("ann"), People: w.team}
	away := ctx
	away.Actor = person("bob")
	away.Presence = func(PersonID) (bool, int64, bool) { return false, 0, false }
	force := away
	force.Presence = nil
	for _, x := range []struct {
		in   Intent
		ctx  CheckContext
		want string
	}{
		{Intent{Verb: "redact", Ref: "hunter2", Text: "a secret"}, ctx, "nobody can bring it back"},
		{Intent{Verb: "resolve"}, ctx, "vital tasks are open"},
		{Intent{Verb: "do", Text: "bob drain lb2"}, ctx, "muster do @bob"},
		{Intent{Verb: "take"}, away, "out of reach, never heard"},
		{Intent{Verb: "take", Force: true, Text: "asleep"}, force, "by force?"},
		{Intent{Verb: "claim", Ref: "fail over"}, force, "take it over?"},
	} {
		b := w.nodes[0].board
		_, err := Check(b, x.in, x.ctx)
		var p *Problem
		if !errors.As(err, &p) || p.Code != CodeConfirm || !strings.Contains(p.Question, x.want) || !strings.HasSuffix(p.Question, "?") {
			t.Errorf("%s asks %+v, want %q", x.in.Verb, err, x.want)
		}
		x.in.Yes = true
		if _, err := Check(b, x.in, x.ctx); err != nil {
			t.Errorf("%s with a yes: %v", x.in.Verb, err)
		}
	}
}

// TestSilenceBeforeTakingDependsOnSeverity checks the limits of domain C2.3, and that a drill can shorten them.
func TestSilenceBeforeTakingDependsOnSeverity(t *testing.T) {
	w := started(t)
	question := func(quiet time.Duration, scale float64) string {
		ctx := CheckContext{
			Now: time.UnixMilli(w.nowMS), Actor: person("bob"), People: w.team, Quiet: scale,
			Presence: func(PersonID) (bool, int64, bool) { return false, quiet.Milliseconds(), true },
		}
		_, err := Check(w.node("bob").board, Intent{Verb: "take"}, ctx)
		var p *Problem
		if !errors.As(err, &p) || p.Code != CodeConfirm {
			t.Fatalf("take: %v", err)
		}
		return p.Question
	}
	for _, x := range []struct {
		sev   int
		quiet time.Duration
		scale float64
		early bool
	}{
		{2, 2 * time.Minute, 0, true},
		{2, 4 * time.Minute, 0, false},
		{3, 4 * time.Minute, 0, true},
		{3, 11 * time.Minute, 0, false},
		{3, 11 * time.Second, 0.01, false},
	} {
		if v := w.nodes[0].view(w); v.Severity != x.sev {
			w.must("ann", Intent{Verb: "sev", Severity: x.sev})
		}
		if q := question(x.quiet, x.scale); strings.Contains(q, "less than") != x.early {
			t.Errorf("sev %d after %v: %s", x.sev, x.quiet, q)
		}
	}
}

// TestShortIDsStayShort checks that salting keeps ids at two characters while there is room, and that none is shared.
func TestShortIDsStayShort(t *testing.T) {
	w := started(t)
	for i := range 300 {
		w.must("ann", Intent{Verb: "do", Text: fmt.Sprint("task ", i)})
	}
	seen := map[string]bool{}
	long := 0
	for _, x := range w.nodes[0].view(w).Tasks {
		if seen[x.ID] {
			t.Errorf("%s names two tasks", x.ID)
		}
		seen[x.ID] = true
		if len(x.ID) > 1+minIDChars {
			long++
		}
	}
	if long > 0 {
		t.Errorf("%d of 300 ids are longer than they must be", long)
	}
}

// TestIncidentNamesAreTheirOwn checks that a founding is salted until its name is free.
func TestIncidentNamesAreTheirOwn(t *testing.T) {
	asked := 0
	d, err := Declare(Intent{Text: "x"}, CheckContext{Taken: func(string) bool { asked++; return asked < 3 }})
	if err != nil {
		t.Fatal(err)
	}
	h := crdt.SumHash([]byte("x"))
	for _, want := range []bool{false, false, true} {
		if got := d.Accept(h); got != want {
			t.Errorf("question %d: accepted %t, want %t", asked, got, want)
		}
	}
	if got, want := d.Ref(h), Name(crdt.DocID(h)); got != want {
		t.Errorf("it is called %s, want %s", got, want)
	}
}

// TestBodiesAreFinal pins the encoding of bodies of every shape: what is on disk stays readable.
func TestBodiesAreFinal(t *testing.T) {
	h := crdt.Hash{31: 7}
	const hash = "5820" + "00000000000000000000000000000000000000000000000000000000000000" + "07"
	for _, x := range []struct {
		body any
		want string
	}{
		{&declareBody{Title: "a", Severity: 1, Services: []string{"s"}}, "a3" + "016161" + "0201" + "03816173"},
		{&taskBody{Text: "a", Owner: h, DueMS: 5, Once: true}, "a4" + "016161" + "02" + hash + "0305" + "04f5"},
		{&ackBody{Task: h, Mode: AckClaim}, "a2" + "01" + hash + "0202"},
		{&noteBody{Text: "a"}, "a1" + "016161"},
		{&releaseBody{}, "a0"},
		{&pageBody{Who: []PersonID{h}}, "a1" + "0181" + hash},
		{&settleBody{Subject: SubjectTask, Conflict: "double", Target: h, Person: h}, "a4" + "0103" + "0266646f75626c65" + "03" + hash + "06" + hash},
	} {
		if got := hex.EncodeToString(crdt.EncodeBody(x.body)); got != x.want {
			t.Errorf("%T is %s, want %s", x.body, got, x.want)
		}
	}
}

// TestEveryKindHasABodyAndAName walks the constants.
func TestEveryKindHasABodyAndAName(t *testing.T) {
	for _, k := range kindNames {
		if k.kind != crdt.KindWeave && newBody(k.kind) == nil {
			t.Errorf("%s has no body", k.name)
		}
	}
	for k := range crdt.Kind(256) {
		if newBody(k) != nil && KindName(k) == "unknown" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

// FuzzBodies applies arbitrary bodies of every kind: the fold must not fail, and two boards must agree.
func FuzzBodies(f *testing.F) {
	for _, k := range kindNames {
		if b := newBody(k.kind); b != nil {
			f.Add(uint32(k.kind), crdt.EncodeBody(b))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint32, body []byte) {
		if kind == 0 || len(body) > crdt.MaxBodyBytes {
			return
		}
		w := started(&testing.T{})
		w.fatal = t.Fatalf
		w.raw("bob", crdt.Kind(kind), body)
		w.sync()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		w.nodes[0].board.Log(w.team)
	})
}
