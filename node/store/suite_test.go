package store

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"muster/crdt"
)

// An implementation under test can be opened empty, and opened again after Close.
type implementation struct {
	open   func(t failer) Store
	reopen func(t failer, closed Store) Store
}

var memory = implementation{
	open: func(t failer) Store {
		m, err := NewMemory(Config{Device: me})
		if err != nil {
			t.Fatal(err)
		}
		return m
	},
	reopen: func(_ failer, s Store) Store { return s.(*Memory).Crash() },
}

func disk(tmp testing.TB) implementation {
	return implementation{
		open: func(t failer) Store {
			d, _ := openDisk(t, filepath.Join(tmp.TempDir(), "store"))
			if sealed := strings.Contains(tmp.Name(), "sealed"); sealed != (d.archive.key != nil) || sealed != (d.journalKey != nil) {
				t.Fatal("the store has not the form asked for")
			}
			return d
		},
		reopen: func(t failer, s Store) Store {
			d, rep := openDisk(t, s.(*Disk).dir)
			if rep != (Report{Epoch: rep.Epoch}) {
				t.Fatalf("an orderly close left work to do: %+v", rep)
			}
			return d
		},
	}
}

// eachStore runs a test on every implementation.
func eachStore(t *testing.T, test func(t *testing.T, im implementation)) {
	t.Run("Memory", func(t *testing.T) { test(t, memory) })
	t.Run("Disk", func(t *testing.T) { test(t, disk(t)) })
	t.Run("Disk sealed", func(t *testing.T) { test(t, disk(t)) })
}

// A model is the simplest thing that behaves as a Store should.
type model struct {
	records map[crdt.Hash]*crdt.Record
	own     []crdt.Hash
	epoch   uint64
}

func (m *model) put(r *crdt.Record) {
	held := m.records[r.Hash]
	switch {
	case held == nil:
		m.records[r.Hash] = r
	case held.Sig == nil:
		both := *held
		both.Sig = r.Sig
		m.records[r.Hash] = &both
	}
}

// shown returns the records of a document that are signed or have a signed descendant in their log, in order of Scan.
func (m *model) shown(doc crdt.DocID) []*crdt.Record {
	vouched := make(map[crdt.Hash]bool)
	for _, r := range m.records {
		if r.Sig == nil {
			continue
		}
		for ; r != nil; r = m.records[r.Op.Prev] {
			vouched[r.Hash] = true
		}
	}
	var out []*crdt.Record
	for h, r := range m.records {
		if r.Doc() == doc && vouched[h] {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *crdt.Record) int {
		return cmp.Or(a.Op.Dot.Log().Compare(b.Op.Dot.Log()), cmp.Compare(a.Op.Dot.Seq, b.Op.Dot.Seq), a.Hash.Compare(b.Hash))
	})
	return out
}

func (m *model) documents() []crdt.DocID {
	var out []crdt.DocID
	for _, r := range m.records {
		if !slices.Contains(out, r.Doc()) {
			out = append(out, r.Doc())
		}
	}
	slices.SortFunc(out, crdt.DocID.Compare)
	return out
}

func (m *model) frontier(doc crdt.DocID) crdt.Frontier {
	shown := m.shown(doc)
	var f crdt.Frontier
	for _, r := range shown {
		if !slices.ContainsFunc(shown, func(s *crdt.Record) bool { return s.Op.Prev == r.Hash }) {
			f = append(f, crdt.Tip{Log: r.Op.Dot.Log(), Seq: r.Op.Dot.Seq, Hash: r.Hash})
		}
	}
	slices.SortFunc(f, crdt.Tip.Compare)
	return f
}

func (m *model) heads() []Head {
	out := []Head{}
	last := make(map[crdt.DocID]crdt.Tip)
	for _, h := range m.own {
		if r := m.records[h]; r.Op.Dot.Epoch == m.epoch {
			last[r.Doc()] = crdt.Tip{Log: r.Op.Dot.Log(), Seq: r.Op.Dot.Seq, Hash: r.Hash}
		}
	}
	for doc, tip := range last {
		out = append(out, Head{doc, tip})
	}
	slices.SortFunc(out, func(a, b Head) int { return a.Doc.Compare(b.Doc) })
	return out
}

// A machine drives a store and the model through one history.
type machine struct {
	t     failer
	im    implementation
	store Store
	model model
	me    *author
	peers []*author
	docs  []crdt.DocID
	all   []*crdt.Record // every record ever made, as first made
}

func newMachine(t failer, im implementation) *machine {
	s := im.open(t)
	return &machine{
		t: t, im: im, store: s, me: newAuthor(1), peers: []*author{newAuthor(2), newAuthor(3)},
		model: model{records: make(map[crdt.Hash]*crdt.Record), epoch: s.Epoch()},
	}
}

func (m *machine) put(own, peers []*crdt.Record) {
	mustPut(m.t, m.store, own, peers)
	for _, r := range own {
		if m.model.records[r.Hash] == nil {
			m.model.own = append(m.model.own, r.Hash)
		}
		m.model.put(r)
	}
	for _, r := range peers {
		m.model.put(r)
	}
	m.all = append(append(m.all, own...), peers...)
	for _, doc := range m.model.documents() {
		if !slices.Contains(m.docs, doc) {
			m.docs = append(m.docs, doc)
		}
	}
}

// check compares everything the store shows with the model.
func (m *machine) check() {
	m.t.Helper()
	docs, err := m.store.Documents()
	if err != nil {
		m.t.Fatal(err)
	}
	m.equal("documents", docs, m.model.documents())
	m.equal("own heads", m.store.OwnHeads(), m.model.heads())
	m.equal("epoch", m.store.Epoch(), m.model.epoch)
	for _, doc := range docs {
		want := m.model.shown(doc)
		same(m.t, "scan", collect(m.t, m.store, doc), want)
		f, err := m.store.Frontier(doc)
		if err != nil {
			m.t.Fatal(err)
		}
		m.equal("frontier", f, m.model.frontier(doc))
		m.checkRuns(doc, want)
	}
	var own []*crdt.Record
	for _, h := range m.model.own {
		own = append(own, m.model.records[h])
	}
	same(m.t, "own", ownOf(m.t, m.store), own)
}

// checkRuns reads each log in runs of about 500 bytes and expects the parts of the whole.
func (m *machine) checkRuns(doc crdt.DocID, want []*crdt.Record) {
	m.t.Helper()
	const maxBytes = 500
	for len(want) > 0 {
		log := want[0].Op.Dot.Log()
		var rest []*crdt.Record
		for len(want) > 0 && want[0].Op.Dot.Log() == log {
			rest, want = append(rest, want[0]), want[1:]
		}
		for len(rest) > 0 {
			got, err := m.store.Run(doc, log, rest[0].Op.Dot.Seq, maxBytes)
			if err != nil {
				m.t.Fatal(err)
			}
			if len(got) == 0 || len(got) > len(rest) {
				m.t.Fatalf("run: got %d records of %d", len(got), len(rest))
			}
			same(m.t, "run", got, rest[:len(got)])
			size := 0
			for _, r := range got {
				size += len(crdt.AppendRecord(nil, r))
			}
			if size > maxBytes && len(got) > 1 {
				m.t.Fatalf("run: %d bytes in %d records, at most %d", size, len(got), maxBytes)
			}
			// The next run begins at the next seq, past what this one cut of a fork.
			next := got[len(got)-1].Op.Dot.Seq + 1
			rest = slices.DeleteFunc(rest, func(r *crdt.Record) bool { return r.Op.Dot.Seq < next })
		}
	}
}

func (m *machine) equal(what string, got, want any) {
	m.t.Helper()
	if diff := gocmp.Diff(want, got); diff != "" {
		m.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// step does one thing at random.
func (m *machine) step(pick func(n int) int) {
	doc := crdt.DocID{} // the zero document stands for a new one
	if len(m.docs) > 0 && pick(4) > 0 {
		doc = m.docs[pick(len(m.docs))]
	}
	peer := m.peers[pick(len(m.peers))]
	epoch := uint64(1 + pick(2))
	switch pick(10) {
	case 0, 1, 2: // write
		var own []*crdt.Record
		for range 1 + pick(3) {
			r := m.me.next(doc, m.model.epoch, "own")
			doc = r.Doc()
			own = append(own, r)
		}
		m.put(own, nil)
	case 3, 4: // receive a run, its signature last or not at all
		if doc.IsZero() {
			m.put(nil, []*crdt.Record{peer.found(epoch)})
			return
		}
		run := peer.run(doc, epoch, 1+pick(4), 30)
		m.put(nil, run[:len(run)-pick(2)])
		if missing := run[len(run)-1]; m.model.records[missing.Hash] == nil {
			peer.tips[docLog{doc, missing.Op.Dot.Log()}] = crdt.Tip{
				Log: missing.Op.Dot.Log(), Seq: missing.Op.Dot.Seq - 1, Hash: missing.Op.Prev,
			}
		}
	case 5: // a fork: two operations behind the same one
		if len(m.all) == 0 {
			return
		}
		r := m.all[pick(len(m.all))]
		if r.Op.Dot.Device == m.me.device() {
			return
		}
		for _, p := range m.peers {
			if p.device() == r.Op.Dot.Device {
				fork := p.after(r.Doc(), r.Op.Dot.Epoch, crdt.Tip{Seq: r.Op.Dot.Seq, Hash: r.Hash}, "fork")
				if pick(2) == 0 {
					fork = unsigned(fork)
				}
				m.put(nil, []*crdt.Record{fork})
			}
		}
	case 6: // receive again, perhaps with the signature it lacked
		if len(m.all) > 0 {
			r := m.all[pick(len(m.all))]
			if signed := peer.signed[r.Hash]; signed != nil {
				r = signed
			}
			m.put(nil, []*crdt.Record{r, r})
		}
	case 7: // redact
		if len(m.all) > 0 {
			r := m.all[pick(len(m.all))]
			unknown := Ref{crdt.Dot{Device: me, Epoch: 1, Seq: 1}, crdt.Hash{1}}
			if err := m.store.Erase(r.Doc(), []Ref{RefTo(r), unknown, RefTo(r)}); err != nil {
				m.t.Fatal(err)
			}
			m.model.records[r.Hash] = m.model.records[r.Hash].WithoutBody()
			if pick(2) == 0 {
				if err := m.store.Compact(); err != nil {
					m.t.Fatal(err)
				}
			}
		}
	case 8: // restart
		mustClose(m.t, m.store)
		m.store = m.im.reopen(m.t, m.store)
	case 9:
		old := m.model.epoch
		epoch, err := m.store.NewEpoch("a peer knows more")
		if err != nil || epoch == old {
			m.t.Fatalf("new epoch: %x after %x, %v", epoch, old, err)
		}
		m.model.epoch = epoch
	}
}

// TestAgreesWithModel: whatever happens, in whatever order, restarts included, a store shows what a plain map would.
func TestAgreesWithModel(t *testing.T) {
	t.Run("Memory", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			m := newMachine(rt, memory)
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				m.step(func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") })
			}
			m.check()
		})
	})
	t.Run("Disk", func(t *testing.T) { // fixed seeds: opening takes too long for shrinking
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, 0))
			m := newMachine(t, disk(t))
			for range 50 {
				m.step(rng.IntN)
				if rng.IntN(8) == 0 {
					m.check()
				}
			}
			m.check()
			mustClose(t, m.store)
		}
	})
}

// TestRefusesFork: an own operation that does not continue the log would fork it, so nothing of its batch is stored.
func TestRefusesFork(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		a := newAuthor(1)
		first := a.found(s.Epoch())
		mustPut(t, s, []*crdt.Record{first}, nil)
		tip := crdt.Tip{Seq: 1, Hash: first.Hash}
		good := a.after(first.Doc(), s.Epoch(), tip, "good")
		for name, bad := range map[string]*crdt.Record{
			"same dot":      a.after(first.Doc(), s.Epoch(), crdt.Tip{}, "again"),
			"gap":           a.after(first.Doc(), s.Epoch(), crdt.Tip{Seq: 2, Hash: first.Hash}, "gap"),
			"other past":    a.after(first.Doc(), s.Epoch(), crdt.Tip{Seq: 2, Hash: crdt.Hash{1}}, "past"),
			"other epoch":   a.after(first.Doc(), s.Epoch()+1, tip, "epoch"),
			"other device":  newAuthor(2).after(first.Doc(), s.Epoch(), tip, "device"),
			"fork of batch": a.after(first.Doc(), s.Epoch(), tip, "twin"),
		} {
			if err := s.Put([]*crdt.Record{good, bad}, []*crdt.Record{good}); !errors.Is(err, ErrNotNext) {
				t.Errorf("%s: got %v, want ErrNotNext", name, err)
			}
		}
		same(t, "after refusals", collect(t, s, first.Doc()), []*crdt.Record{first})
		mustPut(t, s, []*crdt.Record{good, first, good}, nil)
		same(t, "after a good one", ownOf(t, s), []*crdt.Record{first, good})
		mustClose(t, s)
	})
}

// TestHidesWhatNoSignatureVouchesFor: a run cut before its signature is held, and shown once the signature comes.
func TestHidesWhatNoSignatureVouchesFor(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		p := newAuthor(2)
		first := p.found(1)
		doc := first.Doc()
		run := p.run(doc, 1, 5, 20)
		mustPut(t, s, nil, append([]*crdt.Record{first}, run[:4]...))
		same(t, "cut run", collect(t, s, doc), []*crdt.Record{first})
		f, err := s.Frontier(doc)
		if err != nil || len(f) != 1 || f[0].Seq != 1 {
			t.Fatalf("frontier of a cut run: %v %v", f, err)
		}
		if got, err := s.Run(doc, first.Op.Dot.Log(), 2, 1000); err != nil || len(got) != 0 {
			t.Fatalf("run behind the signature: %d records, %v", len(got), err)
		}
		mustPut(t, s, nil, run[4:])
		same(t, "whole run", collect(t, s, doc), append([]*crdt.Record{first}, run...))
		mustClose(t, s)
	})
}

// TestSplitsHugeBatch: a batch of many times a transaction arrives whole.
func TestSplitsHugeBatch(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		p := newAuthor(2)
		first := p.found(1)
		batch := append([]*crdt.Record{first}, p.run(first.Doc(), 1, 150, crdt.MaxBodyBytes)...)
		mustPut(t, s, nil, batch)
		same(t, "scan", collect(t, s, first.Doc()), batch)
		mustClose(t, s)
	})
}

// TestRefusesTooLarge: a body over the limit is the caller's mistake and does not stop the store.
func TestRefusesTooLarge(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		r := newAuthor(2).found(1)
		huge := *r
		huge.Body = bytes.Repeat([]byte{1}, crdt.MaxBodyBytes+1)
		if err := s.Put(nil, []*crdt.Record{&huge}); !errors.Is(err, crdt.ErrTooLarge) {
			t.Fatalf("got %v", err)
		}
		mustPut(t, s, nil, []*crdt.Record{r})
		mustClose(t, s)
	})
}

// TestRefusesAfterClose: a closed store says so, whatever it is asked.
func TestRefusesAfterClose(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		mustClose(t, s)
		visit := func(*crdt.Record) error { return nil }
		_, err1 := s.Documents()
		_, err2 := s.Frontier(crdt.DocID{})
		_, err3 := s.Run(crdt.DocID{}, crdt.LogID{}, 1, 1)
		_, err4 := s.NewEpoch("")
		for i, err := range []error{
			err1, err2, err3, err4, s.Put(nil, nil), s.Erase(crdt.DocID{}, nil), s.Scan(crdt.DocID{}, visit), s.Own(visit),
			s.Compact(), s.Close(),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("call %d: got %v, want ErrClosed", i, err)
			}
		}
	})
}

// TestVisitorEndsScan: what the visitor returns is returned.
func TestVisitorEndsScan(t *testing.T) {
	eachStore(t, func(t *testing.T, im implementation) {
		s := im.open(t)
		a := newAuthor(1)
		first := a.found(s.Epoch())
		mustPut(t, s, []*crdt.Record{first, a.next(first.Doc(), s.Epoch(), "2")}, nil)
		enough := errors.New("enough")
		calls := 0
		visit := func(*crdt.Record) error { calls++; return enough }
		if err := s.Scan(first.Doc(), visit); err != enough || calls != 1 {
			t.Fatalf("scan: %v after %d", err, calls)
		}
		if err := s.Own(visit); err != enough || calls != 2 {
			t.Fatalf("own: %v after %d", err, calls)
		}
		mustClose(t, s)
	})
}

// TestStopsAfterFailedWrite: a store that failed once does not know what it holds, and writes no more; a full disk is
// another matter.
func TestStopsAfterFailedWrite(t *testing.T) {
	m, err := NewMemory(Config{Device: me})
	if err != nil {
		t.Fatal(err)
	}
	first := newAuthor(2).found(1)
	broken := errors.New("broken")
	m.Fail(ErrDiskFull)
	if err := m.Put(nil, []*crdt.Record{first}); !errors.Is(err, ErrDiskFull) {
		t.Fatalf("full: %v", err)
	}
	mustPut(t, m, nil, []*crdt.Record{first})
	m.Fail(broken)
	if err := m.Put(nil, nil); !errors.Is(err, broken) {
		t.Fatalf("broken: %v", err)
	}
	for i, err := range []error{m.Put(nil, nil), m.Erase(first.Doc(), nil), m.Compact()} {
		if !errors.Is(err, ErrStopped) || !errors.Is(err, broken) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	n := m.Crash()
	same(t, "after a crash", collect(t, n, first.Doc()), []*crdt.Record{first})
	mustPut(t, n, nil, nil)
	if _, err := m.Documents(); !errors.Is(err, ErrClosed) {
		t.Errorf("the crashed store answers: %v", err)
	}
}

// TestEpochNeedsRandomness: a source that fails or repeats itself is an error and no epoch.
func TestEpochNeedsRandomness(t *testing.T) {
	for name, src := range map[string]string{"empty": "", "zeros": string(make([]byte, 1000))} {
		if _, err := NewMemory(Config{Device: me, Rand: strings.NewReader(src)}); err == nil {
			t.Errorf("%s: an epoch was drawn", name)
		}
	}
}
