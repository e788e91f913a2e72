package auth

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// SetProfile is the body of a [KindProfile], which says something about its author's own person. Nobody can say it about
// anybody else: whose device signed it decides whom it is about. A field that is nil stays as it was; one that is there and empty takes
// away what was said before; an empty list is not a nil one.
//
// A body that is too long, cannot be read or breaks [SetProfile.Check] is inert: it is held and passed on and says
// nothing, as one of a kind of a later version does. Refusing it would part nodes of two versions.
type SetProfile struct {
	Name     *string   `cbor:"1,keyasint,omitempty"` // as it is said: Bob Baker
	Callsign *string   `cbor:"2,keyasint,omitempty"` // as it is said on a bad line: B2
	Phones   *[]string `cbor:"3,keyasint,omitempty"` // the one to try first is first
	TZ       *string   `cbor:"4,keyasint,omitempty"` // name of a time zone: Europe/London
	Shift    *string   `cbor:"5,keyasint,omitempty"` // when they are at work, in their words
}

// Limits of a profile.
const (
	MaxProfileBytes = 512 // of a body
	MaxPhones       = 4   // in a body
	MaxPhonesShown  = 8   // of a person, when devices of theirs said different things apart
	maxCallsign     = 16  // characters
	maxPhone        = 32
	minPhoneDigits  = 5
	maxPhoneDigits  = 20
	maxZone         = 48
)

// A Profile is what a person says about themselves. The zero value says nothing.
type Profile struct {
	Name, Callsign string
	Phones         []string // at most [MaxPhonesShown]; for reading
	TZ, Shift      string
}

// Check reports whether p says what can be shown. Errors wrap [crdt.ErrFormat].
func (p *SetProfile) Check() error {
	text := func(what string, s *string, most int) error {
		if s == nil || *s == "" {
			return nil
		}
		if n := len([]rune(*s)); n > most {
			return fmt.Errorf("%w: %s of %d characters, at most %d fit", crdt.ErrFormat, what, n, most)
		}
		return CheckName(what, *s)
	}
	err := cmp.Or(text("name", p.Name, maxNameRune), text("callsign", p.Callsign, maxCallsign), text("shift", p.Shift, maxNameRune))
	if err == nil && p.TZ != nil && *p.TZ != "" {
		err = checkZone(*p.TZ)
	}
	if err != nil || p.Phones == nil {
		return err
	}
	if n := len(*p.Phones); n > MaxPhones {
		return fmt.Errorf("%w: %d phones, at most %d fit", crdt.ErrFormat, n, MaxPhones)
	}
	for _, s := range *p.Phones {
		if err := checkPhone(s); err != nil {
			return err
		}
	}
	return nil
}

// checkPhone accepts digits, with what people put between them, and a plus in front.
func checkPhone(s string) error {
	ok := len(s) <= maxPhone && s == strings.TrimSpace(s)
	for i, c := range s {
		ok = ok && (c >= '0' && c <= '9' || strings.ContainsRune(" -()", c) || c == '+' && i == 0)
	}
	if n := len(digits(s)); !ok || n < minPhoneDigits || n > maxPhoneDigits {
		return fmt.Errorf("%w: phone %q: use %d to %d digits, with + in front and spaces, - ( ) between", crdt.ErrFormat, s, minPhoneDigits, maxPhoneDigits)
	}
	return nil
}

// digits returns what is dialled.
func digits(phone string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, phone)
}

// checkZone accepts what looks like a name of the tz database. Whether there is such a zone is not known everywhere, so
// it cannot matter here.
func checkZone(s string) error {
	parts := strings.Split(s, "/")
	ok := len(s) <= maxZone && (s == "UTC" || len(parts) == 2 || len(parts) == 3)
	for _, part := range parts {
		ok = ok && part != "" && (part[0] >= 'A' && part[0] <= 'Z')
		for _, c := range part {
			ok = ok && (c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("_-+", c))
		}
	}
	if !ok {
		return fmt.Errorf("%w: time zone %q: use its name, as Europe/London, or UTC", crdt.ErrFormat, s)
	}
	return nil
}

// sayings is what one device has said of its person.
type sayings struct {
	name, callsign, tz, shift saying
	phones                    []phoneList // those that no later one has seen
}

// A saying is the newest value of a field; op is zero when there is none.
type saying struct {
	op   crdt.Hash
	text string
}

type phoneList struct {
	op     crdt.Hash
	phones []string
}

// applyProfile folds in what a device says of its person.
func (t *Team) applyProfile(rec *crdt.Record) {
	var in SetProfile
	if len(rec.Body) > MaxProfileBytes || crdt.DecodeBody(rec.Body, &in) != nil || in.Check() != nil {
		return
	}
	dev := rec.Op.Dot.Device
	s := t.sayings[dev]
	if s == nil {
		s = &sayings{}
		t.sayings[dev] = s
	}
	for _, f := range []struct {
		at   *saying
		said *string
	}{{&s.name, in.Name}, {&s.callsign, in.Callsign}, {&s.tz, in.TZ}, {&s.shift, in.Shift}} {
		if f.said != nil {
			t.newer(f.at, saying{rec.Hash, *f.said})
		}
	}
	if in.Phones != nil {
		s.phones = append(t.unseen(s.phones, rec.Hash), phoneList{rec.Hash, *in.Phones})
	}
}

// newer puts b in the place of a where it comes later in the order of the timeline, which agrees with causality. Both
// are the word of one person, so whichever stands, nobody is overruled by anybody else.
func (t *Team) newer(a *saying, b saying) {
	if b.op.IsZero() || !a.op.IsZero() && t.compareTimes(a.op, b.op) > 0 {
		return
	}
	*a = b
}

// unseen returns the lists that op has not seen.
func (t *Team) unseen(lists []phoneList, op crdt.Hash) []phoneList {
	return slices.DeleteFunc(lists, func(l phoneList) bool { return t.graph.Before(l.op, op) })
}

// compareTimes orders operations as the timeline does: derived time, height, hash.
func (t *Team) compareTimes(a, b crdt.Hash) int {
	p, q := t.graph.Place(a), t.graph.Place(b)
	return cmp.Or(cmp.Compare(p.TimeMS, q.TimeMS), cmp.Compare(p.Height, q.Height), a.Compare(b))
}

// Profile returns what a person says about themselves. Of what devices of theirs said without knowledge of each other
// the newest stands, and of phones all: better one number too many to try than one too few.
func (t *Team) Profile(p PersonID) Profile {
	if t.profiles == nil {
		t.foldProfiles()
	}
	return t.profiles[p]
}

// foldProfiles computes the profiles of all members.
func (t *Team) foldProfiles() {
	t.profiles = map[PersonID]Profile{}
	merged := map[PersonID]*sayings{}
	for _, m := range t.Members() {
		s := t.sayings[m.Device]
		if s == nil {
			continue
		}
		sum := merged[m.Person]
		if sum == nil {
			sum = &sayings{}
			merged[m.Person] = sum
		}
		t.newer(&sum.name, s.name)
		t.newer(&sum.callsign, s.callsign)
		t.newer(&sum.tz, s.tz)
		t.newer(&sum.shift, s.shift)
		for _, l := range s.phones {
			seen := slices.ContainsFunc(sum.phones, func(o phoneList) bool { return t.graph.Before(l.op, o.op) })
			if sum.phones = t.unseen(sum.phones, l.op); !seen {
				sum.phones = append(sum.phones, l)
			}
		}
	}
	for person, s := range merged { // any order: each is by itself
		t.profiles[person] = Profile{
			Name: s.name.text, Callsign: s.callsign.text, TZ: s.tz.text, Shift: s.shift.text, Phones: t.union(s.phones),
		}
	}
}

// union returns the phones of all lists, the newest list first, each number once.
func (t *Team) union(lists []phoneList) []string {
	lists = slices.SortedFunc(slices.Values(lists), func(a, b phoneList) int { return t.compareTimes(b.op, a.op) })
	var out []string
	for _, l := range lists {
		for _, phone := range l.phones {
			known := slices.ContainsFunc(out, func(o string) bool { return digits(o) == digits(phone) })
			if !known && len(out) < MaxPhonesShown {
				out = append(out, phone)
			}
		}
	}
	return out
}
