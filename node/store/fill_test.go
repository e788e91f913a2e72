package store

import (
	"errors"
	"testing"

	"muster/crdt"
)

// TestFillsWhatNeverCame: a body that was withheld is added when it comes, once; a wrong one, and one of a record that is
// not held, is passed over, and a full disk refuses it without harm.
func TestFillsWhatNeverCame(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		p := newAuthor(2)
		first := p.found(1)
		doc := first.Doc()
		run := p.run(doc, 1, 4, 20)
		bare := []*crdt.Record{first, run[0].WithoutBody(), run[1].WithoutBody(), run[2].WithoutBody()}
		bare[1].Sig, bare[2].Sig, bare[3].Sig = run[0].Sig, run[1].Sig, run[2].Sig
		signed := run[3]
		mustPut(t, s, nil, append(bare, signed))

		unsigned, wrong := *run[0], *run[1]
		unsigned.Sig = nil
		wrong.Body = append([]byte("x"), wrong.Body[1:]...)
		if err := s.Fill([]*crdt.Record{&unsigned, &wrong, newAuthor(3).found(1)}); err != nil {
			t.Fatal(err)
		}
		want := []*crdt.Record{first, run[0], bare[2], bare[3], signed}
		same(t, "filled", collect(t, s, doc), want)

		if m, ok := s.(*Memory); ok {
			m.Fail(ErrDiskFull)
			if err := s.Fill(run[2:3]); !errors.Is(err, ErrDiskFull) {
				t.Fatalf("on a full disk: %v", err)
			}
		}
		if err := s.Fill(run[2:3]); err != nil {
			t.Fatal(err)
		}
		if err := s.Erase(doc, []Ref{RefTo(run[0])}); err != nil {
			t.Fatal(err)
		}
		want[1], want[3] = run[0].WithoutBody(), run[2]
		same(t, "erased after it was filled", collect(t, s, doc), want)
		mustClose(t, s)
		s = im.reopen(t, s)
		same(t, "opened again", collect(t, s, doc), want)
		mustClose(t, s)
	})
}
