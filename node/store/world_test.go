package store

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/crdt"
)

// An author writes operations with one key.
type author struct {
	signer crdt.Ed25519Signer
	tips   map[docLog]crdt.Tip
	signed map[crdt.Hash]*crdt.Record // what run returned without its signature, with it
	n      int
}

func newAuthor(seed byte) *author {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return &author{
		signer: crdt.Ed25519Signer(ed25519.NewKeyFromSeed(s)),
		tips:   make(map[docLog]crdt.Tip), signed: make(map[crdt.Hash]*crdt.Record),
	}
}

func (a *author) device() crdt.DeviceID { return a.signer.Device() }

// after returns an operation on top of tip.
func (a *author) after(doc crdt.DocID, epoch uint64, tip crdt.Tip, body string) *crdt.Record {
	a.n++
	op := crdt.Op{
		Doc: doc, Dot: crdt.Dot{Epoch: epoch, Seq: tip.Seq + 1}, Prev: tip.Hash, Kind: 99, WallMS: int64(a.n),
	}
	if tip.Seq == 0 && !doc.IsZero() {
		op.Parents = []crdt.Hash{crdt.Hash(doc)}
	}
	var salt [crdt.SaltBytes]byte
	binary.BigEndian.PutUint64(salt[:], uint64(a.n))
	r, err := crdt.Seal(op, salt, []byte(body), a.signer)
	if err != nil {
		panic(err)
	}
	return r
}

// next returns the next operation of a log of its own.
func (a *author) next(doc crdt.DocID, epoch uint64, body string) *crdt.Record {
	at := docLog{doc, crdt.LogID{Device: a.device(), Epoch: epoch}}
	r := a.after(doc, epoch, a.tips[at], body)
	a.tips[docLog{r.Doc(), at.log}] = crdt.Tip{Log: at.log, Seq: r.Op.Dot.Seq, Hash: r.Hash}
	return r
}

// found returns the first operation of a new document.
func (a *author) found(epoch uint64) *crdt.Record {
	return a.next(crdt.DocID{}, epoch, fmt.Sprintf("document %d", a.n))
}

// run returns n operations of a log, of which only the last is signed.
func (a *author) run(doc crdt.DocID, epoch uint64, n, bodyBytes int) []*crdt.Record {
	rng := rand.New(rand.NewPCG(uint64(n), epoch))
	var out []*crdt.Record
	for i := range n {
		body := make([]byte, bodyBytes)
		for j := range body {
			body[j] = byte(rng.Uint32())
		}
		r := a.next(doc, epoch, string(body))
		if i < n-1 {
			a.signed[r.Hash] = r
			r = unsigned(r)
		}
		out = append(out, r)
	}
	return out
}

func unsigned(r *crdt.Record) *crdt.Record {
	u := *r
	u.Sig = nil
	return &u
}

var me = newAuthor(1).device()

// failer is what the helpers need of *testing.T, *testing.B or *rapid.T.
type failer interface {
	Helper()
	Name() string
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Every test of a store on disk runs on a plain one and on a sealed one. Which it is stands in its name, where everything
// that opens a store looks.
func eachForm(t *testing.T, test func(t *testing.T)) {
	t.Run("plain", test)
	t.Run("sealed", test)
}

var testKey = bytes.Repeat([]byte{7}, KeyBytes)

// keyOf returns the key for the stores of a test.
func keyOf(t failer) []byte {
	if strings.Contains(t.Name(), "sealed") {
		return testKey
	}
	return nil
}

func configOf(t failer) Config { return Config{Device: me, Key: keyOf(t)} }

func openDisk(t failer, dir string) (*Disk, Report) {
	t.Helper()
	d, rep, err := Open(dir, configOf(t))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return d, rep
}

func mustClose(t failer, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func mustPut(t failer, s Store, own, peers []*crdt.Record) {
	t.Helper()
	if err := s.Put(own, peers); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// crash leaves a store as a killed process would: what is on disk is copied elsewhere while the store is open, with the
// place of the copy entered into its journal, as if it had always been there.
func crash(t testing.TB, d *Disk) (dir string) {
	t.Helper()
	dir = copyDir(t, d.dir)
	mustClose(t, d)
	settle(t, dir)
	return dir
}

// settle makes the journal in dir name the place where it is.
func settle(t testing.TB, dir string, keys ...[]byte) {
	t.Helper()
	if keys == nil {
		keys = [][]byte{testKey}
	}
	c, err := readJournal(dir, me, slices.DeleteFunc(slices.Clone(keys), func(k []byte) bool { return k == nil })...)
	if err != nil || c.missing || c.damage != "" {
		t.Fatalf("journal of the copy: %v %+v", err, c.damage)
	}
	j, at, err := openJournal(dir, Config{}, &c)
	if err != nil {
		t.Fatal(err)
	}
	m := c.last()
	m.place = at
	b, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	where := lastMark(t, &c, b)
	if _, err := j.file.WriteAt(j.appendFrame(nil, j.seal(m.frame(), where)), where); err != nil {
		t.Fatal(err)
	}
	if err := j.file.Close(); err != nil {
		t.Fatal(err)
	}
}

// lastMark returns where in journal b the last epoch mark is.
func lastMark(t testing.TB, c *journalContent, b []byte) (where int64) {
	t.Helper()
	for at := headerBytes; ; {
		fr, n, ok := c.framing.parseFrame(b[at:])
		if !ok {
			return where
		}
		if fr.kind == frameEpoch {
			where = int64(at)
		}
		at += n
	}
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// collect returns everything a store shows of a document.
func collect(t failer, s Store, doc crdt.DocID) []*crdt.Record {
	t.Helper()
	var out []*crdt.Record
	if err := s.Scan(doc, func(r *crdt.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatalf("scan: %v", err)
	}
	return out
}

func ownOf(t failer, s Store) []*crdt.Record {
	t.Helper()
	var out []*crdt.Record
	if err := s.Own(func(r *crdt.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatalf("own: %v", err)
	}
	return out
}

// same fails unless got and want are the same records, nil and empty bodies apart.
func same(t failer, what string, got, want []*crdt.Record) {
	t.Helper()
	eq := func(a, b *crdt.Record) bool {
		return string(crdt.AppendRecord(nil, a)) == string(crdt.AppendRecord(nil, b))
	}
	if !slices.EqualFunc(got, want, eq) {
		name := func(rs []*crdt.Record) (out []string) {
			for _, r := range rs {
				out = append(out, fmt.Sprintf("%s %.8s signed=%t erased=%t", r.Op.Dot, r.Hash, r.Sig != nil, r.Erased))
			}
			return out
		}
		t.Fatalf("%s (-want +got):\n%s", what, cmp.Diff(name(want), name(got)))
	}
}

// filesWith returns the files under dir that contain needle.
func filesWith(t testing.TB, dir, needle string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(needle)) {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
