// Package auth decides who belongs to a team. The team is a document of its own: a small causal graph of operations
// that found it, invite and join, evaluated from the founding operation each time anew, so that every node that holds
// the same operations names the same members.
//
// Promises:
//
//   - Acceptance is a pure function of an operation and its ancestors. [Team.Check] asks nothing else: no clock, no
//     rate, no suspicion. An operation of an incident cites the heads of the team document it was written under, and
//     is accepted if its device was a member there ([Team.MemberAt]), whatever else has become known since.
//   - An invitation is a key: whoever holds its secret half may join, and any member can verify that without asking
//     anyone. Used more often than it allows on two sides of a split, it admits everybody and marks the later ones,
//     in the order of the graph's height and hash, as unconfirmed observers: nobody is locked out by a race.
//   - Bodies of the team document are never erased, since acceptance depends on them.
//
// After the ideas of local-first-auth and Keybase Seitan (invitation keys) and Matrix (evaluation from the beginning).
// What a role may do beyond reading is decided where it is used; short spoken codes, roles and revocation build on this.
package auth

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/crdt"
)

// Kinds of operations in the team document.
const (
	KindGenesis crdt.Kind = 16 // founds the team and its first member
	KindInvite  crdt.Kind = 17
	KindJoin    crdt.Kind = 18
)

// A PersonID names a person: the hash of the operation that brought them into the team.
type PersonID = crdt.Hash

// A Role is what a member may do.
type Role uint8

// Roles, in ascending order of rights. The values are part of the format.
const (
	RoleObserver  Role = 1
	RoleResponder Role = 2
	RoleSteward   Role = 3
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case RoleObserver:
		return "observer"
	case RoleResponder:
		return "responder"
	case RoleSteward:
		return "steward"
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// Genesis founds a team. Its author is the first member, a steward.
type Genesis struct {
	Team   string `cbor:"1,keyasint"`           // name shown to members
	Handle string `cbor:"2,keyasint"`           // of the founder
	Device string `cbor:"3,keyasint,omitempty"` // what the founder calls this device
}

// Invite allows whoever holds the secret half of Key to join, Uses times.
type Invite struct {
	Key       []byte `cbor:"1,keyasint"` // Ed25519 public key
	Role      Role   `cbor:"2,keyasint"`
	Uses      uint32 `cbor:"3,keyasint"`           // at least 1
	ExpiresMS int64  `cbor:"4,keyasint,omitempty"` // advice for the inviter's own node; decides nothing
}

// Join brings the author's device into the team as a new person.
type Join struct {
	Invite crdt.Hash `cbor:"1,keyasint"`
	Handle string    `cbor:"2,keyasint"`
	Device string    `cbor:"3,keyasint,omitempty"`
	Proof  []byte    `cbor:"4,keyasint"` // signature of [JoinMessage] by the invitation's key
}

// Limits of the team document. The bound is on height and not on number, because a number that arrives in another
// order elsewhere would accept another operation there.
const (
	MaxHeight   = 8192
	MaxUses     = 512
	maxNameRune = 64
)

// proofOptions separates proofs of invitation from every other signature (RFC 8032, Ed25519ctx).
var proofOptions = ed25519.Options{Context: "muster/join/v1"}

// JoinMessage returns what the key of an invitation signs to let device into team.
func JoinMessage(team crdt.DocID, device crdt.DeviceID) []byte {
	return append(append([]byte(nil), team[:]...), device[:]...)
}

// Prove signs [JoinMessage] with the secret half of an invitation.
func Prove(key ed25519.PrivateKey, team crdt.DocID, device crdt.DeviceID) ([]byte, error) {
	return key.Sign(nil, JoinMessage(team, device), &proofOptions)
}

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
}

type join struct {
	op     crdt.Hash
	invite crdt.Hash // zero for the founder
	handle string
	label  string
}

// ErrNotMember is wrapped when an operation's author was not a member in the operation's past.
var ErrNotMember = errors.New("not a member of the team")

// New returns the team of the document that g holds the order of. The caller adds an operation to g after [Team.Check]
// accepted it, then calls [Team.Apply].
func New(g *crdt.Graph) *Team {
	return &Team{
		doc: g.Doc(), graph: g,
		invites: map[crdt.Hash]Invite{}, sponsor: map[crdt.Hash]crdt.DeviceID{},
		joins: map[crdt.DeviceID][]join{}, byUse: map[crdt.Hash][]crdt.Hash{},
	}
}

// Doc returns the team's identity.
func (t *Team) Doc() crdt.DocID { return t.doc }

// Name returns the team's name.
func (t *Team) Name() string { return t.genesis.Team }

// Check reports whether rec may enter the team document. Its past must be in the graph; rec itself need not be.
func (t *Team) Check(rec *crdt.Record) error {
	if rec.Erased {
		return fmt.Errorf("%w: operation of the team document without its body", crdt.ErrFormat)
	}
	if len(rec.Op.Team) > 0 {
		return fmt.Errorf("%w: operation of the team document cites team heads", crdt.ErrFormat)
	}
	tall := func(h crdt.Hash) bool { return t.graph.Place(h).Height >= MaxHeight }
	if !rec.Op.Prev.IsZero() && tall(rec.Op.Prev) || slices.ContainsFunc(rec.Op.Parents, tall) {
		return fmt.Errorf("%w: team document deeper than %d operations", crdt.ErrFormat, MaxHeight)
	}
	if rec.Op.Doc.IsZero() {
		var g Genesis
		if rec.Op.Kind != KindGenesis {
			return fmt.Errorf("%w: a team is not founded by kind %d", crdt.ErrFormat, rec.Op.Kind)
		}
		if err := crdt.DecodeBody(rec.Body, &g); err != nil {
			return err
		}
		return cmp.Or(CheckName("team name", g.Team), CheckHandle(g.Handle))
	}
	switch rec.Op.Kind {
	case KindGenesis:
		return fmt.Errorf("%w: second founding of a team", crdt.ErrFormat)
	case KindJoin:
		return t.checkJoin(rec)
	case KindInvite:
		var inv Invite
		if err := crdt.DecodeBody(rec.Body, &inv); err != nil {
			return err
		}
		if len(inv.Key) != ed25519.PublicKeySize || inv.Uses < 1 || inv.Uses > MaxUses || inv.Role < RoleObserver || inv.Role > RoleResponder {
			return fmt.Errorf("%w: invitation out of range", crdt.ErrFormat)
		}
	}
	if !t.memberBefore(&rec.Op) {
		return fmt.Errorf("%w: %s", ErrNotMember, rec.Op.Dot)
	}
	return nil
}

func (t *Team) checkJoin(rec *crdt.Record) error {
	var j Join
	if err := crdt.DecodeBody(rec.Body, &j); err != nil {
		return err
	}
	if err := CheckHandle(j.Handle); err != nil {
		return err
	}
	inv, ok := t.invites[j.Invite]
	if !ok || !t.inPast(&rec.Op, j.Invite) {
		return fmt.Errorf("%w: join without an invitation in its past", ErrNotMember)
	}
	msg := JoinMessage(t.doc, rec.Op.Dot.Device)
	if err := ed25519.VerifyWithOptions(inv.Key, msg, j.Proof, &proofOptions); err != nil {
		return fmt.Errorf("%w: join not signed by its invitation", ErrNotMember)
	}
	return nil
}

// memberBefore reports whether the author of op was a member in op's past.
func (t *Team) memberBefore(op *crdt.Op) bool {
	return slices.ContainsFunc(t.joins[op.Dot.Device], func(j join) bool { return t.inPast(op, j.op) })
}

// inPast reports whether h is in the past of op, which need not be in the graph itself.
func (t *Team) inPast(op *crdt.Op, h crdt.Hash) bool {
	covers := func(p crdt.Hash) bool { return p == h || t.graph.Before(h, p) }
	return !op.Prev.IsZero() && covers(op.Prev) || slices.ContainsFunc(op.Parents, covers)
}

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
	}
}

func (t *Team) decode(rec *crdt.Record, v any) {
	if err := crdt.DecodeBody(rec.Body, v); err != nil {
		panic("auth: operation applied without Check: " + err.Error())
	}
}

// MemberAt reports whether device is a member in the past of heads, which must all be in the team's graph; otherwise
// the answer is [crdt.ErrMissing].
func (t *Team) MemberAt(device crdt.DeviceID, heads []crdt.Hash) (bool, error) {
	for _, h := range heads {
		if !t.graph.Has(h) {
			return false, fmt.Errorf("%w: team operation %s", crdt.ErrMissing, h)
		}
	}
	return slices.ContainsFunc(t.joins[device], func(j join) bool {
		return slices.ContainsFunc(heads, func(h crdt.Hash) bool { return j.op == h || t.graph.Before(j.op, h) })
	}), nil
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

// CheckHandle reports whether s can be typed after an @: 1 to 32 of a-z, 0-9, dot, dash and underscore.
func CheckHandle(s string) error {
	ok := len(s) >= 1 && len(s) <= 32
	for _, c := range s {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	}
	if !ok {
		return fmt.Errorf("%w: handle %q: use 1 to 32 of a-z 0-9 . _ -", crdt.ErrFormat, s)
	}
	return nil
}

// CheckName reports whether s is a non-empty printable line of at most 64 characters.
func CheckName(what, s string) error {
	n := 0
	for _, c := range s {
		if n++; c < ' ' || c == 0x7f {
			return fmt.Errorf("%w: %s has control characters", crdt.ErrFormat, what)
		}
	}
	if n == 0 || n > maxNameRune {
		return fmt.Errorf("%w: %s must have 1 to %d characters", crdt.ErrFormat, what, maxNameRune)
	}
	return nil
}
