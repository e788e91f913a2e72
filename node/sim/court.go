package sim

import (
	"cmp"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
)

// A court decides who belongs to a team, what they may do and whose words count, from the team document and nothing else.
// It is the written rule once more, word by word and slowly, and shares nothing with package auth but the format: what
// the replicas think of each other is compared with what the court finds.
type court struct {
	acts    []*act // in an order that agrees with causality
	at      map[crdt.Hash]*act
	all     set
	decided map[*act]bool // removals; true: in effect
	alone   map[*act]bool // those of them that needed nobody else
	backed  map[*act]set  // those that did -> the co-signatures that counted when they were decided
	kills   []*act        // removals in effect that leave what is beyond their cut without authority
	fates   map[*act]*act // operation -> the removal it went by; nil: it lives
	roles   map[asked]auth.Role
	weak    bool
}

// An act is one operation of the team document.
type act struct {
	n      int
	hash   crdt.Hash
	dot    crdt.Dot
	prev   crdt.Hash
	height uint64
	kind   crdt.Kind
	past   set // itself not
	body   any // nil: means nothing
}

// asked is a question about somebody's role.
type asked struct {
	dev crdt.DeviceID
	in  string
}

// A set is a set of acts.
type set []uint64

func (s set) has(a *act) bool { return a != nil && a.n/64 < len(s) && s[a.n/64]>>(a.n%64)&1 == 1 }

func (s set) with(a *act) set {
	out := s.or(nil)
	for len(out) <= a.n/64 {
		out = append(out, 0)
	}
	out[a.n/64] |= 1 << (a.n % 64)
	return out
}

func (s set) or(o set) set {
	out := make(set, max(len(s), len(o)))
	copy(out, s)
	for i := range o {
		out[i] |= o[i]
	}
	return out
}

// key returns the set as a key of a map.
func (s set) key() string {
	b := make([]byte, 0, 8*len(s))
	for len(s) > 0 && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	for _, v := range s {
		for i := range 8 {
			b = append(b, byte(v>>(8*i)))
		}
	}
	return string(b)
}

// newCourt reads a team document, in any order, and decides. weak is a planted bug: removals kill nothing.
func newCourt(team crdt.DocID, records []*crdt.Record, weak bool) *court {
	c := &court{
		weak: weak, at: map[crdt.Hash]*act{}, decided: map[*act]bool{}, alone: map[*act]bool{}, backed: map[*act]set{}, fates: map[*act]*act{}, roles: map[asked]auth.Role{},
	}
	rest := slices.SortedFunc(slices.Values(records), func(a, b *crdt.Record) int { return a.Hash.Compare(b.Hash) })
	for len(rest) > 0 { // those whose past is here, and again
		var later []*crdt.Record
		for _, rec := range rest {
			if !c.hear(rec) {
				later = append(later, rec)
			}
		}
		if len(later) == len(rest) {
			break // what is before them is not here
		}
		rest = later
	}
	c.decide()
	return c
}

// hear takes one operation in, if everything before it is here.
func (c *court) hear(rec *crdt.Record) bool {
	a := &act{n: len(c.acts), hash: rec.Hash, dot: rec.Op.Dot, prev: rec.Op.Prev, kind: rec.Op.Kind}
	for _, p := range append([]crdt.Hash{rec.Op.Prev}, rec.Op.Parents...) {
		if p.IsZero() {
			continue
		}
		b := c.at[p]
		if b == nil {
			return false
		}
		a.past = a.past.or(b.past).with(b)
		a.height = max(a.height, b.height+1)
	}
	if c.at[rec.Hash] != nil {
		return true
	}
	a.body = bodyOf(rec)
	c.acts = append(c.acts, a)
	c.at[rec.Hash] = a
	c.all = c.all.with(a)
	return true
}

// bodyOf reads a body; nil: it says nothing.
func bodyOf(rec *crdt.Record) any {
	type checked interface{ Check() error }
	read := func(v any) any {
		if crdt.DecodeBody(rec.Body, v) != nil {
			return nil
		}
		if k, ok := v.(checked); ok && k.Check() != nil {
			return nil
		}
		return v
	}
	switch rec.Op.Kind {
	case auth.KindGenesis:
		return read(&auth.Genesis{})
	case auth.KindInvite:
		return read(&auth.Invite{})
	case auth.KindJoin:
		return read(&auth.Join{})
	case auth.KindRole:
		return read(&auth.SetRole{})
	case auth.KindConfirm:
		return read(&auth.Confirm{})
	case auth.KindRemove:
		return read(&auth.Remove{})
	case auth.KindReinstate:
		return read(&auth.Reinstate{})
	case auth.KindCosign:
		return read(&auth.Cosign{})
	case auth.KindClose:
		return read(&auth.Close{})
	case auth.KindAdopt:
		return read(&auth.Adopt{})
	case auth.KindPolicy:
		return read(&auth.SetPolicy{})
	}
	return nil
}

// decide decides every removal, the one with most weight first, but none before those it has seen.
func (c *court) decide() {
	for {
		t := c.weightiest(c.all)
		if t == nil {
			return
		}
		c.settle(t)
	}
}

// weightiest returns the removal to decide next among those of a set, or nil.
func (c *court) weightiest(of set) *act {
	var best *act
	for _, a := range c.acts {
		if _, removes := a.body.(*auth.Remove); !removes || !of.has(a) {
			continue
		}
		if _, over := c.decided[a]; !over && (best == nil || c.outweighs(a, best)) {
			best = a
		}
	}
	return best
}

// outweighs is the order of the removals: more people, a higher role, nearer to the founder, the smaller hash.
func (c *court) outweighs(a, b *act) bool {
	people := func(t *act) int {
		if c.dead(t) || !c.valid(t, c.all) {
			return 0
		}
		behind := c.behind(t, c.all)
		behind[c.person(t.dot.Device, t.past)] = true // an observer too, who gives up their own device
		return len(behind)
	}
	return cmp.Or(
		cmp.Compare(people(b), people(a)),
		cmp.Compare(c.role(b.dot.Device, b.past), c.role(a.dot.Device, a.past)),
		cmp.Compare(c.distance(a.dot.Device), c.distance(b.dot.Device)),
		a.hash.Compare(b.hash)) < 0
}

// distance returns how many sponsors are between a device and the founder.
func (c *court) distance(d crdt.DeviceID) int {
	n := 0
	for j := c.join(d, c.all); j != nil && n <= len(c.acts); n++ {
		in, ok := j.body.(*auth.Join)
		if !ok {
			return n
		}
		j = c.join(c.at[in.Invite].dot.Device, c.all)
	}
	return n
}

// settle decides one removal, after those it has seen.
func (c *court) settle(t *act) {
	for {
		first := c.weightiest(t.past)
		if first == nil {
			break
		}
		c.settle(first)
	}
	c.decided[t] = !c.dead(t) && c.valid(t, c.all)
	c.alone[t] = c.valid(t, nil)
	for a := range func(yield func(*act) bool) { c.cosigns(t, c.all, yield) } {
		c.backed[t] = c.backed[t].with(a)
	}
	if c.decided[t] && !c.weak && t.body.(*auth.Remove).Mode == auth.ModeCompromised {
		c.kills = append(c.kills, t)
	}
	clear(c.roles)
	clear(c.fates)
}

// dead reports whether an operation has no authority.
func (c *court) dead(x *act) bool { return c.beat(x) != nil }

// beat returns the removal that an operation has lost its authority by; nil: it has not.
func (c *court) beat(x *act) *act {
	if x.joins() {
		return nil
	}
	by, known := c.fates[x]
	if known {
		return by
	}
	for _, t := range c.kills {
		r := t.body.(*auth.Remove)
		if x.dot.Device == r.Device && x != t && !t.past.has(x) && !c.before(x, r.Cut) && !(x.past.has(t) && c.undone(t, x.past)) {
			by = t
			break
		}
	}
	c.fates[x] = by
	return by
}

// joins reports whether an act brings its author into the team, which cannot be undone.
func (a *act) joins() bool { return a.kind == auth.KindJoin || a.kind == auth.KindGenesis }

// stands reports whether a removal is in effect in a set.
func (c *court) stands(t *act, in set) bool {
	effect, over := c.decided[t]
	switch {
	case !in.has(t):
		return false
	case !over:
		return !c.dead(t) && c.valid(t, in)
	case !effect || c.alone[t]:
		return effect
	}
	people := map[auth.PersonID]bool{c.person(t.dot.Device, t.past): true}
	for _, a := range c.acts {
		if in.has(a) && c.backed[t].has(a) {
			people[c.person(a.dot.Device, a.past)] = true
		}
	}
	return len(people) > 1
}

// before reports whether x is one of the tips, or of the same log and in the past of one, on whichever branch.
func (c *court) before(x *act, tips auth.Hashes) bool {
	return slices.ContainsFunc(tips, func(tip crdt.Hash) bool {
		y := c.at[tip]
		return y == x || y != nil && y.dot.Log() == x.dot.Log() && y.past.has(x)
	})
}

// live returns the acts of a set that are not dead, those before others first.
func (c *court) live(in set, yield func(a *act) bool) {
	for _, a := range c.acts {
		if in.has(a) && !c.dead(a) && a.body != nil && !yield(a) {
			return
		}
	}
}

// earlier is the order by height and hash.
func earlier(a, b *act) int { return cmp.Or(cmp.Compare(a.height, b.height), a.hash.Compare(b.hash)) }

// join returns how a device came into the team; nil: it did not. A join without authority is one all the same.
func (c *court) join(d crdt.DeviceID, in set) *act {
	var first *act
	for _, a := range c.acts {
		if a.joins() && a.dot.Device == d && in.has(a) && (first == nil || earlier(a, first) < 0) {
			first = a
		}
	}
	return first
}

// person returns whose device one is.
func (c *court) person(d crdt.DeviceID, in set) auth.PersonID {
	if j := c.join(d, in); j != nil {
		return j.hash
	}
	return auth.PersonID{}
}

// admission returns what a join gives: the role, whether it waits to be confirmed, and whether it lets nobody in till then.
func (c *court) admission(j *act, in set) (role auth.Role, unconfirmed, barred bool) {
	join, ok := j.body.(*auth.Join)
	if !ok {
		return auth.RoleSteward, false, false
	}
	inv := c.at[join.Invite]
	terms := inv.body.(*auth.Invite)
	var uses []*act
	for _, a := range c.acts {
		if o, ok := a.body.(*auth.Join); ok && o.Invite == join.Invite && in.has(a) {
			uses = append(uses, a)
		}
	}
	slices.SortFunc(uses, earlier)
	unconfirmed = slices.Index(uses, j) >= int(terms.Uses)
	barred = c.dead(inv) || !c.valid(inv, in)
	for a := range func(yield func(*act) bool) { c.live(in, yield) } {
		switch b := a.body.(type) {
		case *auth.Close:
			if b.Invite != inv.hash || !c.valid(a, in) {
				continue
			}
			heard := j.past.has(a)
			strong := c.role(a.dot.Device, a.past) == auth.RoleSteward || len(c.behind(a, in)) >= 2
			barred = barred || heard || strong && !a.past.has(j)
		}
	}
	if unconfirmed = unconfirmed || barred; !unconfirmed {
		return terms.Role, false, false
	}
	for a := range func(yield func(*act) bool) { c.live(in, yield) } {
		if b, ok := a.body.(*auth.Confirm); ok && b.Device == j.dot.Device && a.past.has(j) && c.valid(a, in) {
			return terms.Role, false, false
		}
	}
	return auth.RoleObserver, true, barred
}

// removals returns the removals of a device that are in effect in a set.
func (c *court) removals(d crdt.DeviceID, in set) []*act {
	var out []*act
	for _, a := range c.acts {
		r, ok := a.body.(*auth.Remove)
		if !ok || r.Device != d || !in.has(a) {
			continue
		}
		if c.stands(a, in) && !c.undone(a, in) {
			out = append(out, a)
		}
	}
	return out
}

// undone reports whether a removal was taken back by somebody who had seen it. A suspension may be taken back by who
// suspended, too.
func (c *court) undone(t *act, in set) bool {
	r := t.body.(*auth.Remove)
	for a := range func(yield func(*act) bool) { c.live(in, yield) } {
		b, ok := a.body.(*auth.Reinstate)
		if !ok || b.Device != r.Device || !a.past.has(t) {
			continue
		}
		role, self := c.role(a.dot.Device, a.past), c.person(a.dot.Device, a.past)
		own := self == c.person(b.Device, c.all)
		mine := r.Mode == auth.ModeSuspend && self == c.person(t.dot.Device, t.past)
		if role >= auth.RoleResponder && (!own && (role == auth.RoleSteward || mine) || len(c.behind(a, in)) >= 2) {
			return true
		}
	}
	return false
}

// role returns what a device may do in a set of acts that is closed: zero, nothing.
func (c *court) role(d crdt.DeviceID, in set) auth.Role {
	q := asked{d, in.key()}
	if r, ok := c.roles[q]; ok {
		return r
	}
	r := c.roleOf(c.person(d, in), d, in)
	for _, t := range c.removals(d, in) {
		if t.body.(*auth.Remove).Mode != auth.ModeSuspend {
			r = 0
		}
	}
	if c.forked(d, in) {
		r = 0
	}
	c.roles[q] = r
	return r
}

// forked reports whether a device has continued a log twice at one place, and nobody who has seen both has confirmed it.
func (c *court) forked(d crdt.DeviceID, in set) bool {
	for _, a := range c.acts {
		if a.dot.Device != d || !in.has(a) {
			continue
		}
		for _, b := range c.acts[:a.n] {
			if b.prev != a.prev || b.dot.Log() != a.dot.Log() || !in.has(b) {
				continue
			}
			forgiven := false
			for x := range func(yield func(*act) bool) { c.live(in, yield) } {
				f, ok := x.body.(*auth.Confirm)
				forgiven = forgiven || ok && f.Device == d && x.past.has(a) && x.past.has(b) && c.valid(x, in)
			}
			if !forgiven {
				return true
			}
		}
	}
	return false
}

// roleOf is role, removals aside.
func (c *court) roleOf(p auth.PersonID, d crdt.DeviceID, in set) auth.Role {
	j := c.join(d, in)
	if j == nil {
		return 0
	}
	role, unconfirmed, _ := c.admission(j, in)
	if unconfirmed {
		return role
	}
	var given []*act // those that no later one has seen
	for a := range func(yield func(*act) bool) { c.live(in, yield) } {
		if b, ok := a.body.(*auth.SetRole); ok && b.Person == p && c.valid(a, in) {
			given = append(slices.DeleteFunc(given, a.past.has), a)
		}
	}
	for i, a := range given {
		if r := a.body.(*auth.SetRole).Role; i == 0 || r < role {
			role = r
		}
	}
	return role
}

// behind returns the people behind an act: its author, and who co-signed it, all of them with a say when they did.
func (c *court) behind(t *act, in set) map[auth.PersonID]bool {
	out := map[auth.PersonID]bool{}
	if c.role(t.dot.Device, t.past) >= auth.RoleResponder {
		out[c.person(t.dot.Device, t.past)] = true
	}
	for a := range func(yield func(*act) bool) { c.cosigns(t, in, yield) } {
		out[c.person(a.dot.Device, a.past)] = true
	}
	return out
}

// cosigns yields the co-signatures of an act that count.
func (c *court) cosigns(t *act, in set, yield func(a *act) bool) {
	c.live(in, func(a *act) bool {
		b, ok := a.body.(*auth.Cosign)
		return !ok || b.Op != t.hash || !a.past.has(t) || c.role(a.dot.Device, a.past) < auth.RoleResponder || yield(a)
	})
}

// valid reports whether who wrote an act had the right to, where they wrote it, alone or with who co-signed it in a set.
func (c *court) valid(t *act, in set) bool {
	role, self := c.role(t.dot.Device, t.past), c.person(t.dot.Device, t.past)
	says := role >= auth.RoleResponder
	two := func() bool { return says && len(c.behind(t, in)) >= 2 }
	steward := role == auth.RoleSteward
	switch b := t.body.(type) {
	case *auth.Invite:
		return role >= c.policy(t.past)
	case *auth.SetRole:
		return steward && !c.leaderless(t, func(p auth.PersonID) bool { return p == b.Person && b.Role < auth.RoleSteward }) || two()
	case *auth.Confirm:
		return says && c.person(b.Device, t.past) != self && (role >= c.policy(t.past) || two())
	case *auth.Remove:
		last := func() bool {
			return b.Mode != auth.ModeSuspend && c.leaderless(t, func(p auth.PersonID) bool { return p == c.person(b.Device, t.past) })
		}
		switch {
		case b.Mode == auth.ModeRetire && b.Device == t.dot.Device:
			return role > 0 && !last() || two()
		case b.Mode == auth.ModeSuspend:
			return steward || says && c.roleOf(c.person(b.Device, t.past), b.Device, t.past) <= role || two()
		}
		return steward && !last() || two()
	case *auth.SetPolicy:
		return steward || two()
	case *auth.Close, *auth.Adopt, *auth.Cosign:
		return says
	}
	return true
}

// policy returns the least role that may invite.
func (c *court) policy(in set) auth.Role {
	least := auth.RoleResponder
	var given []*act
	for a := range func(yield func(*act) bool) { c.live(in, yield) } {
		if _, ok := a.body.(*auth.SetPolicy); ok && c.valid(a, in) {
			given = append(slices.DeleteFunc(given, a.past.has), a)
		}
	}
	for _, a := range given {
		least = max(least, a.body.(*auth.SetPolicy).Invite)
	}
	return least
}

// leaderless reports whether an act would leave the team of its past without a steward.
func (c *court) leaderless(t *act, loses func(auth.PersonID) bool) bool {
	hit := false
	for _, a := range c.acts {
		if !a.joins() || !t.past.has(a) || c.role(a.dot.Device, t.past) != auth.RoleSteward {
			continue
		}
		if p := c.person(a.dot.Device, t.past); !loses(p) {
			return false
		}
		hit = true
	}
	return hit
}
