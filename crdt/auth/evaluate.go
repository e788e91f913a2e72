package auth

import (
	"slices"

	"muster/crdt"
)

// An eval is one evaluation of a team from the operation that founded it. It reads the team and changes nothing in it.
type eval struct {
	*Team
	memo       []memo                          // by act.at
	order      []*act                          // all acts, in causal order
	forks      map[crdt.DeviceID][][]crdt.Hash // what continues one of its logs of the team document at one place
	stewardish []crdt.DeviceID                 // devices that may be a steward's, ascending
	verdicts   []verdict                       // by removal, in causal order
	verdictOf  map[*act]*verdict
	killers    map[crdt.DeviceID][]*verdict // target -> removals in effect that kill, in the order of decision
	undid      map[crdt.DeviceID]*act       // target -> the reinstatement that undid a removal when that was last asked
	steps      int                          // questions to the graph: what the cost of an evaluation is counted in
}

// memo is what is known of one act. It depends on the acts in its past, and on which removals are in effect.
type memo struct {
	known  bool
	alive  bool
	role   Role     // of its author's device at its own past
	alone  bool     // its author needed nobody else
	why    string   // why not even two persons could do it
	person PersonID // its author's at its own past; of a join: whose device has joined
	killer *act     // of a dead one: the removal it died of
}

// evaluate computes what stands.
func (t *Team) evaluate() *eval {
	e := &eval{
		Team: t, memo: make([]memo, len(t.acts)), order: slices.SortedFunc(slices.Values(t.acts), (*act).compare),
		forks: map[crdt.DeviceID][][]crdt.Hash{}, verdictOf: map[*act]*verdict{}, killers: map[crdt.DeviceID][]*verdict{}, undid: map[crdt.DeviceID]*act{},
	}
	for at, ops := range t.followers { // any order: they do not affect each other
		if len(ops) > 1 {
			e.forks[at.log.Device] = append(e.forks[at.log.Device], ops)
		}
	}
	e.findStewardish()
	for _, a := range e.order {
		if a.kind == KindRemove {
			e.verdicts = append(e.verdicts, verdict{act: a})
		}
	}
	for i := range e.verdicts {
		e.verdictOf[e.verdicts[i].act] = &e.verdicts[i]
	}
	for _, a := range e.order { // from the past on, so that no answer needs a deep recursion
		e.get(a)
	}
	e.decideAll()
	return e
}

// findStewardish lists the devices of whoever was ever named a steward, and those bound to them.
func (e *eval) findStewardish() {
	roots := map[PersonID]bool{}
	for _, a := range e.order {
		switch b := a.body.(type) {
		case *SetRole:
			if b.Role == RoleSteward {
				roots[b.Person] = true
			}
		case *join:
			if b.invite.IsZero() {
				roots[a.op] = true
			}
		}
	}
	for _, a := range e.order { // in causal order, so that a device bound to a bound device is found too
		if j, ok := a.body.(*join); ok {
			inv, invited := e.invite(j.invite)
			if roots[a.op] || invited && roots[inv.Person] {
				roots[a.op] = true
				e.stewardish = append(e.stewardish, a.dev)
			}
		}
	}
	slices.SortFunc(e.stewardish, crdt.DeviceID.Compare)
	e.stewardish = slices.Compact(e.stewardish)
}

// get returns what is known of a.
func (e *eval) get(a *act) *memo {
	m := &e.memo[a.at]
	if m.known {
		return m
	}
	var out memo
	out.alive, out.killer = e.alive(a)
	switch b := a.body.(type) {
	case *join:
		out.alone, out.person = true, a.op
		if inv := e.byOp[b.invite]; inv != nil && e.binds(inv, &view{e: e, op: a}) {
			out.person = e.get(e.byOp[inv.body.(*Invite).Person]).person
		}
	default:
		v := &view{e: e, op: a}
		out.role, out.person = e.role(a.dev, v), e.personOf(a.dev, v)
		out.alone, out.why = e.right(a.dev, out.role, v, a.kind, a.body)
	}
	out.known = true
	*m = out
	return m
}

// alive reports whether no removal in effect makes a void, or else the removal that does.
func (e *eval) alive(a *act) (bool, *act) {
	if joins(a) {
		return true, nil
	}
	for _, k := range e.killers[a.dev] {
		if e.kills(k, a) {
			return false, k.act
		}
	}
	return true, nil
}

// joins reports whether a founds or joins, which does not die.
func joins(a *act) bool { _, ok := a.body.(*join); return ok }

// kills reports whether k, which is in effect and says that its target is compromised, makes void what the target wrote.
func (e *eval) kills(k *verdict, a *act) bool {
	return a != k.act && !e.before(a, k.act) && !e.inCut(a, k) && !e.seenUndone(a, k.act)
}

// seenUndone reports whether a was written in knowledge of what undoes the removal r. What undid the last one most likely
// undoes this one too, and else the newest does.
func (e *eval) seenUndone(a, r *act) bool {
	if !e.before(r, a) {
		return false
	}
	v := &view{e: e, op: a}
	undoes := func(z *act) bool { return v.has(z) && e.before(r, z) && e.counts(z, v) }
	if z := e.undid[a.dev]; z != nil && undoes(z) {
		return true
	}
	for _, z := range slices.Backward(e.reinstates[a.dev]) {
		if undoes(z) {
			e.undid[a.dev] = z
			return true
		}
	}
	return false
}

// inCut reports whether a is at or before a hash of the cut, in its own log.
func (e *eval) inCut(a *act, k *verdict) bool {
	return slices.ContainsFunc(k.cut, func(tip crdt.Hash) bool {
		e.steps++
		return tip == a.op || e.graph.Before(a.op, tip) && e.graph.Dot(tip).Log() == a.log
	})
}

// forget drops what is known of acts that have died or been born, and of all that rests on them: whatever has seen one.
func (e *eval) forget(changed []*act, touched func(*act)) {
	var first []*act // of changed, those with none of the same log before them; the others are in their future
	for _, a := range changed {
		if !slices.ContainsFunc(first, func(f *act) bool { return f.log == a.log && e.before(f, a) }) {
			first = append(first, a)
		}
	}
	start, _ := slices.BinarySearchFunc(e.order, first[0].height, func(a *act, h uint64) int {
		return int(a.height) - int(h)
	})
	var again []*act
	for _, a := range e.order[start:] {
		if slices.ContainsFunc(first, func(f *act) bool { return f == a || e.before(f, a) }) {
			e.memo[a.at].known = false
			again = append(again, a)
		}
	}
	for _, a := range again {
		e.get(a)
	}
	for _, a := range again {
		touched(a)
	}
}
