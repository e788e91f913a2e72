package node

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"muster/crdt"
	"muster/node/wire"
)

func writeFrame(w io.Writer, parts ...[]byte) error {
	b := make([]byte, 4)
	for _, p := range parts {
		b = append(b, p...)
	}
	if len(b)-4 > joinFrameMax {
		return fmt.Errorf("%d bytes do not fit a joining frame", len(b)-4)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := w.Write(b)
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(n[:])
	if size == 0 || size > joinFrameMax {
		return nil, fmt.Errorf("%w: joining frame of %d bytes", crdt.ErrFormat, size)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// readAnswer reads yes, with what follows it, or the other side's reason for no.
func readAnswer(r io.Reader) ([]byte, error) {
	b, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	if b[0] != answerYes {
		return nil, &refusal{printable(b[1:])}
	}
	return b[1:], nil
}

// partBytes is what the operations in one part of a document amount to, unless a single one is larger.
const partBytes = 48 << 10

// writeDocument writes a document in as many frames as it takes: the last begins with last, those before it with part.
func writeDocument(w io.Writer, part, last byte, m *wire.Batch) error {
	rest := m.Records
	for {
		n, size := 0, 0
		for n < len(rest) && (n == 0 || size+crdt.RecordSize(rest[n]) <= partBytes) {
			size += crdt.RecordSize(rest[n])
			n++
		}
		kind := part
		if n == len(rest) {
			kind = last
		}
		if err := writeFrame(w, []byte{kind}, wire.AppendBatch(nil, &wire.Batch{Doc: m.Doc, Records: rest[:n]})); err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
	}
}

// readDocument reads the parts of a document that answers a knock, or the other side's reason for no. How much that can
// be is bounded by the stream.
func readDocument(r io.Reader) (*wire.Batch, error) {
	var out *wire.Batch
	for {
		b, err := readFrame(r)
		if err != nil {
			return nil, err
		}
		if b[0] != answerYes && b[0] != answerPart {
			return nil, &refusal{printable(b[1:])}
		}
		m, err := wire.ParseBatch(b[1:])
		switch {
		case err != nil:
			return nil, err
		case out == nil:
			out = m
		case out.Doc != m.Doc:
			return nil, fmt.Errorf("%w: parts of two documents", crdt.ErrFormat)
		default:
			out.Records = append(out.Records, m.Records...)
		}
		if b[0] == answerYes {
			return out, nil
		}
	}
}

// A refusal is the other side's no.
type refusal struct{ why string }

func (e *refusal) Error() string { return e.why }

// printable makes text of a peer fit for a terminal.
func printable(b []byte) string {
	out := []rune{}
	for _, c := range string(b[:min(len(b), 200)]) {
		if unicode.IsGraphic(c) && c != utf8.RuneError {
			out = append(out, c)
		}
	}
	return string(out)
}
