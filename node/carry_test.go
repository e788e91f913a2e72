package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/identity/vault"
	"muster/node/wire"
)

// apart is a team of two whole nodes that have met and then never meet again; each has written since.
func apart(t *testing.T) *bubble {
	t.Helper()
	b := team(t, 2)
	b.declare()
	b.await(merge, "both have it", b.same)
	b.net.Partition(at(0), at(1))
	b.await(20*time.Second, "p1 is given up", func() bool { return !b.sees(0, 1) })
	for i := range 20 {
		b.write(0, api.Write{Verb: "note", Text: fmt.Sprintf("south %d %s", i, strings.Repeat("seen from the south ", 20))})
	}
	b.write(1, api.Write{Verb: "do", Text: "seen from the north"})
	return b
}

// carry exports from one node and returns the file.
func (b *bubble) carry(i int, in api.Export) string {
	b.t.Helper()
	in.File = filepath.Join(b.t.TempDir(), "board.muster")
	out, err := b.nodes[i].Export(b.t.Context(), in)
	if err != nil {
		b.t.Fatalf("p%d exports: %v", i, err)
	}
	info, err := os.Stat(in.File)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != out.Bytes || out.Operations == 0 || len(out.Incidents) != 1 {
		b.t.Errorf("p%d says %+v; on disk %v, %v", i, out, info, err)
	}
	return in.File
}

// TestCarriedBetweenNodesThatNeverMeet: a file each way makes two boards one, a second time it brings nothing, and nothing in
// the file can be read. (T1, T7: what is carried by hand shows no name and no text.)
func TestCarriedBetweenNodesThatNeverMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apart(t)
		if _, err := b.nodes[0].SetProfile(t.Context(), api.SetProfile{Callsign: new("nightjar"), Phones: &[]string{"+442079460018"}}); err != nil {
			t.Error(err)
		}
		south := b.carry(0, api.Export{})
		got, err := b.nodes[1].Import(t.Context(), api.Import{File: south})
		if err != nil || got.New < 20 || got.By != "p0" || got.Waiting != 0 || len(got.Incidents) != 1 || got.MadeMS == 0 {
			t.Errorf("p1 takes in %+v, %v", got, err)
		}
		if got, err := b.nodes[1].Import(t.Context(), api.Import{File: south}); err != nil || got.New != 0 || got.Known != got.Operations {
			t.Errorf("again %+v, %v", got, err)
		}
		if got, err := b.nodes[0].Import(t.Context(), api.Import{File: b.carry(1, api.Export{Incident: b.state(1).Incidents[0].Name})}); err != nil || got.New == 0 {
			t.Errorf("p0 takes in %+v, %v", got, err)
		}
		if !b.same() {
			t.Error("they do not hold the same")
		}
		text, err := os.ReadFile(south)
		if err != nil {
			t.Error(err)
		}
		// Nothing shorter: "p0" is in some three thousand random bytes one time in twenty.
		for _, word := range []string{"seen from", "bubble", "nightjar", "+442079460018", b.state(0).Incidents[0].Name, b.state(0).Incidents[0].Title} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%q can be read in the file", word)
			}
		}
		b.stop()
	})
}

// TestCarriedAfterSomebodyWasRemoved: the file is sealed with a key that the one who was removed, and the one who has not
// heard of it, do not have. The second is told which it is, and a passphrase opens a file for both. (T8)
func TestCarriedAfterSomebodyWasRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apart(t)
		b.inside(0, func(s *session, now time.Time) error { return errors.Join(s.ensureSealKey(now), s.rotateKeys(now)) })
		_, err := b.nodes[1].Import(t.Context(), api.Import{File: b.carry(0, api.Export{})})
		if e := api.AsError(err); err == nil || e.Code != api.CodeRefused || !strings.Contains(e.Message, "sealed with team key 1 (") || !strings.Contains(e.Hint, "--passphrase") {
			t.Errorf("p1 is told %v", err)
		}
		words := "four words of ours"
		file := b.carry(0, api.Export{Passphrase: words})
		for _, try := range []string{"", "other words of ours"} {
			if _, err := b.nodes[1].Import(t.Context(), api.Import{File: file, Passphrase: try}); err == nil || api.AsError(err).Code != api.CodeRefused {
				t.Errorf("opened with %q: %v", try, err)
			}
		}
		if got, err := b.nodes[1].Import(t.Context(), api.Import{File: file, Passphrase: words}); err != nil || got.New < 20 {
			t.Errorf("with the words %+v, %v", got, err)
		}
		b.stop()
	})
}

// TestCarriedFileThatIsCut: wherever a file is cut, it is said that it is damaged; what came before is whole, and the whole
// file brings the rest.
func TestCarriedFileThatIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apart(t)
		file := b.carry(0, api.Export{})
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bad := filepath.Join(t.TempDir(), "cut")
		take := func(what string, content []byte) {
			t.Helper()
			if err := os.WriteFile(bad, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := b.nodes[1].Import(t.Context(), api.Import{File: bad}); err == nil || api.AsError(err).Code != api.CodeDamaged || api.AsError(err).Hint == "" {
				t.Errorf("%s: %v", what, err)
			}
		}
		for n := 0; n < len(whole); n += len(whole) / 23 {
			take(fmt.Sprintf("cut at %d of %d", n, len(whole)), whole[:n])
		}
		flipped := bytes.Clone(whole)
		flipped[len(flipped)-30] ^= 1
		take("changed", flipped)
		take("with something behind it", append(bytes.Clone(whole), 'x'))
		take("something else", []byte("hello"))
		take("of a later muster", bytes.Replace(whole, []byte("operations v1"), []byte("operations v2"), 1))
		if _, err := b.nodes[1].Import(t.Context(), api.Import{File: file}); err != nil {
			t.Errorf("whole: %v", err)
		}
		if got, err := b.nodes[1].Verify(t.Context()); err != nil || len(got.Problems) > 0 {
			t.Errorf("verify says %+v, %v", got.Problems, err)
		}
		b.stop()
	})
}

// TestCarriedToTheWrongPlace: what cannot be written or read is said, asked before it is overwritten, and leaves nothing.
func TestCarriedToTheWrongPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 1)
		b.declare()
		dir := t.TempDir()
		there := filepath.Join(dir, "there")
		if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			in   api.Export
			code string
		}{
			{api.Export{File: "board"}, api.CodeUsage},
			{api.Export{File: dir}, api.CodeUsage},
			{api.Export{File: filepath.Join(dir, "no", "board")}, api.CodeRefused},
			{api.Export{File: there}, api.CodeConfirm},
			{api.Export{File: filepath.Join(dir, "new"), Incident: "nothing"}, api.CodeNotFound},
		} {
			if _, err := b.nodes[0].Export(t.Context(), c.in); err == nil || api.AsError(err).Code != c.code {
				t.Errorf("%+v: %v, want %s", c.in, err, c.code)
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("left in the directory: %v, %v", left, err)
		}
		if _, err := b.nodes[0].Export(t.Context(), api.Export{File: there, Yes: true}); err != nil {
			t.Error(err)
		}
		other := newOther(t)
		for file, code := range map[string]string{"board": api.CodeUsage, dir: api.CodeUsage, filepath.Join(dir, "no"): api.CodeRefused, other: api.CodeRefused} {
			if _, err := b.nodes[0].Import(t.Context(), api.Import{File: file, Passphrase: "x"}); err == nil || api.AsError(err).Code != code {
				t.Errorf("%s: %v, want %s", file, err, code)
			}
		}
		b.stop()
	})
}

// newOther returns a file of another team, sealed with the passphrase x.
func newOther(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	w, err := newCarryWriter(&out, carrySeal{}, "x", vault.WorkRandom, &carryHead{team: crdt.DocID{9}})
	if err == nil {
		err = w.close()
	}
	file := filepath.Join(t.TempDir(), "other")
	if err := errors.Join(err, os.WriteFile(file, out.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

// FuzzCarryLines: the part of a file that anybody can read, as anybody may have written it.
func FuzzCarryLines(f *testing.F) {
	id := crdt.SumHash([]byte("key"))
	f.Add([]byte(carrySeal{}.lines()))
	f.Add([]byte(carrySeal{gen: 3, id: id}.lines()))
	f.Add([]byte("muster operations v1\nkey 03 00\n"))
	f.Add([]byte("muster operations v2\n"))
	f.Add(bytes.Repeat([]byte("x"), 1<<10))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := newCarryReader(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, errNotCarried) && !errors.Is(err, errCarryNewer) {
				t.Fatal(err)
			}
			return
		}
		if again := c.seal.lines(); !bytes.HasPrefix(b, []byte(again)) && !bytes.HasPrefix(b, []byte("muster operations v")) {
			t.Fatalf("%q is read as %q", b, again)
		}
	})
}

// FuzzCarryParts: what is inside a file, as somebody with the key may have written it. Nothing is allocated by what a length
// says beyond one part.
func FuzzCarryParts(f *testing.F) {
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	head := (&carryHead{team: crdt.DocID{1}, madeMS: 1, operations: 2, documents: 1}).append(nil)
	rec, err := crdt.Seal(crdt.Op{Dot: crdt.Dot{Epoch: 1, Seq: 1}, WallMS: 5, Kind: 32}, [crdt.SaltBytes]byte{}, []byte{0xa0}, crdt.Ed25519Signer(identity.FromSeed([32]byte{1}).Key()))
	if err != nil {
		f.Fatal(err)
	}
	batch := carryBatch(&wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{rec}})
	f.Add(append(append(frame(head), frame(batch)...), frame(nil)...))
	f.Add(frame(head))
	f.Add([]byte{255, 255, 255, 255})
	f.Add(append(frame(head), 0, 0, 0, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &carryReader{in: bytes.NewReader(b)}
		headBytes, err := c.frame(carryHeadMax)
		if err == nil {
			_, err = parseCarryHead(headBytes)
		}
		for err == nil {
			m, berr := c.batch()
			if err = berr; err == nil && m == nil {
				err = io.EOF
			}
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, vault.ErrDamaged) && !errors.Is(err, crdt.ErrFormat) {
			t.Fatal(err)
		}
	})
}
