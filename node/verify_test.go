package node

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/store"
	"muster/node/wire"
)

// A bentStore shows something else than what was written.
type bentStore struct {
	store.Store
	mu   sync.Mutex
	scan func(*crdt.Record) *crdt.Record // nil: the record is not there
	own  func(*crdt.Record) *crdt.Record
	ends func(crdt.Frontier) crdt.Frontier
	err  error // of Scan, at its end
}

func bent(f func(*crdt.Record) *crdt.Record, visit func(*crdt.Record) error) func(*crdt.Record) error {
	return func(r *crdt.Record) error {
		if f != nil {
			if r = f(r); r == nil {
				return nil
			}
		}
		return visit(r)
	}
}

func (b *bentStore) Scan(doc crdt.DocID, visit func(*crdt.Record) error) error {
	b.mu.Lock()
	f, fail := b.scan, b.err
	b.mu.Unlock()
	if err := b.Store.Scan(doc, bent(f, visit)); err != nil {
		return err
	}
	return fail
}

func (b *bentStore) Own(visit func(*crdt.Record) error) error {
	b.mu.Lock()
	f := b.own
	b.mu.Unlock()
	return b.Store.Own(bent(f, visit))
}

func (b *bentStore) Frontier(doc crdt.DocID) (crdt.Frontier, error) {
	f, err := b.Store.Frontier(doc)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ends != nil {
		f = b.ends(f)
	}
	return f, err
}

// Audit reads through what is bent, as the store's own would.
func (b *bentStore) Audit(verify crdt.Verifier, _ func(store.Progress)) error {
	docs, err := b.Documents()
	if err != nil {
		return err
	}
	check := func(r *crdt.Record) error {
		if r.Sig != nil && !r.Verify(verify) {
			return &store.CorruptError{Doc: r.Doc(), Dot: r.Op.Dot, What: store.WhatSignature}
		}
		return nil
	}
	for _, d := range docs {
		if err := b.Scan(d, check); err != nil {
			return err
		}
	}
	return b.Own(check)
}

// written is a bubble of two nodes with an incident, notes of both, one of them redacted.
func written(t *testing.T, bend *bentStore) *bubble {
	b := newBubble(t)
	if bend != nil {
		b.bend = func(s store.Store) store.Store { bend.Store = s; return bend }
	}
	b.add()
	b.bend = nil
	b.add()
	b.write(0, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2})
	b.await(5*time.Second, "equal", b.equal)
	for i := range 6 {
		b.write(i%2, api.Write{Verb: "note", Text: fmt.Sprintf("note %d", i)})
	}
	b.write(0, api.Write{Verb: "note", Text: "door code 4471"})
	b.write(0, api.Write{Verb: "redact", Ref: "door code", Text: "a secret", Reason: "a secret"})
	b.await(5*time.Second, "equal", b.equal)
	return b
}

func verified(t *testing.T, n *Node) api.Verification {
	t.Helper()
	v, err := n.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v.Schema != "muster.verify/1" || v.Sound != (len(v.Problems) == 0) {
		t.Errorf("schema %q, sound %t with %d problems", v.Schema, v.Sound, len(v.Problems))
	}
	for _, p := range v.Problems {
		if p.Kind == "" || p.Text == "" || p.Hint == "" {
			t.Errorf("a problem without words: %+v", p)
		}
	}
	return v
}

// TestVerifyCountsWhatIsThere: a sound store has no problems, its figures are those of the status, and the other node is equal.
func TestVerifyCountsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := written(t, nil)
		for i, n := range b.nodes {
			v := verified(t, n)
			st, err := n.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !v.Sound || v.Documents != 2 || v.Operations != st.Operations || v.Erased != 1 || v.Bodies != v.Operations-1 {
				t.Errorf("p%d: %+v of %d operations", i, v, st.Operations)
			}
			if v.Signatures+v.Vouched != v.Operations || v.Own == 0 || v.Logs < 3 {
				t.Errorf("p%d: %d signatures, %d vouched, %d own, %d logs", i, v.Signatures, v.Vouched, v.Own, v.Logs)
			}
			if len(v.Peers) != 1 || !v.Peers[0].Equal || v.Peers[0].Lacks != 0 {
				t.Errorf("p%d: peers %+v", i, v.Peers)
			}
		}
		if _, err := b.nodes[0].Cut(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		b.write(0, api.Write{Verb: "note", Text: "alone"})
		if v := verified(t, b.nodes[0]); !v.Sound || v.Peers[0].Equal || v.Peers[0].Lacks != 1 || v.Peers[0].Reachable {
			t.Errorf("cut off: %+v", v.Peers)
		}
		b.stop()
	})
}

// TestVerifyFindsWhatIsWrong: each way in which a store can differ from what was written is found, by its kind.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	last := func(r *crdt.Record) bool { return r.Op.Kind == board.KindRedact }
	note := func(r *crdt.Record) bool { return r.Op.Kind == board.KindNote && r.Op.Dot.Seq > 2 }
	for _, c := range []struct {
		name string
		bend func(*bentStore)
		want string
	}{
		{"nothing", func(*bentStore) {}, ""},
		{"the end of a log is gone", func(b *bentStore) {
			b.scan = func(r *crdt.Record) *crdt.Record {
				if last(r) {
					return nil
				}
				return r
			}
		}, api.ProblemMissing},
		{"a forged signature", func(b *bentStore) {
			b.scan = func(r *crdt.Record) *crdt.Record {
				if last(r) {
					forged := *r
					forged.Sig = &[crdt.SignatureBytes]byte{1}
					return &forged
				}
				return r
			}
		}, api.ProblemDamage},
		{"damage in the middle", func(b *bentStore) { b.err = &store.CorruptError{What: "a block is unreadable"} }, api.ProblemDamage},
		{"a text is gone", func(b *bentStore) {
			b.scan = func(r *crdt.Record) *crdt.Record {
				if note(r) {
					return r.WithoutBody()
				}
				return r
			}
		}, api.ProblemErasure},
		{"a redacted text is back", func(b *bentStore) {
			b.scan = func(r *crdt.Record) *crdt.Record {
				back := *r
				back.Erased = false
				return &back
			}
		}, api.ProblemErasure},
		{"the journal lost its end", func(b *bentStore) {
			b.own = func(r *crdt.Record) *crdt.Record {
				if last(r) {
					return nil
				}
				return r
			}
		}, api.ProblemJournal},
		{"an operation nobody sees", func(b *bentStore) {
			b.scan = func(r *crdt.Record) *crdt.Record {
				if last(r) {
					other := *r
					other.Hash[0] ^= 1
					return &other
				}
				return r
			}
		}, api.ProblemMissing},
		{"a frontier that lies", func(b *bentStore) {
			b.ends = func(f crdt.Frontier) crdt.Frontier { return f[:0:0] }
		}, api.ProblemMissing},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bend := &bentStore{}
				b := written(t, bend)
				bend.mu.Lock()
				c.bend(bend)
				bend.mu.Unlock()
				v := verified(t, b.nodes[0])
				bend.mu.Lock()
				bend.scan, bend.own, bend.ends, bend.err = nil, nil, nil, nil
				bend.mu.Unlock()
				if c.want == "" != v.Sound || !v.Sound && !slices.ContainsFunc(v.Problems, func(p api.Problem) bool { return p.Kind == c.want }) {
					t.Errorf("want %q, found %+v", c.want, v.Problems)
				}
				b.stop()
			})
		})
	}
}

// TestVerifyNamesForks: a device that continued its log twice is named, with both branches kept.
func TestVerifyNamesForks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := written(t, nil)
		s, p1 := b.nodes[0].session, b.nodes[1].device
		err := s.do(t.Context(), func(now time.Time) error {
			doc := s.r.Documents()[0]
			for _, tip := range s.r.Graph(doc).Frontier() {
				if tip.Log.Device != p1.ID() {
					continue
				}
				var first *crdt.Record
				err := s.store.Scan(doc, func(r *crdt.Record) error {
					if r.Op.Dot.Log() == tip.Log && r.Op.Dot.Seq == 1 {
						first = r
					}
					return nil
				})
				if err != nil {
					return err
				}
				op := first.Op
				op.WallMS++
				twin, err := crdt.Seal(op, first.Salt, first.Body, crdt.Ed25519Signer(p1.Key()))
				if err != nil {
					return err
				}
				return s.r.Step(now, p1.ID(), &wire.Batch{Doc: doc, Records: []*crdt.Record{twin}})
			}
			return fmt.Errorf("p1 wrote nothing")
		})
		if err != nil {
			t.Fatal(err)
		}
		v := verified(t, b.nodes[0])
		if len(v.Problems) != 1 || v.Problems[0].Kind != api.ProblemFork || !strings.HasPrefix(v.Problems[0].Text, "p1's device ") || v.Problems[0].Incident == "" {
			t.Errorf("found %+v", v.Problems)
		}
		b.stop()
	})
}

// TestVerifyWhileWriting: an audit beside a writer and a peer that writes finds nothing wrong that is not.
func TestVerifyWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := written(t, nil)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				for k := 0; ctx.Err() == nil && k < 200; k++ {
					if _, err := b.nodes[i].Write(ctx, api.Write{Verb: "note", Text: fmt.Sprintf("p%d %d", i, k)}); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 20 {
			v := verified(t, b.nodes[0])
			if slices.ContainsFunc(v.Problems, func(p api.Problem) bool { return p.Kind != api.ProblemUnstable }) {
				t.Fatalf("found %+v", v.Problems)
			}
			time.Sleep(7 * time.Millisecond)
		}
		stop()
		wg.Wait()
		b.stop()
	})
}

// alone runs a node on a real disk until the test has used it.
func alone(t *testing.T, dir string, use func(*Node)) {
	t.Helper()
	n, err := New(Config{Dir: dir, Responder: "ann", NoAPI: true, NoDiscover: true, Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	use(n)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestVerifyOnDisk: the audit of a real store, and what its hint promises: without Badger's files the journal brings all
// own operations back.
func TestVerifyOnDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	var operations int
	alone(t, dir, func(n *Node) {
		if _, err := n.Write(t.Context(), api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2}); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if _, err := n.Write(t.Context(), api.Write{Verb: "note", Text: fmt.Sprint("note ", i)}); err != nil {
				t.Fatal(err)
			}
		}
		v := verified(t, n)
		if operations = v.Operations; !v.Sound || operations < 12 || v.Own != operations || len(v.Notes) > 0 {
			t.Errorf("%+v", v)
		}
	})
	teams, err := filepath.Glob(filepath.Join(dir, "teams", "*", "store", "badger"))
	if err != nil || len(teams) != 1 {
		t.Fatalf("%v, %v", teams, err)
	}
	if err := os.RemoveAll(teams[0]); err != nil {
		t.Fatal(err)
	}
	alone(t, dir, func(n *Node) {
		if v := verified(t, n); !v.Sound || v.Operations != operations || len(v.Notes) == 0 {
			t.Errorf("after the loss of badger: %+v, want %d operations", v, operations)
		}
	})
}
