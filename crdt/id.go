package crdt

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
)

// A Hash is a SHA-256 digest. As the hash of an operation's header it is that operation's name.
type Hash [32]byte

// A DocID names a document: the hash of the operation that founded it. The zero DocID stands in that operation itself.
type DocID [32]byte

// A DeviceID is a node's Ed25519 public key, so that a signature can be checked with nothing but the operation.
type DeviceID [32]byte

// base32Text is RFC 4648 base32 in lower case without padding: it survives DNS labels, file names and dictation.
var base32Text = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Text returns h as lower-case base32, the alphabet that short identifiers on the board are cut from.
func (h Hash) Text() string { return base32Text.EncodeToString(h[:]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// Compare orders hashes as byte strings.
func (h Hash) Compare(o Hash) int { return bytes.Compare(h[:], o[:]) }

// String returns the document's name in hexadecimal.
func (d DocID) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is the placeholder of a founding operation.
func (d DocID) IsZero() bool { return d == DocID{} }

// Compare orders documents as byte strings.
func (d DocID) Compare(o DocID) int { return bytes.Compare(d[:], o[:]) }

// String returns the device's name: 52 characters of lower-case base32, a legal DNS label and memberlist node name.
func (d DeviceID) String() string { return base32Text.EncodeToString(d[:]) }

// Short returns the first eight characters of the name, for people; never compare it.
func (d DeviceID) Short() string { return d.String()[:8] }

// IsZero reports whether d names no device.
func (d DeviceID) IsZero() bool { return d == DeviceID{} }

// Compare orders devices as byte strings.
func (d DeviceID) Compare(o DeviceID) int { return bytes.Compare(d[:], o[:]) }

// ParseDeviceID reads what [DeviceID.String] wrote, and nothing else: a device has one name. The decoder alone would let
// line ends and stray bits at the end pass.
func ParseDeviceID(s string) (DeviceID, error) {
	b, err := base32Text.DecodeString(s)
	if err != nil || len(b) != len(DeviceID{}) || DeviceID(b).String() != s {
		return DeviceID{}, fmt.Errorf("%q is not a device name", s)
	}
	return DeviceID(b), nil
}

// A LogID names one device's sequence of operations within a document. A device starts a new epoch, a random number,
// whenever it cannot be sure that it knows the end of its own log.
type LogID struct {
	Device DeviceID
	Epoch  uint64
}

// Compare orders logs by device, then epoch.
func (l LogID) Compare(o LogID) int {
	return cmp.Or(l.Device.Compare(o.Device), cmp.Compare(l.Epoch, o.Epoch))
}

// A Dot is the place of an operation within a document: the Seq'th of Device in Epoch, counting from 1 without gaps
// (Almeida et al., "Dotted Version Vectors", 2010).
type Dot struct {
	Device DeviceID
	Epoch  uint64
	Seq    uint64
}

// Log returns the log the dot belongs to.
func (d Dot) Log() LogID { return LogID{d.Device, d.Epoch} }

// String returns the dot in short form, for logs and error messages.
func (d Dot) String() string { return fmt.Sprintf("%s/%x/%d", d.Device.Short(), d.Epoch, d.Seq) }

// SumHash returns the SHA-256 of b.
func SumHash(b []byte) Hash { return sha256.Sum256(b) }
