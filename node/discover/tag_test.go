package discover

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/crdt"
)

// device returns a device for tests, named by one letter.
func device(letter byte) crdt.DeviceID { return crdt.DeviceID(crdt.SumHash([]byte{letter})) }

// TestNamesArePinned: the two keyed names are a format. They may only change together with the version.
func TestNamesArePinned(t *testing.T) {
	if got, want := TeamTag([]byte("key"), 20780).String(), "59708f8766b73d60"; got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
	if got, want := OriginOf([]byte("key"), 20780, device('a')).String(), "8eb750012cd58860"; got != want {
		t.Errorf("origin %s, want %s", got, want)
	}
}

func TestDayIsClamped(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want uint32
	}{
		{time.Unix(0, 0), 0},
		{time.Unix(secondsPerDay-1, 0), 0},
		{time.Unix(secondsPerDay, 0), 1},
		{time.Unix(-5*secondsPerDay, 0), 0},
		{time.Date(2026, 11, 23, 23, 59, 59, 0, time.FixedZone("", -3600)), 20781},
	} {
		if got := Day(c.at); got != c.want {
			t.Errorf("Day(%v) = %d, want %d", c.at, got, c.want)
		}
	}
}

// TestMatchesWhateverTheClock: a tag of any day is matched, under any of the keys, and under no other.
func TestMatchesWhateverTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := rapid.Uint32().Draw(t, "day")
		keys := [][]byte{[]byte("new"), []byte("old")}
		key := rapid.SampledFrom(keys).Draw(t, "key")
		if got := MatchTag(keys, day, TeamTag(key, day)); string(got) != string(key) {
			t.Fatalf("matched %q, want %q", got, key)
		}
		if got := MatchTag(keys, day, TeamTag([]byte("other"), day)); got != nil {
			t.Fatalf("another team's tag matched %q", got)
		}
		if got := MatchTag(keys, day+1, TeamTag(key, day)); got != nil {
			t.Fatalf("a tag of another day than announced matched %q", got)
		}
	})
}

func TestOriginNamesOnlyMembers(t *testing.T) {
	key := []byte("key")
	members := []crdt.DeviceID{device('a'), device('b')}
	if got := MatchOrigin(key, 7, OriginOf(key, 7, device('b')), members); got != device('b') {
		t.Errorf("recognised %v, want b", got)
	}
	if got := MatchOrigin(key, 7, OriginOf(key, 7, device('c')), members); !got.IsZero() {
		t.Errorf("a stranger was recognised as %v", got)
	}
	many := make([]crdt.DeviceID, MaxMembers+1)
	many[MaxMembers] = device('b')
	if got := MatchOrigin(key, 7, OriginOf(key, 7, device('b')), many); !got.IsZero() {
		t.Errorf("searched beyond the limit")
	}
}

// TestOneSpelling: eight bytes have one text form, and everything else is refused.
func TestOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{16}`), rapid.StringMatching(`[0-9a-gA-F]{14,18}`), rapid.String()).Draw(t, "s")
		if v, err := parseEight(s); err == nil && Tag(v).String() != s {
			t.Fatalf("%q read as %s", s, Tag(v))
		}
	})
	for _, bad := range []string{"", "0123456789abcde", "0123456789abcdeF", "0123456789abcdeg", "0123456789abcdef0"} {
		if _, err := parseEight(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
