package board

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkGroup looks at an outage with two names, each with 500 notes and 100 tasks.
func BenchmarkGroup(b *testing.B) {
	s := newIncidents(b.Fatalf, "ann", "bob")
	write := func(incident, other string, in Intent) {
		s.pass(1000)
		if _, _, err := s.do("ann", incident, other, in); err != nil {
			b.Fatal(err)
		}
	}
	for _, title := range []string{"checkout", "refunds"} {
		write("", "", Intent{Verb: "declare", Text: title, Severity: 2})
		for i := range 500 {
			write(title, "", Intent{Verb: "note", Text: fmt.Sprint("note ", i)})
			if i%5 == 0 {
				write(title, "", Intent{Verb: "do", Text: fmt.Sprint("task ", i), Who: []string{"bob"}})
			}
		}
	}
	write("checkout", "refunds", Intent{Verb: "same"})
	now := time.UnixMilli(s.root.nowMS)
	b.Run("Groups", func(b *testing.B) {
		for b.Loop() {
			Suggest(Groups(s.boards("ann")))
		}
	})
	g := Groups(s.boards("ann"))[0]
	b.Run("View", func(b *testing.B) {
		for b.Loop() {
			g.View(now, s.root.team)
		}
	})
	b.Run("Brief", func(b *testing.B) {
		for b.Loop() {
			g.Brief(s.root.team)
		}
	})
	b.Run("Log", func(b *testing.B) {
		for b.Loop() {
			g.Log(s.root.team)
		}
	})
	b.Run("OneOfThem", func(b *testing.B) {
		for b.Loop() {
			g.boards[0].View(now, s.root.team)
		}
	})
}
