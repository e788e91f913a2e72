package node

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/store"
)

// wantFull checks that err says that the disk is full and what to do.
func wantFull(t *testing.T, err error) {
	t.Helper()
	if e := api.AsError(err); err == nil || e.Code != api.CodeDiskFull || e.Hint == "" {
		t.Fatalf("write on a full disk: %v, want %s and a hint", err, api.CodeDiskFull)
	}
}

// status asks a node, which must answer.
func (b *bubble) status(n *Node) api.Status {
	b.t.Helper()
	st, err := n.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return st
}

// warns reports whether a node warns of something.
func (b *bubble) warns(n *Node, of string) bool {
	return strings.Contains(strings.Join(b.status(n).Warnings, "\n"), of)
}

// opens declares an incident and returns the receipt.
func (b *bubble) opens(n *Node, title string) api.Receipt {
	b.t.Helper()
	r, err := n.Write(b.t.Context(), api.Write{Verb: "declare", Text: title, Severity: 3})
	if err != nil {
		b.t.Fatalf("declare %q: %v", title, err)
	}
	return r
}

// TestFullDiskIsReadableAndCatchesUp: while a node's disk is full it shows what it holds, takes nothing and claims nothing;
// what the others wrote meanwhile reaches it as soon as there is room.
func TestFullDiskIsReadableAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		full, p1, p2 := b.add(), b.add(), b.add()
		b.opens(full, "before")
		b.await(10*time.Second, "all equal", func() bool { return b.status(full).Digest == b.status(p2).Digest })
		disk := b.stores[full.home.team(full.team)]
		disk.Fail(store.ErrDiskFull)

		_, err := full.Write(t.Context(), api.Write{Verb: "declare", Text: "during", Severity: 3})
		wantFull(t, err)
		if !b.warns(full, "until there is room") || len(b.status(full).Incidents) != 1 {
			t.Errorf("a full disk shows %+v", b.status(full))
		}
		before := b.status(full).Operations
		if r := b.opens(p1, "elsewhere"); r.Delivery.Delivered != 1 || r.Delivery.Known != 2 {
			t.Errorf("delivered to %+v, want one of two", r.Delivery)
		}
		time.Sleep(time.Minute) // virtual: whatever is tried again has been
		if st := b.status(full); st.Operations != before {
			t.Errorf("%d operations on a full disk, then %d", before, st.Operations)
		}
		b.await(10*time.Second, "the others to be equal", func() bool { return b.status(p1).Digest == b.status(p2).Digest })

		disk.Fail(nil)
		took := b.await(5*time.Second, "the full disk to catch up", func() bool { return b.status(full).Digest == b.status(p1).Digest })
		t.Logf("caught up %.1f s after there was room", took.Seconds())
		if len(b.status(full).Warnings) > 0 {
			t.Errorf("it still warns of %q", b.status(full).Warnings)
		}
		b.opens(full, "after")
		b.stop()
	})
}

// A fillingStore has room until it is to write.
type fillingStore struct {
	store.Store
	full atomic.Bool
}

func (f *fillingStore) Put(own, peers []*crdt.Record) error {
	if f.full.CompareAndSwap(true, false) {
		return store.ErrDiskFull
	}
	return f.Store.Put(own, peers)
}

// TestDiskFillsInMidWrite: what the disk did not take, although there seemed to be room, has not happened: its author is
// told, nobody hears of it, and the next write is like any other.
func TestDiskFillsInMidWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		var last *fillingStore
		b.bend = func(s store.Store) store.Store { last = &fillingStore{Store: s}; return last }
		n := b.add()
		filling := last
		other := b.add()
		b.opens(n, "before")
		b.await(10*time.Second, "both equal", func() bool { return b.status(n).Digest == b.status(other).Digest })
		before := b.status(n)

		filling.full.Store(true)
		_, err := n.Write(t.Context(), api.Write{Verb: "declare", Text: "lost", Severity: 3})
		wantFull(t, err)
		if st := b.status(n); st.Digest != before.Digest || st.Operations != before.Operations {
			t.Errorf("a write that was refused left %d operations, want %d", st.Operations, before.Operations)
		}
		if r := b.opens(n, "after"); r.Delivery.Delivered != 1 {
			t.Errorf("the next write: %+v", r.Delivery)
		}
		b.await(10*time.Second, "both equal", func() bool { return b.status(n).Digest == b.status(other).Digest })
		b.stop()
	})
}
