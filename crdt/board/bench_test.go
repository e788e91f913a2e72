package board

import (
	"fmt"
	"testing"
	"time"

	"muster/crdt"
)

// history returns n operations of an incident of 20 people: tasks given, acknowledged and done, notes between them.
func history(b *testing.B, n int) ([]Event, *crdt.Graph, team) {
	b.Helper()
	people := make(team, 20)
	for i := range people {
		people[i] = fmt.Sprint("p", i)
	}
	w := newWorld(b.Fatalf, people...)
	one := w.nodes[0]
	var events []Event
	tips := map[string]*crdt.Record{}
	sign := func(who string, kind crdt.Kind, body any) crdt.Hash {
		op := crdt.Op{WallMS: w.nowMS, Kind: kind, Dot: crdt.Dot{Epoch: 1, Seq: 1}}
		if one.graph != nil {
			op.Doc = one.graph.Doc()
			if tip := tips[who]; tip != nil {
				op.Prev, op.Dot.Seq = tip.Hash, tip.Op.Dot.Seq+1
			}
			for _, h := range one.graph.Heads() {
				if h != op.Prev {
					op.Parents = append(op.Parents, h)
				}
			}
		}
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(body), fakeSigner(deviceOf(who)))
		if err != nil {
			b.Fatal(err)
		}
		if one.graph == nil {
			one.graph = crdt.NewGraph(rec.Doc())
		}
		if _, err := one.graph.Add(rec); err != nil {
			b.Fatal(err)
		}
		tips[who] = rec
		events = append(events, one.event(rec))
		w.nowMS += 1000
		return rec.Hash
	}
	sign(people[0], KindDeclare, &declareBody{Title: "edge down", Severity: 1})
	for i := 0; len(events) < n; i++ {
		from, to := people[i%7], people[i%len(people)]
		t := sign(from, KindTask, &taskBody{Text: fmt.Sprint("task number ", i), Owner: person(to), DueMS: w.nowMS + 600_000})
		sign(to, KindNote, &noteBody{Text: fmt.Sprint("note number ", i, ": the queue is longer than it was"), Kind: NoteObservation})
		sign(to, KindAck, &ackBody{Task: t, Mode: AckAssigned})
		sign(to, KindDone, &doneBody{Task: t, Result: "as asked"})
	}
	return events[:n], one.graph, people
}

// roster is a team that finds handles fast, as a node's does.
type roster struct {
	team
	handles map[PersonID]string
}

func (k roster) Handle(p PersonID) string { return k.handles[p] }

func rosterOf(t team) roster {
	k := roster{t, map[PersonID]string{}}
	for _, h := range t {
		k.handles[person(h)] = h
	}
	return k
}

// BenchmarkFold100k folds a hundred thousand operations and looks at the result once.
func BenchmarkFold100k(b *testing.B) {
	events, graph, people := history(b, 100_000)
	k := rosterOf(people)
	for b.Loop() {
		board := New(graph.Doc(), graph)
		for _, ev := range events {
			board.Apply(ev)
		}
		if v := board.View(time.UnixMilli(0), k); v.Operations != len(events) {
			b.Fatal(v.Operations)
		}
	}
}

// BenchmarkApply100k is the part of Fold100k without looking.
func BenchmarkApply100k(b *testing.B) {
	events, graph, _ := history(b, 100_000)
	for b.Loop() {
		board := New(graph.Doc(), graph)
		for _, ev := range events {
			board.Apply(ev)
		}
	}
}

// BenchmarkView500 looks at a board of five hundred operations after one more of them has come.
func BenchmarkView500(b *testing.B) {
	events, graph, people := history(b, 500)
	k := rosterOf(people)
	for b.Loop() {
		b.StopTimer()
		board := New(graph.Doc(), graph)
		for _, ev := range events[:len(events)-1] {
			board.Apply(ev)
		}
		board.View(time.UnixMilli(0), k)
		board.Apply(events[len(events)-1])
		b.StartTimer()
		board.View(time.UnixMilli(0), k)
	}
}

// BenchmarkCheck500 checks one intent against a board of five hundred operations.
func BenchmarkCheck500(b *testing.B) {
	events, graph, people := history(b, 500)
	board := New(graph.Doc(), graph)
	for _, ev := range events {
		board.Apply(ev)
	}
	ctx := CheckContext{Now: time.UnixMilli(0), Actor: person(people[1]), People: rosterOf(people)}
	for b.Loop() {
		if _, err := Check(board, Intent{Verb: "reopen", Ref: "task number 77", Text: "again"}, ctx); err != nil {
			b.Fatal(err)
		}
	}
}
