package node

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"muster/crdt"
	"muster/node/identity/vault"
	"muster/node/wire"
)

// Where no network is, operations are carried in a file. It begins with two lines that anybody can read, and goes on with
// what only the team can, sealed as package vault seals:
//
//	muster operations v1
//	key 2 9f86d081...        generation and name of the team key, or: passphrase
//	sealed:  head | n × batch | end, each a length of 4 bytes and as many bytes
//	         head   team 32 | maker's device 32 | made, Unix ms 8 | operations | documents
//	         batch  operations of one document, as [wire.AppendBatch] writes them: the team's document first
//	         end    nothing: a length of 0, and no byte after it
//
// Numbers without a width are varints. The name of a key is its hash, so whoever finds the file learns that it is muster's
// and which other files are of the same team. A reader of a later version reads this one; one of this version says of a
// later file that it is newer. What a batch holds is judged as if a peer had sent it: nothing in a file is trusted.
const (
	carryMagic   = "muster operations v"
	carryVersion = 1
	carryByKey   = "key"
	carryByWords = "passphrase"
	carryLineMax = 128
	carryHeadMax = 256
	carryFrame   = 2*wire.MaxBatchBytes + 1<<10
)

// A carrySeal says with what a file is sealed.
type carrySeal struct {
	gen uint64
	id  crdt.Hash // of the team key; zero: a passphrase
}

func (c carrySeal) byKey() bool { return !c.id.IsZero() }

func (c carrySeal) lines() string {
	if !c.byKey() {
		return fmt.Sprintf("%s%d\n%s\n", carryMagic, carryVersion, carryByWords)
	}
	return fmt.Sprintf("%s%d\n%s %d %s\n", carryMagic, carryVersion, carryByKey, c.gen, c.id)
}

// A carryHead is what a file says of itself.
type carryHead struct {
	team                  crdt.DocID
	maker                 crdt.DeviceID
	madeMS                int64
	operations, documents uint64
}

func (h *carryHead) append(b []byte) []byte {
	b = append(append(b, h.team[:]...), h.maker[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.madeMS))
	b = binary.AppendUvarint(b, h.operations)
	return binary.AppendUvarint(b, h.documents)
}

func parseCarryHead(b []byte) (carryHead, error) {
	r := crdt.NewReader(b)
	h := carryHead{team: crdt.DocID(r.Hash()), maker: crdt.DeviceID(r.Hash()), madeMS: int64(r.Uint64()), operations: r.Uvarint(), documents: r.Uvarint()}
	if err := r.Close(); err != nil {
		return h, err
	}
	if h.madeMS < 0 || h.madeMS > crdt.MaxWallMS {
		return h, fmt.Errorf("%w: made at no time", crdt.ErrFormat)
	}
	return h, nil
}

// Errors of reading a file. Those of package vault are among them.
var (
	errNotCarried = errors.New("it is no file of muster's operations")
	errCarryNewer = errors.New("it was written by a newer muster")
)

// A carryWriter writes a file. Close ends it and does not close what is below.
type carryWriter struct{ w io.WriteCloser }

func newCarryWriter(w io.Writer, seal carrySeal, secret string, work int, head *carryHead) (*carryWriter, error) {
	if _, err := io.WriteString(w, seal.lines()); err != nil {
		return nil, err
	}
	sealed, err := vault.SealTo(w, secret, work)
	if err != nil {
		return nil, err
	}
	c := &carryWriter{sealed}
	return c, c.frame(head.append(nil))
}

func (c *carryWriter) frame(b []byte) error {
	if len(b) > carryFrame {
		return fmt.Errorf("%w: a batch of %d bytes", crdt.ErrTooLarge, len(b))
	}
	_, err := c.w.Write(append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b))), b...))
	return err
}

// carryBatch is what a batch looks like in a file.
func carryBatch(m *wire.Batch) []byte {
	m.Number = 0
	return wire.AppendBatch(nil, m)
}

func (c *carryWriter) close() error { return errors.Join(c.frame(nil), c.w.Close()) }

// A carryReader reads a file. Nothing is allocated by what the file says but one frame of at most carryFrame.
type carryReader struct {
	r    *bufio.Reader
	seal carrySeal
	in   io.Reader // what was sealed; nil before open
}

// newCarryReader reads the lines that anybody can read.
func newCarryReader(r io.Reader) (*carryReader, error) {
	c := &carryReader{r: bufio.NewReaderSize(r, 64<<10)}
	first, err := c.line()
	if err != nil {
		return nil, err
	}
	version, ok := strings.CutPrefix(first, carryMagic)
	if n, err := strconv.ParseUint(version, 10, 16); !ok || err != nil || n == 0 {
		return nil, errNotCarried
	} else if n > carryVersion {
		return nil, errCarryNewer
	}
	second, err := c.line()
	if err != nil {
		return nil, err
	}
	if second == carryByWords {
		return c, nil
	}
	words := strings.Split(second, " ")
	if len(words) != 3 || words[0] != carryByKey {
		return nil, errNotCarried
	}
	id, err := hex.DecodeString(words[2])
	if c.seal.gen, ok = parseCount(words[1]); !ok || err != nil || len(id) != len(c.seal.id) {
		return nil, errNotCarried
	}
	if c.seal.id = crdt.Hash(id); !c.seal.byKey() {
		return nil, errNotCarried
	}
	return c, nil
}

func parseCount(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}

func (c *carryReader) line() (string, error) {
	b, err := c.r.Peek(1)
	for n := 1; err == nil && b[n-1] != '\n' && n < carryLineMax; n++ {
		b, err = c.r.Peek(n + 1)
	}
	switch {
	case errors.Is(err, io.EOF), err == nil && b[len(b)-1] != '\n':
		return "", errNotCarried
	case err != nil:
		return "", err
	}
	line := string(b[:len(b)-1])
	_, err = c.r.Discard(len(b))
	return line, err
}

// open reads the head with the secret that the file was sealed with.
func (c *carryReader) open(secret string) (head carryHead, err error) {
	work := vault.WorkPhrase
	if c.seal.byKey() {
		work = vault.WorkRandom
	}
	if c.in, err = vault.OpenFrom(c.r, secret, work); err != nil {
		return head, err
	}
	b, err := c.frame(carryHeadMax)
	if err != nil {
		return head, err
	}
	if head, err = parseCarryHead(b); err != nil {
		return head, fmt.Errorf("%w: %w", vault.ErrDamaged, err)
	}
	return head, nil
}

// batch returns the next batch; nil at the end of the file.
func (c *carryReader) batch() (*wire.Batch, error) {
	b, err := c.frame(carryFrame)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		var more [1]byte
		if n, err := c.in.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: something follows its end", vault.ErrDamaged)
		}
		return nil, nil
	}
	m, err := wire.ParseBatch(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", vault.ErrDamaged, err)
	}
	return m, nil
}

func (c *carryReader) frame(most int) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.in, size[:]); err != nil {
		return nil, cutShort(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > uint32(most) {
		return nil, fmt.Errorf("%w: a part of %d bytes", vault.ErrDamaged, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, cutShort(err)
	}
	return b, nil
}

// cutShort says of a file that ends too early that it is damaged. One that is cut in the middle of what is sealed says so
// itself.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, vault.ErrDamaged) {
		return fmt.Errorf("%w: it ends too early", vault.ErrDamaged)
	}
	return err
}
