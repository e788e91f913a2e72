package discover

import (
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestAnnouncementIsPinned: the packet is a format.
func TestAnnouncementIsPinned(t *testing.T) {
	got := hex.EncodeToString(appendAnnouncement(nil, identify([]byte("key"), 20780, device('a')), true))
	const want = "016d7374" + "01" + "01" + "0000512c" + "59708f8766b73d60" + "8eb750012cd58860" + "23f0df7005fc30f0"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAnnouncementReadsBack: what is written is read, by holders of the key only, and never looks like QUIC.
func TestAnnouncementReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		id := identify(key, rapid.Uint32().Draw(t, "day"), device('a'))
		leaving := rapid.Bool().Draw(t, "leaving")
		b := appendAnnouncement([]byte("before"), id, leaving)[len("before"):]
		if b[0]&0xc0 != 0 || len(b) != announceBytes {
			t.Fatalf("% x: would be taken for QUIC or is not %d bytes", b, announceBytes)
		}
		got, err := parseAnnouncement(b, [][]byte{[]byte("older"), key})
		if want := (announcement{leaving, id.day, id.tag, id.origin}); err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
		if _, err := parseAnnouncement(b, [][]byte{append(key, 'x')}); !errors.Is(err, errOtherTeam) {
			t.Fatalf("another team's key: %v", err)
		}
	})
}

// TestDamagedAnnouncementIsRefused: no bit of an announcement can be changed, and no byte cut or added.
func TestDamagedAnnouncementIsRefused(t *testing.T) {
	keys := [][]byte{[]byte("key")}
	good := appendAnnouncement(nil, identify(keys[0], 20780, device('a')), false)
	want := func(name string, b []byte, want error) {
		t.Helper()
		if _, err := parseAnnouncement(b, keys); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	for bit := range 8 * len(good) {
		b := append([]byte(nil), good...)
		b[bit/8] ^= 1 << (bit % 8)
		wanted := errForged
		switch i := bit / 8; {
		case i < 4:
			wanted = errMalformed
		case i == 4:
			wanted = errVersion
		case i == 5 && bit%8 != 0:
			wanted = errMalformed // an unknown flag
		case i >= 6 && i < 18:
			wanted = errOtherTeam // day or tag
		}
		want(hex.EncodeToString(b), b, wanted)
	}
	for n := range good {
		want("cut short", good[:n], errMalformed)
	}
	want("too long", append(good, 0), errMalformed)
	want("none", nil, errMalformed)
	if _, err := parseAnnouncement(good, nil); !errors.Is(err, errOtherTeam) {
		t.Errorf("without keys: %v", err)
	}
}

// FuzzParseAnnouncement: any packet is read without panic, and what is accepted is written back the same.
func FuzzParseAnnouncement(f *testing.F) {
	key := []byte("key")
	f.Add(appendAnnouncement(nil, identify(key, 20780, device('a')), false))
	f.Add(appendAnnouncement(nil, identify(key, 0, device('b')), true))
	f.Add([]byte(announceMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnnouncement(b, [][]byte{key})
		if err != nil {
			return
		}
		again := appendAnnouncement(nil, identity{key: key, day: a.day, tag: a.tag, origin: a.origin}, a.leaving)
		if string(again) != string(b) {
			t.Errorf("% x read, % x written", b, again)
		}
	})
}
