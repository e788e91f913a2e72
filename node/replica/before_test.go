package replica_test

import (
	"errors"
	"testing"

	"muster/crdt/auth"
	"muster/node/replica"
)

// T13: who was removed writes as of before it. In the log of before if that has not seen the removal, else in a new one: no
// log ever forks by it, and what is written has not seen the removal.
func TestAWordAsOfBeforeForksNoLog(t *testing.T) {
	g := newTeam(t, "ann", "bob", "carol")
	ann, bob, carol := g.node("ann"), g.node("bob"), g.node("carol")
	must(t, g.says(bob, auth.KindProfile, auth.SetProfile{}))
	g.settle()
	must(t, g.remove(ann, bob, auth.ModeCompromised))
	g.settle()
	against := bob.r.Team().Against(bob.signer.Device())
	if len(against) != 1 {
		t.Fatalf("%d removals keep bob out", len(against))
	}
	word := auth.Remove{Device: ann.signer.Device(), Mode: auth.ModeCompromised, Reason: "not me"}
	check := func(log string) {
		t.Helper()
		op, err := bob.r.ProposeTeamBefore(g.now, auth.KindRemove, word, against...)
		must(t, err)
		graph := bob.r.Graph(g.team)
		if graph.Before(against[0], op) || len(graph.Forks()) > 0 || len(graph.Twins()) > 0 {
			t.Errorf("%s: the word has seen the removal: %v; forks %v; twins %v", log, graph.Before(against[0], op), graph.Forks(), graph.Twins())
		}
		g.work(bob)
	}
	check("in the old log")
	check("again")

	must(t, g.says(bob, auth.KindProfile, auth.SetProfile{})) // has seen the removal
	if _, err := bob.r.ProposeTeamBefore(g.now, auth.KindRemove, word, against...); !errors.Is(err, replica.ErrLogPast) || !bob.r.NeedsEpoch() {
		t.Fatalf("on top of what has seen it: %v", err)
	}
	g.work(bob)
	if bob.r.NeedsEpoch() {
		bob.r.SetEpoch(77)
	}
	check("in a new log")
	if _, known := carol.r.Team().Member(bob.signer.Device()); !known {
		t.Error("bob is not known")
	}
}
