package replica

import (
	"fmt"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/wire"
)

// Proposed is an operation of this device that will be durable once the caller has handled the next [Ready].
type Proposed struct {
	Doc   crdt.DocID
	Hash  crdt.Hash
	Draft board.Draft
}

// context is what the rules may look at besides the board.
func (r *Replica) context(now time.Time) board.CheckContext {
	me, _ := r.team.Member(r.self)
	return board.CheckContext{
		Now: now, Actor: me.Person, People: r.team, Steward: me.Role == auth.RoleSteward,
		Presence: func(p board.PersonID) (bool, int64, bool) {
			s := r.Presence(p)
			at, _ := s.Last(now)
			return s.Reachable, now.Sub(at).Milliseconds(), !at.IsZero()
		},
		Removed: r.RemovedSince,
		Taken: func(name string) bool {
			return slices.ContainsFunc(r.order, func(d crdt.DocID) bool { return d != r.cfg.Team && board.Name(d) == name })
		},
	}
}

// Propose does what a person asks for on the board of doc; the zero DocID declares a new incident. It reports what the
// board's rules say against it, and whether this device may write at all, as a [*board.Problem]; then nothing has changed.
func (r *Replica) Propose(now time.Time, doc crdt.DocID, in board.Intent) (Proposed, error) {
	if err := r.mayWrite(); err != nil {
		return Proposed{}, err
	}
	ctx := r.context(now)
	var draft board.Draft
	var err error
	switch d := r.docs[doc]; {
	case doc.IsZero():
		draft, err = board.Declare(in, ctx)
	case d == nil || d.board == nil:
		return Proposed{}, fmt.Errorf("replica: no incident %s here", doc)
	default:
		draft, err = board.Check(d.board, in, ctx)
	}
	if err != nil {
		return Proposed{}, err
	}
	rec, err := r.write(now, doc, draft.Kind, draft.Body, draft.Accept)
	if err != nil {
		return Proposed{}, err
	}
	r.settle(now)
	return Proposed{Doc: rec.Doc(), Hash: rec.Hash, Draft: draft}, nil
}

// ProposeAll writes every draft that check returns, each in its incident. They are handed out for storage together. The
// error is that of check, and then nothing has changed; or that of the first draft that could not be written.
func (r *Replica) ProposeAll(now time.Time, check func(board.CheckContext) ([]board.Placed, error)) ([]Proposed, error) {
	if err := r.mayWrite(); err != nil {
		return nil, err
	}
	placed, err := check(r.context(now))
	if err != nil {
		return nil, err
	}
	for _, p := range placed {
		if d := r.docs[p.Doc]; d == nil || d.board == nil {
			return nil, fmt.Errorf("replica: no incident %s here", p.Doc)
		}
	}
	defer r.settle(now)
	var out []Proposed
	for _, p := range placed {
		rec, err := r.write(now, p.Doc, p.Draft.Kind, p.Draft.Body, p.Draft.Accept)
		if err != nil {
			return out, err
		}
		out = append(out, Proposed{Doc: rec.Doc(), Hash: rec.Hash, Draft: p.Draft})
	}
	return out, nil
}

// ProposeTeam writes an operation of the team document.
func (r *Replica) ProposeTeam(now time.Time, kind crdt.Kind, body any) (crdt.Hash, error) {
	rec, err := r.write(now, r.cfg.Team, kind, crdt.EncodeBody(body), nil)
	if err != nil {
		return crdt.Hash{}, err
	}
	r.settle(now)
	r.dueBodies(now)
	return rec.Hash, nil
}

// write signs a new operation, takes it in and pushes it.
func (r *Replica) write(now time.Time, doc crdt.DocID, kind crdt.Kind, body []byte, accept func(crdt.Hash) bool) (*crdt.Record, error) {
	if r.NeedsEpoch() {
		panic("replica: asked to write before SetEpoch")
	}
	for r.tooManyHeads(doc) {
		if _, err := r.sign(now, doc, crdt.KindWeave, nil, nil); err != nil {
			return nil, err
		}
	}
	return r.sign(now, doc, kind, body, accept)
}

// heads returns our last operation in doc and the other heads.
func (r *Replica) heads(doc crdt.DocID) (prev crdt.Tip, others []crdt.Hash) {
	d := r.docs[doc]
	if d == nil {
		return crdt.Tip{}, nil
	}
	if log := d.graph.Log(crdt.LogID{Device: r.self, Epoch: r.epoch}); len(log) > 0 {
		prev = log[len(log)-1]
	}
	return prev, slices.DeleteFunc(d.graph.Heads(), func(h crdt.Hash) bool { return h == prev.Hash })
}

func (r *Replica) tooManyHeads(doc crdt.DocID) bool {
	_, others := r.heads(doc)
	return len(others) > crdt.MaxParents
}

func (r *Replica) sign(now time.Time, doc crdt.DocID, kind crdt.Kind, body []byte, accept func(crdt.Hash) bool) (*crdt.Record, error) {
	prev, others := r.heads(doc)
	return r.signOn(now, doc, prev, others, kind, body, accept)
}

// signOn is sign on top of these operations: our last one in our log, and others.
func (r *Replica) signOn(
	now time.Time, doc crdt.DocID, prev crdt.Tip, others []crdt.Hash, kind crdt.Kind, body []byte, accept func(crdt.Hash) bool,
) (*crdt.Record, error) {
	d := r.docs[doc]
	op := crdt.Op{
		Doc: doc, Dot: crdt.Dot{Device: r.self, Epoch: r.epoch, Seq: prev.Seq + 1},
		Prev: prev.Hash, Parents: others[:min(len(others), crdt.MaxParents)],
		WallMS: min(max(now.UnixMilli(), 0), crdt.MaxWallMS), Kind: kind,
	}
	if doc != r.cfg.Team {
		if heads := r.docs[r.cfg.Team].graph.Heads(); d == nil || op.Prev.IsZero() || !slices.Equal(heads, d.cited) {
			op.Team = heads[:min(len(heads), crdt.MaxTeamHeads)]
		}
	}
	var rec *crdt.Record
	for range board.MaxSalts {
		var salt [crdt.SaltBytes]byte
		r.cfg.Rand(salt[:])
		var err error
		if rec, err = crdt.Seal(op, salt, body, r.cfg.Signer); err != nil {
			return nil, err
		}
		if accept == nil || accept(rec.Hash) {
			break
		}
	}
	if err := r.accept(rec, false); err != nil {
		return nil, fmt.Errorf("replica: own operation refused: %w", err)
	}
	if len(op.Team) > 0 {
		r.docs[rec.Doc()].cited = op.Team
	}
	r.out.Own = append(r.out.Own, rec)
	r.push(now, rec)
	return rec, nil
}

// push sends a new operation of ours to the peers at once; beyond [MaxPushPeers] only word that there is something new.
func (r *Replica) push(now time.Time, rec *crdt.Record) {
	n := 0
	for _, dev := range r.pushOrder() {
		p := r.peers[dev]
		if n++; n > MaxPushPeers {
			p.nextRoot = earliest(p.nextRoot, now.Add(haveDelay))
			continue
		}
		r.send(dev, false, &wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{rec}})
	}
}

// pushOrder returns the connected peers, from a random one on when there are too many to push to all.
func (r *Replica) pushOrder() []crdt.DeviceID {
	up := slices.DeleteFunc(slices.Clone(r.peerOrder()), func(d crdt.DeviceID) bool { return !r.peers[d].up })
	if len(up) > MaxPushPeers {
		at := int(r.uint64n(uint64(len(up))))
		up = slices.Concat(up[at:], up[:at])
	}
	return up
}

// Genesis returns the operation that founds a team, to be stored before a replica of it is made.
func Genesis(s crdt.Signer, epoch uint64, now time.Time, kind crdt.Kind, body any, rand func([]byte)) (*crdt.Record, error) {
	var salt [crdt.SaltBytes]byte
	rand(salt[:])
	op := crdt.Op{Dot: crdt.Dot{Epoch: epoch, Seq: 1}, WallMS: max(now.UnixMilli(), 0), Kind: kind}
	return crdt.Seal(op, salt, crdt.EncodeBody(body), s)
}

// Whole returns a document as one batch, for a device that is not a peer yet.
func (r *Replica) Whole(doc crdt.DocID) (*wire.Batch, error) {
	d := r.docs[doc]
	if d == nil {
		return nil, fmt.Errorf("replica: no document %s here", doc)
	}
	recs := r.read(doc, d.graph.Lacks(crdt.Past{}))
	if recs == nil {
		return nil, fmt.Errorf("%w: document %s", ErrStore, doc)
	}
	return &wire.Batch{Doc: doc, Records: recs}, nil
}

// Admit takes in operations of the team document from a device that is not a peer, because it is not known as a member
// yet. They are judged like any others.
func (r *Replica) Admit(now time.Time, m *wire.Batch) error {
	if m.Doc != r.cfg.Team {
		return fmt.Errorf("%w: not of this team", crdt.ErrFormat)
	}
	if !m.Verify(r.cfg.Verify) {
		return fmt.Errorf("%w: %w", crdt.ErrFormat, errSignature)
	}
	defer r.dueBodies(now)
	defer r.settle(now)
	for _, rec := range m.Records {
		if held, err := r.take(rec, false); err != nil {
			return err
		} else if !held {
			return fmt.Errorf("%w: operations before %s", crdt.ErrMissing, rec.Op.Dot)
		}
	}
	if r.newsDue.IsZero() && len(r.news) > 0 {
		r.newsDue = now.Add(haveDelay)
	}
	return nil
}
