package auth_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func phones(s ...string) *[]string { s = append([]string{}, s...); return &s }

// bobs is a team in which device 1 is bob's.
func bobs(t fataler) *replica {
	t.Helper()
	r := newReplica(t, found(t))
	inv := r.write(t, 0, auth.KindInvite, invite(0, 9))
	r.mustTake(t, inv)
	r.mustTake(t, r.write(t, 1, auth.KindJoin, r.join(t, 1, inv.Hash, 0, "bob")))
	return r
}

// profile returns what the person of a device says of themselves.
func (r *replica) profile(t fataler, device int) auth.Profile {
	t.Helper()
	m, ok := r.team.Member(deviceKey(device).Device())
	if !ok {
		t.Fatalf("device %d is no member", device)
	}
	return r.team.Profile(m.Person)
}

// say writes and takes in what a device says of its person.
func (r *replica) say(t fataler, device int, body auth.SetProfile) *crdt.Record {
	t.Helper()
	rec := r.write(t, device, auth.KindProfile, body)
	r.mustTake(t, rec)
	return rec
}

// What is said later replaces what was said before, field by field; what is not mentioned stays; what is said to be
// empty is gone; and it is about nobody but its author.
func TestProfileGrowsFieldByField(t *testing.T) {
	r := bobs(t)
	if p := r.profile(t, 1); !cmp.Equal(p, auth.Profile{}) {
		t.Errorf("before a word: %+v", p)
	}
	r.say(t, 1, auth.SetProfile{Name: new("Bob Baker"), Phones: phones("+44 20 7946 0018", "(0171) 946-001"), TZ: new("Europe/London")})
	r.say(t, 1, auth.SetProfile{Callsign: new("B2"), Shift: new("09-17, not on Fridays")})
	want := auth.Profile{
		Name: "Bob Baker", Callsign: "B2", Phones: []string{"+44 20 7946 0018", "(0171) 946-001"}, TZ: "Europe/London", Shift: "09-17, not on Fridays",
	}
	if d := cmp.Diff(want, r.profile(t, 1)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	r.say(t, 1, auth.SetProfile{Phones: phones("+44 7700 900123"), Shift: new("")})
	want.Phones, want.Shift = []string{"+44 7700 900123"}, ""
	if d := cmp.Diff(want, r.profile(t, 1)); d != "" {
		t.Errorf("after a change (-want +got)\n%s", d)
	}
	r.say(t, 1, auth.SetProfile{Phones: phones()})
	if p := r.profile(t, 1); len(p.Phones) != 0 || p.Name != "Bob Baker" {
		t.Errorf("with the phones taken away: %+v", p)
	}
	if p := r.profile(t, 0); !cmp.Equal(p, auth.Profile{}) {
		t.Errorf("the founder, who said nothing: %+v", p)
	}
}

// Two places where one person speaks do not know of each other: the newest name stands, all phones do, and a word that
// has seen both replaces both.
func TestPhonesSaidApartAreUnited(t *testing.T) {
	r := bobs(t)
	left, right := newReplica(t, r.recs...), newReplica(t, r.recs...)
	at := func(r *replica, epoch uint64, wallMS int64, body auth.SetProfile) *crdt.Record {
		op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Epoch: epoch, Seq: 1}, Kind: auth.KindProfile, Parents: r.graph.Heads(), WallMS: wallMS}
		rec := seal(t, 1, op, body)
		r.mustTake(t, rec)
		return rec
	}
	a := at(left, 7, 2000, auth.SetProfile{Name: new("Robert"), Callsign: new("R1"), Phones: phones("020 7946 0018", "0111 11111")})
	b := at(right, 8, 3000, auth.SetProfile{Name: new("Bob"), Phones: phones("0222 22222", "0207-946-0018")})
	left.mustTake(t, b)
	right.mustTake(t, a)
	want := auth.Profile{Name: "Bob", Callsign: "R1", Phones: []string{"0222 22222", "0207-946-0018", "0111 11111"}}
	for name, r := range map[string]*replica{"left": left, "right": right} {
		if d := cmp.Diff(want, r.profile(t, 1)); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
	}
	at(left, 9, 1, auth.SetProfile{Phones: phones("0333 33333")}) // a clock that is behind cannot undo what was seen
	if p := left.profile(t, 1); !slices.Equal(p.Phones, []string{"0333 33333"}) {
		t.Errorf("after a word that has seen both: %q", p.Phones)
	}
	many := auth.SetProfile{Phones: phones("0440 00001", "0440 00002", "0440 00003", "0440 00004")}
	for i := range 4 {
		fork := newReplica(t, r.recs...)
		many.Phones = phones(*many.Phones...)
		for j := range *many.Phones {
			(*many.Phones)[j] = "0550 0000" + string(rune('0'+i)) + string(rune('0'+j))
		}
		left.mustTake(t, at(fork, uint64(20+i), 5000, many))
	}
	if p := left.profile(t, 1); len(p.Phones) != auth.MaxPhonesShown {
		t.Errorf("%d phones are shown: %q", len(p.Phones), p.Phones)
	}
}

// A profile that breaks a rule says nothing, and is held all the same: whether it may enter does not depend on what is in
// it, so that a node which does not know of profiles holds what one that does holds.
func TestBadProfilesAreHeldAndSayNothing(t *testing.T) {
	r := bobs(t)
	r.say(t, 1, auth.SetProfile{Name: new("Bob")})
	long := strings.Repeat("x", 65)
	for name, body := range map[string]any{
		"no field":                map[int]int{},
		"nothing":                 []byte{},
		"not CBOR":                []byte{0xff},
		"another kind of thing":   []byte{0x01},
		"a number for a name":     []byte{0xa1, 0x01, 0x02},
		"a long name":             auth.SetProfile{Name: &long},
		"a name that steers":      auth.SetProfile{Name: new("\x1b[2J")},
		"a name that turns":       auth.SetProfile{Name: new("\u202eboB")},
		"a long callsign":         auth.SetProfile{Callsign: new("seventeen letters")},
		"a long shift":            auth.SetProfile{Shift: &long},
		"a phone in letters":      auth.SetProfile{Phones: phones("0800 MUSTER")},
		"a phone of four digits":  auth.SetProfile{Phones: phones("1234")},
		"a phone of 21 digits":    auth.SetProfile{Phones: phones(strings.Repeat("1", 21))},
		"a phone with a newline":  auth.SetProfile{Phones: phones("12345\n6")},
		"a plus in the middle":    auth.SetProfile{Phones: phones("0044+123456")},
		"a phone of many dashes":  auth.SetProfile{Phones: phones("12345" + strings.Repeat("-", 30))},
		"five phones":             auth.SetProfile{Phones: phones("11111", "22222", "33333", "44444", "55555")},
		"an abbreviated zone":     auth.SetProfile{TZ: new("CET")},
		"a zone outside the base": auth.SetProfile{TZ: new("../../etc/passwd")},
		"a long zone":             auth.SetProfile{TZ: new("Europe/" + strings.Repeat("x", 50))},
		"more than 512 bytes":     map[int]string{1: "Eve", 99: strings.Repeat("x", 520)},
		"a good and a bad field":  auth.SetProfile{Name: new("Eve"), TZ: new("nowhere")},
	} {
		twin := newReplica(t, r.recs...)
		known, unknown := r.take(r.write(t, 1, auth.KindProfile, body)), twin.take(twin.write(t, 1, 40, body))
		if known != nil || unknown != nil {
			t.Errorf("%s: refused with %v; of an unknown kind with %v", name, known, unknown)
		}
		if p := r.profile(t, 1); !cmp.Equal(p, auth.Profile{Name: "Bob"}) {
			t.Errorf("%s says %+v", name, p)
		}
	}
	if err := r.take(r.write(t, 5, auth.KindProfile, auth.SetProfile{Name: new("Eve")})); !errors.Is(err, auth.ErrNotMember) {
		t.Errorf("a stranger's profile: %v, want ErrNotMember", err)
	}
	later := map[int]any{1: "Bob B", 6: []string{"db:postgres 3"}}
	r.mustTake(t, r.write(t, 1, auth.KindProfile, later))
	if p := r.profile(t, 1); p.Name != "Bob B" {
		t.Errorf("a profile with a field of a later version says %+v", p)
	}
}

// The largest profile that may be typed fits its bound.
func TestProfileFitsItsBody(t *testing.T) {
	p := auth.SetProfile{
		Name: new(strings.Repeat("x", 64)), Callsign: new(strings.Repeat("x", 16)), Shift: new(strings.Repeat("x", 64)),
		TZ: new("America/Argentina/ComodRivadavia"), Phones: phones(slices.Repeat([]string{"+44 (0)20 7946 0018 00000"}, auth.MaxPhones)...),
	}
	if n := len(crdt.EncodeBody(p)); p.Check() != nil || n > auth.MaxProfileBytes {
		t.Errorf("%d bytes, %v", n, p.Check())
	}
}

// Every order of delivery that agrees with causality gives the same profiles.
func TestEveryDeliveryOrderGivesTheSameProfiles(t *testing.T) {
	name := rapid.SampledFrom([]string{"", "Bob", "Robert", "\x1b"})
	rapid.Check(t, func(t *rapid.T) {
		base := bobs(t)
		all := slices.Clone(base.recs)
		sides := []*replica{newReplica(t, all...), newReplica(t, all...), newReplica(t, all...)}
		for i := range rapid.IntRange(0, 14).Draw(t, "steps") {
			s := rapid.IntRange(0, len(sides)-1).Draw(t, "side")
			if rapid.Bool().Draw(t, "merge") {
				for _, rec := range sides[rapid.IntRange(0, len(sides)-1).Draw(t, "from")].recs {
					if !sides[s].graph.Has(rec.Hash) {
						sides[s].mustTake(t, rec)
					}
				}
			}
			var body auth.SetProfile
			if rapid.Bool().Draw(t, "named") {
				body.Name = new(name.Draw(t, "name"))
			}
			if rapid.Bool().Draw(t, "phoned") {
				body.Phones = phones(rapid.SliceOfN(rapid.SampledFrom([]string{"11111", "22222", "33333"}), 0, 3).Draw(t, "phones")...)
			}
			// Each side is another place where bob's device speaks.
			op := crdt.Op{
				Doc: base.graph.Doc(), Dot: crdt.Dot{Epoch: uint64(100 + i), Seq: 1}, Kind: auth.KindProfile,
				Parents: sides[s].graph.Heads(), WallMS: rapid.Int64Range(0, 5).Draw(t, "wall"),
			}
			rec := seal(t, 1, op, body)
			sides[s].mustTake(t, rec)
			all = append(all, rec)
		}
		first, second := newReplica(t, all...), newReplica(t, all[0])
		for left := slices.Clone(all[1:]); len(left) > 0; {
			var ready []int
			for i, rec := range left {
				if len(second.graph.Missing(&rec.Op)) == 0 {
					ready = append(ready, i)
				}
			}
			i := rapid.SampledFrom(ready).Draw(t, "next")
			second.mustTake(t, left[i])
			left = slices.Delete(left, i, i+1)
			if len(second.recs) > 3 && rapid.Bool().Draw(t, "look") {
				second.profile(t, 1)
			}
		}
		if d := cmp.Diff(first.profile(t, 1), second.profile(t, 1)); d != "" {
			t.Fatalf("another order, another profile (-first +second)\n%s", d)
		}
	})
}

// The bytes of a profile are part of the format.
func TestProfileBytes(t *testing.T) {
	body := crdt.EncodeBody(auth.SetProfile{Name: new("Bob"), Callsign: new("B2"), Phones: phones("12345"), TZ: new("UTC"), Shift: new("")})
	if got, want := fmt.Sprintf("%x", body), "a50163426f6202624232038165313233343504635554430560"; got != want {
		t.Errorf("a profile is %s, want %s", got, want)
	}
	if got, want := fmt.Sprintf("%x", crdt.EncodeBody(auth.SetProfile{})), "a0"; got != want {
		t.Errorf("nothing said is %s, want %s", got, want)
	}
}
