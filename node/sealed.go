package node

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity"
)

// The text of a sealed note is encrypted once, and its key once for each device that may read it:
//
//	version 1 | n devices | n × (device 32 | content key sealed to the device 1168) | text, AES-256-GCM under the content key
//
// The devices are all of the people named and of the author, as far as they are members in good standing with a key in the
// team document. The nonce is zero, since a content key is used once; additional data is all that stands before, the team
// and the author's device, which the seals are bound to as well: what somebody copies into a note of their own opens
// nowhere. A device that its person gets later cannot read it; one that is taken away later still can, as with everything
// it has read.
//
// The text is decrypted when the board is shown to the person of this device, and then lives in memory only: the store, the
// wire and a bundle hold what is above.
const (
	sealedVersion    = 1
	sealedKeyBytes   = 32
	sealedEntry      = len(crdt.DeviceID{}) + sealedKeyBytes + identity.SealOverhead
	sealedTag        = 16
	sealedDevicesMax = 36 // with a text of [crdt.MaxTextBytes] they fill a body
	sealedInfo       = "muster/sealed-note/v1"
)

// sealedUse binds what is sealed to its team and author.
func sealedUse(team crdt.DocID, author crdt.DeviceID) string {
	return sealedInfo + " " + hex.EncodeToString(team[:]) + " " + hex.EncodeToString(author[:])
}

// A sealKey is a device and the key to seal to it.
type sealKey struct {
	device crdt.DeviceID
	key    []byte
}

// sealText seals a text. The devices must be at most sealedDevicesMax.
func sealText(team crdt.DocID, author crdt.DeviceID, to []sealKey, text string) ([]byte, error) {
	var content [sealedKeyBytes]byte
	randomBytes(content[:])
	box := []byte{sealedVersion, byte(len(to))}
	for _, d := range to {
		sealed, err := identity.SealTo(d.key, sealedUse(team, author), content[:])
		if err != nil {
			return nil, err
		}
		box = append(append(box, d.device[:]...), sealed...)
	}
	aead, err := contentCipher(content[:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(box, make([]byte, aead.NonceSize()), []byte(text), sealedData(box, team, author)), nil
}

// errSealed says that a box is none of this version's.
var errSealed = errors.New("not sealed in a form known here")

// openText opens what [sealText] made, on a device that it was sealed to. Its input is what some member wrote.
func openText(device identity.Device, team crdt.DocID, author crdt.DeviceID, box []byte) (string, error) {
	if len(box) < 2 || box[0] != sealedVersion {
		return "", errSealed
	}
	n := int(box[1])
	head := 2 + n*sealedEntry
	if n == 0 || n > sealedDevicesMax || len(box) < head+sealedTag {
		return "", errSealed
	}
	self := device.ID()
	for at := 2; at < head; at += sealedEntry {
		if crdt.DeviceID(box[at:at+len(self)]) != self {
			continue
		}
		content, err := device.Open(sealedUse(team, author), box[at+len(self):at+sealedEntry])
		if err != nil {
			return "", err
		}
		aead, err := contentCipher(content)
		if err != nil {
			return "", err
		}
		text, err := aead.Open(nil, make([]byte, aead.NonceSize()), box[head:], sealedData(box[:head], team, author))
		if err != nil {
			return "", fmt.Errorf("open a sealed note: %w", err)
		}
		return board.Clean(string(text)), nil
	}
	return "", errNotForUs
}

var errNotForUs = errors.New("sealed for others")

func contentCipher(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func sealedData(head []byte, team crdt.DocID, author crdt.DeviceID) []byte {
	return slices.Concat(head, team[:], author[:])
}

// sealNote puts a sealed text in the place of the one that a write asks to seal, and returns what its author should know.
// It runs on the loop.
func (s *session) sealNote(in *api.Write, intent *board.Intent) (notes []string, err error) {
	if len(in.SealTo) == 0 {
		return nil, nil
	}
	text := strings.TrimSpace(board.Clean(intent.Text))
	switch {
	case in.Verb != "note":
		return nil, api.Errorf(api.CodeUsage, `muster note --sealed-to @bob "text"`, "only a note can be sealed")
	case text == "":
		return nil, nil // the rules ask for it
	case len(text) > crdt.MaxTextBytes:
		return nil, api.Errorf(api.CodeTooLarge, "say it in two notes", "the text is %d bytes long, at most %d fit", len(text), crdt.MaxTextBytes)
	}
	var who []auth.PersonID
	for _, handle := range in.SealTo {
		p, err := s.person(handle)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(who, p) {
			who = append(who, p)
		}
	}
	to, notes, err := s.sealKeys(who)
	if err != nil {
		return nil, err
	}
	if len(to) > sealedDevicesMax {
		return nil, api.Errorf(api.CodeTooLarge, "name fewer people", "they have %d devices, and a note is sealed for at most %d", len(to), sealedDevicesMax)
	}
	if intent.Sealed, err = sealText(s.team, s.r.Device(), to, text); err != nil {
		return nil, err
	}
	intent.SealedFor, intent.Text = who, "sealed"
	return notes, nil
}

// sealKeys returns the devices of some people and of this node's own person that can be sealed to. A device that was taken
// out or suspended, or that nobody vouches for, is not among them.
func (s *session) sealKeys(who []auth.PersonID) (to []sealKey, notes []string, err error) {
	team, me := s.r.Team(), s.me().Person
	for _, p := range slices.Concat(who, []auth.PersonID{me}) {
		if p == me && slices.ContainsFunc(to, func(k sealKey) bool { return k.device == s.r.Device() }) {
			continue
		}
		any, unconfirmed := false, false
		for _, m := range team.Members() {
			if m.Person != p || m.Removed != 0 || !team.Admitted(m.Device) {
				continue
			}
			key := team.SealKey(m.Device)
			if m.Device == s.r.Device() {
				key = s.n.device.SealKey()
			}
			switch {
			case m.Unconfirmed:
				unconfirmed = true
			case key == nil && p != me:
				notes = append(notes, fmt.Sprintf("%s's device %s cannot read it: it has no key yet", m.Handle, m.Label))
			case key != nil:
				any = true
				to = append(to, sealKey{m.Device, key})
				if !m.BoundBy.IsZero() {
					notes = append(notes, fmt.Sprintf("%s's device %s, which %s added, can read it too", m.Handle, m.Label, team.Handle(m.BoundBy)))
				}
			}
		}
		handle := team.Handle(p)
		switch {
		case any || p == me:
		case unconfirmed:
			return nil, nil, api.Errorf(api.CodeRefused, "make sure who it is, then: muster confirm @"+handle, "nobody has confirmed that %s is %s", handle, handle)
		default:
			return nil, nil, api.Errorf(api.CodeRefused,
				"it comes with the first thing "+handle+" writes with this muster, muster note will do; until then telephone: muster profile @"+handle,
				"%s has no device with a key to seal to", handle)
		}
	}
	return to, notes, nil
}

// note puts a note of a group into the words of the api: the text of a sealed one for whom it is sealed, else for whom it is.
func (s *session) note(g *board.Group, n board.Note) api.Note {
	out := note(n)
	if len(n.SealedFor) == 0 || n.Redacted != nil {
		return out
	}
	out.SealedFor = n.SealedFor
	text, ok := s.unsealed(g, n.Op)
	switch {
	case ok && len(n.Texts) < 2:
		out.Text = text
	case !ok:
		out.Unreadable = true
		out.Text += " (not you)"
	}
	return out
}

// unsealed returns the text of a sealed note that this device can read.
func (s *session) unsealed(g *board.Group, op crdt.Hash) (string, bool) {
	b := s.r.Board(g.Holder(op))
	if b == nil {
		return "", false
	}
	sealed, ok := b.Sealed(op)
	if !ok {
		return "", false
	}
	text, err := openText(s.n.device, s.team, sealed.Author, sealed.Box)
	return text, err == nil // whatever is wrong with it, there is nothing to read
}

// entryText is the text of a line of the timeline: of a sealed note what it says, for whom it is sealed.
func (s *session) entryText(g *board.Group, e *board.Entry) string {
	if e.Kind != "note" {
		return e.Text
	}
	b := s.r.Board(g.Holder(e.Op))
	if b == nil {
		return e.Text
	}
	if _, sealed := b.Sealed(e.Op); !sealed {
		return e.Text
	}
	if text, ok := s.unsealed(g, e.Op); ok {
		return "[" + e.Text + "] " + strings.Join(strings.Fields(text), " ")
	}
	return e.Text + " (not you)"
}
