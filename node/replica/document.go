package replica

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"
)

// A document is the order of one document's operations and what they amount to.
type document struct {
	graph  *crdt.Graph
	board  *board.Board       // nil for the team
	digest crdt.Hash          // of the frontier; zero when stale
	cited  []crdt.Hash        // team heads that our own last operation here stands under; nil: unknown
	all    crdt.Past          // everything in the document
	allOps int                // operations in all
	bare   map[crdt.Hash]bool // came without a body: redacted, or withheld
}

// frontierDigest returns the digest of everything in the document.
func (d *document) frontierDigest() crdt.Hash {
	if d.digest.IsZero() {
		d.digest = d.graph.Frontier().Digest()
	}
	return d.digest
}

// everything returns the set of all operations in the document.
func (d *document) everything() crdt.Past {
	if d.allOps != d.graph.Len() {
		d.all, d.allOps = d.graph.Everything(), d.graph.Len()
	}
	return d.all
}

// errNotMember is wrapped when the author was no member under the team heads cited.
var errNotMember = errors.New("author was not a member of the team")

// accept takes in one operation whose past may not be here, in which case the error wraps crdt.ErrMissing. Acceptance
// depends on the operation and its ancestors alone. It does not check the signature.
func (r *Replica) accept(rec *crdt.Record, merged bool) error {
	id := rec.Doc()
	d := r.docs[id]
	if d != nil && d.graph.Has(rec.Hash) {
		_, err := d.graph.Add(rec) // may bring a signature
		return err
	}
	if d == nil {
		if !rec.Op.Doc.IsZero() {
			return fmt.Errorf("%w: founding of the document", crdt.ErrMissing)
		}
		if id != r.cfg.Team && rec.Op.Kind == auth.KindGenesis {
			return fmt.Errorf("%w: founds another team", crdt.ErrFormat)
		}
		d = &document{graph: crdt.NewGraph(id)}
	}
	if miss := d.graph.Missing(&rec.Op); len(miss) > 0 {
		return fmt.Errorf("%w: %d operations", crdt.ErrMissing, len(miss))
	}
	if id == r.cfg.Team {
		return r.acceptTeam(d, rec, merged)
	}
	if err := r.checkAuthor(rec); err != nil {
		return err
	}
	if _, err := d.graph.Add(rec); err != nil {
		return err
	}
	if d.board == nil {
		d.board = r.cfg.Board(id, d.graph)
		r.hold(id, d)
	}
	r.stale(d)
	r.erase(id, d, d.board.Apply(r.event(id, d, rec)))
	if rec.Erased {
		r.miss(d, rec.Hash)
	}
	r.out.Changes = append(r.out.Changes, Change{Doc: id, Hash: rec.Hash, Device: rec.Op.Dot.Device, Merged: merged})
	return nil
}

// erase asks for what the board says must be erased.
func (r *Replica) erase(id crdt.DocID, d *document, changes []board.Change) {
	for _, c := range changes {
		for _, h := range c.Erase {
			r.out.Erase = append(r.out.Erase, Erase{Doc: id, Dot: d.graph.Dot(h), Hash: h})
		}
	}
}

func (r *Replica) acceptTeam(d *document, rec *crdt.Record, merged bool) error {
	team := r.team
	if team == nil {
		team = auth.New(d.graph)
	}
	if err := team.Check(rec); err != nil {
		return err
	}
	if _, err := d.graph.Add(rec); err != nil {
		return err
	}
	if r.team == nil {
		r.team = team
		r.hold(r.cfg.Team, d)
	}
	team.Apply(rec)
	r.stands.add(rec)
	r.teamGrew = true
	r.stale(d)
	r.out.Changes = append(r.out.Changes, Change{Doc: r.cfg.Team, Hash: rec.Hash, Device: rec.Op.Dot.Device, Team: true, Merged: merged})
	return nil
}

// checkAuthor reports whether rec's author was a member where it says it was. An operation that cites nothing stands
// under what its predecessor stands under, which was accepted.
func (r *Replica) checkAuthor(rec *crdt.Record) error {
	if len(rec.Op.Team) == 0 {
		if rec.Op.Dot.Seq == 1 {
			return fmt.Errorf("%w: first operation of a log cites no team heads", crdt.ErrFormat)
		}
		return nil
	}
	ok, err := r.team.MemberAt(rec.Op.Dot.Device, rec.Op.Team)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %w", crdt.ErrFormat, errNotMember)
	}
	return nil
}

// hold adds a document.
func (r *Replica) hold(id crdt.DocID, d *document) {
	r.docs[id] = d
	at, _ := slices.BinarySearchFunc(r.order, id, crdt.DocID.Compare)
	r.order = slices.Insert(r.order, at, id)
}

// stale forgets what was computed from d before it grew.
func (r *Replica) stale(d *document) { d.digest, r.root = crdt.Hash{}, crdt.Hash{} }

// Digest returns the digest of everything held: equal on two replicas if and only if they hold the same operations.
func (r *Replica) Digest() crdt.Hash {
	if r.root.IsZero() {
		h := sha256.New()
		for _, b := range r.buckets() {
			h.Write([]byte{b.Index})
			h.Write(b.Digest[:])
		}
		r.root = crdt.Hash(h.Sum(nil))
	}
	return r.root
}

// DocDigest returns the digest of one document; zero when it is not held.
func (r *Replica) DocDigest(doc crdt.DocID) crdt.Hash {
	if d := r.docs[doc]; d != nil {
		return d.frontierDigest()
	}
	return crdt.Hash{}
}

// buckets returns the digests of all buckets that are not empty.
func (r *Replica) buckets() []wire.Bucket {
	var out []wire.Bucket
	for i := 0; i < len(r.order); {
		index := r.order[i][0]
		h := sha256.New()
		for ; i < len(r.order) && r.order[i][0] == index; i++ {
			digest := r.docs[r.order[i]].frontierDigest()
			h.Write(r.order[i][:])
			h.Write(digest[:])
		}
		out = append(out, wire.Bucket{Index: index, Digest: crdt.Hash(h.Sum(nil))})
	}
	return out
}

// byUrgency returns documents in the order in which they are synchronized: the team, live incidents, the others.
func (r *Replica) byUrgency(ids []crdt.DocID) []crdt.DocID {
	var team, live, rest []crdt.DocID
	for _, id := range ids {
		switch d := r.docs[id]; {
		case id == r.cfg.Team:
			team = append(team, id)
		case d == nil || d.board.Live():
			live = append(live, id)
		default:
			rest = append(rest, id)
		}
	}
	return slices.Concat(team, live, rest)
}
