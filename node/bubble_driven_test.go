package node

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
)

// TestRemovedCommanderIsReplaced: command of somebody who was thrown out is shown as that, and taking it asks nothing about
// how long they have been silent.
func TestRemovedCommanderIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		defer b.stop()
		b.declare()
		b.write(0, api.Write{Verb: "do", Who: []string{"p0"}, Text: "fail over db1"})
		b.write(0, api.Write{Verb: "do", Who: []string{"p2"}, Text: "check lag"})
		b.await(merge, "the incident is everywhere", b.same)
		b.trust(0, api.Trust{Verb: "role", Who: "p1", Role: "steward"})
		b.await(merge, "p1 is a steward", func() bool { return b.role(1, "p1") == "steward" })
		b.trust(1, api.Trust{Verb: "revoke", Who: "p0", Mode: "stolen", Reason: "left in a taxi"})
		b.await(merge, "p2 has it", func() bool { return b.role(2, "p0") == "out" })
		inc, err := b.nodes[2].Show(t.Context(), "")
		if err != nil || inc.Command.Commander != "p0" || inc.Command.Terms[0].RemovedMS == 0 {
			t.Fatalf("%+v, %v", inc.Command, err)
		}
		for _, task := range inc.Tasks { // what they had in hand is nobody's now, and it is said
			if gone := strings.Join(task.Gone, "+"); (gone == "p0") != (task.Text == "fail over db1") {
				t.Errorf("of %q are out: %q", task.Text, gone)
			}
			if task.Text == "fail over db1" && len(task.Delivery.Missing) > 0 {
				t.Errorf("%q is still to be delivered: %+v", task.Text, task.Delivery)
			}
		}
		r, err := b.nodes[2].Write(t.Context(), api.Write{Verb: "take"}) // with no yes
		if err != nil || !strings.Contains(r.Text, "p0 was removed from the team") {
			t.Fatalf("%+v, %v", r, err)
		}
		b.write(2, api.Write{Verb: "settle", Subject: "command", Value: "p2", Text: "p0 is out"})
		if who := b.commander(2); who != "p2" {
			t.Errorf("%s commands", who)
		}
	})
}

// TestSecondProposerIsToldOfTheFirst: two proposals of one thing would each wait for the other; whoever comes second is told
// what waits and how to stand behind it, and so is whoever proposed it.
func TestSecondProposerIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 4)
		defer b.stop()
		b.await(merge, "all know each other", b.same)
		revoke := api.Trust{Verb: "revoke", Who: "p3", Mode: "stolen", Reason: "taxi"}
		if out := b.trust(1, revoke); out.Proposed == nil {
			t.Fatalf("%+v", out)
		}
		b.await(merge, "p2 has it", func() bool { return len(b.members(2).Waiting) == 1 })
		if e := b.refuses(2, revoke); e.Message != "p1 proposed it already: revoke as stolen: "+b.device(2, "p3").Name || !strings.HasSuffix(e.Hint, "muster cosign 1") {
			t.Errorf("p2 is told %+v", e)
		}
		if e := b.refuses(1, revoke); !strings.Contains(e.Message, "waits for another") || !strings.Contains(e.Hint, "@p2: muster cosign ") && !strings.Contains(e.Hint, "@p2 or ") {
			t.Errorf("p1 is told %+v", e)
		}
		if n := len(b.members(1).Waiting); n != 1 {
			t.Errorf("%d wait", n)
		}
		other := revoke
		other.Mode = "left"
		if out := b.trust(2, other); out.Proposed == nil { // that is another thing
			t.Errorf("%+v", out)
		}
		b.trust(2, api.Trust{Verb: "cosign", Ref: "1"})
		if r := b.role(2, "p3"); r != "out" {
			t.Errorf("p3 is %s", r)
		}
	})
}

// TestDoctorOfARemovedLaptop: what it says to do is what helps, not to join again.
func TestDoctorOfARemovedLaptop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		defer b.stop()
		b.declare()
		b.await(merge, "both have it", b.same)
		b.trust(0, api.Trust{Verb: "revoke", Who: "p1", Mode: "stolen", Reason: "taxi"})
		b.await(merge, "p1 knows", func() bool { return b.role(1, "p1") == "out" })
		time.Sleep(5 * time.Second) // for the connection to be gone
		d, err := b.nodes[1].Doctor(t.Context(), nil)
		if err != nil || len(d.Responders) != 1 || !strings.Contains(d.Responders[0].Hint, "muster reinstate @p1") {
			t.Errorf("%+v, %v", d.Responders, err)
		}
	})
}

// TestArrivalsAreToldOnce: who came in by the words is told to whoever asks first, and counts anew for the next one.
func TestArrivalsAreToldOnce(t *testing.T) {
	ps := &plates{poke: make(chan struct{}, 1)}
	p := &plate{number: 7, invite: crdt.Hash{1}, uses: 3, until: time.Now().Add(wordsFor)}
	if err := ps.add(p, time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := ps.untold(); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
	ps.arrived(p.invite, api.Arrival{Responder: "bob"})
	ps.arrived(crdt.Hash{2}, api.Arrival{Responder: "of another"})
	ps.arrived(p.invite, api.Arrival{Responder: "carol"})
	if got := ps.untold(); len(got) != 2 || got[0].Responder != "bob" || got[1].Responder != "carol" {
		t.Errorf("%v", got)
	}
	ps.arrived(p.invite, api.Arrival{Responder: "dan"})
	if got := ps.untold(); len(got) != 1 || got[0].Responder != "dan" {
		t.Errorf("%v", got)
	}
	if got := ps.untold(); len(got) != 0 {
		t.Errorf("again: %v", got)
	}
}

// TestNoRelay: whoever wants none has no relay key on the disk, what the team knows as one is nobody's, a restart and later writes
// leave it so, and protecting again without the word brings it back.
func TestNoRelay(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	n, _ := running(t, cfg)
	look := func() (key crdt.DeviceID, named bool) {
		t.Helper()
		s, err := n.current(t.Context())
		if err == nil {
			err = s.do(t.Context(), func(now time.Time) error {
				s.ensureKeys(now)
				key, named = s.r.Team().RelayKey(s.r.Device())
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return key, named
	}
	protect := func(no bool) *relayFile {
		t.Helper()
		if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedPassphrase, Passphrase: passphrase, NoRelay: no}); err != nil {
			t.Fatal(err)
		}
		f, err := n.home.readRelay()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if f := protect(true); !f.off || f.seed != [32]byte{} {
		t.Errorf("%+v", f)
	}
	if _, named := look(); named {
		t.Error("the team knows a relay key of a home that never had one")
	}
	with := protect(false)
	if key, _ := look(); with.off || key != with.device().ID() {
		t.Errorf("with: %+v, named %s", with, key.Short())
	}
	without := protect(true)
	if key, _ := look(); !without.off || key != without.void || key == with.device().ID() {
		t.Errorf("without: %+v, named %s", without, key.Short())
	}
	if again := protect(true); again.void != without.void {
		t.Error("another void key, for nothing")
	}
}

// TestRelayFileThatSaysNo: it is read as written, and nothing like it.
func TestRelayFileThatSaysNo(t *testing.T) {
	f, err := noRelay()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRelay(string(f.format()))
	if err != nil || !got.off || got.void != f.void {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{relayHeader + "\noff", relayHeader + "\noff 12\n", relayHeader + "\non " + f.void.String() + "\n", "x\noff " + f.void.String() + "\n"} {
		if _, err := parseRelay(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestLaptopsOfOnePersonInTheStatus: peers are called by their person, and by their laptop where there are several.
func TestLaptopsOfOnePersonInTheStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		defer b.stop()
		if p := b.state(0).Peers; len(p) != 1 || p[0].Name != "p1" {
			t.Errorf("%+v", p)
		}
		i := b.fresh()
		inv, err := b.nodes[1].Invite(t.Context(), api.Invite{For: "me"})
		if err == nil {
			_, err = b.nodes[i].Join(t.Context(), api.Join{Code: inv.Code})
		}
		if err != nil {
			t.Fatal(err)
		}
		b.await(merge, "p0 sees both", func() bool { return len(b.state(0).Peers) == 2 })
		p := b.state(0).Peers
		if !strings.HasPrefix(p[0].Name, "p1/") || !strings.HasPrefix(p[1].Name, "p1/") || p[0].Name == p[1].Name {
			t.Errorf("%q, %q", p[0].Name, p[1].Name)
		}
	})
}
