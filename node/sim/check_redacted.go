package sim

import (
	"bytes"
	"fmt"
	"strings"

	"muster/crdt"
)

// redactedIsGone checks that nothing of what was redacted is among the bytes on the disk of a correct node: not as the
// body of its operation, and not anywhere else.
func (w *world) redactedIsGone(first *host) error {
	secrets := map[crdt.Hash][][]byte{} // operation -> its salt, and what it said
	for _, doc := range first.r.Documents() {
		for _, op := range first.r.Board(doc).Erasures() {
			w.count("saw: redacted body")
			rec := w.made[op]
			secrets[op] = [][]byte{rec.Salt[:]}
			// Of a sealed note the text says only for whom it is, as that of others may.
			if f := said(rec); len(f.text) >= secretBytes && !strings.HasPrefix(f.text, "sealed for ") {
				secrets[op] = append(secrets[op], []byte(f.text))
			}
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	for _, h := range w.correct() {
		for _, rec := range h.disk.records() {
			if secrets[rec.Hash] != nil && !rec.Erased {
				return fmt.Errorf("%s still has the redacted %.8s on its disk", h.name, rec.Hash)
			}
		}
		all := h.disk.bytes()
		for op, parts := range secrets { // any order: one is enough
			for _, part := range parts {
				if bytes.Contains(all, part) {
					return fmt.Errorf("%x of the redacted %.8s is still on the disk of %s", part, op, h.name)
				}
			}
		}
	}
	return nil
}

// secretBytes is how long a text must be to be looked for: people say shorter ones by chance.
const secretBytes = 8

// records returns everything a disk holds: its journal, its store, and what the store has not cleaned up yet.
func (d *disk) records() []*crdt.Record {
	out := append(append([]*crdt.Record(nil), d.journal...), d.slack...)
	for _, logs := range d.docs { // any order: searched whole
		for _, recs := range logs { // any order: searched whole
			out = append(out, recs...)
		}
	}
	return out
}

// bytes returns what is on a disk, as it is written.
func (d *disk) bytes() []byte {
	var b []byte
	for _, rec := range d.records() {
		b = crdt.AppendRecord(b, rec)
	}
	return b
}
