package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/board"
)

// What a node remembers of merges is in a file beside the store: JSON, hashes as hexadecimal digits. It is only for its
// owner's reports: a file that is lost or cannot be read costs those, and nothing else.

func (h home) merges(id crdt.DocID) string { return filepath.Join(h.team(id), "merges") }

// mergeFile is the file's form.
type mergeFile struct {
	Incidents map[string]mergeFileDoc `json:"incidents"`
}

type mergeFileDoc struct {
	Merges  []mergeFileOne `json:"merges,omitempty"`
	Next    int            `json:"next,omitempty"`    // number for the next conflict
	Numbers map[string]int `json:"numbers,omitempty"` // conflict -> number
}

type mergeFileOne struct {
	Before  []string `json:"before"`
	After   []string `json:"after"`
	AtMS    int64    `json:"at_ms"`
	LastMS  int64    `json:"last_ms"`
	SinceMS int64    `json:"since_ms,omitempty"`
	Beside  []string `json:"beside,omitempty"`
	Seen    bool     `json:"seen,omitempty"`
}

// mergeFileMax bounds the file's size.
const mergeFileMax = 8 << 20

// encode returns the file's content.
func (l *mergeLog) encode() ([]byte, error) {
	f := mergeFile{Incidents: map[string]mergeFileDoc{}}
	docs := slices.Collect(maps.Keys(l.of))
	for doc := range l.numbers {
		if l.of[doc] == nil && len(docs) < mergedDocs {
			docs = append(docs, doc)
		}
	}
	for _, doc := range docs {
		var d mergeFileDoc
		for _, m := range l.of[doc] {
			one := mergeFileOne{
				Before: hexOf(m.before), After: hexOf(m.after), AtMS: m.at.UnixMilli(), LastMS: m.last.UnixMilli(),
				Beside: hexOf(m.beside), Seen: m.seen,
			}
			if !m.since.IsZero() {
				one.SinceMS = m.since.UnixMilli()
			}
			d.Merges = append(d.Merges, one)
		}
		if n := l.numbers[doc]; n != nil {
			d.Next, d.Numbers = n.next, n.of
		}
		f.Incidents[doc.String()] = d
	}
	return json.Marshal(f)
}

// decode takes over what a file says, or returns why it cannot be read and takes over nothing.
func (l *mergeLog) decode(b []byte) error {
	var f mergeFile
	if len(b) > mergeFileMax {
		return errors.New("it is too large")
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if len(f.Incidents) > mergedDocs {
		return errors.New("it names too many incidents")
	}
	read := newMergeLog()
	for name, d := range f.Incidents {
		ids, err := unhex([]string{name})
		if err != nil {
			return err
		}
		doc := crdt.DocID(ids[0])
		for _, one := range d.Merges[max(0, len(d.Merges)-mergesKept):] {
			m := &merging{at: time.UnixMilli(one.AtMS), last: time.UnixMilli(one.LastMS), seen: one.Seen}
			if one.SinceMS != 0 {
				m.since = time.UnixMilli(one.SinceMS)
			}
			var errs [3]error
			m.before, errs[0] = unhex(one.Before)
			m.after, errs[1] = unhex(one.After)
			m.beside, errs[2] = unhex(one.Beside)
			if err := errors.Join(errs[:]...); err != nil {
				return err
			}
			read.of[doc] = append(read.of[doc], m)
		}
		if d.Next > 0 && len(d.Numbers) <= numbersMax {
			n := &numbering{next: d.Next, of: map[string]int{}}
			for id, k := range d.Numbers {
				n.of[id], n.next = k, max(n.next, k+1)
			}
			read.numbers[doc] = n
		}
	}
	l.of, l.numbers = read.of, read.numbers
	return nil
}

func hexOf(hashes []board.PersonID) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = h.String()
	}
	return out
}

func unhex(texts []string) ([]crdt.Hash, error) {
	var out []crdt.Hash
	for _, t := range texts {
		b, err := hex.DecodeString(t)
		if err != nil || len(b) != len(crdt.Hash{}) {
			return nil, errors.New("a hash in it is none")
		}
		out = append(out, crdt.Hash(b))
	}
	return out, nil
}

// recallMerges reads the file of the node's last run.
func (s *session) recallMerges() {
	b, err := s.n.home.read(s.n.home.merges(s.team))
	if err == nil {
		err = s.merges.decode(b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.n.cfg.Log.Warn("what was remembered of merges cannot be read, and is begun anew", "err", err)
	}
}

// keepMerges hands what is remembered now to whoever writes the file.
func (s *session) keepMerges() {
	b, err := s.merges.encode()
	if err != nil {
		s.n.cfg.Log.Warn("cannot write down merges", "err", err)
		return
	}
	select {
	case <-s.merges.files: // an older one that nobody needs any more
	default:
	}
	s.merges.files <- b // the loop alone fills it: there is room
}

// writeMerges writes the file as it changes, until ctx ends.
func (s *session) writeMerges(ctx context.Context) error {
	for {
		select {
		case b := <-s.merges.files:
			s.writeMergeFile(b)
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(mergeWrites):
		case <-ctx.Done():
		}
	}
}

func (s *session) writeMergeFile(b []byte) {
	if err := s.n.home.write(s.n.home.merges(s.team), b); err != nil {
		s.n.cfg.Log.Warn("cannot write down merges", "err", err) // again with the next one
	}
}
