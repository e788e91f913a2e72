package auth

import (
	"crypto/ed25519"
	"maps"
	"slices"

	"muster/crdt"
)

// A Team is the folded state of one team document. It is not safe for concurrent use.
type Team struct {
	doc     crdt.DocID
	graph   *crdt.Graph
	genesis Genesis
	invites map[crdt.Hash]Invite
	sponsor map[crdt.Hash]crdt.DeviceID // invitation -> who wrote it
	joins   map[crdt.DeviceID][]join    // device -> operations that made it a member
	byUse   map[crdt.Hash][]crdt.Hash   // invitation -> joins
	members []Member                    // cache; nil when stale
	index   map[crdt.DeviceID]int       // into members
	people  map[PersonID]int            // into members, the person's first device

	sayings  map[crdt.DeviceID]*sayings // what each device said of its person
	profiles map[PersonID]Profile       // cache, as members
}

type join struct {
	op     crdt.Hash
	invite crdt.Hash // zero for the founder
	handle string
	label  string
}

// New returns the team of the document that g holds the order of. The caller adds an operation to g after [Team.Check]
// accepted it, then calls [Team.Apply].
func New(g *crdt.Graph) *Team {
	return &Team{
		doc: g.Doc(), graph: g,
		invites: map[crdt.Hash]Invite{}, sponsor: map[crdt.Hash]crdt.DeviceID{},
		joins: map[crdt.DeviceID][]join{}, byUse: map[crdt.Hash][]crdt.Hash{}, sayings: map[crdt.DeviceID]*sayings{},
	}
}

// Doc returns the team's identity.
func (t *Team) Doc() crdt.DocID { return t.doc }

// Name returns the team's name.
func (t *Team) Name() string { return t.genesis.Team }

// Apply folds in an operation that [Team.Check] accepted and that is in the graph.
func (t *Team) Apply(rec *crdt.Record) {
	t.members = nil
	dev := rec.Op.Dot.Device
	switch rec.Op.Kind {
	case KindGenesis:
		t.decode(rec, &t.genesis)
		t.joins[dev] = append(t.joins[dev], join{op: rec.Hash, handle: t.genesis.Handle, label: t.genesis.Device})
	case KindInvite:
		var inv Invite
		t.decode(rec, &inv)
		t.invites[rec.Hash], t.sponsor[rec.Hash] = inv, dev
	case KindJoin:
		var j Join
		t.decode(rec, &j)
		t.joins[dev] = append(t.joins[dev], join{rec.Hash, j.Invite, j.Handle, j.Device})
		t.byUse[j.Invite] = append(t.byUse[j.Invite], rec.Hash)
	case KindProfile:
		t.applyProfile(rec)
	}
}

func (t *Team) decode(rec *crdt.Record, v any) {
	if err := crdt.DecodeBody(rec.Body, v); err != nil {
		panic("auth: operation applied without Check: " + err.Error())
	}
}

// Invitation returns the invitation whose public key is key, and whether it has uses left as far as is known here.
func (t *Team) Invitation(key ed25519.PublicKey) (id crdt.Hash, left int, ok bool) {
	for _, h := range slices.SortedFunc(maps.Keys(t.invites), crdt.Hash.Compare) {
		if inv := t.invites[h]; string(inv.Key) == string(key) {
			return h, int(inv.Uses) - len(t.byUse[h]), true
		}
	}
	return crdt.Hash{}, 0, false
}
