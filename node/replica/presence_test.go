package replica_test

import (
	"encoding/json"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/replica"
)

// meet founds a team of nodes with an incident, in which only those with a common letter in links are connected.
func meet(t *testing.T, names []string, links ...string) *group {
	t.Helper()
	g := newGroup()
	if err := g.found(names); err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		g.connect(g.node(l[:1]), g.node(l[1:]))
	}
	if err := g.propose(g.nodes[0], board.Intent{Verb: "declare", Text: "x", Severity: 2}); err != nil {
		t.Fatal(err)
	}
	g.settle()
	return g
}

// presence is what one node knows of another's person.
func (g *group) presence(t *testing.T, at, of string) replica.Presence {
	t.Helper()
	m, ok := g.node(at).r.Team().Member(g.node(of).signer.Device())
	if !ok {
		t.Fatalf("%s does not know %s", at, of)
	}
	return g.node(at).r.Presence(m.Person)
}

func (g *group) note(t *testing.T, n string) {
	t.Helper()
	if err := g.propose(g.node(n), board.Intent{Verb: "note", Text: "by " + n}); err != nil {
		t.Fatal(err)
	}
	g.settle()
}

// Who cannot reach us is heard of through whoever brings what they write, as of when they wrote it; once they speak to us
// themselves that counts.
func TestWordThroughOthers(t *testing.T) {
	g := meet(t, []string{"a", "b", "c"}, "ab", "bc")
	b := g.node("b").signer.Device()
	written := g.now.Truncate(time.Millisecond)
	g.note(t, "c")
	if p := g.presence(t, "a", "c"); p.Reachable || !p.Heard.IsZero() || !p.Word.Equal(written) || p.Via != b {
		t.Errorf("a knows of c %+v, want word of %v through b", p, written)
	}
	g.wait(time.Hour)
	if at, via := g.presence(t, "a", "c").Last(g.now); !at.Equal(written) || via != b {
		t.Errorf("an hour later a last heard c at %v through %s", at, via.Short())
	}
	if at, via := g.presence(t, "b", "c").Last(g.now); via != (crdt.DeviceID{}) || g.now.Sub(at) > time.Minute {
		t.Errorf("b, who is connected, last heard c at %v through %s", at, via.Short())
	}
	apart := g.now.Truncate(time.Millisecond)
	g.cut(g.node("b"), g.node("c"))
	g.note(t, "c")
	g.wait(20 * time.Minute)
	g.connect(g.node("b"), g.node("c"))
	g.settle()
	if p := g.presence(t, "a", "c"); !p.Word.Equal(apart) || p.Via != b {
		t.Errorf("what c wrote while apart says %+v, want word of %v, not of when it came", p, apart)
	}
	g.connect(g.node("a"), g.node("c"))
	g.settle()
	met := g.presence(t, "a", "c")
	if at, via := met.Last(g.now); !met.Reachable || via != (crdt.DeviceID{}) || at.Before(met.Word) {
		t.Errorf("after they met: %+v", met)
	}
}

// After a restart nobody has been heard yet, and what is on the disk says when they last wrote.
func TestWordOnDisk(t *testing.T) {
	g := meet(t, []string{"a", "b"}, "ab")
	written := g.now.Truncate(time.Millisecond)
	g.note(t, "b")
	if err := g.crash(g.node("a")); err != nil {
		t.Fatal(err)
	}
	p := g.presence(t, "a", "b")
	if at, via := p.Last(g.now); !p.Heard.IsZero() || !at.Equal(written) || via != (crdt.DeviceID{}) {
		t.Errorf("after a restart: %+v", p)
	}
}

// A clock that is ahead makes no word newer than its coming, and on the disk none at all until that time has come.
func TestWordOfAClockAhead(t *testing.T) {
	g := meet(t, []string{"a", "b", "c"}, "ab", "bc")
	c := g.node("c")
	if _, err := c.r.Propose(g.now.Add(3*time.Hour), g.docs[0], board.Intent{Verb: "note", Text: "from tomorrow"}); err != nil {
		t.Fatal(err)
	}
	g.work(c)
	g.settle()
	if p := g.presence(t, "a", "c"); p.Word.After(g.now) || p.Word.IsZero() {
		t.Errorf("word of %v at %v", p.Word, g.now)
	}
	if err := g.crash(g.node("a")); err != nil {
		t.Fatal(err)
	}
	if at, _ := g.presence(t, "a", "c").Last(g.now); at.After(g.now) {
		t.Errorf("after a restart c was last heard at %v, and it is %v", at, g.now)
	}
}

// What comes a second time, through another, is no new sign of life.
func TestRepetitionIsNoWord(t *testing.T) {
	g := meet(t, []string{"a", "b", "c"}, "ab", "bc", "ac")
	if _, err := g.node("c").r.Propose(g.now.Add(time.Hour), g.docs[0], board.Intent{Verb: "note", Text: "ahead"}); err != nil {
		t.Fatal(err)
	}
	g.work(g.node("c"))
	g.settle()
	g.cut(g.node("a"), g.node("c"))
	heard := g.presence(t, "a", "c").Heard
	g.wait(10 * time.Minute)
	whole, err := g.node("b").r.Whole(g.docs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := g.node("a").r.Step(g.now, g.node("b").signer.Device(), whole); err != nil {
		t.Fatal(err)
	}
	g.work(g.node("a"))
	if at, via := g.presence(t, "a", "c").Last(g.now); !at.Equal(heard) || via != (crdt.DeviceID{}) {
		t.Errorf("last heard at %v through %s, want %v and nobody", at, via.Short(), heard)
	}
}

// Two nodes that hold the same show the same, whoever each of them has heard, and when.
func TestPresenceIsNoPartOfTheBoard(t *testing.T) {
	g := meet(t, []string{"a", "b", "c"}, "ab", "bc")
	g.note(t, "c")
	shown := func(n *node) string {
		text, err := json.Marshal(n.r.Board(g.docs[0]).View(g.now, n.r.Team()))
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + n.r.Digest().String() + n.r.DocDigest(g.docs[0]).String()
	}
	want := shown(g.node("a"))
	look := func(when string) {
		t.Helper()
		for _, n := range g.nodes {
			if got := shown(n); got != want {
				t.Errorf("%s %s shows\n%s\nwant\n%s", when, n.name, got, want)
			}
		}
	}
	look("at first")
	now := g.now
	g.cut(g.node("a"), g.node("b"))
	g.wait(time.Hour)
	g.connect(g.node("a"), g.node("c"))
	g.wait(time.Hour)
	g.cut(g.node("b"), g.node("c"))
	if err := g.crash(g.node("b")); err != nil {
		t.Fatal(err)
	}
	if p := g.presence(t, "b", "a"); !p.Heard.IsZero() {
		t.Errorf("b has heard a after its restart: %+v", p)
	}
	g.now = now // the view depends on the time, and on nothing else that has happened
	look("after all have heard others")
}

// Who writes on top of an operation has it, and that is known to whoever hears of it in whatever way.
func TestWritingOnTopProvesDelivery(t *testing.T) {
	g := meet(t, []string{"a", "b", "c"}, "ab", "bc")
	a, c := g.node("a"), g.node("c").signer.Device()
	p, err := a.r.Propose(g.now, g.docs[0], board.Intent{Verb: "note", Text: "an order"})
	if err != nil {
		t.Fatal(err)
	}
	g.work(a)
	g.settle()
	if a.r.Holds(c, p.Doc, p.Hash) || a.r.Knew(c, p.Doc, p.Hash) {
		t.Error("a, who has never met c, knows that c has it")
	}
	g.note(t, "c")
	if a.r.Holds(c, p.Doc, p.Hash) || !a.r.Knew(c, p.Doc, p.Hash) {
		t.Error("c has written on top of it, and a does not see that")
	}
	if a.r.Knew(c, crdt.DocID{1}, p.Hash) || a.r.Knew(c, p.Doc, crdt.Hash{1}) {
		t.Error("c knew what there is not")
	}
}
