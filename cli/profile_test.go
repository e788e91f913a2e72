package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"muster/node/api"
)

// TestProfilePage: who somebody is and how to call them, mine and another's, with much and with nothing said.
func TestProfilePage(t *testing.T) {
	var b bytes.Buffer
	p := &printer{w: &b}
	for _, in := range []api.Profile{
		{
			Responder: "bob", Name: "Bob Baker", Callsign: "B2", Phones: []string{"+44 20 7946 0018", "+44 7700 900123"}, TZ: "UTC",
			Shift: "weekdays 09-17, Fridays from home " + strings.Repeat("x ", 15), Role: "responder", Devices: 1, HeardMS: 7 * minute, Via: "erin",
		},
		{Responder: "ann", Me: true, Role: "steward", Devices: 2, Reachable: true},
		{Responder: "dave", Name: "D\x1b[2J", TZ: "Atlantis/Harbour", Role: "observer", Devices: 1, Never: true},
		{Responder: "erin", Phones: []string{"12345"}, Role: "responder", Devices: 1, Reachable: true},
	} {
		printProfile(p, in, noon)
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	golden(t, "profile.golden", b.String())
}

// TestProfileFlags: only what is typed is changed, and what is typed empty is taken away; nobody speaks for others.
func TestProfileFlags(t *testing.T) {
	f := &fakeNode{profile: api.Profile{Responder: "bob", Delivery: &api.Delivery{Known: 2}, Notes: []string{"a remark"}}}
	r := typeOn(t, f, "", "profile", "--name", "Bob", "--phone", "+44 20", "--phone", "12345", "--tz", "")
	if r.code != exitUndelivered || !strings.Contains(r.out, "  a remark\ndelivered 0/2\n") || len(f.said) != 1 {
		t.Fatalf("exit %d, %+v\n%s%s", r.code, f.said, r.out, r.err)
	}
	in := f.said[0]
	if *in.Name != "Bob" || !slices.Equal(*in.Phones, []string{"+44 20", "12345"}) || *in.TZ != "" || in.Callsign != nil || in.Shift != nil {
		t.Errorf("said %+v", in)
	}
	f.profile.Delivery = nil
	if r := typeOn(t, f, "", "profile", "--phone", ""); r.code != exitOK || !slices.Equal(*f.said[1].Phones, []string{""}) {
		t.Errorf("exit %d, phones %q", r.code, *f.said[1].Phones)
	}
	for _, args := range [][]string{{"profile", "@dave"}, {"profile", "dave"}} {
		if r := typeOn(t, f, "", args...); r.code != exitOK || f.show != "dave" {
			t.Errorf("%v: exit %d, asked for %q", args, r.code, f.show)
		}
	}
	if r := typeOn(t, f, "", "profile"); r.code != exitOK || f.show != "" {
		t.Errorf("exit %d, asked for %q", r.code, f.show)
	}
	for _, args := range [][]string{{"profile", "@dave", "--name", "x"}, {"profile", "@dave", "@bob"}, {"profile", "two words"}} {
		if r := typeOn(t, f, "", args...); r.code != exitUsage || r.out != "" {
			t.Errorf("%v: exit %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
	if r := typeOn(t, f, "", "profile", "-o", "json"); r.code != exitOK || !strings.Contains(r.out, `"responder": "bob"`) {
		t.Errorf("json: %s", r.out)
	}
	f.err = api.Errorf(api.CodeUsage, "use 5 to 20 digits", "phone \"x\"")
	if r := typeOn(t, f, "", "profile", "--phone", "x"); r.code != exitUsage || !strings.Contains(r.err, "hint: use 5 to 20 digits") {
		t.Errorf("exit %d %s", r.code, r.err)
	}
}

// TestUndeliveredOrders: of those whom an order is for and who have not got it a receipt says when and through whom they
// were heard, and what number to call; of others nothing more than that they have not got it.
func TestUndeliveredOrders(t *testing.T) {
	d := api.Delivery{Delivered: 1, Known: 4, Missing: []api.Missing{
		{Responder: "dave", HeardMS: 7 * minute, Via: "bob", Phones: []string{"+44 20 7946 0018", "+44 7700 900123"}},
		{Responder: "fay", HeardMS: 9 * minute, Phones: []string{"12345"}},
		{Responder: "erin", Never: true},
	}}
	f := &fakeNode{receipt: api.Receipt{ID: "t9d", Incident: "amber-otter", Text: "assigned", To: []string{"dave", "erin", "bob"}, Delivery: d}}
	want := "amber-otter: t9d assigned\ndelivered 1/4; not: dave 7m via bob, fay 9m, erin never\n" +
		"NOT DELIVERED to dave (last heard 7m ago, via bob); phone +44 20 7946 0018, or\n  +44 7700 900123\nNOT DELIVERED to erin (never heard)\n"
	if r := typeOn(t, f, "", "do", "@dave", "x"); r.out != want {
		t.Errorf("printed\n%swant\n%s", r.out, want)
	}
	for range 12 {
		f.receipt.Delivery.Missing = append(f.receipt.Delivery.Missing, api.Missing{Responder: "dave", Never: true})
	}
	if r := typeOn(t, f, "", "do", "@dave", "x"); !strings.HasSuffix(r.out, "NOT DELIVERED to 6 more\n") {
		t.Errorf("of many\n%s", r.out)
	}
}

// TestHowFarAnOrderHasCome: beside a task stands who has the order and has not answered, and who has not got it; of one
// that is answered nothing.
func TestHowFarAnOrderHasCome(t *testing.T) {
	for want, d := range map[string]*api.Delivery{
		"": {Acknowledged: []string{"bob"}},
		"      delivered to bob, no answer yet\n": {Known: 1, Delivered: 1, DeliveredTo: []string{"bob"}},
		"      delivered to bob, no answer yet\n      NOT DELIVERED to dave (last heard 7m ago, via bob); phone 12345\n": {
			Known: 2, Delivered: 1, DeliveredTo: []string{"bob"},
			Missing: []api.Missing{{Responder: "dave", HeardMS: 7 * minute, Via: "bob", Phones: []string{"12345"}}},
		},
	} {
		var b bytes.Buffer
		printOrder(&printer{w: &b}, api.Task{Delivery: d})
		if b.String() != want {
			t.Errorf("printed\n%swant\n%s", b.String(), want)
		}
	}
	printOrder(&printer{}, api.Task{})
}

// TestPeersWhoAreAway: of a peer that cannot be reached the list says what others brought of it, and what to call.
func TestPeersWhoAreAway(t *testing.T) {
	var b bytes.Buffer
	printPeers(&printer{w: &b}, api.Status{Peers: []api.Peer{
		{Responder: "bob", Reachable: true, Addr: "192.0.2.7:7946", RTTMS: 1.25, Phones: []string{"12345"}, Via: "erin", WordMS: 1},
		{Responder: "dave", HeardMS: 7 * minute, Via: "bob", WordMS: 40_000, Lacks: 3, Phones: []string{"+44 20 7946 0018"}},
		{Responder: "erin", Never: true, Via: "bob", WordMS: 2 * minute},
	}})
	want := `bob        reachable 192.0.2.7:7946 1.2ms; has all of mine
dave       last heard 7m ago (through bob 40s ago); lacks 3 of mine; phone
           +44 20 7946 0018
erin       never heard (through bob 2m ago); has all of mine
`
	if b.String() != want {
		t.Errorf("printed\n%swant\n%s", b.String(), want)
	}
}
