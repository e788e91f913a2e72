package node

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
)

// refusal is how soon after it can reach somebody who knows of it a node refuses a device that is out.
const refusalTime = time.Second

// trust does one verb about the team, which must succeed.
func (b *bubble) trust(i int, in api.Trust) api.Trusted {
	b.t.Helper()
	in.Yes = true
	out, err := b.nodes[i].Trust(b.t.Context(), in)
	if err != nil {
		b.t.Errorf("p%d %s: %v (%+v)", i, in.Verb, err, api.AsError(err))
	}
	return out
}

// refuses tries a verb about the team, which must be refused, and returns what is said.
func (b *bubble) refuses(i int, in api.Trust) *api.Error {
	b.t.Helper()
	in.Yes = true
	if _, err := b.nodes[i].Trust(b.t.Context(), in); err != nil {
		return api.AsError(err)
	}
	b.t.Errorf("p%d may %s", i, in.Verb)
	return &api.Error{}
}

// members is the team as the i'th node shows it.
func (b *bubble) members(i int) api.Members {
	b.t.Helper()
	m, err := b.nodes[i].Members(b.t.Context())
	if err != nil {
		b.t.Errorf("members of p%d: %v", i, err)
	}
	return m
}

// role is the role that the i'th node shows of somebody; "out" for one who is.
func (b *bubble) role(i int, handle string) string {
	b.t.Helper()
	for _, p := range b.members(i).People {
		if p.Handle == handle {
			if p.Out {
				return "out"
			}
			return p.Role
		}
	}
	return ""
}

// device is the first device of somebody, as the i'th node shows it.
func (b *bubble) device(i int, handle string) api.TeamDevice {
	b.t.Helper()
	for _, p := range b.members(i).People {
		if p.Handle == handle {
			return p.Devices[0]
		}
	}
	b.t.Errorf("p%d knows no %s", i, handle)
	return api.TeamDevice{}
}

// connected reports whether the i'th node's transport is connected to the j'th, whatever the team says.
func (b *bubble) connected(i, j int) (out bool) {
	b.t.Helper()
	var dev crdt.DeviceID
	b.inside(j, func(s *session, _ time.Time) error { dev = s.r.Device(); return nil })
	b.inside(i, func(s *session, _ time.Time) error {
		for _, p := range s.t.Peers() {
			out = out || p.Device == dev
		}
		return nil
	})
	return out
}

// TestRevokedInASplit is T8: a laptop is stolen while the team is split. On its side, where nobody has heard, it goes on
// writing, takes command, and an accomplice passes all of it on. From the moment the word arrives there nobody talks to it
// any more, what it wrote is on no board, and its own node says who threw it out and why. Knocking, coming back after a
// restart and introducing itself change nothing; being reinstated does.
func TestRevokedInASplit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		b.write(3, api.Write{Verb: "note", Text: "before the theft"})
		b.await(merge, "the note is everywhere", b.same)
		b.net.Partition(at(0, 1), at(2, 3))
		b.await(20*time.Second, "the split is noticed", func() bool { return !b.sees(0, 2) && !b.sees(0, 3) && !b.sees(1, 2) })
		out := b.trust(0, api.Trust{Verb: "revoke", Who: "p3", Mode: "stolen", Reason: "left in a taxi"})
		if !out.Done || out.Proposed != nil || !strings.Contains(strings.Join(out.Effects, "\n"), "still let it in: p2") {
			t.Errorf("revoke says %+v", out)
		}
		b.await(merge, "p1 has it", func() bool { return b.role(1, "p3") == "out" })

		b.write(3, api.Write{Verb: "take", Reason: "I have the laptop", Force: true})
		order := b.write(3, api.Write{Verb: "do", Text: "delete the backups", Who: []string{"p2"}})
		b.await(merge, "the accomplice has it", func() bool { return b.holds(2, order) })
		if inc, err := b.nodes[2].Show(t.Context(), ""); err != nil || len(inc.Tasks) != 1 || len(inc.Command.Terms) != 2 {
			t.Errorf("before p2 has heard: %d tasks, %d commanders, %v", len(inc.Tasks), len(inc.Command.Terms), err)
		}

		b.net.Heal()
		b.await(time.Minute, "p2 reaches the others", func() bool { return b.connected(2, 0) || b.connected(2, 1) })
		took := b.await(refusalTime, "p2 hangs up on p3", func() bool { return !b.connected(2, 3) })
		t.Logf("%v from the heal to the refusal", took)
		b.await(merge, "the three hold the same", func() bool { return b.alike(0, 1, 2) })
		b.await(merge, "p3 sees that it is out", func() bool { return b.role(3, "p3") == "out" })
		for i := range 3 {
			if who := b.commander(i); who != "p0" {
				t.Errorf("p%d: %s commands", i, who)
			}
			inc, err := b.nodes[i].Show(t.Context(), "")
			if err != nil || len(inc.Tasks) != 0 || len(inc.Notes) != 1 || len(inc.Grey) != 1 || inc.Grey[0].Count != 2 || inc.Grey[0].State != api.DeviceStolen {
				t.Errorf("p%d shows %d tasks, %d notes, grey %+v, %v", i, len(inc.Tasks), len(inc.Notes), inc.Grey, err)
			}
		}

		// It is told, and refuses to write what nobody would take.
		_, err := b.nodes[3].Write(t.Context(), api.Write{Verb: "note", Text: "let me in"})
		if e := api.AsError(err); e.Code != api.CodeRefused || !strings.Contains(e.Message, `p0 reported this laptop stolen`) || !strings.Contains(e.Message, `"left in a taxi"`) || !strings.Contains(e.Hint, "reinstate @p3") {
			t.Errorf("p3 is told %+v", e)
		}
		if st := b.state(3); len(st.Warnings) == 0 || !strings.Contains(st.Warnings[0], "left in a taxi") {
			t.Errorf("p3's status warns of %q", st.Warnings)
		}

		// It goes on knocking, also after a restart.
		b.halt(3)
		b.boot(3)
		for range 120 {
			time.Sleep(time.Second)
			for i := range 3 {
				if b.connected(i, 3) {
					t.Fatalf("p%d talks to p3", i)
				}
			}
		}
		if !b.alike(0, 1, 2) {
			t.Error("the others hold different operations")
		}

		b.trust(1, api.Trust{Verb: "adopt", Who: "p3", Refs: []string{"delete"}, Reason: "he told me on the phone"})
		b.await(merge, "the adoption is everywhere", func() bool { return b.alike(0, 1, 2) })
		for i := range 3 {
			if inc, err := b.nodes[i].Show(t.Context(), ""); err != nil || len(inc.Tasks) != 1 || len(inc.Grey) != 1 || inc.Grey[0].Count != 1 {
				t.Errorf("p%d shows %d tasks, grey %+v, %v", i, len(inc.Tasks), inc.Grey, err)
			}
		}
		if out := b.trust(1, api.Trust{Verb: "reinstate", Who: "p3"}); out.Proposed == nil || b.role(1, "p3") != "out" {
			t.Errorf("p1 alone: %+v", out)
		}
		b.stop()
	})
}

// commander is who commands the current incident, as the i'th node shows it.
func (b *bubble) commander(i int) string {
	b.t.Helper()
	inc, err := b.nodes[i].Show(b.t.Context(), "")
	if err != nil {
		b.t.Errorf("show of p%d: %v", i, err)
	}
	return inc.Command.Commander
}

// TestReinstatedComesBack: a laptop that was revoked is found and reinstated; it is let in, and all it wrote counts.
func TestReinstatedComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.trust(0, api.Trust{Verb: "revoke", Who: "p2", Mode: "left", Reason: "gave it back"})
		b.await(refusalTime, "nobody talks to p2", func() bool { return !b.connected(0, 2) && !b.connected(1, 2) })
		b.await(merge, "p2 knows", func() bool { return b.role(2, "p2") == "out" })
		if e := b.refuses(2, api.Trust{Verb: "reinstate", Who: "p2"}); e.Code != api.CodeRefused {
			t.Errorf("p2 reinstates itself: %+v", e)
		}
		b.trust(0, api.Trust{Verb: "reinstate", Who: "p2", Reason: "needs it again"})
		b.await(time.Minute, "p2 is back", b.equal)
		b.write(2, api.Write{Verb: "note", Text: "thank you"})
		b.merges(merge, "p2's note is everywhere")
		b.stop()
	})
}

// TestTwoStandInForALostSteward: the only steward's laptop is gone for good. Alone nobody can do what a steward does, and
// is told who can; two together can, and then there is a steward again who throws the lost laptop out.
func TestTwoStandInForALostSteward(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		if nag := b.state(1).TeamNotes; len(nag) != 1 || !strings.HasPrefix(nag[0], "one steward of 3: make a second: muster role @p") {
			t.Errorf("notes %q", nag)
		}
		b.halt(0)
		out := b.trust(1, api.Trust{Verb: "role", Who: "p1", Role: "steward", Reason: "p0's laptop burnt"})
		if out.Proposed == nil || !slices.Contains(out.Proposed.Can, "p2") || b.role(1, "p1") != "responder" {
			t.Errorf("the proposal: %+v; p1 is a %s", out, b.role(1, "p1"))
		}
		b.await(merge, "p2 has it", func() bool { return b.alike(1, 2) })
		waiting := b.trust(2, api.Trust{Verb: "cosign"}).Waiting
		if len(waiting) != 1 || !waiting[0].Mine || waiting[0].By != "p1" || waiting[0].Text != "make p1 a steward" {
			t.Fatalf("p2 sees %+v", waiting)
		}
		if e := b.refuses(1, api.Trust{Verb: "cosign", Ref: waiting[0].ID}); e.Code != api.CodeRefused {
			t.Errorf("p1 stands behind itself: %+v", e)
		}
		b.trust(2, api.Trust{Verb: "cosign", Ref: "1"})
		b.await(merge, "p1 is a steward", func() bool { return b.role(1, "p1") == "steward" && b.role(2, "p1") == "steward" })
		b.trust(1, api.Trust{Verb: "revoke", Who: "p0", Mode: "stolen", Reason: "burnt"})
		b.await(merge, "p0 is out", func() bool { return b.role(1, "p0") == "out" && b.role(2, "p0") == "out" })
		b.await(merge, "p2 has the new key", func() bool { return b.members(2).Key.Held })
		if m := b.members(2); !slices.Equal(m.Stewards, []string{"p1"}) || m.Key.Generation != 1 || !m.Key.Held {
			t.Errorf("stewards %v, key %+v", m.Stewards, m.Key)
		}
		b.stop()
	})
}

// TestOneLaptopLeft: all laptops but one responder's are gone. It reads and writes, lets new people in, and with one of
// them there is a steward again.
func TestOneLaptopLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.halt(0)
		b.halt(2)
		b.write(1, api.Write{Verb: "note", Text: "I am the last"})
		i := b.place(0)
		b.boot(i)
		inv, err := b.nodes[1].Invite(t.Context(), api.Invite{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.nodes[i].Join(t.Context(), api.Join{Code: inv.Code, Responder: "p3"}); err != nil {
			t.Fatal(err)
		}
		b.await(merge, "p3 is in", func() bool { return b.alike(1, i) })
		b.trust(1, api.Trust{Verb: "role", Who: "p1", Role: "steward"})
		b.await(merge, "p3 has the proposal", func() bool { return b.alike(1, i) })
		b.trust(i, api.Trust{Verb: "cosign", Ref: "1"})
		b.await(merge, "p1 is a steward", func() bool { return b.role(1, "p1") == "steward" })
		for _, lost := range []string{"p0", "p2"} {
			b.trust(1, api.Trust{Verb: "revoke", Who: lost, Mode: "stolen", Reason: "the office burnt down"})
		}
		b.await(merge, "the lost laptops are out everywhere", func() bool { return b.role(i, "p0") == "out" && b.role(i, "p2") == "out" })
		b.stop()
	})
}

// TestSuspended: any responder can set a laptop aside. It stays connected and is told; nothing it could write would count,
// so it does not; who suspended it takes it back.
func TestSuspended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.trust(1, api.Trust{Verb: "suspend", Who: "p2", Reason: "writes nonsense"})
		b.await(merge, "p2 knows", func() bool { return b.device(2, "p2").State == api.DeviceSuspended })
		_, err := b.nodes[2].Write(t.Context(), api.Write{Verb: "note", Text: "nonsense"})
		if e := api.AsError(err); e.Code != api.CodeRefused || !strings.Contains(e.Message, "p1 suspended this laptop") || !strings.Contains(e.Message, "nonsense") {
			t.Errorf("p2 is told %+v", e)
		}
		time.Sleep(30 * time.Second)
		if !b.equal() {
			t.Error("a suspended laptop is not kept in step")
		}
		if out := b.trust(1, api.Trust{Verb: "suspend", Who: "p0", Reason: "x"}); out.Proposed == nil || b.device(1, "p0").State != api.DeviceMember {
			t.Errorf("a responder suspends a steward: %+v", out)
		}
		b.trust(1, api.Trust{Verb: "reinstate", Who: "p2"})
		b.await(merge, "p2 is back", func() bool { return b.device(2, "p2").State == api.DeviceMember })
		b.write(2, api.Write{Verb: "note", Text: "sense"})
		b.merges(merge, "it counts")
		b.stop()
	})
}

// TestTeamKeys: the first removal makes a key that every laptop that is left holds and the removed one does not; it is
// remembered over a restart; who comes later gets it when they join, and again in the team document when they write.
func TestTeamKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		for i := range 4 {
			b.write(i, api.Write{Verb: "note", Text: "hello"}) // says its key
		}
		b.await(merge, "all keys are said", b.same)
		b.trust(0, api.Trust{Verb: "revoke", Who: "p3", Mode: "left", Reason: "left"})
		b.await(merge, "the others have the key", func() bool {
			k := b.members(1).Key
			return k.Held && k.Missing == 0 && b.members(2).Key == k && b.members(0).Key == k && k.Generation == 1
		})
		if k := b.members(3).Key; k.Held {
			t.Errorf("the removed one holds %+v", k)
		}
		want := b.announced(0)
		if !slices.Equal(b.announced(1), want) || slices.Equal(b.announced(3), want) {
			t.Error("members do not announce alike, or the removed one does as they do")
		}
		b.halt(1)
		b.boot(1)
		if k := b.members(1).Key; !k.Held || !slices.Equal(b.announced(1), want) {
			t.Errorf("after a restart: %+v", k)
		}
		i := b.place(0)
		b.boot(i)
		b.join(i)
		if k := b.members(i).Key; !k.Held || k.Missing != 1 {
			t.Errorf("who joined later holds %+v", k)
		}
		b.write(i, api.Write{Verb: "note", Text: "hello"})
		b.await(merge, "its key is said", func() bool { return b.alike(0, i) })
		b.write(0, api.Write{Verb: "note", Text: "welcome"})
		b.await(merge, "the key is sealed to it", func() bool { return b.members(i).Key.Missing == 0 })
		b.stop()
	})
}

// announced is what the i'th node announces with.
func (b *bubble) announced(i int) []byte {
	b.t.Helper()
	var out []byte
	b.inside(i, func(s *session, _ time.Time) error { out = s.announce.Load().keys[0]; return nil })
	return out
}

// TestEachSideRemovesSomebody: on both sides of a split a steward throws somebody out, and each makes a key that the one
// whom the other side removed can read. After the heal both are out everywhere, and with the next thing that anybody
// writes there is a key that neither of them has.
func TestEachSideRemovesSomebody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		b.declare()
		b.trust(0, api.Trust{Verb: "role", Who: "p1", Role: "steward"})
		for i := range 4 {
			b.write(i, api.Write{Verb: "note", Text: "hello"}) // says its key
		}
		b.await(merge, "all keys are said", b.same)
		b.net.Partition(at(0, 2), at(1, 3))
		b.await(20*time.Second, "the split is noticed", func() bool { return !b.sees(0, 1) && !b.sees(0, 3) && !b.sees(1, 2) })
		b.trust(0, api.Trust{Verb: "revoke", Who: "p3", Mode: "stolen", Reason: "not at their desk"})
		b.trust(1, api.Trust{Verb: "revoke", Who: "p2", Mode: "stolen", Reason: "not at their desk"})
		b.net.Heal()
		out := func(i int) bool { return b.role(i, "p2") == "out" && b.role(i, "p3") == "out" }
		b.await(time.Minute, "both are out on both sides", func() bool { return b.alike(0, 1) && out(0) && out(1) })
		if k := b.members(0).Key; k.Generation != 1 {
			t.Errorf("before anybody writes: %+v", k)
		}
		b.write(0, api.Write{Verb: "note", Text: "are we all here?"})
		b.await(merge, "there is another key", func() bool {
			k := b.members(1).Key
			return k.Generation == 2 && k.Held && b.members(0).Key == k
		})
		for _, i := range []int{2, 3} {
			if k := b.members(i).Key; k.Generation == 2 && k.Held {
				t.Errorf("p%d holds %+v", i, k)
			}
		}
		b.stop()
	})
}
