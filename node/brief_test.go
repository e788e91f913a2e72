package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/node/api"
)

// TestCommandAcrossACut: command is handed over with a briefing, somebody acts on the other side of a cut, and whoever
// commanded takes it back. Who leads where is laid over the board by each node, and is on no board.
func TestCommandAcrossACut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.write(0, api.Write{Verb: "do", Text: "status page", Who: []string{"p2"}, Vital: true})
		b.write(0, api.Write{Verb: "handoff", Who: []string{"p1"}, Reason: "seven hours in", ForMS: 30 * 60_000})
		b.await(merge, "one board", b.same)

		brief := func(i int) api.Briefing {
			got, err := b.nodes[i].Brief(t.Context(), "")
			if err != nil {
				t.Errorf("p%d: %v", i, err)
			}
			return got
		}
		got := brief(1)
		if got.Schema != "muster.brief/1" || got.Offer == nil || got.Offer.From != "p0" || len(got.Items) != 1 || got.Items[0].Kind != "vital" || got.Trend == "" {
			t.Errorf("the briefing of the offer: %+v", got)
		}
		b.write(1, api.Write{Verb: "accept", Refs: []string{got.Items[0].ID}})
		b.await(merge, "one board", b.same)
		if term := b.look(2, "").Command.Terms[0]; term.Holder != "p1" || term.From != "p0" || !term.Pending {
			t.Errorf("accepted: %+v", term)
		}
		b.write(0, api.Write{Verb: "confirm"})
		b.await(merge, "one board", b.same)
		if term := b.look(2, "").Command.Terms[0]; term.Pending || term.ConfirmedMS == 0 {
			t.Errorf("confirmed: %+v", term)
		}

		b.net.Partition(at(0, 2), at(1))
		time.Sleep(5 * time.Minute)
		b.write(2, api.Write{Verb: "take", Text: "no word of p1"})
		b.await(merge, "one board of two", func() bool { return b.alike(0, 2) })
		for i, want := range []string{"p2", "", "p2"} {
			if c := b.look(i, "").Command; c.Commander != "p1" || c.Leads != want {
				t.Errorf("p%d: %s commands, %q leads here, want p1 and %q", i, c.Commander, c.Leads, want)
			}
		}
		if got := brief(0); got.Command.Leads != "p2" || got.Offer != nil || got.Trend != "unstable" {
			t.Errorf("the briefing of now: %+v", got)
		}
		b.net.Heal()
		b.merges(merge, "one board after the cut")
		r := b.write(1, api.Write{Verb: "take-back", Text: "p2 watched the errors"})
		b.await(merge, "one board", b.same)
		time.Sleep(time.Minute) // everybody is heard again
		in := b.look(0, "")
		if in.Command.Commander != "p1" || len(in.Conflicts) != 0 || in.Command.Leads != "" || !strings.Contains(r.Text, "from p2") {
			t.Errorf("taken back: %+v, %q", in.Command, r.Text)
		}
		b.stop()
	})
}
