package auth_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

// TestStories plays the situations in testdata, one a file. A story has one copy of the team document, main, until it is
// split; every line is an operation on top of all that its side holds:
//
//	split left right                  from here on these sides know nothing of each other
//	merge                             main holds everything again
//	left: t1 = ana remove ben stolen  ben's device is removed by ana's, on the side left; t1 names the operation
//
// What a story prints is the same in every order of delivery, which is tried with a dozen.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/story", func(t *testing.T, path string) {
		s := &story{names: map[string]crdt.Hash{}, device: map[string]int{}, sides: map[string]*replica{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "write":
				for line := range strings.Lines(d.Input) {
					s.line(t, strings.TrimSpace(line))
				}
				s.checkOrders(t)
				return s.show()
			case "claims":
				return s.claims(t, d.Input)
			case "may":
				return s.may(t, d.Input)
			}
			t.Fatalf("no command %q", d.Cmd)
			return ""
		})
	})
}

type story struct {
	names  map[string]crdt.Hash // operation or piece of content -> hash
	told   []string             // names in the order of the story
	device map[string]int
	people []string // device -> name
	main   *replica
	sides  map[string]*replica
}

// line plays one line.
func (s *story) line(t fataler, line string) {
	t.Helper()
	f := strings.Fields(line)
	switch {
	case len(f) == 0 || strings.HasPrefix(line, "#"):
	case f[0] == "split":
		for _, name := range f[1:] {
			s.sides[name] = newReplica(t, s.main.recs...)
		}
	case f[0] == "merge":
		for _, name := range []string{"left", "right", "third"} {
			if side := s.sides[name]; side != nil {
				s.main.pull(t, side)
			}
		}
		clear(s.sides)
	default:
		r := s.main
		if name, ok := strings.CutSuffix(f[0], ":"); ok {
			r, f = s.sides[name], f[1:]
		}
		rec := s.write(t, r, f[2:])
		if r == nil {
			s.main = newReplica(t, rec)
		} else {
			r.mustTake(t, rec)
		}
		s.names[f[0]] = rec.Hash
		s.told = append(s.told, f[0])
	}
}

// pull takes in what another replica has.
func (r *replica) pull(t fataler, from *replica) {
	t.Helper()
	for _, rec := range from.recs {
		if !r.graph.Has(rec.Hash) {
			r.mustTake(t, rec)
		}
	}
}

// dev returns the number of a device, a new one for a new name.
func (s *story) dev(name string) int {
	n, ok := s.device[name]
	if !ok {
		n = len(s.people)
		s.device[name], s.people = n, append(s.people, name)
	}
	return n
}

func (s *story) id(name string) crdt.DeviceID { return deviceKey(s.dev(name)).Device() }

// hash returns what a name stands for: an operation told before, or a piece of content of this name.
func (s *story) hash(name string) crdt.Hash {
	if h, ok := s.names[name]; ok {
		return h
	}
	return crdt.SumHash([]byte(name))
}

func (s *story) hashes(list string) auth.Hashes {
	var out []crdt.Hash
	for name := range strings.SplitSeq(list, ",") {
		if name != "" {
			out = append(out, s.hash(name))
		}
	}
	return auth.SortHashes(out)
}

var modes = map[string]auth.Mode{"left": auth.ModeRetire, "stolen": auth.ModeCompromised, "suspend": auth.ModeSuspend}

var roleNames = map[string]auth.Role{"observer": auth.RoleObserver, "responder": auth.RoleResponder, "steward": auth.RoleSteward}

// write seals the operation that the words f say: author, verb, objects, options.
func (s *story) write(t fataler, r *replica, f []string) *crdt.Record {
	t.Helper()
	if f[1] == "found" {
		s.dev(f[0])
		return found(t)
	}
	author := s.dev(f[0])
	kind, body := s.body(t, r, author, f[1], f[2:])
	if epoch := option(f, "epoch"); epoch != "" {
		n, _ := strconv.ParseUint(epoch, 10, 64)
		op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Epoch: n, Seq: 1}, Kind: kind, WallMS: int64(len(r.recs)), Parents: r.graph.Heads()}
		return seal(t, author, op, body)
	}
	if at := option(f, "under"); at != "" { // as of an earlier time, in an epoch of its own
		op := crdt.Op{Doc: r.graph.Doc(), Dot: crdt.Dot{Epoch: uint64(1000 + len(r.recs)), Seq: 1}, Kind: kind, Parents: s.hashes(at)}
		return seal(t, author, op, body)
	}
	return r.write(t, author, kind, body)
}

func option(f []string, name string) string {
	for _, w := range f {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

func (s *story) body(t fataler, r *replica, author int, verb string, f []string) (crdt.Kind, any) {
	t.Helper()
	switch verb {
	case "invite":
		inv := invite(len(r.recs)%100, 9)
		if n := option(f, "uses"); n != "" {
			u, _ := strconv.Atoi(n)
			inv.Uses = uint32(u)
		}
		if role := option(f, "role"); role != "" {
			inv.Role = roleNames[role]
		}
		if p := option(f, "for"); p != "" {
			m, _ := r.team.Member(s.id(p))
			inv.Person = m.Person
		}
		return auth.KindInvite, inv
	case "join":
		inv := s.hash(f[0])
		n := slices.IndexFunc(r.recs, func(rec *crdt.Record) bool { return rec.Hash == inv })
		return auth.KindJoin, r.join(t, author, inv, n%100, s.people[author])
	case "role":
		m, _ := r.team.Member(s.id(f[0]))
		return auth.KindRole, auth.SetRole{Person: m.Person, Role: roleNames[f[1]]}
	case "confirm":
		return auth.KindConfirm, auth.Confirm{Device: s.id(f[0])}
	case "remove":
		return auth.KindRemove, auth.Remove{Device: s.id(f[0]), Mode: modes[f[1]], Cut: s.hashes(option(f, "cut"))}
	case "reinstate":
		return auth.KindReinstate, auth.Reinstate{Device: s.id(f[0])}
	case "cosign":
		return auth.KindCosign, auth.Cosign{Op: s.hash(f[0])}
	case "close":
		return auth.KindClose, auth.Close{Invite: s.hash(f[0])}
	case "adopt":
		return auth.KindAdopt, auth.Adopt{Ops: s.hashes(f[0])}
	case "policy":
		return auth.KindPolicy, auth.SetPolicy{Invite: roleNames[f[0]]}
	}
	t.Fatalf("no verb %q", verb)
	return 0, nil
}

// name returns the name that the story has for an operation.
func (s *story) name(h crdt.Hash) string {
	for _, n := range s.told {
		if s.names[n] == h {
			return n
		}
	}
	return "?"
}

// who returns the names of persons.
func (s *story) who(team *auth.Team, ps []auth.PersonID) string {
	var out []string
	for _, p := range ps {
		out = append(out, team.Handle(p))
	}
	return strings.Join(out, ", ")
}

func (s *story) called(d crdt.DeviceID) string {
	return s.people[slices.IndexFunc(s.people, func(n string) bool { return s.id(n) == d })]
}

// show prints the team as main has it.
func (s *story) show() string {
	var b strings.Builder
	team := s.main.team
	for _, m := range team.Members() {
		who := s.called(m.Device)
		fmt.Fprintf(&b, "%-6s %s", who, m.Role)
		if m.Handle != who && m.Handle != "p0" {
			fmt.Fprintf(&b, ", %s's", m.Handle)
		}
		if !m.BoundBy.IsZero() {
			fmt.Fprintf(&b, " as bound by %s", team.Handle(m.BoundBy))
		}
		switch {
		case m.Barred:
			b.WriteString(", barred")
		case m.Unconfirmed:
			b.WriteString(", unconfirmed")
		}
		if m.Removed != 0 {
			fmt.Fprintf(&b, ", %s by %s (%s)", m.Removed, team.Handle(m.RemovedBy), s.name(m.Removal))
		}
		if m.Forked {
			b.WriteString(", forked")
		}
		if !team.Admitted(m.Device) {
			b.WriteString(", refused")
		}
		b.WriteByte('\n')
	}
	for _, r := range team.Removals() {
		fmt.Fprintf(&b, "%s: %s %s ", s.name(r.Op), s.called(r.Device), r.Mode)
		switch {
		case r.Undone:
			b.WriteString("and reinstated")
		case r.Effective:
			b.WriteString("in effect")
		case !r.Beat.IsZero():
			fmt.Fprintf(&b, "lost to %s", s.name(r.Beat))
		default:
			b.WriteString("without effect")
		}
		fmt.Fprintf(&b, "; behind it: %s\n", s.who(team, r.Behind))
	}
	for _, p := range team.Proposals() {
		fmt.Fprintf(&b, "%s waits; behind it: %s\n", s.name(p.Op), s.who(team, p.Behind))
	}
	if len(team.Stewards()) == 0 {
		b.WriteString("no steward\n")
	}
	return strings.ReplaceAll(b.String(), "p0", s.people[0])
}

// claims judges pieces of content: device, number of the piece in the device's log, @ the operation it stands under.
func (s *story) claims(t *testing.T, input string) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		log := strings.TrimRight(f[1], "0123456789")
		number := func(name string) int { n, _ := strconv.Atoi(strings.TrimPrefix(name, log)); return n }
		c := auth.Claim{Hash: s.hash(f[1]), Device: s.id(f[0]), Team: s.hashes(strings.TrimPrefix(f[2], "@"))}
		got := s.main.team.Judge(c, func(op, tip crdt.Hash) bool {
			for n := number(f[1]); n < 100; n++ {
				if crdt.SumHash(fmt.Appendf(nil, "%s%d", log, n)) == tip {
					return true
				}
			}
			return false
		})
		if got != auth.Counts && !s.main.team.Suspect(c.Device) {
			t.Errorf("%s: %v, though nothing of it is suspect", line, got)
		}
		fmt.Fprintf(&b, "%s %s\n", strings.TrimSpace(line), [...]string{"counts", "is quarantined", "counts as an observer's"}[got])
	}
	return b.String()
}

// may asks what the author of each line could write.
func (s *story) may(t *testing.T, input string) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		f := strings.Fields(line)
		kind, body := s.body(t, s.main, s.dev(f[0]), f[1], f[2:])
		switch alone, err := s.main.team.May(s.id(f[0]), kind, body); {
		case err != nil:
			fmt.Fprintf(&b, "%s: %v\n", strings.TrimSpace(line), err)
		case alone:
			fmt.Fprintf(&b, "%s: yes\n", strings.TrimSpace(line))
		default:
			fmt.Fprintf(&b, "%s: with a second person\n", strings.TrimSpace(line))
		}
	}
	return b.String()
}

// checkOrders delivers what main holds in other orders, looking in between, and wants the same team.
func (s *story) checkOrders(t *testing.T) {
	t.Helper()
	if diff := newModel(s.main.recs).differs(s.main.team); diff != "" {
		t.Errorf("not what the model says:\n%s", diff)
	}
	want := answers(s.main.team)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		r := deliver(t, s.main.recs, rng.IntN)
		if diff := cmp.Diff(want, answers(r.team)); diff != "" {
			t.Fatalf("another order, another team (-first +second):\n%s", diff)
		}
	}
}

// deliver returns a replica that takes recs in an order that pick chooses and that agrees with causality. It is looked
// at in between: what was read once must not stay when more arrives.
func deliver(t fataler, recs []*crdt.Record, pick func(n int) int) *replica {
	t.Helper()
	r := newReplica(t, recs[0])
	for left := slices.Clone(recs[1:]); len(left) > 0; {
		var ready []int
		for i, rec := range left {
			if len(r.graph.Missing(&rec.Op)) == 0 {
				ready = append(ready, i)
			}
		}
		i := ready[pick(len(ready))]
		r.mustTake(t, left[i])
		left = slices.Delete(left, i, i+1)
		if pick(3) == 0 {
			r.team.Members()
		}
	}
	return r
}

// teamAnswers is all that a team says about itself.
type teamAnswers struct {
	Members   []auth.Member
	Removals  []auth.Removal
	Proposals []auth.Proposal
	Invites   []auth.Invitation
	Ring      []crdt.Hash
	All       []auth.PersonID
	Stewards  []auth.PersonID
	Admitted  []bool
	Marks     []crdt.Hash
	Roles     []auth.Role
}

func answers(t *auth.Team) teamAnswers {
	a := teamAnswers{
		Members: t.Members(), Removals: t.Removals(), Proposals: t.Proposals(), Invites: t.Invites(), All: t.All(), Stewards: t.Stewards(),
	}
	for _, m := range a.Members {
		a.Admitted = append(a.Admitted, t.Admitted(m.Device))
		a.Marks = append(a.Marks, t.Mark(m.Device))
		a.Roles = append(a.Roles, t.RoleOf(m.Person))
	}
	for _, k := range t.KeyRing() {
		a.Ring = append(a.Ring, k.ID)
	}
	return a
}
