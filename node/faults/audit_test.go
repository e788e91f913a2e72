//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/store"
)

// audited is what an audit counted.
type audited struct{ acked, lost, reused, operations int }

// audit waits until the nodes agree, compares their boards, stops them and reads their disks.
func audit(t *testing.T, ls []*laptop, g *ledger) audited {
	t.Helper()
	converge(t, ls)
	return auditDisks(t, ls, g, false)
}

// auditDisks is audit of nodes that are equal. Forks are what must have happened, or must not.
func auditDisks(t *testing.T, ls []*laptop, g *ledger, forks bool) audited {
	t.Helper()
	boards := map[string]string{}
	for _, l := range ls {
		boards[l.name] = shown(t, l)
		if boards[l.name] != boards[ls[0].name] {
			t.Errorf("%s and %s show different boards: %s", ls[0].name, l.name, apart(boards[ls[0].name], boards[l.name]))
		}
	}
	for _, l := range ls {
		if err := l.stop(); err != nil {
			t.Errorf("%s ended: %v", l.name, err)
		}
	}
	a := audited{acked: g.len()}
	dots := map[crdt.DocID]map[crdt.Dot]crdt.Hash{}
	forked := map[crdt.Dot]bool{}
	var first map[string]bool
	for _, l := range ls {
		held := read(t, l, func(doc crdt.DocID, r *crdt.Record) {
			if dots[doc] == nil {
				dots[doc] = map[crdt.Dot]crdt.Hash{}
			}
			if h, ok := dots[doc][r.Op.Dot]; ok && h != r.Hash {
				forked[r.Op.Dot] = true
				return
			}
			dots[doc][r.Op.Dot] = r.Hash
		})
		missing := map[string]int{}
		for op, by := range g.acked {
			if !held[op] {
				missing[by]++
				a.lost++
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s lacks acknowledged operations, by author: %v", l.name, missing)
		}
		if first == nil {
			first = held
			a.operations = len(held)
		}
		if len(held) != len(first) {
			t.Errorf("%s holds %d operations, %s %d", l.name, len(held), ls[0].name, len(first))
		}
		for h := range held {
			if !first[h] {
				t.Errorf("%s holds an operation that %s does not", l.name, ls[0].name)
				break
			}
		}
	}
	if a.reused = len(forked); a.reused > 0 != forks {
		t.Errorf("%d dots name two operations; want some: %t", a.reused, forks)
	}
	return a
}

// read opens the store of a node that is stopped, audits it and returns what it holds.
func read(t *testing.T, l *laptop, visit func(crdt.DocID, *crdt.Record)) map[string]bool {
	t.Helper()
	dev, err := identity.Load(filepath.Join(l.dir, "device.key"))
	if err != nil {
		t.Fatal(err)
	}
	d, rep, err := store.Open(storeDir(t, l), store.Config{Device: dev.ID()})
	if err != nil {
		t.Fatalf("open the store of %s: %v", l.name, err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Errorf("close the store of %s: %v", l.name, err)
		}
	}()
	if rep.SetAside != "" || rep.JournalDamage != "" || rep.FreshEpoch || rep.Unclean {
		t.Errorf("%s: after an orderly end the store says %+v", l.name, rep)
	}
	if err := d.Audit(crdt.VerifyEd25519, nil); err != nil {
		t.Errorf("%s: %v", l.name, err)
	}
	held := map[string]bool{}
	docs, err := d.Documents()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		err := d.Scan(doc, func(r *crdt.Record) error {
			held[r.Hash.String()] = true
			visit(doc, r)
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
	}
	err = d.Own(func(r *crdt.Record) error {
		if !held[r.Hash.String()] {
			t.Errorf("%s: %s is in the journal only", l.name, r.Op.Dot)
		}
		visit(r.Doc(), r)
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", l.name, err)
	}
	return held
}

// storeDir returns the directory of the current team's operations.
func storeDir(t *testing.T, l *laptop) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(l.dir, "teams", "*", "store"))
	if err != nil {
		t.Fatal(err)
	}
	team := string(bytes.TrimSpace(slurp(t, filepath.Join(l.dir, "team"))))
	for _, d := range dirs {
		if name := filepath.Base(filepath.Dir(d)); len(name) <= len(team) && name == team[:len(name)] {
			return d
		}
	}
	t.Fatalf("%s has no store", l.name)
	return ""
}

// apart returns where two texts begin to differ.
func apart(x, y string) string {
	const around = 120 // bytes
	i := 0
	for i < min(len(x), len(y)) && x[i] == y[i] {
		i++
	}
	return fmt.Sprintf("%q and %q", x[max(0, i-around):min(len(x), i+around)], y[max(0, i-around):min(len(y), i+around)])
}

// shown returns all that a node shows of its incidents, without what differs between nodes on purpose: who is known to
// have what, who can be reached, what came by a merge, and what somebody is told whose words went with a redaction.
func shown(t *testing.T, l *laptop) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
	defer cancel()
	st, err := l.node.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	for _, in := range st.Incidents {
		var inc api.Incident
		var log []api.Entry
		if inc, err = l.node.Show(ctx, in.ID); err == nil {
			log, err = l.node.Log(ctx, in.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range inc.Tasks {
			inc.Tasks[i].Delivery, inc.Tasks[i].AsOfMS = nil, 0
		}
		for i := range inc.Command.Terms {
			t := &inc.Command.Terms[i]
			t.AsOfMS, t.Unaware, t.Unconfirmed = 0, nil, false
		}
		inc.Rejoined, inc.SuggestPAR, inc.Command.Leads = nil, "", ""
		inc.Merged = slices.DeleteFunc(inc.Merged, func(n api.Notice) bool { return n.Kind == board.NoticeRedact })
		for i := range log {
			log[i].Merged = false
		}
		out = append(out, inc, log)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
