package board

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/crdt"
)

// mostIncidents is how many incidents random people declare.
const mostIncidents = 4

// drawIncidents lets random people declare incidents, link them and part them, and write random intents about them, while
// the network splits and heals at random. In the end everyone has everything.
func drawIncidents(t *rapid.T, least, most int) *incidents {
	s := newIncidents(t.Fatalf, lawTeam...)
	declare := func(who string) {
		s.pass(1) // the same words at the same moment would be the same operation
		in := Intent{
			Verb: "declare", Text: pick(t, "checkout payments broken", "payments broken again", "gateway down"), Severity: 1 + roll(t, maxSeverity),
			Services: pick(t, nil, []string{"db"}, []string{"db", "edge"}),
		}
		if _, _, err := s.do(who, "", "", in); err != nil {
			t.Fatal(err)
		}
	}
	declare("ann")
	s.sync()
	steps := most - rapid.IntRange(0, most-least).Draw(t, "fewer")
	for i := range steps {
		s.pass(pick(t, int64(0), 1, 1000, 60_000))
		who := pick(t, lawTeam...)
		switch what := roll(t, 20); {
		case what == 0:
			groups := make([][]string, 2)
			for _, h := range lawTeam {
				g := roll(t, 2)
				groups[g] = append(groups[g], h)
			}
			s.net(groups)
		case what == 1 && i < steps*2/3:
			s.net([][]string{lawTeam})
		case what < 5:
			s.sync()
		case what < 8 && len(s.worlds) < mostIncidents:
			declare(who)
		default:
			s.act(t, who, what < 11)
		}
	}
	s.net([][]string{lawTeam})
	return s
}

// act lets who type something about one of the incidents on their laptop; link: that it is another, or no longer.
func (s *incidents) act(t *rapid.T, who string, link bool) {
	boards := s.boards(who)
	if len(boards) == 0 {
		return
	}
	b := pick(t, boards...)
	in := drawIntent(t, b, owner(who))
	other := ""
	switch {
	case link:
		in = Intent{Verb: "same", Withdraw: roll(t, 4) == 0}
	case roll(t, 2) == 0: // what incidents can disagree about
		in = pick(t,
			Intent{Verb: "decide", Text: pick(t, "alpha", "beta"), Topic: "x"},
			Intent{Verb: "role", Who: []string{pick(t, lawTeam...)}, Value: RoleLead},
			Intent{Verb: "do", Who: []string{who}, Text: "alpha", Resource: "db1"},
			Intent{Verb: "settle", Subject: "1", Value: "y"},
		)
	}
	if in.Verb == "same" {
		other = pick(t, boards...).doc.String()
	}
	if open := s.groupOf(who, b).conflicts(s.root.team); in.Verb == "settle" && len(open) > 0 {
		c := pick(t, open...)
		in.Subject, in.Value = fmt.Sprint(c.N), pick(t, c.Choices...).Key
	}
	if _, _, err := s.do(who, b.doc.String(), other, in); err != nil {
		var p *Problem
		if !errors.As(err, &p) || p.Code == "" || p.Message == "" {
			t.Fatalf("%s %+v: %v is not a problem a person can read", who, in, err)
		}
	}
}

// TestGroupsAreTheSameEverywhere is the law of groups: whoever holds the same documents sorts them into the same groups,
// gives each the same canonical incident and shows the same of it. Being one is symmetric, and the canonical one is the
// one declared first.
func TestGroupsAreTheSameEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawIncidents(t, 5, 50)
		if err := s.same(); err != nil {
			t.Fatal(err)
		}
		boards := s.boards("ann")
		groups := Groups(boards)
		of := map[crdt.DocID]*Group{}
		for _, g := range groups {
			for i, b := range g.boards {
				if of[b.doc] != nil {
					t.Fatalf("%s is in two groups", Name(b.doc))
				}
				of[b.doc] = g
				if i > 0 && compareDeclared(g.boards[i-1], b) >= 0 {
					t.Fatalf("%s comes before %s, which was declared earlier", Name(g.boards[i-1].doc), Name(b.doc))
				}
			}
		}
		for _, b := range boards {
			for _, other := range b.sameAs() {
				if g := of[other]; g != nil && g != of[b.doc] {
					t.Fatalf("%s says it is %s, and they are two", Name(b.doc), Name(other))
				}
			}
		}
	})
}

// between reports whether conflicts of a kind are asked once for all incidents of a group.
func between(kind string) bool {
	return slices.Contains([]string{ConflictCommand, ConflictRole, ConflictDecision, ConflictHands}, kind)
}

// TestNothingIsLostInAGroup: a group shows every thing, every line of the timeline and every conflict that its incidents
// have, once, and short ids name one thing of the whole group.
func TestNothingIsLostInAGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawIncidents(t, 20, 60)
		now := time.UnixMilli(s.root.nowMS)
		for _, g := range Groups(s.boards("bob")) {
			v := g.View(now, s.root.team)
			var things, conflicts int
			command, lines, decided := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for _, b := range g.boards {
				one := b.View(now, s.root.team)
				things += len(one.Tasks) + len(one.Notes) + len(one.Theories) + len(one.CheckIns) + len(one.RollCalls) + len(one.Updates) + len(one.Runs)
				// Ids that two incidents happen to share are longer in the group.
				part := g.join()
				for _, e := range b.Log(s.root.team) { // at once in several incidents: one line
					lines[fmt.Sprint(e.Actor, e.AtMS, e.Kind, e.Text)] = true
				}
				part()
				for _, d := range one.Decisions {
					decided[fmt.Sprint(d.By, d.AtMS, d.Topic, d.Text)] = true
				}
				for _, c := range one.Conflicts {
					if between(c.Kind) {
						command[topicKey(c.Subject)] = true
					} else {
						conflicts++
					}
				}
				for _, term := range one.Command.Terms {
					if !slices.ContainsFunc(v.Command.Terms, func(x Term) bool { return x.HolderID == term.HolderID }) {
						t.Fatalf("%s commands %s and is not shown for %v", term.Holder, one.Name, v.Names)
					}
				}
			}
			n := len(v.Tasks) + len(v.Notes) + len(v.Theories) + len(v.CheckIns) + len(v.RollCalls) + len(v.Updates) + len(v.Runs)
			if n != things || len(v.Decisions) < len(decided) {
				t.Fatalf("%v shows %d things of %d, %d decisions of %d", g.Names(), n, things, len(v.Decisions), len(decided))
			}
			for _, e := range g.Log(s.root.team) {
				delete(lines, fmt.Sprint(e.Actor, e.AtMS, e.Kind, e.Text))
			}
			if len(lines) > 0 {
				t.Fatalf("%v does not show %v", g.Names(), lines)
			}
			for _, c := range v.Conflicts {
				if between(c.Kind) {
					delete(command, topicKey(c.Subject))
				} else {
					conflicts--
				}
			}
			if conflicts != 0 || len(command) > 0 {
				t.Fatalf("%v: %d conflicts are lost, of those between incidents: %v", g.Names(), conflicts, command)
			}
			ids := map[string]bool{}
			for _, task := range v.Tasks {
				if ids[task.ID] {
					t.Fatalf("two tasks are %s", task.ID)
				}
				ids[task.ID] = true
				if g.Holder(task.Op).IsZero() {
					t.Fatalf("no incident has %s", task.ID)
				}
			}
			if brief := g.Brief(s.root.team); brief.Severity != v.Severity || brief.Status != v.Status || brief.Title != v.Title ||
				brief.Commander != v.Command.Commander || brief.Conflicts != len(v.Conflicts) {
				t.Fatalf("the brief %+v is not the view", brief)
			}
		}
	})
}

// TestGroupConflictsCanBeSettled settles whatever is open until nothing is, by number or by key, with any choice offered.
func TestGroupConflictsCanBeSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawIncidents(t, 20, 60)
		for range 60 {
			now := time.UnixMilli(s.root.nowMS)
			all := Groups(s.boards("ann"))
			i := slices.IndexFunc(all, func(g *Group) bool { return len(g.View(now, s.root.team).Conflicts) > 0 })
			if i < 0 {
				return
			}
			name := pick(t, all[i].boards...).doc.String() // any of them does; two may happen to have one name
			v := all[i].View(now, s.root.team)
			c := pick(t, v.Conflicts...)
			who := v.Command.Commander
			if who == "" {
				who = "ann"
			}
			choice := pick(t, c.Choices...)
			in := Intent{Verb: "settle", Subject: pick(t, fmt.Sprint(c.N), c.Key, c.ID()), Value: choice.Key}
			if _, _, err := s.do(who, name, "", in); err != nil {
				t.Fatalf("%s cannot settle %+v with %+v: %v", who, c, in, err)
			}
			s.sync()
			for _, x := range s.groupOf("ann", all[i].boards[0]).View(now, s.root.team).Conflicts {
				if x.ID() == c.ID() {
					t.Fatalf("settled %+v with %s, still open: %+v", c, choice.Key, x)
				}
			}
		}
		t.Fatal("conflicts do not come to an end")
	})
}

// TestLookingAtAGroupLeavesItsBoardsAlone: what a board shows by itself does not depend on whom it was shown with.
func TestLookingAtAGroupLeavesItsBoardsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawIncidents(t, 20, 40)
		var before [][]byte
		for _, b := range s.boards("carol") {
			before = append(before, b.Canonical())
		}
		for _, g := range Groups(s.boards("carol")) {
			g.View(time.UnixMilli(s.root.nowMS), s.root.team)
			g.Log(s.root.team)
			if _, err := g.Check(Intent{Verb: "note", Text: "x"}, CheckContext{Now: time.UnixMilli(s.root.nowMS), Actor: person("carol"), People: s.root.team}); err != nil {
				t.Fatal(err)
			}
		}
		for i, b := range s.boards("carol") {
			if !bytes.Equal(before[i], b.Canonical()) {
				t.Fatalf("%s has changed", Name(b.doc))
			}
		}
	})
}

// TestGroupUnitesEveryList makes sure that a list which is new to [View] is not forgotten here: every list of things that
// can say in which incident they were written is united.
func TestGroupUnitesEveryList(t *testing.T) {
	const per = 2
	full := func() View {
		v := View{}
		for i := range reflect.TypeFor[View]().NumField() {
			f := reflect.ValueOf(&v).Elem().Field(i)
			if f.Kind() != reflect.Slice || f.Type().Elem().Kind() != reflect.Struct {
				continue
			}
			if _, ok := f.Type().Elem().FieldByName("Incident"); ok {
				f.Set(reflect.MakeSlice(f.Type(), per, per))
			}
		}
		return v
	}
	g := &Group{boards: []*Board{New(crdt.DocID{1}, nil), New(crdt.DocID{2}, nil)}}
	for _, b := range g.boards { // what the lists without operations of their own are in step with
		for _, bag := range []*bag{&b.checkIns, &b.thanks, &b.pages, &b.rollCalls} {
			for i := range per {
				bag.add(&op{hash: crdt.Hash{byte(i)}})
			}
		}
		b.ops[crdt.Hash{}] = &op{}
	}
	out := View{}
	g.unite(&out, []View{full(), full()})
	for i := range reflect.TypeFor[View]().NumField() {
		f := reflect.TypeFor[View]().Field(i)
		if f.Type.Kind() != reflect.Slice || f.Type.Elem().Kind() != reflect.Struct || f.Type.Elem() == reflect.TypeFor[Conflict]() ||
			f.Type.Elem() == reflect.TypeFor[Notice]() || f.Type.Elem() == reflect.TypeFor[Settled]() {
			continue // the last three have rules of their own
		}
		if _, ok := f.Type.Elem().FieldByName("Incident"); !ok {
			continue
		}
		if n := reflect.ValueOf(out).Field(i).Len(); n != 2*per {
			t.Errorf("%s: %d of %d", f.Name, n, 2*per)
		}
	}
}

// TestGroupWithAnIncidentNotReadableYet: the declaration of an incident may come without its body. It is last in its
// group, is never suggested, and nothing about it panics.
func TestGroupWithAnIncidentNotReadableYet(t *testing.T) {
	s := newIncidents(t.Fatalf, "ann", "bob")
	for _, title := range []string{"checkout", "refunds"} {
		if _, _, err := s.do("ann", "", "", Intent{Verb: "declare", Text: title, Severity: 2, Services: []string{"db"}}); err != nil {
			t.Fatal(err)
		}
		s.pass(1000)
	}
	if _, _, err := s.do("ann", "refunds", "checkout", Intent{Verb: "same"}); err != nil {
		t.Fatal(err)
	}
	n := s.worlds[0].node("ann")
	bare := New(n.graph.Doc(), n.graph)
	for _, r := range n.records {
		ev := n.event(r)
		ev.Body, ev.Erased = nil, true
		bare.Apply(ev)
	}
	g := Groups([]*Board{bare, s.worlds[1].node("ann").board})
	if len(g) != 1 || g[0].Doc() != s.doc[s.worlds[1]] {
		t.Fatalf("%d groups, the first is %v", len(g), g[0].Names())
	}
	g[0].View(time.UnixMilli(s.root.nowMS), s.root.team)
	g[0].Log(s.root.team)
	g[0].Brief(s.root.team)
	if x := Suggest(Groups([]*Board{bare})); len(x) != 0 {
		t.Errorf("suggested: %v", x)
	}
	ctx := CheckContext{Now: time.UnixMilli(s.root.nowMS), Actor: person("ann"), People: s.root.team}
	for _, in := range []Intent{{Verb: "note", Text: "x"}, {Verb: "handoff", Who: []string{"bob"}}, {Verb: "sev", Severity: 4}, {Verb: "resolve"}, {Verb: "take"}} {
		if placed, err := g[0].Check(in, ctx); err == nil && placed[0].Doc != g[0].Doc() {
			t.Errorf("%s is written in %s", in.Verb, Name(placed[0].Doc))
		}
	}
}

// TestRandomGroupsReachEverything makes sure that the laws above are about something: in a fixed set of histories there
// are groups of several incidents, withdrawn links, suggestions, and every conflict between incidents, open and settled.
func TestRandomGroupsReachEverything(t *testing.T) {
	seen := map[string]int{}
	gen := rapid.Custom(func(t *rapid.T) *incidents { return drawIncidents(t, 60, 60) })
	for seed := range 120 {
		s := gen.Example(seed)
		boards := s.boards("ann")
		groups := Groups(boards)
		seen["suggestion"] += len(Suggest(groups))
		for _, b := range boards {
			for _, o := range b.sames.list() {
				if o.body.(*sameBody).Remove {
					seen["withdrawal"]++
				}
			}
		}
		for _, g := range groups {
			if len(g.boards) == 1 {
				continue
			}
			seen[fmt.Sprintf("group of %d", len(g.boards))]++
			for _, c := range g.conflicts(s.root.team) {
				if c.board == nil {
					seen["open "+c.Kind]++
				}
			}
			for _, x := range g.View(time.UnixMilli(s.root.nowMS), s.root.team).Settled {
				seen["settled "+x.Kind]++
			}
		}
	}
	want := []string{"suggestion", "withdrawal", "group of 2", "group of 3"}
	for _, kind := range []string{ConflictCommand, ConflictRole, ConflictDecision, ConflictHands} {
		want = append(want, "open "+kind, "settled "+kind)
	}
	for _, k := range want {
		if seen[k] == 0 {
			t.Errorf("%s never happened: %v", k, seen)
		}
	}
}
