package auth

import (
	"crypto/ed25519"

	"muster/crdt"
)

// A Team is the folded state of one team document. It is not safe for concurrent use.
type Team struct {
	doc     crdt.DocID
	graph   *crdt.Graph
	genesis Genesis
	actIndex
	followers map[spot][]crdt.Hash // what continues a log at one place: more than one is a fork

	sayings map[crdt.DeviceID]*sayings // what each device said of its person
	seals   map[crdt.DeviceID]keyWord  // device -> its newest sealing key
	relays  map[crdt.DeviceID]keyWord  // device -> its newest relay key

	// Caches, each nil when stale.
	state    *state
	profiles map[PersonID]Profile
	relayOf  map[crdt.DeviceID][]crdt.DeviceID // relay key -> devices that named it, ascending
}

// A spot is where a log goes on: behind prev, or at its beginning.
type spot struct {
	log  crdt.LogID
	prev crdt.Hash
}

type join struct {
	invite crdt.Hash // zero for the founder
	handle string
	label  string
}

// New returns the team of the document that g holds the order of. The caller adds an operation to g after [Team.Check]
// accepted it, then calls [Team.Apply].
func New(g *crdt.Graph) *Team {
	return &Team{
		doc: g.Doc(), graph: g, actIndex: newActIndex(), sayings: map[crdt.DeviceID]*sayings{},
		followers: map[spot][]crdt.Hash{}, seals: map[crdt.DeviceID]keyWord{}, relays: map[crdt.DeviceID]keyWord{},
	}
}

// Doc returns the team's identity.
func (t *Team) Doc() crdt.DocID { return t.doc }

// Name returns the team's name.
func (t *Team) Name() string { return t.genesis.Team }

// Apply folds in an operation that [Team.Check] accepted and that is in the graph. What it changes is computed when it is
// next asked for; an operation that gives and takes nothing, such as a profile, lets the rest stand.
func (t *Team) Apply(rec *crdt.Record) {
	switch rec.Op.Kind {
	case KindProfile:
		t.applyProfile(rec)
		t.profiles = nil
	case KindKeys, KindRelay:
		t.applyKey(rec)
		t.relayOf = nil
	default:
		if t.applyAct(rec) {
			t.state, t.profiles = nil, nil
		}
	}
	at := spot{rec.Op.Dot.Log(), rec.Op.Prev}
	t.followers[at] = append(t.followers[at], rec.Hash)
	if len(t.followers[at]) > 1 { // a fork takes rights whatever is in it
		t.state = nil
	}
}

func (t *Team) decode(rec *crdt.Record, v any) {
	if err := crdt.DecodeBody(rec.Body, v); err != nil {
		panic("auth: operation applied without Check: " + err.Error())
	}
}

// invite returns the invitation named h.
func (t *Team) invite(h crdt.Hash) (*Invite, bool) {
	if a := t.byOp[h]; a != nil && a.kind == KindInvite {
		return a.body.(*Invite), true
	}
	return nil, false
}

// Invitation returns the invitation whose public key is key, and whether it has uses left as far as is known here.
func (t *Team) Invitation(key ed25519.PublicKey) (id crdt.Hash, left int, ok bool) {
	for _, a := range t.acts {
		if a.kind != KindInvite || string(a.body.(*Invite).Key) != string(key) || ok && id.Compare(a.op) < 0 {
			continue
		}
		id, left, ok = a.op, int(a.body.(*Invite).Uses)-len(t.uses[a.op]), true
	}
	return id, left, ok
}
