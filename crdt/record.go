package crdt

import (
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
)

// A Record is an operation together with what is stored beside it. Records are immutable and may be shared; an erased
// one is a new Record.
type Record struct {
	Op   Op
	Hash Hash // of the header: the operation's name

	// Sig is the author's signature, or nil where the operation is vouched for by a signed successor in the same log
	// (see package wire). Every log a node holds ends in a signed operation.
	Sig *[SignatureBytes]byte

	// Salt and Body are what BodyHash covers. Both are gone when Erased: the body was redacted, or never came.
	Salt   [SaltBytes]byte
	Body   []byte
	Erased bool
}

// Doc returns the document the operation belongs to, which for a founding operation is its own hash.
func (r *Record) Doc() DocID {
	if r.Op.Doc.IsZero() {
		return DocID(r.Hash)
	}
	return r.Op.Doc
}

// WithoutBody returns r with salt and body gone.
func (r *Record) WithoutBody() *Record {
	return &Record{Op: r.Op, Hash: r.Hash, Sig: r.Sig, Erased: true}
}

// A Signer makes signatures with one device's key.
type Signer interface {
	Device() DeviceID
	Sign(header []byte) [SignatureBytes]byte
}

// A Verifier reports whether sig is device's signature of header. [VerifyEd25519] is the real one; simulations use a
// cheaper one for most of their runs.
type Verifier func(device DeviceID, header []byte, sig *[SignatureBytes]byte) bool

// sigContext separates signatures of operations from every other use of a device key (RFC 8032, Ed25519ctx).
var sigContext = &ed25519.Options{Context: "muster/op/v1"}

// VerifyEd25519 checks an Ed25519ctx signature.
func VerifyEd25519(device DeviceID, header []byte, sig *[SignatureBytes]byte) bool {
	return ed25519.VerifyWithOptions(device[:], header, sig[:], sigContext) == nil
}

// Ed25519Signer signs with a device's private key.
type Ed25519Signer ed25519.PrivateKey

// Device returns the public half of the key.
func (s Ed25519Signer) Device() DeviceID {
	return DeviceID(ed25519.PrivateKey(s).Public().(ed25519.PublicKey))
}

// Sign returns the Ed25519ctx signature of header.
func (s Ed25519Signer) Sign(header []byte) [SignatureBytes]byte {
	sig, err := ed25519.PrivateKey(s).Sign(nil, header, sigContext)
	if err != nil {
		panic("crdt: " + err.Error()) // only a key of the wrong size or a context of over 255 bytes can fail
	}
	return [SignatureBytes]byte(sig)
}

var _ crypto.Signer = ed25519.PrivateKey(nil)

// Seal fills in what depends on the body, signs op and returns the finished record. It is the author's side of
// [ParseRecord]; op must satisfy the limits.
func Seal(op Op, salt [SaltBytes]byte, body []byte, s Signer) (*Record, error) {
	op.Dot.Device = s.Device()
	op.BodySize, op.BodyHash = uint32(len(body)), HashBody(salt, body)
	if len(body) > MaxBodyBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), MaxBodyBytes)
	}
	if err := op.check(); err != nil {
		return nil, err
	}
	header := op.AppendHeader(nil)
	sig := s.Sign(header)
	return &Record{Op: op, Hash: SumHash(header), Sig: &sig, Salt: salt, Body: body}, nil
}

// ErrTooLarge is returned by [Seal] for a body over [MaxBodyBytes].
var ErrTooLarge = errors.New("text too long")

const (
	recordVersion = 1

	recordSigned = 1 << 0
	recordErased = 1 << 1
)

// MaxRecordBytes bounds an encoded record.
const MaxRecordBytes = 2 + 2*binary.MaxVarintLen16 + MaxHeaderBytes + SignatureBytes + SaltBytes + MaxBodyBytes

// AppendRecord appends r as it is stored and pushed:
//
//	record version 1 | flags (1 signed, 2 erased) | n, n bytes header | [signature 64] | [salt 16 | body, to the end]
func AppendRecord(b []byte, r *Record) []byte {
	var flags byte
	if r.Sig != nil {
		flags |= recordSigned
	}
	if r.Erased {
		flags |= recordErased
	}
	b = append(b, recordVersion, flags)
	header := r.Op.AppendHeader(nil)
	b = binary.AppendUvarint(b, uint64(len(header)))
	b = append(b, header...)
	if r.Sig != nil {
		b = append(b, r.Sig[:]...)
	}
	if !r.Erased {
		b = append(b, r.Salt[:]...)
		b = append(b, r.Body...)
	}
	return b
}

// ParseRecord reads one encoded record and checks its form and that the body is the one the header names. It does not
// check the signature: see [Record.Verify]. The result does not alias b.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > MaxRecordBytes {
		return nil, fmt.Errorf("%w: record of %d bytes", ErrFormat, len(b))
	}
	r := NewReader(b)
	if v := r.Byte(); r.Err() == nil && v != recordVersion {
		return nil, fmt.Errorf("%w: record version %d, this muster reads %d", ErrFormat, v, recordVersion)
	}
	flags := r.Byte()
	if flags&^(recordSigned|recordErased) != 0 {
		r.Fail("unknown record flags")
	}
	header := r.Bytes(MaxHeaderBytes)
	rec := &Record{}
	if flags&recordSigned != 0 {
		if s := r.Take(SignatureBytes); s != nil {
			sig := [SignatureBytes]byte(s)
			rec.Sig = &sig
		}
	}
	rec.Erased = flags&recordErased != 0
	if !rec.Erased {
		copy(rec.Salt[:], r.Take(SaltBytes))
		rec.Body = append([]byte(nil), r.Take(r.Len())...)
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	var err error
	if rec.Op, err = ParseHeader(header); err != nil {
		return nil, err
	}
	rec.Hash = SumHash(header)
	return rec, rec.CheckBody()
}

// CheckBody reports whether the body, if it is here, is the one the header names.
func (r *Record) CheckBody() error {
	if !r.Erased && (len(r.Body) != int(r.Op.BodySize) || HashBody(r.Salt, r.Body) != r.Op.BodyHash) {
		return fmt.Errorf("%w: body of %s is not the one it was signed with", ErrFormat, r.Op.Dot)
	}
	return nil
}

// Verify reports whether the record is signed, and by the device it names.
func (r *Record) Verify(v Verifier) bool {
	return r.Sig != nil && v(r.Op.Dot.Device, r.Op.AppendHeader(nil), r.Sig)
}

// RecordSize returns the length of r's encoding with its body in place, so that it is the same before and after the
// body is erased.
func RecordSize(r *Record) int {
	h := len(r.Op.AppendHeader(nil))
	return 2 + uvarintLen(uint64(h)) + h + SignatureBytes + SaltBytes + int(r.Op.BodySize)
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
