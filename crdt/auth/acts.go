package auth

import (
	"cmp"
	"slices"

	"muster/crdt"
)

// An act is an operation that the evaluation looks at: one with a body that can be read, of a kind that gives or takes
// something. It is immutable.
type act struct {
	at     int // place in [Team.acts]
	op     crdt.Hash
	dev    crdt.DeviceID
	log    crdt.LogID
	kind   crdt.Kind
	height uint64
	body   any // pointer to the body; *join of a founding or join
}

// compare orders acts by height and hash: an order that agrees with causality and that no clock can bend.
func (a *act) compare(b *act) int { return cmp.Or(cmp.Compare(a.height, b.height), a.op.Compare(b.op)) }

// acts of a team, by what they are about. Every list is in causal order.
type actIndex struct {
	acts       []*act
	byOp       map[crdt.Hash]*act
	byDevice   map[crdt.DeviceID][]*act // author -> its acts
	joins      map[crdt.DeviceID][]*act // device -> operations that made it a member
	uses       map[crdt.Hash][]*act     // invitation -> joins
	roles      map[PersonID][]*act      // person -> SetRole
	removals   map[crdt.DeviceID][]*act // target -> Remove
	reinstates map[crdt.DeviceID][]*act // target -> Reinstate
	confirms   map[crdt.DeviceID][]*act // target -> Confirm
	cosigns    map[crdt.Hash][]*act     // operation -> Cosign that has seen it
	closes     map[crdt.Hash][]*act     // invitation -> Close
	policies   []*act
	adopts     []*act
	teamKeys   map[uint64][]*act // generation -> TeamKey
}

func newActIndex() actIndex {
	return actIndex{
		byOp: map[crdt.Hash]*act{}, byDevice: map[crdt.DeviceID][]*act{}, joins: map[crdt.DeviceID][]*act{},
		uses: map[crdt.Hash][]*act{}, roles: map[PersonID][]*act{}, removals: map[crdt.DeviceID][]*act{},
		reinstates: map[crdt.DeviceID][]*act{}, confirms: map[crdt.DeviceID][]*act{}, cosigns: map[crdt.Hash][]*act{},
		closes: map[crdt.Hash][]*act{}, teamKeys: map[uint64][]*act{},
	}
}

// insert puts a into list, keeping its order. Almost always that is the end.
func insert(list []*act, a *act) []*act {
	i, _ := slices.BinarySearchFunc(list, a, (*act).compare)
	return slices.Insert(list, i, a)
}

// checked is what every body of these kinds is.
type checked[T any] interface {
	*T
	Check() error
}

// read returns the body as a T, or nil if it is inert.
func read[T any, P checked[T]](rec *crdt.Record, most int) *T {
	var body T
	if len(rec.Body) > most || crdt.DecodeBody(rec.Body, &body) != nil || P(&body).Check() != nil {
		return nil
	}
	return &body
}

// applyAct puts an operation into the index, if it is one that can have an effect, and reports whether it did.
func (t *Team) applyAct(rec *crdt.Record) bool {
	a := &act{
		at: len(t.acts), op: rec.Hash, dev: rec.Op.Dot.Device, log: rec.Op.Dot.Log(), kind: rec.Op.Kind,
		height: t.graph.Place(rec.Hash).Height,
	}
	if !t.index(a, rec) {
		return false
	}
	t.acts = append(t.acts, a)
	t.byOp[a.op] = a
	t.byDevice[a.dev] = insert(t.byDevice[a.dev], a)
	return true
}

// index reads the body and puts the act where those who ask for it look.
func (t *Team) index(a *act, rec *crdt.Record) bool {
	switch a.kind {
	case KindGenesis:
		t.decode(rec, &t.genesis)
		a.body = &join{handle: t.genesis.Handle, label: t.genesis.Device}
		t.joins[a.dev] = insert(t.joins[a.dev], a)
	case KindInvite:
		a.body = t.readInvite(rec)
	case KindJoin:
		var j Join
		t.decode(rec, &j)
		a.body = &join{j.Invite, j.Handle, j.Device}
		t.joins[a.dev] = insert(t.joins[a.dev], a)
		t.uses[j.Invite] = insert(t.uses[j.Invite], a)
	case KindRole:
		b := read[SetRole](rec, maxSmallBytes)
		if b == nil {
			return false
		}
		a.body, t.roles[b.Person] = b, insert(t.roles[b.Person], a)
	case KindConfirm:
		b := read[Confirm](rec, maxSmallBytes)
		if b == nil {
			return false
		}
		a.body, t.confirms[b.Device] = b, insert(t.confirms[b.Device], a)
	case KindRemove:
		b := read[Remove](rec, crdt.MaxBodyBytes)
		if b == nil {
			return false
		}
		a.body, t.removals[b.Device] = b, insert(t.removals[b.Device], a)
	case KindReinstate:
		b := read[Reinstate](rec, maxSmallBytes)
		if b == nil {
			return false
		}
		a.body, t.reinstates[b.Device] = b, insert(t.reinstates[b.Device], a)
	case KindCosign:
		b := read[Cosign](rec, maxSmallBytes)
		if b == nil || !t.graph.Before(b.Op, a.op) {
			return false
		}
		a.body, t.cosigns[b.Op] = b, insert(t.cosigns[b.Op], a)
	case KindClose:
		b := read[Close](rec, maxSmallBytes)
		if b == nil || !t.graph.Before(b.Invite, a.op) {
			return false
		}
		a.body, t.closes[b.Invite] = b, insert(t.closes[b.Invite], a)
	case KindTeamKey:
		b := read[TeamKey](rec, crdt.MaxBodyBytes)
		if b == nil || !t.nextGeneration(a, b.Gen) {
			return false
		}
		a.body, t.teamKeys[b.Gen] = b, insert(t.teamKeys[b.Gen], a)
	case KindAdopt:
		b := read[Adopt](rec, crdt.MaxBodyBytes)
		if b == nil {
			return false
		}
		a.body, t.adopts = b, insert(t.adopts, a)
	case KindPolicy:
		b := read[SetPolicy](rec, maxSmallBytes)
		if b == nil {
			return false
		}
		a.body, t.policies = b, insert(t.policies, a)
	default:
		return false
	}
	return true
}

// readInvite reads an invitation. Whom it binds is read by itself: what is wrong with a field that earlier versions do
// not know must not change what they would accept.
func (t *Team) readInvite(rec *crdt.Record) *Invite {
	var in acceptedInvite
	t.decode(rec, &in)
	out := &Invite{Key: in.Key, Role: in.Role, Uses: in.Uses, ExpiresMS: in.ExpiresMS}
	var b struct {
		Person PersonID `cbor:"5,keyasint,omitzero"`
	}
	if crdt.DecodeBody(rec.Body, &b) == nil {
		out.Person = b.Person
	}
	return out
}

// nextGeneration reports whether gen is at most one above what is known in the past of a.
func (t *Team) nextGeneration(a *act, gen uint64) bool {
	before := func(o *act) bool { return o.height < a.height && t.graph.Before(o.op, a.op) }
	return gen == 1 || slices.ContainsFunc(t.teamKeys[gen], before) || slices.ContainsFunc(t.teamKeys[gen-1], before)
}
