package discover

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"muster/crdt"
)

// A Tag names a team for a day, to those who hold its discovery key.
type Tag [8]byte

// String returns the tag as 16 hexadecimal digits.
func (t Tag) String() string { return hex.EncodeToString(t[:]) }

// An Origin names a device for a day, to those who hold the team's discovery key. It is the same in both kinds of
// announcement.
type Origin [8]byte

// String returns the origin as 16 hexadecimal digits: the label of the DNS-SD instance and of its host.
func (o Origin) String() string { return hex.EncodeToString(o[:]) }

const secondsPerDay = 24 * 60 * 60

// Day returns the number of t's day since 1970, in UTC; 0 for times before.
func Day(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0)/secondsPerDay, 1<<32-1))
}

// TeamTag returns the tag of the team that holds key on the given day.
func TeamTag(key []byte, day uint32) Tag {
	return Tag(keyed(key, binary.BigEndian.AppendUint32([]byte("muster/discover/v1"), day)))
}

// OriginOf returns the name of a device in the team that holds key on the given day.
func OriginOf(key []byte, day uint32, device crdt.DeviceID) Origin {
	return Origin(keyed(key, append(binary.BigEndian.AppendUint32([]byte("muster/instance/v1"), day), device[:]...)))
}

// MatchTag returns the key among keys whose tag for the given day is tag, or nil. The day is the announcer's, not
// ours.
func MatchTag(keys [][]byte, day uint32, tag Tag) []byte {
	for _, key := range keys {
		if want := TeamTag(key, day); hmac.Equal(want[:], tag[:]) {
			return key
		}
	}
	return nil
}

// MatchOrigin returns the device among the first [MaxMembers] members that origin names on the given day, or the zero
// device. It costs about a microsecond for each member.
func MatchOrigin(key []byte, day uint32, origin Origin, members []crdt.DeviceID) crdt.DeviceID {
	for _, device := range members[:min(len(members), MaxMembers)] {
		if OriginOf(key, day, device) == origin {
			return device
		}
	}
	return crdt.DeviceID{}
}

// keyed returns the first 8 bytes of HMAC-SHA256(key, text).
func keyed(key, text []byte) [8]byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text) // never fails: hash.Hash
	return [8]byte(mac.Sum(nil)[:8])
}

// parseEight reads the 16 lower-case hexadecimal digits of a tag or an origin.
func parseEight(s string) (v [8]byte, err error) {
	if len(s) != 16 {
		return v, fmt.Errorf("%q is not 16 hexadecimal digits", s)
	}
	if _, err := hex.Decode(v[:], []byte(s)); err != nil {
		return v, err
	}
	if hex.EncodeToString(v[:]) != s {
		return v, fmt.Errorf("%q is not in lower case", s) // one spelling for every value
	}
	return v, nil
}

// An identity is how this node names itself today.
type identity struct {
	key    []byte // nil: no team yet, nothing to announce
	day    uint32
	tag    Tag
	origin Origin
}

// identify derives the identity that device shows on a day.
func identify(key []byte, day uint32, device crdt.DeviceID) identity {
	if len(key) == 0 {
		return identity{}
	}
	return identity{key: key, day: day, tag: TeamTag(key, day), origin: OriginOf(key, day, device)}
}
