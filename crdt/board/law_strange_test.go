package board

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
)

// strangeWords are values that bodies have a meaning for, mixed with such as they have none for.
var strangeWords = []string{
	"", " ", "alpha", "beta", "x", "Y", "db1", "DB1", "public", "finance", RoleLead, RoleDeputy, RoleTeamLead, RoleComms, "scribe",
	ValueTeams, TaskDone, TaskCancelled, StatusActive, StatusMitigated, StatusResolved, StatusClosed, StatusDeclined, "pondering",
	SitrepHeadline, SitrepNext, ResourceUp, ResourceDown, NoteBroken, NoteTodo, HereOK, HereLeaving, "region=eu", "restore",
	ConflictCommand, ConflictStatus, ConflictRole, ConflictDecision, ConflictDouble, ConflictHands, ConflictPosts, ConflictRanTwice,
}

// fillStrangely gives every field of a body a random value. Hashes are of people and of operations of the whole world,
// whether the author can have seen them or not.
func fillStrangely(t *rapid.T, w *world, v reflect.Value) {
	switch v.Interface().(type) {
	case crdt.Hash:
		v.Set(reflect.ValueOf(strangeHash(t, w)))
		return
	case crdt.DocID:
		v.Set(reflect.ValueOf(crdt.DocID(strangeHash(t, w))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillStrangely(t, w, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), roll(t, 4), 4))
		for i := range v.Len() {
			fillStrangely(t, w, v.Index(i))
		}
	case reflect.String:
		v.SetString(pick(t, strangeWords...))
	case reflect.Bool:
		v.SetBool(roll(t, 2) == 0)
	case reflect.Int:
		v.SetInt(int64(roll(t, 8)) - 1)
	case reflect.Int64:
		v.SetInt(pick(t, 0, 0, 1, 60_000, w.nowMS, -1))
	case reflect.Uint8:
		v.SetUint(uint64(roll(t, 9)))
	default:
		t.Fatalf("no way to fill a %s", v.Type())
	}
}

func strangeHash(t *rapid.T, w *world) crdt.Hash {
	n := pick(t, w.nodes...)
	switch roll(t, 8) {
	case 0:
		return crdt.Hash{}
	case 1:
		return crdt.SumHash([]byte("nothing"))
	case 2, 3:
		return person(pick(t, lawTeam...))
	}
	if len(n.records) == 0 {
		return crdt.Hash{}
	}
	return n.records[len(n.records)-1-roll(t, min(len(n.records), 24))].Hash // the latest are those that meet
}

// writeStrangely signs what no honest node would: any values, references to anything, mostly of one of the favourite kinds.
func writeStrangely(t *rapid.T, w *world, who string, favourites []crdt.Kind) {
	kind := pick(t, favourites...)
	if roll(t, 4) == 0 {
		kind = drawKind(t)
	}
	body := newBody(kind)
	for range 20 { // mostly something that can be read, about something of the right kind
		fillStrangely(t, w, reflect.ValueOf(body).Elem())
		if h, kind, ok := targetOf(body); known(body) && (!ok || is(w.node(who).board, h, kind)) || roll(t, 20) == 0 {
			break
		}
	}
	n := w.node(who)
	n.propose(w, Draft{Kind: kind, Body: crdt.EncodeBody(body)}, w.nowMS+int64(roll(t, 3)-1)*3_600_000)
}

// drawKind returns any kind that people write.
func drawKind(t *rapid.T) crdt.Kind {
	for {
		if k := kindNames[roll(t, len(kindNames))].kind; k != crdt.KindWeave {
			return k
		}
	}
}

// is reports whether h is an operation of that kind.
func is(b *Board, h crdt.Hash, kind crdt.Kind) bool { return b.ops[h] != nil && b.ops[h].kind == kind }

// TestStrangeOperationsFoldTheSame lets hostile and newer nodes take part, some of which are removed: whatever they sign, everybody ends with one
// board, in every order, with late bodies or without, and everything that looks at a board gets to its end.
func TestStrangeOperationsFoldTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 5, 30)
		favourites := []crdt.Kind{drawKind(t), drawKind(t), drawKind(t), KindSettle} // so that they meet
		for range 20 + roll(t, 20) {
			w.nowMS += 1000
			who := pick(t, lawTeam...)
			switch roll(t, 12) {
			case 0:
				w.net([][]string{lawTeam[:2], lawTeam[2:]})
			case 1:
				w.net([][]string{lawTeam})
			case 2, 3:
				w.sync()
			case 4, 5, 6:
				in := drawIntent(t, w.node(who).board, owner(who))
				if _, _, err := w.do(who, in); err != nil && err.Error() == "" {
					t.Fatal(err)
				}
			case 7:
				trouble(t, w)
			default:
				writeStrangely(t, w, who, favourites)
			}
		}
		w.net([][]string{lawTeam})
		w.sync()
		w.refill()
		if err := w.same(); err != nil {
			t.Fatal(err)
		}
		n := w.nodes[0]
		now := time.UnixMilli(w.nowMS)
		want, log := n.board.Canonical(), n.board.Log(w.team)
		b := lateBoard(t, w, n)
		if !bytes.Equal(b.Canonical(), want) {
			t.Fatalf("late bodies give another board:\n%s", cmp.Diff(n.view(w), b.View(now, w.team), viewOpts))
		}
		if d := cmp.Diff(log, b.Log(w.team)); d != "" {
			t.Fatalf("late bodies give another timeline:\n%s", d)
		}
		past := n.graph.PastOf([]crdt.Hash{n.records[roll(t, len(n.records))].Hash})
		before := func(h crdt.Hash) bool { return n.graph.Covers(past, h) }
		n.board.At(before).View(now, w.team)
		n.board.MergeReport(Merge{Before: before, Viewer: person("ann"), Device: deviceOf("ann"), People: w.team, Now: now, AtMS: w.nowMS})
		for _, h := range lawTeam {
			n.board.Briefing(now, w.team, person(h))
		}
		if got := n.board.Canonical(); !bytes.Equal(got, want) || !slices.IsSortedFunc(n.board.all.list(), compareOps) {
			t.Fatal("looking at the board changed it")
		}
	})
}

// TestStrangeOperationsInAGroup is the same for several incidents, some of which people have said to be one.
func TestStrangeOperationsInAGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawIncidents(t, 5, 25)
		favourites := []crdt.Kind{drawKind(t), drawKind(t), drawKind(t), KindSame, KindSettle}
		for range 15 + roll(t, 15) {
			s.pass(1000)
			w, who := pick(t, s.worlds...), pick(t, lawTeam...)
			switch roll(t, 10) {
			case 0:
				s.net([][]string{lawTeam[:2], lawTeam[2:]})
			case 1:
				s.sync()
			case 2, 3, 4:
				s.act(t, who, roll(t, 3) == 0)
			case 5:
				trouble(t, w)
			default:
				writeStrangely(t, w, who, favourites)
			}
		}
		s.net([][]string{lawTeam})
		for _, w := range s.worlds {
			w.refill()
		}
		if err := s.same(); err != nil {
			t.Fatal(err)
		}
		now, people := time.UnixMilli(s.root.nowMS), s.root.team
		groups := Groups(s.boards("ann"))
		Suggest(groups)
		for _, g := range groups {
			before := crdt.EncodeBody(g.View(now, people))
			g.Log(people)
			g.Brief(people)
			g.SuggestPAR(now, people)
			for _, h := range lawTeam {
				g.Briefing(now, people, person(h))
			}
			for _, c := range g.Conflicts(people) {
				c.For(person("ann"))
			}
			if !bytes.Equal(before, crdt.EncodeBody(g.View(now, people))) {
				t.Fatal("looking at the group changed it")
			}
		}
	})
}
