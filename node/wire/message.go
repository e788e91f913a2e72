package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"muster/crdt"
)

// Version is the highest protocol version this package speaks, VersionLowest the lowest.
const (
	Version       = 1
	VersionLowest = 1
)

// Limits on what one frame may hold. Every decoder enforces them before it allocates.
const (
	MaxControlBytes = 1 << 20 // every frame but a Batch
	MaxBatchBytes   = 4 << 20 // a Batch, packed and unpacked
	MaxBatchOps     = 1 << 13
	MaxDocs         = 1 << 12 // documents named in one frame
	MaxBodies       = 256     // bodies asked for or sent in one frame
	DocsAtOnce      = 64      // with at most so many documents Docs is sent without Buckets
	maxHelloText    = 128
)

// frame types
const (
	typeHello     = 0x01
	typeRoot      = 0x02
	typeBuckets   = 0x03
	typeDocs      = 0x04
	typeFrontiers = 0x05
	typeBatch     = 0x06
	typeHave      = 0x07
	typeOffer     = 0x08
	typeNeed      = 0x09
	typeBodies    = 0x0a
)

// A Message is one of the types of this package that a frame can hold.
type Message interface{ message() }

// Hello is the first frame of a connection.
type Hello struct {
	Lowest, Highest uint64 // protocol versions spoken
	Team            crdt.DocID
	WallMS          int64  // sender's clock, Unix milliseconds; shown, never used
	Program         string // version of the program, for people
}

// Root is the digest of everything the sender holds.
type Root struct{ Digest crdt.Hash }

// Buckets are the digests of the sender's buckets that are not empty, ascending.
type Buckets struct{ Buckets []Bucket }

// A Bucket is the digest of the documents whose names start with Index.
type Bucket struct {
	Index  byte
	Digest crdt.Hash
}

// Docs lists all documents of the sender that fall into Covers.
type Docs struct {
	Covers []byte // ascending; empty: all buckets
	Docs   []DocState
}

// A DocState is what a peer must know to see whether a document differs.
type DocState struct {
	Doc        crdt.DocID
	Digest     crdt.Hash
	Operations uint64
}

// Frontiers say what the sender holds of some documents, and ask for what it lacks.
type Frontiers struct {
	Answer bool // to Frontiers; needs no answer itself
	Docs   []DocFrontier
}

// A DocFrontier is the frontier of one document; empty when the sender does not have it.
type DocFrontier struct {
	Doc      crdt.DocID
	Frontier crdt.Frontier
}

// Have says which operations have become durable at the sender: those the tips name, and their past.
type Have struct {
	Batches uint64 // all batches up to this number are done with
	Docs    []DocFrontier
}

// Offer announces how much is about to be sent.
type Offer struct {
	Operations uint64
	Bytes      uint64 // encoded records, before compression
}

// NeedBodies asks for the bodies of operations that the sender holds without them.
type NeedBodies struct {
	Doc crdt.DocID
	Ops []crdt.Hash // ascending
}

// Bodies brings bodies that were asked for. Whether they are the right ones only the headers say.
type Bodies struct {
	Doc    crdt.DocID
	Bodies []Body
}

// A Body is what an operation was signed with, beside its header.
type Body struct {
	Op   crdt.Hash // ascending in a frame
	Salt [crdt.SaltBytes]byte
	Body []byte
}

func (*Hello) message()      {}
func (*Root) message()       {}
func (*Buckets) message()    {}
func (*Docs) message()       {}
func (*Frontiers) message()  {}
func (*Batch) message()      {}
func (*Have) message()       {}
func (*Offer) message()      {}
func (*NeedBodies) message() {}
func (*Bodies) message()     {}

// An Envelope is a message on its way out.
type Envelope struct {
	To   crdt.DeviceID
	Bulk bool // may wait: goes over a bulk stream
	Msg  Message
}

const helloMagic = "muster"

// Append appends the frame that holds m.
func Append(b []byte, m Message) []byte {
	switch m := m.(type) {
	case *Hello:
		b = append(b, typeHello)
		b = append(b, helloMagic...)
		b = binary.AppendUvarint(b, m.Lowest)
		b = binary.AppendUvarint(b, m.Highest)
		b = append(b, m.Team[:]...)
		b = binary.AppendUvarint(b, uint64(max(m.WallMS, 0)))
		b = binary.AppendUvarint(b, uint64(len(m.Program)))
		b = append(b, m.Program...)
		b = append(b, 0) // no further fields yet
	case *Root:
		b = append(b, typeRoot)
		b = append(b, m.Digest[:]...)
	case *Buckets:
		b = append(b, typeBuckets)
		b = binary.AppendUvarint(b, uint64(len(m.Buckets)))
		for _, k := range m.Buckets {
			b = append(b, k.Index)
			b = append(b, k.Digest[:]...)
		}
	case *Docs:
		b = append(b, typeDocs)
		b = binary.AppendUvarint(b, uint64(len(m.Covers)))
		b = append(b, m.Covers...)
		b = binary.AppendUvarint(b, uint64(len(m.Docs)))
		for _, d := range m.Docs {
			b = append(b, d.Doc[:]...)
			b = append(b, d.Digest[:]...)
			b = binary.AppendUvarint(b, d.Operations)
		}
	case *Frontiers:
		b = append(b, typeFrontiers, flag(m.Answer))
		b = appendDocFrontiers(b, m.Docs)
	case *Batch:
		b = append(b, typeBatch)
		b = AppendBatch(b, m)
	case *Have:
		b = append(b, typeHave)
		b = binary.AppendUvarint(b, m.Batches)
		b = appendDocFrontiers(b, m.Docs)
	case *Offer:
		b = append(b, typeOffer)
		b = binary.AppendUvarint(b, m.Operations)
		b = binary.AppendUvarint(b, m.Bytes)
	case *NeedBodies:
		b = append(b, typeNeed)
		b = append(b, m.Doc[:]...)
		b = binary.AppendUvarint(b, uint64(len(m.Ops)))
		for _, h := range m.Ops {
			b = append(b, h[:]...)
		}
	case *Bodies:
		b = append(b, typeBodies)
		b = append(b, m.Doc[:]...)
		b = binary.AppendUvarint(b, uint64(len(m.Bodies)))
		for _, x := range m.Bodies {
			b = append(b, x.Op[:]...)
			b = append(b, x.Salt[:]...)
			b = binary.AppendUvarint(b, uint64(len(x.Body)))
			b = append(b, x.Body...)
		}
	}
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendDocFrontiers(b []byte, ds []DocFrontier) []byte {
	b = binary.AppendUvarint(b, uint64(len(ds)))
	for _, d := range ds {
		b = append(b, d.Doc[:]...)
		b = crdt.AppendFrontier(b, d.Frontier)
	}
	return b
}

// ErrUnknown is returned by [Parse] for a frame of a type it does not know, which is to be ignored.
var ErrUnknown = errors.New("frame of unknown type")

// Parse reads one frame. Errors other than [ErrUnknown] wrap [crdt.ErrFormat]. The result does not alias b.
func Parse(b []byte) (Message, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: empty frame", crdt.ErrFormat)
	}
	limit := MaxControlBytes
	if b[0] == typeBatch {
		limit = MaxBatchBytes
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%w: frame of %d bytes, at most %d", crdt.ErrFormat, len(b), limit)
	}
	r := crdt.NewReader(b[1:])
	var m Message
	switch b[0] {
	case typeHello:
		return parseHello(r)
	case typeRoot:
		m = &Root{Digest: r.Hash()}
	case typeBuckets:
		m = parseBuckets(r)
	case typeDocs:
		m = parseDocs(r)
	case typeFrontiers:
		m = &Frontiers{Answer: readFlag(r), Docs: readDocFrontiers(r)}
	case typeBatch:
		return ParseBatch(b[1:])
	case typeHave:
		m = &Have{Batches: r.Uvarint(), Docs: readDocFrontiers(r)}
	case typeOffer:
		m = &Offer{Operations: r.Uvarint(), Bytes: r.Uvarint()}
	case typeNeed:
		m = parseNeedBodies(r)
	case typeBodies:
		m = parseBodies(r)
	default:
		return nil, fmt.Errorf("%w %#x", ErrUnknown, b[0])
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("frame %#x: %w", b[0], err)
	}
	return m, nil
}

func readFlag(r *crdt.Reader) bool {
	v := r.Byte()
	if v > 1 {
		r.Fail("flag")
	}
	return v == 1
}

func parseHello(r *crdt.Reader) (*Hello, error) {
	if m := r.Take(len(helloMagic)); r.Err() == nil && string(m) != helloMagic {
		r.Fail("not a muster node")
	}
	h := &Hello{Lowest: r.Uvarint(), Highest: r.Uvarint(), Team: crdt.DocID(r.Hash()), WallMS: int64(min(r.Uvarint(), crdt.MaxWallMS))}
	h.Program = string(r.Bytes(maxHelloText))
	r.Bytes(MaxControlBytes) // fields of later versions
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	return h, nil
}

// Agree returns the version to use between two nodes, or an error that says what each of them speaks.
func Agree(a, b *Hello) (uint64, error) {
	v := min(a.Highest, b.Highest)
	if v < max(a.Lowest, b.Lowest) || v == 0 {
		return 0, fmt.Errorf("protocol versions %d to %d here, %d to %d there", a.Lowest, a.Highest, b.Lowest, b.Highest)
	}
	return v, nil
}

func parseBuckets(r *crdt.Reader) *Buckets {
	m := &Buckets{}
	for range r.Count(256, 33) {
		k := Bucket{Index: r.Byte(), Digest: r.Hash()}
		if n := len(m.Buckets); n > 0 && m.Buckets[n-1].Index >= k.Index {
			r.Fail("buckets not in order")
		}
		m.Buckets = append(m.Buckets, k)
	}
	return m
}

func parseDocs(r *crdt.Reader) *Docs {
	m := &Docs{}
	m.Covers = append(m.Covers, r.Bytes(256)...)
	for i := 1; i < len(m.Covers); i++ {
		if m.Covers[i-1] >= m.Covers[i] {
			r.Fail("buckets not in order")
		}
	}
	for range r.Count(MaxDocs, 65) {
		d := DocState{Doc: crdt.DocID(r.Hash()), Digest: r.Hash(), Operations: r.Uvarint()}
		if n := len(m.Docs); n > 0 && m.Docs[n-1].Doc.Compare(d.Doc) >= 0 {
			r.Fail("documents not in order")
		}
		m.Docs = append(m.Docs, d)
	}
	return m
}

func parseNeedBodies(r *crdt.Reader) *NeedBodies {
	m := &NeedBodies{Doc: crdt.DocID(r.Hash()), Ops: r.Hashes(MaxBodies)}
	for i := 1; i < len(m.Ops); i++ {
		if m.Ops[i-1].Compare(m.Ops[i]) >= 0 {
			r.Fail("operations not in order")
		}
	}
	return m
}

func parseBodies(r *crdt.Reader) *Bodies {
	m := &Bodies{Doc: crdt.DocID(r.Hash())}
	for range r.Count(MaxBodies, 32+crdt.SaltBytes+1) {
		x := Body{Op: r.Hash()}
		copy(x.Salt[:], r.Take(crdt.SaltBytes))
		x.Body = append([]byte(nil), r.Bytes(crdt.MaxBodyBytes)...)
		if n := len(m.Bodies); n > 0 && m.Bodies[n-1].Op.Compare(x.Op) >= 0 {
			r.Fail("bodies not in order")
		}
		m.Bodies = append(m.Bodies, x)
	}
	return m
}

func readDocFrontiers(r *crdt.Reader) []DocFrontier {
	var out []DocFrontier
	for range r.Count(MaxDocs, 33) {
		d := DocFrontier{Doc: crdt.DocID(r.Hash()), Frontier: crdt.ReadFrontier(r)}
		if n := len(out); n > 0 && out[n-1].Doc.Compare(d.Doc) >= 0 {
			r.Fail("documents not in order")
		}
		out = append(out, d)
	}
	return out
}
