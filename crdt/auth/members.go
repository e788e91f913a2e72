package auth

import (
	"strings"

	"muster/crdt"
)

// A Member is one device and the person it speaks for.
type Member struct {
	Device      crdt.DeviceID
	Person      PersonID
	Handle      string // unique in the team; see [Team.Members]
	Label       string // what the person calls the device
	Role        Role
	Unconfirmed bool     // joined by an invitation that was used up, or that lets nobody in (Barred)
	Sponsor     PersonID // who invited; zero for the founder
	Joined      crdt.Hash
	Removed     Mode      // the strictest removal in effect; zero: none
	RemovedBy   PersonID  // whose removal that is
	Removal     crdt.Hash // the operation
	Reason      string    // in the words of who removed it
	Barred      bool      // not let in until a member confirms it: its invitation is dead, closed or against the policy
	Forked      bool      // its log in the team document was continued twice, and no other member has confirmed it since
	BoundBy     PersonID  // who made it a device of a person that is not theirs; zero: a device of that person, or it is the first
}

// Members returns all devices that ever joined, in the order in which the graph has them join: also those that were
// removed, or that are not let in. Handles are unique: of two people who chose the same one without knowing of each
// other, the later is shown with a tilde and the start of their identity. The slice is for reading.
func (t *Team) Members() []Member { return t.now().members }

// Member returns the member with this device key.
func (t *Team) Member(d crdt.DeviceID) (Member, bool) {
	s := t.now()
	i, ok := s.byDevice[d]
	if !ok {
		return Member{}, false
	}
	return s.members[i], true
}

// in reports whether m is one of the team now: not retired, compromised or barred.
func (m *Member) in() bool { return (m.Removed == 0 || m.Removed == ModeSuspend) && !m.Barred }

// Handle returns the name a person is known by, whether they still are of the team or not. One who never was is called by
// the start of their identity.
func (t *Team) Handle(p PersonID) string {
	s := t.now()
	if i, ok := s.people[p]; ok {
		return s.members[i].Handle
	}
	return "~" + p.Text()[:4]
}

// Person returns who is known by a handle, of those whom [Team.All] returns.
func (t *Team) Person(handle string) (PersonID, bool) {
	s := t.now()
	for i := range s.members {
		if m := &s.members[i]; m.Handle == handle && m.in() {
			return m.Person, true
		}
	}
	return PersonID{}, false
}

// All returns the persons of the team who have a device that is neither retired, compromised nor barred, in the order
// they joined.
func (t *Team) All() []PersonID {
	s := t.now()
	var out []PersonID
	in := map[PersonID]bool{}
	for i := range s.members {
		if s.members[i].in() {
			in[s.members[i].Person] = true
		}
	}
	for i := range s.members {
		if p := s.members[i].Person; s.people[p] == i && in[p] {
			out = append(out, p)
		}
	}
	return out
}

// state is what follows from all acts.
type state struct {
	*eval
	everything view
	members    []Member
	byDevice   map[crdt.DeviceID]int // into members
	people     map[PersonID]int      // into members, the person's first device
	marks      map[crdt.DeviceID]crdt.Hash
	suspects   map[crdt.DeviceID]bool
}

// now returns what follows from all acts, computing it if anything has changed.
func (t *Team) now() *state {
	if t.state != nil {
		return t.state
	}
	s := &state{
		eval: t.evaluate(), byDevice: map[crdt.DeviceID]int{}, people: map[PersonID]int{},
		marks: map[crdt.DeviceID]crdt.Hash{}, suspects: map[crdt.DeviceID]bool{},
	}
	s.everything = view{e: s.eval, all: true}
	for _, a := range s.order {
		if _, ok := a.body.(*join); ok && s.joins[a.dev][0] == a {
			s.byDevice[a.dev] = len(s.members)
			s.members = append(s.members, s.member(a))
		}
	}
	s.nameMembers()
	for i := range s.members {
		s.mark(&s.members[i])
	}
	t.state = s
	return s
}

// member evaluates one device by the join that made it a member.
func (s *state) member(a *act) Member {
	j, all := a.body.(*join), &s.everything
	m := Member{
		Device: a.dev, Person: s.get(a).person, Handle: j.handle, Label: j.label, Role: s.standing(a.dev, all), Joined: a.op,
		Forked: s.forked(a.dev, all),
	}
	if !s.confirmed(a, all) {
		m.Barred = s.barred(a, all)
		m.Unconfirmed = m.Barred || s.unconfirmed(a, all)
	}
	if inv := s.byOp[j.invite]; inv != nil {
		m.Sponsor = s.get(inv).person
		if m.Person != a.op && m.Sponsor != m.Person {
			m.BoundBy = m.Sponsor
		}
	}
	for _, r := range s.removals[a.dev] {
		b := r.body.(*Remove)
		if s.verdictOf[r].effective && !s.undone(r, all) && stricter(b.Mode, m.Removed) {
			m.Removed, m.RemovedBy, m.Removal, m.Reason = b.Mode, s.get(r).person, r.op, b.Reason
		}
	}
	return m
}

// stricter reports whether a is stricter than b.
func stricter(a, b Mode) bool {
	strictness := [...]int{0, ModeSuspend: 1, ModeRetire: 2, ModeCompromised: 3}
	return strictness[a] > strictness[b]
}

// nameMembers gives every person one handle, that of their first device, and no other person the same.
func (s *state) nameMembers() {
	taken := map[string]bool{}
	for i := range s.members {
		m := &s.members[i]
		if first, ok := s.people[m.Person]; ok {
			m.Handle = s.members[first].Handle
			continue
		}
		s.people[m.Person] = i
		for n := 3; taken[m.Handle]; n++ {
			base, _, _ := strings.Cut(m.Handle, "~")
			m.Handle = base + "~" + m.Person.Text()[:n]
		}
		taken[m.Handle] = true
	}
}
