package board

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/crdt"
)

// fakeSigner signs with a hash: no test here is about signatures.
type fakeSigner crdt.DeviceID

func (s fakeSigner) Device() crdt.DeviceID { return crdt.DeviceID(s) }
func (s fakeSigner) Sign(header []byte) (sig [crdt.SignatureBytes]byte) {
	h := crdt.SumHash(append(s[:], header...))
	copy(sig[:], h[:])
	return sig
}

// person returns the id of the person with this handle in every test.
func person(handle string) PersonID { return crdt.SumHash([]byte("person " + handle)) }

// owner returns the person whose laptop a name means: bob2 is bob's second.
func owner(laptop string) PersonID { return person(strings.TrimSuffix(laptop, "2")) }

// team is a People of fixed handles.
type team []string

func (t team) Handle(p PersonID) string {
	for _, h := range t {
		if person(h) == p {
			return h
		}
	}
	return "?" + p.Text()[:4]
}

func (t team) Person(handle string) (PersonID, bool) {
	return person(handle), slices.Contains(t, handle)
}

func (t team) All() []PersonID {
	out := make([]PersonID, len(t))
	for i, h := range t {
		out[i] = person(h)
	}
	return out
}

// node is one person's laptop: the real causal graph, a board, and every record in the order it came.
type node struct {
	name    string
	team    team
	graph   *crdt.Graph
	board   *Board
	records []*crdt.Record
	at      map[crdt.Hash]int
	tip     *crdt.Record // of the own log
	salts   uint64
	authors map[crdt.DeviceID]PersonID
	remarks []*remark
}

// world is a team whose laptops reach each other in groups. Time is what a test says it is.
type world struct {
	team  team
	nodes []*node
	group map[string]int
	cutMS map[string]int64 // "a b" -> when they last reached each other
	nowMS int64
	skew  map[string]int64     // wall clock minus real time
	made  map[crdt.Hash][]byte // bodies of all that was ever written
	fatal func(format string, args ...any)
}

func newWorld(fatal func(string, ...any), handles ...string) *world {
	w := &world{team: handles, group: map[string]int{}, cutMS: map[string]int64{}, skew: map[string]int64{}, made: map[crdt.Hash][]byte{}, fatal: fatal, nowMS: 1_700_000_000_000}
	authors := map[crdt.DeviceID]PersonID{}
	for _, h := range handles {
		authors[deviceOf(h)] = owner(h)
		w.nodes = append(w.nodes, &node{name: h, team: handles, at: map[crdt.Hash]int{}, authors: authors})
	}
	return w
}

func deviceOf(name string) crdt.DeviceID {
	return crdt.DeviceID(crdt.SumHash([]byte("device " + name)))
}

func (w *world) node(name string) *node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	w.fatal("no node %q", name)
	return nil
}

// do makes one person type one intent. It answers every question with yes.
func (w *world) do(name string, in Intent) (Draft, *crdt.Record, error) {
	n := w.node(name)
	ctx := CheckContext{
		Now: time.UnixMilli(w.nowMS + w.skew[name]), Actor: owner(name), People: w.team, Presence: w.presence(name),
	}
	var d Draft
	var err error
	if in.Verb == "declare" {
		d, err = Declare(in, ctx)
	} else {
		if n.board == nil {
			return Draft{}, nil, errors.New("no incident here")
		}
		d, err = Check(n.board, in, ctx)
		var p *Problem
		if errors.As(err, &p) && p.Code == CodeConfirm {
			in.Yes = true
			d, err = Check(n.board, in, ctx)
		}
	}
	if err != nil {
		return Draft{}, nil, err
	}
	return d, n.propose(w, d, w.nowMS+w.skew[name]), nil
}

// presence answers for one node from the groups.
func (w *world) presence(name string) func(PersonID) (bool, int64, bool) {
	return func(p PersonID) (bool, int64, bool) {
		other := w.team.Handle(p)
		if w.group[name] == w.group[other] {
			return true, 0, true
		}
		return false, w.nowMS - w.cutMS[pair(name, other)], true
	}
}

func pair(a, b string) string { return min(a, b) + " " + max(a, b) }

// propose signs a draft on top of everything n has.
func (n *node) propose(w *world, d Draft, wallMS int64) *crdt.Record {
	op := crdt.Op{WallMS: wallMS, Kind: d.Kind, Dot: crdt.Dot{Epoch: 1, Seq: 1}}
	if n.graph != nil {
		op.Doc = n.graph.Doc()
		if n.tip != nil {
			op.Prev, op.Dot.Seq = n.tip.Hash, n.tip.Op.Dot.Seq+1
		}
		op.Parents = slices.DeleteFunc(n.graph.Heads(), func(h crdt.Hash) bool { return h == op.Prev })
	}
	var rec *crdt.Record
	for range MaxSalts {
		n.salts++
		h := crdt.SumHash(fmt.Appendf(nil, "%s %d", n.name, n.salts))
		var err error
		if rec, err = crdt.Seal(op, [crdt.SaltBytes]byte(h[:]), d.Body, fakeSigner(deviceOf(n.name))); err != nil {
			w.fatal("seal: %v", err)
		}
		if d.Accept == nil || d.Accept(rec.Hash) {
			break
		}
	}
	n.tip, w.made[rec.Hash] = rec, rec.Body
	n.add(w, rec)
	return rec
}

// add puts a record into graph and board, and erases what the board says must be.
func (n *node) add(w *world, rec *crdt.Record) {
	if n.graph == nil {
		n.graph = crdt.NewGraph(rec.Doc())
		n.board = New(rec.Doc(), n.graph)
	}
	fresh, err := n.graph.Add(rec)
	if err != nil {
		w.fatal("%s: add: %v", n.name, err)
	}
	if !fresh {
		return
	}
	n.at[rec.Hash] = len(n.records)
	n.records = append(n.records, rec)
	for _, ch := range n.board.Apply(n.event(rec)) {
		for _, h := range ch.Erase {
			n.records[n.at[h]] = n.records[n.at[h]].WithoutBody()
		}
	}
}

func (n *node) event(rec *crdt.Record) Event {
	return Event{
		Hash: rec.Hash, Dot: rec.Op.Dot, Person: n.authors[rec.Op.Dot.Device], WallMS: rec.Op.WallMS,
		Place: n.graph.Place(rec.Hash), Kind: rec.Op.Kind, Body: rec.Body, Erased: rec.Erased,
		Standing: n.standing(rec.Hash, rec.Op.Dot.Device),
	}
}

// pull gives n everything that other has.
func (n *node) pull(w *world, other *node) {
	n.hear(w, other.remarks...)
	for _, rec := range other.records {
		if n.graph == nil || !n.graph.Has(rec.Hash) {
			n.add(w, rec)
		}
	}
}

// net puts people into groups; those in one group reach each other from now on.
func (w *world) net(groups [][]string) {
	was := map[string]int{}
	for _, h := range w.team {
		was[h] = w.group[h]
	}
	for i, g := range groups {
		for _, h := range g {
			w.group[h] = i
		}
	}
	for _, a := range w.team {
		for _, b := range w.team {
			if was[a] == was[b] && w.group[a] != w.group[b] {
				w.cutMS[pair(a, b)] = w.nowMS
			}
		}
	}
}

// settle lets everyone who reach each other have the same.
func (w *world) sync() {
	for range 2 {
		for _, a := range w.nodes {
			for _, b := range w.nodes {
				if a != b && w.group[a.name] == w.group[b.name] {
					a.pull(w, b)
				}
			}
		}
	}
}

// rebuilt returns a board of the same records, given in an order that agrees with causality and is
// otherwise chosen by order; into is set before the first.
func (n *node) rebuilt(w *world, order func(ready []*crdt.Record) int, into ...**Board) *Board {
	return n.replayed(order, func(b *Board, r *crdt.Record) { b.Apply(n.event(r)) }, into...)
}

// replayed is rebuilt with a way to apply each record.
func (n *node) replayed(order func(ready []*crdt.Record) int, apply func(b *Board, r *crdt.Record), into ...**Board) *Board {
	b := New(n.graph.Doc(), n.graph)
	for _, p := range into {
		*p = b
	}
	left := slices.Clone(n.records)
	done := map[crdt.Hash]bool{}
	for len(left) > 0 {
		var ready []*crdt.Record
		for _, r := range left {
			past := append([]crdt.Hash(nil), r.Op.Parents...)
			if !r.Op.Prev.IsZero() {
				past = append(past, r.Op.Prev)
			}
			if !slices.ContainsFunc(past, func(h crdt.Hash) bool { return !done[h] }) {
				ready = append(ready, r)
			}
		}
		r := ready[order(ready)]
		apply(b, r)
		done[r.Hash] = true
		left = slices.DeleteFunc(left, func(x *crdt.Record) bool { return x == r })
	}
	return b
}

// same checks that all nodes hold one board, and that folding it again gives the same.
func (w *world) same() error {
	first := w.nodes[0]
	want := first.board.Canonical()
	for _, n := range w.nodes[1:] {
		if string(n.board.Canonical()) != string(want) {
			now := time.UnixMilli(w.nowMS)
			return fmt.Errorf("%s and %s show different boards: %s", first.name, n.name,
				cmp.Diff(first.board.View(now, w.team), n.board.View(now, w.team), viewOpts))
		}
	}
	again := first.rebuilt(w, func(ready []*crdt.Record) int { return len(ready) - 1 })
	if string(again.Canonical()) != string(want) {
		return fmt.Errorf("folding %s's operations again gives another board", first.name)
	}
	return nil
}

// agree checks that those who reach each other show one board.
func (w *world) agree() error {
	first := map[int]*node{} // group -> its first node with a board
	for _, n := range w.nodes {
		g := w.group[n.name]
		switch {
		case n.board == nil:
		case first[g] == nil:
			first[g] = n
		case n.board.Digest() != first[g].board.Digest():
			return fmt.Errorf("%s and %s reach each other and show different boards", first[g].name, n.name)
		}
	}
	return nil
}

func (n *node) view(w *world) View { return n.board.View(time.UnixMilli(w.nowMS), w.team) }

func fatalOf(t *testing.T) func(string, ...any) {
	return func(format string, args ...any) {
		t.Helper()
		t.Fatalf(format, args...)
	}
}

// words splits a line as a shell does: double quotes group.
func words(line string) (out []string, quoted []bool) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		if line[0] == '"' {
			text, rest, _ := strings.Cut(line[1:], `"`)
			out, quoted, line = append(out, text), append(quoted, true), rest
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out, quoted, line = append(out, word), append(quoted, false), rest
	}
	return out, quoted
}
