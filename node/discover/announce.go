package discover

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
)

// Layout of an announcement; see the package comment.
const (
	announceMagic   = "\x01mst"
	announceVersion = 1
	announceBytes   = 34
	announceMACAt   = 26

	flagLeaving = 1
)

// Why an announcement was refused. HandleAnnounce counts them apart.
var (
	errMalformed = errors.New("not an announcement")
	errVersion   = errors.New("announcement of another version")
	errOtherTeam = errors.New("announcement of another team")
	errForged    = errors.New("announcement made without the team's key")
)

// An announcement is what one packet on the QUIC socket says.
type announcement struct {
	leaving bool
	day     uint32
	tag     Tag
	origin  Origin
}

// appendAnnouncement appends the packet that announces id.
func appendAnnouncement(dst []byte, id identity, leaving bool) []byte {
	start := len(dst)
	dst = append(dst, announceMagic...)
	dst = append(dst, announceVersion, 0)
	if leaving {
		dst[len(dst)-1] = flagLeaving
	}
	dst = binary.BigEndian.AppendUint32(dst, id.day)
	dst = append(dst, id.tag[:]...)
	dst = append(dst, id.origin[:]...)
	mac := announceMAC(id.key, dst[start:])
	return append(dst, mac[:]...)
}

// parseAnnouncement reads a packet and checks it with the team key it was made with, one of keys.
func parseAnnouncement(b []byte, keys [][]byte) (announcement, error) {
	if len(b) < 5 || !bytes.HasPrefix(b, []byte(announceMagic)) {
		return announcement{}, errMalformed
	}
	if b[4] != announceVersion {
		return announcement{}, errVersion
	}
	if len(b) != announceBytes || b[5]&^flagLeaving != 0 {
		return announcement{}, errMalformed
	}
	a := announcement{
		leaving: b[5]&flagLeaving != 0,
		day:     binary.BigEndian.Uint32(b[6:]),
		tag:     Tag(b[10:18]),
		origin:  Origin(b[18:26]),
	}
	key := MatchTag(keys, a.day, a.tag)
	if key == nil {
		return announcement{}, errOtherTeam
	}
	if want := announceMAC(key, b[:announceMACAt]); !hmac.Equal(want[:], b[announceMACAt:]) {
		return announcement{}, errForged
	}
	return a, nil
}

// announceMAC authenticates the body of an announcement.
func announceMAC(key, body []byte) [8]byte {
	return keyed(key, append([]byte("muster/announce/v1"), body...))
}
