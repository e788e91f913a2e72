package auth_test

import (
	"cmp"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
)

// A model is the rule of the package comment, written down a second time as directly as it reads: sets are bit sets over
// at most 64 operations, every answer is computed from all of them, and nothing is kept from one decision to the next.
type model struct {
	ops     []modelOp
	all     set
	decided map[int]*decision // removal -> what was decided
	order   []int             // removals in the order of decision
	roles   map[int]auth.Role // of authors at their operation's past; cleared with every decision
	living  map[int]bool
}

// A set is a set of operations, by their place in model.ops.
type set uint64

func (s set) has(i int) bool { return s>>i&1 == 1 }

type modelOp struct {
	hash   crdt.Hash
	dev    crdt.DeviceID
	log    crdt.LogID
	prev   crdt.Hash
	body   any // value of a body, nil if it means nothing
	past   set
	height int
}

type decision struct {
	effective, alone bool
	behind           []int // co-signatures
}

// newModel reads operations, which are in an order that agrees with causality, and decides.
func newModel(recs []*crdt.Record) *model {
	m := &model{decided: map[int]*decision{}}
	at := map[crdt.Hash]int{}
	for i, rec := range recs {
		o := modelOp{hash: rec.Hash, dev: rec.Op.Dot.Device, log: rec.Op.Dot.Log(), prev: rec.Op.Prev, height: 1, body: modelBody(rec)}
		parents := slices.Clone(rec.Op.Parents)
		if !rec.Op.Prev.IsZero() {
			parents = append(parents, rec.Op.Prev)
		}
		for _, h := range parents {
			p := m.ops[at[h]]
			o.past |= p.past | 1<<at[h]
			o.height = max(o.height, p.height+1)
		}
		at[rec.Hash] = i
		m.ops = append(m.ops, o)
		m.all |= 1 << i
	}
	m.forget()
	var removals set
	for i, o := range m.ops {
		if _, ok := o.body.(auth.Remove); ok {
			removals |= 1 << i
		}
	}
	m.decide(removals)
	return m
}

func modelBody(rec *crdt.Record) any {
	read := func(v interface{ Check() error }) bool {
		return crdt.DecodeBody(rec.Body, v) == nil && v.Check() == nil
	}
	switch rec.Op.Kind {
	case auth.KindGenesis:
		return auth.Genesis{}
	case auth.KindInvite:
		var b auth.Invite
		if crdt.DecodeBody(rec.Body, &b) == nil {
			return b
		}
	case auth.KindJoin:
		var b auth.Join
		if crdt.DecodeBody(rec.Body, &b) == nil {
			return b
		}
	case auth.KindRole:
		if b := (auth.SetRole{}); read(&b) {
			return b
		}
	case auth.KindConfirm:
		if b := (auth.Confirm{}); read(&b) {
			return b
		}
	case auth.KindRemove:
		if b := (auth.Remove{}); read(&b) {
			return b
		}
	case auth.KindReinstate:
		if b := (auth.Reinstate{}); read(&b) {
			return b
		}
	case auth.KindCosign:
		if b := (auth.Cosign{}); read(&b) {
			return b
		}
	case auth.KindClose:
		if b := (auth.Close{}); read(&b) {
			return b
		}
	case auth.KindPolicy:
		if b := (auth.SetPolicy{}); read(&b) {
			return b
		}
	}
	return nil
}

func (m *model) forget() { m.roles, m.living = map[int]auth.Role{}, map[int]bool{} }

// each calls f with the operations of s whose body is a T, in the order of height and hash.
func each[T any](m *model, s set, f func(i int, body T)) {
	var found []int
	for i, o := range m.ops {
		if _, ok := o.body.(T); ok && s.has(i) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, m.compare)
	for _, i := range found {
		f(i, m.ops[i].body.(T))
	}
}

func exists[T any](m *model, s set, f func(i int, body T) bool) bool {
	found := false
	each(m, s, func(i int, body T) { found = found || f(i, body) })
	return found
}

func (m *model) compare(a, b int) int {
	return cmp.Or(cmp.Compare(m.ops[a].height, m.ops[b].height), m.ops[a].hash.Compare(m.ops[b].hash))
}

func (m *model) find(h crdt.Hash) int {
	return slices.IndexFunc(m.ops, func(o modelOp) bool { return o.hash == h })
}

// decide decides the removals of u, as the package comment has it.
func (m *model) decide(u set) {
	for {
		best := -1
		each(m, u, func(i int, _ auth.Remove) {
			if m.decided[i] == nil && (best < 0 || m.above(i, best)) {
				best = i
			}
		})
		if best < 0 {
			return
		}
		m.decide(u & m.ops[best].past)
		d := &decision{alone: m.alive(best) && m.aloneRight(best)}
		each(m, m.all, func(c int, b auth.Cosign) {
			if b.Op == m.ops[best].hash && m.alive(best) && m.signs(c) && m.person(c) != m.person(best) && m.role(best) >= auth.RoleResponder {
				d.behind = append(d.behind, c)
			}
		})
		d.effective = d.alone || len(d.behind) > 0
		m.decided[best] = d
		m.order = append(m.order, best)
		m.forget()
	}
}

// above reports whether removal a ranks above b.
func (m *model) above(a, b int) bool {
	persons := func(i int) int {
		if !m.counts(i, m.all) {
			return 0
		}
		behind := map[auth.PersonID]bool{m.person(i): true}
		each(m, m.all, func(c int, b auth.Cosign) {
			if b.Op == m.ops[i].hash && m.signs(c) {
				behind[m.person(c)] = true
			}
		})
		return len(behind)
	}
	distance := func(i int) int {
		n := 0
		for j := m.seat(m.ops[i].dev, m.all); ; n++ {
			b, ok := m.ops[j].body.(auth.Join)
			if !ok {
				return n
			}
			j = m.seat(m.ops[m.find(b.Invite)].dev, m.all)
		}
	}
	return cmp.Or(cmp.Compare(persons(b), persons(a)), cmp.Compare(m.role(b), m.role(a)), cmp.Compare(distance(a), distance(b)),
		m.ops[a].hash.Compare(m.ops[b].hash)) < 0
}

// alive reports whether no removal in effect kills operation i.
func (m *model) alive(i int) bool {
	if alive, ok := m.living[i]; ok {
		return alive
	}
	o, alive := m.ops[i], true
	_, joins := o.body.(auth.Join)
	_, founds := o.body.(auth.Genesis)
	for _, r := range m.order {
		b := m.ops[r].body.(auth.Remove)
		if b.Mode != auth.ModeCompromised || !m.decided[r].effective || b.Device != o.dev || joins || founds || r == i || m.ops[r].past.has(i) {
			continue
		}
		inCut := slices.ContainsFunc(b.Cut, func(h crdt.Hash) bool {
			tip := m.find(h)
			return tip >= 0 && (tip == i || m.ops[tip].past.has(i) && m.ops[tip].log == o.log)
		})
		alive = alive && (inCut || o.past.has(r) && m.undone(r, o.past))
	}
	m.living[i] = alive
	return alive
}

// seat returns the join by which d is in the team as of p, or -1.
func (m *model) seat(d crdt.DeviceID, p set) int {
	seat := -1
	each(m, p, func(i int, _ auth.Genesis) {
		if m.ops[i].dev == d {
			seat = i
		}
	})
	each(m, p, func(i int, _ auth.Join) {
		if m.ops[i].dev == d && seat < 0 {
			seat = i
		}
	})
	return seat
}

// personBy returns the person whose device joined by j.
func (m *model) personBy(j int) auth.PersonID {
	b, ok := m.ops[j].body.(auth.Join)
	if !ok {
		return m.ops[j].hash
	}
	i := m.find(b.Invite)
	inv := m.ops[i].body.(auth.Invite)
	root := m.find(inv.Person)
	if root < 0 || !m.ops[i].past.has(root) || !m.alive(i) || !m.mayInvite(i) {
		return m.ops[j].hash
	}
	switch m.ops[root].body.(type) {
	case auth.Join, auth.Genesis:
	default:
		return m.ops[j].hash
	}
	if p := m.personBy(root); m.person(i) == p || m.role(i) == auth.RoleSteward || m.two(i, m.ops[j].past) {
		return p
	}
	return m.ops[j].hash
}

// person returns the person of the author of i at its past.
func (m *model) person(i int) auth.PersonID { return m.personOf(m.ops[i].dev, m.ops[i].past) }

func (m *model) personOf(d crdt.DeviceID, p set) auth.PersonID {
	if j := m.seat(d, p); j >= 0 {
		return m.personBy(j)
	}
	return auth.PersonID{}
}

// role returns what the author of i may do at its past.
func (m *model) role(i int) auth.Role {
	r, ok := m.roles[i]
	if !ok {
		r = m.roleAt(m.ops[i].dev, m.ops[i].past)
		m.roles[i] = r
	}
	return r
}

// roleAt is role(d, P).
func (m *model) roleAt(d crdt.DeviceID, p set) auth.Role {
	out := exists(m, p, func(r int, b auth.Remove) bool {
		return b.Device == d && b.Mode != auth.ModeSuspend && m.inForce(r, p) && !m.undone(r, p)
	})
	if out || m.forked(d, p) {
		return 0
	}
	return m.standing(d, p)
}

func (m *model) standing(d crdt.DeviceID, p set) auth.Role {
	j := m.seat(d, p)
	if j < 0 {
		return 0
	}
	person := m.personBy(j)
	if b, ok := m.ops[j].body.(auth.Join); ok {
		if (m.unconfirmed(j, p) || m.barred(j, p)) && !m.confirmed(d, j, p) {
			return auth.RoleObserver
		}
		if inv := m.ops[m.find(b.Invite)].body.(auth.Invite); person != m.ops[j].hash && inv.Role == auth.RoleObserver {
			return auth.RoleObserver
		}
	}
	return m.personRole(person, p)
}

func (m *model) unconfirmed(j int, p set) bool {
	invite := m.ops[j].body.(auth.Join).Invite
	before := 0
	each(m, p, func(i int, b auth.Join) {
		if b.Invite == invite && m.compare(i, j) < 0 {
			before++
		}
	})
	return before >= int(m.ops[m.find(invite)].body.(auth.Invite).Uses)
}

func (m *model) barred(j int, p set) bool {
	i := m.find(m.ops[j].body.(auth.Join).Invite)
	return !m.alive(i) || !m.mayInvite(i) || exists(m, p, func(c int, b auth.Close) bool {
		return b.Invite == m.ops[i].hash && m.ops[c].past.has(i) && !m.ops[c].past.has(j) && m.signs(c) &&
			(m.ops[j].past.has(c) || m.role(c) == auth.RoleSteward || m.two(c, p))
	})
}

func (m *model) mayInvite(i int) bool { return m.role(i) >= m.policy(m.ops[i].past) }

func (m *model) confirmed(d crdt.DeviceID, seen int, p set) bool {
	return exists(m, p, func(c int, b auth.Confirm) bool { return b.Device == d && m.ops[c].past.has(seen) && m.counts(c, p) })
}

func (m *model) forked(d crdt.DeviceID, p set) bool {
	for i, a := range m.ops {
		for j, b := range m.ops {
			same := a.dev == d && a.log == b.log && a.prev == b.prev
			if i < j && same && p.has(i) && p.has(j) && !exists(m, p, func(c int, k auth.Confirm) bool {
				return k.Device == d && m.ops[c].past.has(i) && m.ops[c].past.has(j) && m.counts(c, p)
			}) {
				return true
			}
		}
	}
	return false
}

// newest calls f with those of the operations that count in p that no other one has seen.
func newest[T any](m *model, p set, about func(T) bool, f func(T)) {
	var in set
	each(m, p, func(i int, b T) {
		if about(b) && m.counts(i, p) {
			in |= 1 << i
		}
	})
	each(m, in, func(i int, b T) {
		if !exists(m, in, func(o int, _ T) bool { return m.ops[o].past.has(i) }) {
			f(b)
		}
	})
}

func (m *model) personRole(person auth.PersonID, p set) auth.Role {
	var role auth.Role
	newest(m, p, func(b auth.SetRole) bool { return b.Person == person }, func(b auth.SetRole) {
		if role == 0 || b.Role < role {
			role = b.Role
		}
	})
	if role != 0 {
		return role
	}
	if b, ok := m.ops[m.find(person)].body.(auth.Join); ok {
		return m.ops[m.find(b.Invite)].body.(auth.Invite).Role
	}
	return auth.RoleSteward
}

func (m *model) policy(p set) auth.Role {
	least := auth.RoleResponder
	newest(m, p, func(auth.SetPolicy) bool { return true }, func(b auth.SetPolicy) { least = max(least, b.Invite) })
	return least
}

// inForce reports whether the removal r of p is in effect as of p.
func (m *model) inForce(r int, p set) bool {
	d := m.decided[r]
	if d == nil {
		return m.counts(r, p)
	}
	return d.effective && (d.alone || slices.ContainsFunc(d.behind, p.has))
}

func (m *model) undone(r int, p set) bool {
	t := m.ops[r].body.(auth.Remove)
	return exists(m, p, func(z int, b auth.Reinstate) bool {
		if b.Device != t.Device || !m.ops[z].past.has(r) || !m.signs(z) {
			return false
		}
		own := m.person(z) == m.personOf(t.Device, m.ops[z].past)
		suspender := t.Mode == auth.ModeSuspend && m.person(z) == m.person(r)
		return !own && (m.role(z) == auth.RoleSteward || suspender) || m.two(z, p)
	})
}

// signs reports whether i is alive and its author was responder or above.
func (m *model) signs(i int) bool { return m.alive(i) && m.role(i) >= auth.RoleResponder }

// two reports whether author and co-signers in p are two persons.
func (m *model) two(i int, p set) bool {
	return m.signs(i) && exists(m, p, func(c int, b auth.Cosign) bool {
		return b.Op == m.ops[i].hash && m.ops[c].past.has(i) && m.signs(c) && m.person(c) != m.person(i)
	})
}

// counts reports whether i, of p, has an effect as of p, by itself or by two persons.
func (m *model) counts(i int, p set) bool {
	if b, ok := m.ops[i].body.(auth.Confirm); ok && m.person(i) == m.personOf(b.Device, m.ops[i].past) {
		return false
	}
	return m.alive(i) && m.aloneRight(i) || m.two(i, p)
}

// aloneRight reports whether the author of i needed nobody else.
func (m *model) aloneRight(i int) bool {
	o, role := m.ops[i], m.role(i)
	steward := role == auth.RoleSteward
	switch b := o.body.(type) {
	case auth.SetRole:
		return steward && (b.Role == auth.RoleSteward || !m.lastSteward(o.past, func(_ crdt.DeviceID, p auth.PersonID) bool { return p == b.Person }))
	case auth.Confirm:
		return m.mayInvite(i) && m.person(i) != m.personOf(b.Device, o.past)
	case auth.Remove:
		if b.Mode == auth.ModeSuspend {
			return role >= auth.RoleResponder && (steward || m.standing(b.Device, o.past) <= role)
		}
		self := b.Mode == auth.ModeRetire && b.Device == o.dev && role > 0
		return (steward || self) && !m.lastSteward(o.past, func(d crdt.DeviceID, _ auth.PersonID) bool { return d == b.Device })
	case auth.SetPolicy, auth.Close:
		return steward
	}
	return false
}

// lastSteward reports whether p has stewards, and all of them are those that without names.
func (m *model) lastSteward(p set, without func(crdt.DeviceID, auth.PersonID) bool) bool {
	any, left := false, false
	for _, d := range m.devices(p) {
		if m.roleAt(d, p) == auth.RoleSteward {
			any = true
			left = left || !without(d, m.personOf(d, p))
		}
	}
	return any && !left
}

// devices returns the devices that joined in p.
func (m *model) devices(p set) []crdt.DeviceID {
	var out []crdt.DeviceID
	for i, o := range m.ops {
		switch o.body.(type) {
		case auth.Genesis, auth.Join:
			if p.has(i) && !slices.Contains(out, o.dev) {
				out = append(out, o.dev)
			}
		}
	}
	return out
}

// member returns what the model says of one device, in the form of the real thing.
func (m *model) member(d crdt.DeviceID) auth.Member {
	j := m.seat(d, m.all)
	out := auth.Member{Device: d, Person: m.personBy(j), Role: m.standing(d, m.all), Joined: m.ops[j].hash, Forked: m.forked(d, m.all)}
	if _, ok := m.ops[j].body.(auth.Join); ok && !m.confirmed(d, j, m.all) {
		out.Barred = m.barred(j, m.all)
		out.Unconfirmed = out.Barred || m.unconfirmed(j, m.all)
	}
	strictness := map[auth.Mode]int{auth.ModeSuspend: 1, auth.ModeRetire: 2, auth.ModeCompromised: 3}
	each(m, m.all, func(r int, b auth.Remove) {
		if b.Device == d && m.decided[r].effective && !m.undone(r, m.all) && strictness[b.Mode] > strictness[out.Removed] {
			out.Removed, out.Removal, out.RemovedBy = b.Mode, m.ops[r].hash, m.person(r)
		}
	})
	return out
}

// differs returns a line for each device of which team says something else than the model.
func (m *model) differs(team *auth.Team) string {
	out := ""
	for _, d := range m.devices(m.all) {
		want := m.member(d)
		got, _ := team.Member(d)
		got.Handle, got.Label, got.Sponsor, got.Reason, got.BoundBy = "", "", auth.PersonID{}, "", auth.PersonID{}
		if got != want {
			out += d.Short() + "\n got " + describe(got) + "\nwant " + describe(want) + "\n"
		}
	}
	for _, r := range team.Removals() {
		if i := m.find(r.Op); m.decided[i].effective != r.Effective || r.Undone != (r.Effective && m.undone(i, m.all)) {
			out += "removal " + r.Op.String() + " of " + r.Device.Short() + "\n"
		}
	}
	return out
}

func describe(m auth.Member) string {
	return fmt.Sprintf("%s person %.6s unconfirmed %t barred %t forked %t removed %s by %.6s in %.6s",
		m.Role, m.Person, m.Unconfirmed, m.Barred, m.Forked, m.Removed, m.RemovedBy, m.Removal)
}
