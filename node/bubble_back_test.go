package node

import (
	"strings"
	"testing"
	"testing/synctest"

	"muster/node/api"
)

// TestBackOnANewLaptop: somebody's only laptop was stolen and is out. A member invites them by name all the same, and on
// the new laptop they are who they were; the old one stays out.
func TestBackOnANewLaptop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		b.trust(0, api.Trust{Verb: "revoke", Who: "p1", Mode: "stolen", Reason: "left in a taxi"})
		b.await(merge, "p1 is out", func() bool { return b.role(0, "p1") == "out" })
		b.await(merge, "p1 is told", func() bool { return len(b.state(1).Warnings) > 0 })
		if w := b.state(1).Warnings[0]; !strings.Contains(w, "@p0 can take it back: muster reinstate @p1/") || strings.Contains(w, "outvote") {
			t.Errorf("in a team of two p1 is told %q", w)
		}
		b.halt(1)
		i := b.fresh()
		inv := b.invite(api.Invite{For: "@p1"})
		in, err := b.speaks(i, 0, inv.Words)
		if err != nil || in.Responder != "p1" {
			t.Fatalf("%+v, %v", in, err)
		}
		b.write(i, api.Write{Verb: "note", Text: "back on a new one"})
		b.await(merge, "p0 has it", func() bool { return b.alike(0, i) })
		if role := b.role(0, "p1"); role != "responder" {
			t.Errorf("p1 is %q", role)
		}
		if old := b.device(0, "p1"); old.State != api.DeviceStolen {
			t.Errorf("the old laptop is %q", old.State)
		}
		if _, err := b.nodes[0].Invite(t.Context(), api.Invite{For: "@p1/" + strings.TrimPrefix(b.device(0, "p1").Name, "p1/")}); api.AsError(err).Code != api.CodeUsage {
			t.Errorf("for a laptop: %v", err)
		}
		if _, err := b.nodes[0].Invite(t.Context(), api.Invite{For: "@nobody"}); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("for nobody: %v", err)
		}
		b.stop()
	})
}

// TestNothingIsSaidAsDoneBeforeItIs: a dry run, a question and a proposal say what would be done; only what was done is
// said as done. Whoever proposes is asked nothing, since another person decides.
func TestNothingIsSaidAsDoneBeforeItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		if out := b.trust(0, api.Trust{Verb: "revoke", Who: "p2", Mode: "left", Reason: "x", DryRun: true}); out.Done || out.Text != "not done yet: revoke p2 as left" {
			t.Errorf("the dry run: %+v", out)
		}
		_, err := b.nodes[0].Trust(t.Context(), api.Trust{Verb: "suspend", Who: "p0", Reason: "x"})
		if err == nil || api.AsError(err).Code != api.CodeConfirm || api.AsError(err).Message != "not done yet: suspend p0" {
			t.Errorf("the question: %v", err)
		}
		out, err := b.nodes[1].Trust(t.Context(), api.Trust{Verb: "revoke", Who: "p0", Mode: "stolen", Reason: "it revokes everybody"})
		if err != nil || out.Proposed == nil || out.Text != "proposed: revoke p0 as stolen" || !strings.Contains(strings.Join(out.Effects, "\n"), "p0 is the only steward") {
			t.Errorf("the proposal: %+v, %v", out, err)
		}
		if out := b.trust(0, api.Trust{Verb: "role", Who: "p2", Role: "steward"}); out.Text != "p2 is a steward now; was a responder" {
			t.Errorf("done: %+v", out)
		}
		b.stop()
	})
}

// TestLastGuessSaysThatItWas: whoever burns words is told to ask for new ones, not to read the old ones again; where the
// other side has counted nothing, nothing is said of tries.
func TestLastGuessSaysThatItWas(t *testing.T) {
	t.Parallel()
	for left, want := range map[int]string{0: "burnt now; ask for new words", 1: "one more wrong try burns them", 3: "3 more wrong tries burn them"} {
		if hint := (&wordsNo{why: reasonWrong, left: left}).problem().Hint; !strings.Contains(hint, want) {
			t.Errorf("with %d left: %q, want %q", left, hint, want)
		}
	}
	if hint := (&wordsNo{why: reasonWrong, left: -1}).problem().Hint; hint != "read them again with the inviter" {
		t.Errorf("not counted: %q", hint)
	}
}
