package board

import (
	"testing"
	"time"
)

// BenchmarkBriefing5k is the briefing of an offer that was made in the middle of 5,000 operations: the board as it was then,
// and as it is now.
func BenchmarkBriefing5k(b *testing.B) {
	events, graph, people := history(b, 5000)
	board := New(graph.Doc(), graph)
	for _, ev := range events[:2500] {
		board.Apply(ev)
	}
	offer := &offer{op: board.ops[events[2499].Hash], by: person(people[0]), to: person(people[1])}
	for _, ev := range events[2500:] {
		board.Apply(ev)
	}
	now := time.UnixMilli(events[4999].WallMS)
	r := reader{board, rosterOf(people)}
	for b.Loop() {
		if len(r.itemsOf(offer, now.UnixMilli())) > len(board.tasks) {
			b.Fatal("more items than tasks")
		}
	}
}
