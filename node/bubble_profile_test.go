package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/node/api"
)

const phone = "+44 20 7946 0018"

// TestPhoneOfThoseCutOff: somebody says their phone number and is cut off. On the other side every order to them says
// that it is not delivered, when they were last heard, and what number to call; after the heal it is delivered, and when
// they answer it is acknowledged.
func TestPhoneOfThoseCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		p, err := b.nodes[2].SetProfile(t.Context(), api.SetProfile{Name: new("Pat Two"), Callsign: new(" P2 "), Phones: &[]string{phone, ""}, TZ: new("Europe/London")})
		if err != nil || !p.Me || p.Delivery == nil || p.Delivery.Delivered != 2 || p.Callsign != "P2" || !slices.Equal(p.Phones, []string{phone}) {
			t.Errorf("p2 says %+v (%+v), %v", p, p.Delivery, err)
		}
		b.await(merge, "everyone has it", b.same)
		b.net.Partition(at(0, 1), at(2))
		b.await(20*time.Second, "p2 is given up", func() bool { return !b.sees(0, 2) })
		time.Sleep(7 * time.Minute)

		r := b.write(0, api.Write{Verb: "do", Text: "capture heap dumps", Who: []string{"p2"}, ForMS: 60_000})
		if !slices.Equal(r.To, []string{"p2"}) || !slices.Equal(r.Delivery.DeliveredTo, []string{"p1"}) {
			t.Errorf("the receipt is to %q, delivered to %q", r.To, r.Delivery.DeliveredTo)
		}
		missing := func(what string, d *api.Delivery) {
			t.Helper()
			if d == nil || len(d.Missing) != 1 || d.Missing[0].Responder != "p2" || d.Missing[0].HeardMS < 7*60_000 || d.Missing[0].HeardMS > 8*60_000 ||
				!slices.Equal(d.Missing[0].Phones, []string{phone}) {
				t.Errorf("%s says %+v, want that p2 has not got it, 7m, and the number", what, d)
			}
		}
		missing("the receipt", &r.Delivery)
		missing("the board", b.task(0, r.ID).Delivery)
		b.await(merge, "p1 has the order", func() bool { return b.alike(0, 1) })
		missing("p1's board", b.task(1, r.ID).Delivery)
		page := b.write(1, api.Write{Verb: "page", Who: []string{"p2", "p0"}})
		missing("the page", &page.Delivery)
		if want := "p0 has not said a phone number"; len(page.Notes) == 0 || !strings.HasPrefix(page.Notes[len(page.Notes)-1], want) {
			t.Errorf("the page notes %q, want %q", page.Notes, want)
		}
		if who := b.peer(0, 2); !slices.Equal(who.Phones, []string{phone}) {
			t.Errorf("p0's list of peers says %+v", who)
		}
		if st := b.state(0); st.AloneMS != 0 || st.Responders[2].Callsign != "P2" || st.Responders[2].HeardMS < 7*60_000 {
			t.Errorf("p0 is alone for %d ms and says of p2 %+v", st.AloneMS, st.Responders[2])
		}
		if st := b.state(2); st.AloneMS < 7*60_000 || st.AloneMS > 8*60_000 {
			t.Errorf("p2 is alone for %d ms, want 7m", st.AloneMS)
		}

		b.net.Heal()
		b.merges(merge, "the order has arrived")
		b.await(merge, "p0 knows that p2 has it", func() bool { return slices.Contains(b.task(0, r.ID).Delivery.DeliveredTo, "p2") })
		if d := b.task(0, r.ID).Delivery; len(d.Missing) != 0 || len(d.Acknowledged) != 0 {
			t.Errorf("delivered and not answered: %+v", d)
		}
		b.write(2, api.Write{Verb: "ack", Ref: r.ID})
		b.await(merge, "the answer is there", b.same)
		if d := b.task(0, r.ID).Delivery; d == nil || !slices.Equal(d.Acknowledged, []string{"p2"}) || d.Known != 0 {
			t.Errorf("answered: %+v", d)
		}
		if st := b.state(2); st.AloneMS != 0 {
			t.Errorf("p2 is still alone for %d ms", st.AloneMS)
		}
		b.await(merge, "p1 sees p2", func() bool { return b.sees(1, 2) })
		page = b.write(1, api.Write{Verb: "page", Who: []string{"p2"}})
		if want := "call p2: " + phone; !slices.Contains(page.Notes, want) {
			t.Errorf("the page of one who is here notes %q, want %q", page.Notes, want)
		}
		b.stop()
	})
}

// task is one task of the current incident, as the i'th node shows it.
func (b *bubble) task(i int, id string) api.Task {
	b.t.Helper()
	inc, err := b.nodes[i].Show(b.t.Context(), "")
	if err != nil {
		b.t.Errorf("show of p%d: %v", i, err)
	}
	for _, t := range inc.Tasks {
		if t.ID == id {
			return t
		}
	}
	b.t.Errorf("p%d has no task %s", i, id)
	return api.Task{}
}

// TestProfileOfAWrongShape: what is refused says what would do; what changes nothing writes nothing; a zone nobody here
// knows is kept and remarked upon; strangers are not found.
func TestProfileOfAWrongShape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 1)
		n := b.nodes[0]
		for name, c := range map[string]struct {
			in   api.SetProfile
			says string // in message and hint
		}{
			"letters":     {api.SetProfile{Phones: &[]string{"0800 MUSTER"}}, "use 5 to 20 digits"},
			"five phones": {api.SetProfile{Phones: &[]string{"11111", "22222", "33333", "44444", "55555"}}, "at most 4"},
			"a zone":      {api.SetProfile{TZ: new("CET")}, "as Europe/London"},
			"a long name": {api.SetProfile{Name: new(strings.Repeat("x", 65))}, "name of 65 characters"},
			"an escape":   {api.SetProfile{Shift: new("\x1b[2J")}, "control characters"},
			"wide":        {api.SetProfile{Name: new(strings.Repeat("界", 64)), Shift: new(strings.Repeat("界", 64)), Phones: &[]string{"0123456789 0123456789 0000", "0123456789 0123456789 0001", "0123456789 0123456789 0002", "0123456789"}}, "phone"},
			"too much":    {api.SetProfile{Name: new(strings.Repeat("界", 64)), Shift: new(strings.Repeat("界", 64)), Callsign: new(strings.Repeat("界", 16)), Phones: &[]string{"0123 4567 891", "0123 4567 881", "0123 4567 871", "0123 4567 861"}, TZ: new("Europe/London")}, "512 fit"},
		} {
			_, err := n.SetProfile(t.Context(), c.in)
			var e *api.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message+"; "+e.Hint, c.says) || strings.Contains(e.Message, "malformed") {
				t.Errorf("%s: %v (%+v), want %q", name, err, e, c.says)
			}
		}
		before := b.state(0).Operations
		p, err := n.SetProfile(t.Context(), api.SetProfile{Name: new("")})
		if err != nil || len(p.Notes) != 1 || p.Delivery != nil || b.state(0).Operations != before {
			t.Errorf("a change of nothing: %+v, %v", p, err)
		}
		p, err = n.SetProfile(t.Context(), api.SetProfile{TZ: new("Atlantis/Harbour"), Phones: &[]string{"12345"}})
		if err != nil || p.TZ != "Atlantis/Harbour" || len(p.Notes) != 1 || p.Delivery == nil {
			t.Errorf("a zone that is none: %+v, %v", p, err)
		}
		if p, err = n.SetProfile(t.Context(), api.SetProfile{TZ: new(""), Phones: &[]string{}}); err != nil || p.TZ != "" || len(p.Phones) != 0 {
			t.Errorf("taken away: %+v, %v", p, err)
		}
		if _, err := n.Profile(t.Context(), "nemo"); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("a stranger's: %v", err)
		}
		if p, err := n.Profile(t.Context(), "@p0"); err != nil || !p.Me || p.Role != "steward" || p.Devices != 1 {
			t.Errorf("by handle: %+v, %v", p, err)
		}
		b.stop()
	})
}
