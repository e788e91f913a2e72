package crdt

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Limits of an operation. They are part of the format: every node enforces the same ones, so that every node accepts
// the same operations. The size of a body is in the signed header, so that an operation whose body has been erased is
// judged like any other.
const (
	MaxParents     = 32       // causal heads, besides the device's own previous operation
	MaxSeq         = 1 << 31  // operations in one log
	MaxTeamHeads   = 32       // team heads an operation may cite
	MaxBodyBytes   = 60 << 10 // body without its salt
	MaxTextBytes   = 16 << 10 // one text inside a body; see [CheckBody]
	MaxExtBytes    = 1 << 10  // room in the header for fields of later versions
	MaxHeaderBytes = 4 << 10  // more than the largest header the limits above allow
	SaltBytes      = 16
	SignatureBytes = 64
	MaxWallMS      = 1 << 48 // year 10889; keeps arithmetic on times far from overflow
)

// opVersion is the first byte of every header. Another value is another format: the operation is refused, and the
// connection says which versions it speaks before any is sent. New kinds and new body fields need no new version.
const opVersion = 1

// A Kind says what an operation means. Kinds a node does not know are kept, forwarded and ignored. The ranges: 1-15 of
// this package, 16-63 of the team document (crdt/auth), 64 and up of incidents (crdt/board).
type Kind uint32

// KindWeave is an operation without a body that only ties heads together. It is written in front of an operation that
// would otherwise need more than [MaxParents] parents.
const KindWeave Kind = 1

// An Op is the signed header of an operation. It is immutable once signed.
type Op struct {
	Doc      DocID  // zero in the operation that founds the document
	Dot      Dot    // place in the author's log
	Prev     Hash   // the author's previous operation in this log; zero if and only if Seq is 1
	Parents  []Hash // the other heads the author had seen; ascending, no duplicates, never Prev
	Team     []Hash // heads of the team document acted under, ascending; empty: as in Prev
	WallMS   int64  // author's wall clock, Unix milliseconds; for display
	Kind     Kind
	BodySize uint32
	BodyHash Hash   // see [HashBody]
	Ext      []byte // fields of a later version, kept and ignored
}

// Header flags. An unset bit means the field is absent, so that there is one encoding for every header.
const (
	flagFounds = 1 << iota // no Doc
	flagFirst              // no Prev
	flagTeam               // Team present
	flagExt                // Ext present
	flagsKnown = flagFounds | flagFirst | flagTeam | flagExt
)

// AppendHeader appends the canonical encoding of op, the bytes that are signed and hashed:
//
//	version 1 | flags | [doc 32] | device 32 | epoch 8 big-endian | seq | [prev 32] | n, n × parent 32 |
//	[n, n × team head 32] | wall ms | kind | body size | body hash 32 | [n, n bytes ext]
//
// where counts and numbers without a stated width are minimal unsigned varints.
func (op *Op) AppendHeader(b []byte) []byte {
	var flags byte
	if op.Doc.IsZero() {
		flags |= flagFounds
	}
	if op.Dot.Seq == 1 {
		flags |= flagFirst
	}
	if len(op.Team) > 0 {
		flags |= flagTeam
	}
	if len(op.Ext) > 0 {
		flags |= flagExt
	}
	b = append(b, opVersion, flags)
	if flags&flagFounds == 0 {
		b = append(b, op.Doc[:]...)
	}
	b = append(b, op.Dot.Device[:]...)
	b = binary.BigEndian.AppendUint64(b, op.Dot.Epoch)
	b = binary.AppendUvarint(b, op.Dot.Seq)
	if flags&flagFirst == 0 {
		b = append(b, op.Prev[:]...)
	}
	b = appendHashes(b, op.Parents)
	if flags&flagTeam != 0 {
		b = appendHashes(b, op.Team)
	}
	b = binary.AppendUvarint(b, uint64(op.WallMS))
	b = binary.AppendUvarint(b, uint64(op.Kind))
	b = binary.AppendUvarint(b, uint64(op.BodySize))
	b = append(b, op.BodyHash[:]...)
	if flags&flagExt != 0 {
		b = binary.AppendUvarint(b, uint64(len(op.Ext)))
		b = append(b, op.Ext...)
	}
	return b
}

func appendHashes(b []byte, hs []Hash) []byte {
	b = binary.AppendUvarint(b, uint64(len(hs)))
	for _, h := range hs {
		b = append(b, h[:]...)
	}
	return b
}

// ParseHeader reads a header and checks it against the limits. It accepts exactly what [Op.AppendHeader] produces from
// a valid Op; the result does not alias b.
func ParseHeader(b []byte) (Op, error) {
	r := NewReader(b)
	if v := r.Byte(); r.Err() == nil && v != opVersion {
		return Op{}, fmt.Errorf("%w: operation version %d, this muster reads %d", ErrFormat, v, opVersion)
	}
	var op Op
	flags := r.Byte()
	if flags&^flagsKnown != 0 {
		return Op{}, fmt.Errorf("%w: unknown header flags %#x", ErrFormat, flags)
	}
	if flags&flagFounds == 0 {
		op.Doc = DocID(r.Hash())
	}
	op.Dot.Device = DeviceID(r.Hash())
	op.Dot.Epoch = r.Uint64()
	op.Dot.Seq = r.Uvarint()
	if flags&flagFirst == 0 {
		op.Prev = r.Hash()
	}
	op.Parents = r.Hashes(MaxParents)
	if flags&flagTeam != 0 {
		op.Team = r.Hashes(MaxTeamHeads)
		if r.Err() == nil && len(op.Team) == 0 {
			return Op{}, fmt.Errorf("%w: empty list of team heads", ErrFormat)
		}
	}
	op.WallMS = int64(min(r.Uvarint(), MaxWallMS+1))
	op.Kind = Kind(r.Uvarint32())
	op.BodySize = r.Uvarint32()
	op.BodyHash = r.Hash()
	if flags&flagExt != 0 {
		op.Ext = slices.Clone(r.Bytes(MaxExtBytes))
		if r.Err() == nil && len(op.Ext) == 0 {
			return Op{}, fmt.Errorf("%w: empty extension", ErrFormat)
		}
	}
	if err := r.Close(); err != nil {
		return Op{}, err
	}
	if (flags&flagFounds != 0) != op.Doc.IsZero() {
		return Op{}, fmt.Errorf("%w: zero document named in full", ErrFormat)
	}
	if (flags&flagFirst != 0) != (op.Dot.Seq == 1) {
		return Op{}, fmt.Errorf("%w: previous operation given %t at seq %d", ErrFormat, flags&flagFirst == 0, op.Dot.Seq)
	}
	return op, op.check()
}

// check enforces what a header must satisfy by itself.
func (op *Op) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrFormat, what) }
	switch {
	case op.Dot.Device.IsZero():
		return bad("no device")
	case op.Dot.Seq == 0:
		return bad("seq 0")
	case (op.Dot.Seq == 1) != op.Prev.IsZero():
		return bad("previous operation and seq disagree")
	case op.Doc.IsZero() && (op.Dot.Seq != 1 || len(op.Parents) > 0):
		return bad("a founding operation has a past")
	case !op.Doc.IsZero() && op.Prev.IsZero() && len(op.Parents) == 0:
		return bad("no parents")
	case len(op.Parents) > MaxParents || len(op.Team) > MaxTeamHeads:
		return bad("too many heads")
	case !ascending(op.Parents) || !ascending(op.Team):
		return bad("heads not in order")
	case slices.Contains(op.Parents, op.Prev) && !op.Prev.IsZero():
		return bad("previous operation repeated as a parent")
	case op.WallMS < 0 || op.WallMS > MaxWallMS:
		return bad("wall clock out of range")
	case op.Kind == 0:
		return bad("kind 0")
	case op.BodySize > MaxBodyBytes:
		return bad(fmt.Sprintf("body of %d bytes, at most %d", op.BodySize, MaxBodyBytes))
	case len(op.Ext) > MaxExtBytes:
		return bad("extension too long")
	}
	return nil
}

func ascending(hs []Hash) bool {
	for i, h := range hs {
		if h.IsZero() || i > 0 && hs[i-1].Compare(h) >= 0 {
			return false
		}
	}
	return true
}

// HashBody returns the hash that binds a body to its header: SHA-256(salt ‖ body). The salt keeps an erased body from
// being found by guessing.
func HashBody(salt [SaltBytes]byte, body []byte) Hash {
	h := sha256.New()
	h.Write(salt[:])
	h.Write(body)
	return Hash(h.Sum(nil))
}

// ErrFormat is wrapped by every error about bytes that no correct node would produce.
var ErrFormat = errors.New("malformed")
