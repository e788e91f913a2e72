package auth

import (
	"cmp"
	"maps"
	"slices"
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
	Unconfirmed bool     // joined by an invitation that was used up
	Sponsor     PersonID // who invited; zero for the founder
	Joined      crdt.Hash
}

// Members returns all members, in the order in which the graph has them join. Handles are unique: of two people who
// chose the same one without knowing of each other, the later is shown with a tilde and the start of their identity.
func (t *Team) Members() []Member {
	t.fold()
	return t.members
}

// Member returns the member with this device key.
func (t *Team) Member(d crdt.DeviceID) (Member, bool) {
	t.fold()
	i, ok := t.index[d]
	if !ok {
		return Member{}, false
	}
	return t.members[i], true
}

// Handle returns the name a person is known by. One who is not of this team is called by the start of their identity.
func (t *Team) Handle(p PersonID) string {
	t.fold()
	if i, ok := t.people[p]; ok {
		return t.members[i].Handle
	}
	return "~" + p.Text()[:4]
}

// Person returns who is known by a handle.
func (t *Team) Person(handle string) (PersonID, bool) {
	t.fold()
	for i := range t.members {
		if t.members[i].Handle == handle {
			return t.members[i].Person, true
		}
	}
	return PersonID{}, false
}

// All returns the persons of the team, in the order they joined.
func (t *Team) All() []PersonID {
	t.fold()
	var out []PersonID
	for i := range t.members {
		if t.people[t.members[i].Person] == i {
			out = append(out, t.members[i].Person)
		}
	}
	return out
}

// fold computes the members from all operations.
func (t *Team) fold() {
	if t.members != nil || t.graph.Len() == 0 {
		return
	}
	for _, dev := range slices.SortedFunc(maps.Keys(t.joins), crdt.DeviceID.Compare) {
		js := slices.Clone(t.joins[dev])
		slices.SortFunc(js, func(a, b join) int { return t.compareOps(a.op, b.op) })
		t.members = append(t.members, t.member(dev, js[0]))
	}
	slices.SortFunc(t.members, func(a, b Member) int { return t.compareOps(a.Joined, b.Joined) })
	t.index, t.people = map[crdt.DeviceID]int{}, map[PersonID]int{}
	taken := map[string]bool{}
	for i := range t.members {
		m := &t.members[i]
		t.index[m.Device] = i
		if _, ok := t.people[m.Person]; !ok {
			t.people[m.Person] = i
		}
		for n := 3; taken[m.Handle]; n++ {
			base, _, _ := strings.Cut(m.Handle, "~")
			m.Handle = base + "~" + m.Person.Text()[:n]
		}
		taken[m.Handle] = true
	}
	for i := range t.members {
		if m := &t.members[i]; !m.Sponsor.IsZero() {
			m.Sponsor = t.members[t.index[crdt.DeviceID(m.Sponsor)]].Person
		}
	}
	t.foldProfiles()
}

// member evaluates one device. Sponsor holds the sponsoring device until fold has the person for it.
func (t *Team) member(dev crdt.DeviceID, j join) Member {
	m := Member{Device: dev, Person: j.op, Handle: j.handle, Label: j.label, Role: RoleSteward, Joined: j.op}
	if j.invite.IsZero() {
		return m
	}
	inv := t.invites[j.invite]
	m.Role, m.Sponsor = inv.Role, crdt.Hash(t.sponsor[j.invite])
	uses := slices.SortedFunc(slices.Values(t.byUse[j.invite]), t.compareOps)
	if slices.Index(uses, j.op) >= int(inv.Uses) {
		m.Role, m.Unconfirmed = RoleObserver, true
	}
	return m
}

// compareOps orders operations by height and hash: an order that agrees with causality and that no clock can bend.
func (t *Team) compareOps(a, b crdt.Hash) int {
	return cmp.Or(cmp.Compare(t.graph.Place(a).Height, t.graph.Place(b).Height), a.Compare(b))
}
