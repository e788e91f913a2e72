package node

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"muster/node/api"
)

// TestOneOutageWithTwoNames: two people declare one outage while they do not hear each other. It is suggested that the
// two are one; linked, either name leads to one board on every node, and one settlement ends the question of command.
func TestOneOutageWithTwoNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.net.Partition(at(0), at(1))
		b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2, Services: []string{"payments"}})
		b.write(1, api.Write{Verb: "declare", Text: "customers cannot pay", Severity: 1, Services: []string{"payments"}})
		b.write(1, api.Write{Verb: "do", Text: "drain lb2", Who: []string{"p1"}, Once: true})
		b.net.Heal()
		b.merges(merge, "both incidents are on both nodes")
		st := b.state(0)
		if len(st.Suggestions) != 1 || !strings.Contains(st.Suggestions[0].Text, "both: payments") {
			t.Errorf("suggested: %+v", st.Suggestions)
		}
		first := st.Suggestions[0].Incident

		r := b.write(0, api.Write{Verb: "same", Incident: "customers", Ref: "checkout"})
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, first+" was declared first") }) || r.Settle != 1 {
			t.Errorf("the receipt says %q, %d to settle", r.Notes, r.Settle)
		}
		b.merges(merge, "the link is on both nodes")
		one, two := b.look(0, "checkout"), b.look(1, "customers")
		if one.ID != two.ID || one.Title != "checkout 500s" || one.Severity != 1 || len(one.Tasks) != 1 || len(two.Names) != 2 {
			t.Errorf("%q and %q are not one: %+v", one.Name, two.Name, one)
		}
		for i := range 2 {
			st := b.state(i)
			same := slices.IndexFunc(st.Incidents, func(x api.IncidentStatus) bool { return x.Same != "" })
			if len(st.Suggestions) != 0 || same < 0 || st.Incidents[same].Same != first || st.Incidents[same].Settle != 0 {
				t.Errorf("p%d: %+v", i, st.Incidents)
			}
		}

		r = b.write(1, api.Write{Verb: "settle", Incident: "customers", Subject: "command", Value: "p1"})
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "written in ") }) || r.Settle != 0 {
			t.Errorf("the receipt says %q, %d to settle", r.Notes, r.Settle)
		}
		b.write(1, api.Write{Verb: "done", Incident: "checkout", Ref: "drain lb2", Text: "drained"})
		b.merges(merge, "it is settled on both nodes")
		if got := b.look(0, ""); got.Command.Commander != "p1" || len(got.Conflicts) != 0 || got.Tasks[0].State != "done" {
			t.Errorf("%s commands, %d to settle, the task is %s", got.Command.Commander, len(got.Conflicts), got.Tasks[0].State)
		}
		before := b.state(0).Operations
		r = b.write(0, api.Write{Verb: "same", Incident: "checkout", Ref: "customers", Withdraw: true})
		if got := b.state(0); got.Operations != before+1 || len(got.Suggestions) != 0 {
			t.Errorf("%q: %d operations more, suggested %v", r.Text, got.Operations-before, got.Suggestions)
		}
		b.merges(merge, "they are two again")
		if got := b.look(1, "customers"); got.Title != "customers cannot pay" || len(got.Names) != 0 {
			t.Errorf("still one: %q", got.Names)
		}
		b.stop()
	})
}

// TestWithdrawalIsWrittenWhereverItWasSaid: linked on both sides of a cut, one call parts them again, in both documents.
func TestWithdrawalIsWrittenWhereverItWasSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.write(0, api.Write{Verb: "declare", Text: "checkout 500s"})
		b.write(0, api.Write{Verb: "declare", Text: "refunds hang"})
		b.merges(merge, "both incidents are on both nodes")
		b.net.Partition(at(0), at(1))
		b.write(0, api.Write{Verb: "same", Incident: "checkout", Ref: "refunds"})
		b.write(1, api.Write{Verb: "same", Incident: "refunds", Ref: "checkout"})
		b.net.Heal()
		b.merges(merge, "both links are on both nodes")
		before := b.state(1).Operations
		r := b.write(1, api.Write{Verb: "same", Incident: "checkout", Ref: "refunds", Withdraw: true})
		if n := b.state(1).Operations - before; n != 2 {
			t.Errorf("%q wrote %d operations", r.Text, n)
		}
		b.merges(merge, "they are two again")
		if got := b.look(0, "refunds"); got.Title != "refunds hang" {
			t.Errorf("still one: %q", got.Names)
		}
		b.stop()
	})
}

// look is an incident as the i'th node shows it.
func (b *bubble) look(i int, incident string) api.Incident {
	b.t.Helper()
	in, err := b.nodes[i].Show(b.t.Context(), incident)
	if err != nil {
		b.t.Errorf("p%d: %v", i, err)
	}
	return in
}
