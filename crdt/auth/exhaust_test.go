package auth_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"

	"github.com/google/go-cmp/cmp"
)

var more = flag.Int("auth.more", 1, "how many times as many graphs to draw of the scopes that are too large to walk")

// plainSigner signs nothing: the team document does not look at signatures.
type plainSigner int

func (s plainSigner) Device() crdt.DeviceID { return deviceKey(int(s)).Device() }

func (s plainSigner) Sign([]byte) [crdt.SignatureBytes]byte { return [crdt.SignatureBytes]byte{} }

// A verb is what one device could write next, on top of ops that it has seen; nil: nothing.
type verb func(w *world, author int, past []int) (crdt.Kind, any)

// A world is a team of four and some operations on top of it. Every operation is the first of an epoch of its own, as
// whoever holds a device's key may write it, so that any set closed under causality can be its past.
type world struct {
	base    []*crdt.Record
	head    crdt.Hash
	devices []crdt.DeviceID
	persons []auth.PersonID
	invite  crdt.Hash
	recs    []*crdt.Record
	pasts   []uint32 // by operation, of the others
	authors []int
}

// newWorld has ana (steward), ben, carol and dan; what more makes a change to that.
func newWorld(t *testing.T, uses uint32, benSteward bool) *world {
	r := newReplica(t, found(t))
	inv := invite(0, uses)
	i := r.write(t, 0, auth.KindInvite, inv)
	r.mustTake(t, i)
	w := &world{invite: i.Hash, persons: []auth.PersonID{r.recs[0].Hash}, devices: []crdt.DeviceID{plainSigner(0).Device()}}
	for n, name := range []string{"ben", "carol", "dan"} {
		j := r.write(t, n+1, auth.KindJoin, r.join(t, n+1, i.Hash, 0, name))
		r.mustTake(t, j)
		w.persons, w.devices = append(w.persons, j.Hash), append(w.devices, plainSigner(n+1).Device())
	}
	if benSteward {
		r.mustTake(t, r.write(t, 0, auth.KindRole, auth.SetRole{Person: w.persons[1], Role: auth.RoleSteward}))
	}
	w.base, w.head = r.recs, r.graph.Heads()[0]
	return w
}

// add puts an operation on top of those in past and reports whether there is not one like it already.
func (w *world) add(t *testing.T, author int, past uint32, kind crdt.Kind, body any) bool {
	op := crdt.Op{Doc: w.base[0].Doc(), Kind: kind, Parents: []crdt.Hash{}}
	b := crdt.EncodeBody(body)
	for i := range w.recs {
		covered := false
		for j := range w.recs {
			covered = covered || past>>j&1 == 1 && w.pasts[j]>>i&1 == 1
		}
		if past>>i&1 == 1 && !covered {
			op.Parents = append(op.Parents, w.recs[i].Hash)
		}
	}
	if len(op.Parents) == 0 {
		op.Parents = append(op.Parents, w.head)
	}
	slices.SortFunc(op.Parents, crdt.Hash.Compare)
	sum := sha256.New()
	sum.Write(fmt.Append(nil, author, kind, b, op.Parents)) // a hash takes everything
	op.Dot = crdt.Dot{Epoch: binary.BigEndian.Uint64(sum.Sum(nil)), Seq: 1}
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, b, plainSigner(author))
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(w.recs, func(r *crdt.Record) bool { return r.Hash == rec.Hash }) {
		return false
	}
	w.recs, w.pasts, w.authors = append(w.recs, rec), append(w.pasts, past), append(w.authors, author)
	return true
}

func (w *world) pop() {
	n := len(w.recs) - 1
	w.recs, w.pasts, w.authors = w.recs[:n], w.pasts[:n], w.authors[:n]
}

// apply returns the team of all operations, in the order in which they are. look: it is also read in between.
func (w *world) apply(t *testing.T, look bool) *auth.Team {
	g := crdt.NewGraph(w.base[0].Doc())
	team := auth.New(g)
	for _, recs := range [][]*crdt.Record{w.base, w.recs} {
		for _, rec := range recs {
			if _, err := g.Add(rec); err != nil {
				t.Fatal(err)
			}
			team.Apply(rec)
			if look {
				team.Members()
			}
		}
	}
	return team
}

// set returns the name of the set of operations, whatever their order.
func (w *world) set() (x [16]byte) {
	for _, r := range w.recs {
		for i := range x {
			x[i] ^= r.Hash[i]
		}
	}
	return x
}

func removing(target int, mode auth.Mode) verb {
	return func(w *world, author int, _ []int) (crdt.Kind, any) {
		return auth.KindRemove, auth.Remove{Device: w.devices[target], Mode: mode}
	}
}

func cosigning(w *world, _ int, past []int) (crdt.Kind, any) {
	if len(past) == 0 {
		return 0, nil
	}
	return auth.KindCosign, auth.Cosign{Op: w.recs[past[len(past)-1]].Hash}
}

func setting(target int, role auth.Role) verb {
	return func(w *world, _ int, _ []int) (crdt.Kind, any) {
		return auth.KindRole, auth.SetRole{Person: w.persons[target], Role: role}
	}
}

func reinstating(target int) verb {
	return func(w *world, _ int, past []int) (crdt.Kind, any) {
		return auth.KindReinstate, auth.Reinstate{Device: w.devices[target]}
	}
}

func confirming(target int) verb {
	return func(w *world, _ int, _ []int) (crdt.Kind, any) {
		return auth.KindConfirm, auth.Confirm{Device: w.devices[target]}
	}
}

func closing(w *world, _ int, _ []int) (crdt.Kind, any) {
	return auth.KindClose, auth.Close{Invite: w.invite}
}

func ruling(w *world, _ int, _ []int) (crdt.Kind, any) {
	return auth.KindPolicy, auth.SetPolicy{Invite: auth.RoleSteward}
}

func inviting(w *world, _ int, _ []int) (crdt.Kind, any) { return auth.KindInvite, invite(1, 1) }

// A scope is a set of graphs: all of up to depth operations that authors can make with the verbs, on every past.
type scope struct {
	name    string
	uses    uint32
	steward bool // ben is one too
	depth   int
	authors []int
	verbs   []verb
	sample  int // how many graphs are drawn, each with all of its orders; 0: there is every one
}

func scopes() []scope {
	var removals, every []verb
	for target := range 3 {
		removals = append(removals, removing(target, auth.ModeCompromised))
		for mode := auth.ModeRetire; mode <= auth.ModeSuspend; mode++ {
			every = append(every, removing(target, mode))
		}
		every = append(every, setting(target, auth.RoleObserver), setting(target, auth.RoleSteward), reinstating(target), confirming(target))
	}
	every = append(every, cosigning, closing, ruling, inviting)
	all := []int{0, 1, 2, 3}
	return []scope{
		{"every kind, two operations", 2, true, 2, all, every, 0},
		{"removals and co-signatures, three operations", 9, true, 3, []int{0, 1, 2}, append(slices.Clone(removals[:2]), cosigning), 0},
		{"every kind, three operations", 2, true, 3, all, every, 200},
		{"every kind, four operations", 2, true, 4, all, every, 200},
		{"every kind, five operations", 9, true, 5, all, every, 120},
		{"removals and co-signatures, five operations", 9, true, 5, all, append(slices.Clone(removals), cosigning, cosigning), 120},
		{"one steward, removals, roles and reinstatements, five operations", 9, false, 5, all, []verb{
			removing(0, auth.ModeCompromised), removing(1, auth.ModeRetire), setting(2, auth.RoleSteward), reinstating(0), cosigning, cosigning,
		}, 120},
	}
}

// Graphs of four devices and up to five authority operations give one answer in every order of delivery, that of the
// model, whether they are read in between or not. Small scopes are walked whole: every sequence is one order of one graph,
// the graphs are told apart by the set of their operations, and all sequences of one set must agree. Of large ones a fixed
// sample is drawn, and each graph is delivered in all of its orders; -auth.more=N draws N times as many.
func TestEveryGraphGivesOneAnswer(t *testing.T) {
	for _, sc := range scopes() {
		t.Run(sc.name, func(t *testing.T) {
			w := newWorld(t, sc.uses, sc.steward)
			seen := map[[16]byte][sha256.Size]byte{}
			orders := 0
			look := func() {
				orders++
				set := w.set()
				old, known := seen[set]
				team := w.apply(t, known) // the first time at once, then read on the way
				sum := sha256.Sum256(fmt.Append(nil, answers(team)))
				if !known {
					seen[set] = sum
					if diff := newModel(slices.Concat(w.base, w.recs)).differs(team); diff != "" {
						t.Fatalf("not what the model says:\n%s\n%s", diff, w.tell())
					}
				} else if old != sum {
					t.Fatalf("another order, another team: %s", w.tell())
				}
			}
			if sc.sample == 0 {
				w.walk(t, &sc, look)
			} else {
				rng := rand.New(rand.NewPCG(uint64(sc.depth), uint64(len(sc.verbs))))
				for range sc.sample * *more {
					w.draw(t, &sc, rng)
					w.permute(0, look)
					w.recs, w.pasts, w.authors = nil, nil, nil
				}
			}
			t.Logf("%d graphs, %d orders of delivery", len(seen), orders)
		})
	}
}

// draw puts as many operations of the scope as it is deep into the world.
func (w *world) draw(t *testing.T, sc *scope, rng *rand.Rand) {
	for len(w.recs) < sc.depth {
		past := uint32(rng.Uint64()) & (1<<len(w.recs) - 1)
		for i, p := range w.pasts {
			if past>>i&1 == 1 {
				past |= p
			}
		}
		author := sc.authors[rng.IntN(len(sc.authors))]
		if kind, body := sc.verbs[rng.IntN(len(sc.verbs))](w, author, w.before(past)); body != nil {
			w.add(t, author, past, kind, body)
		}
	}
}

// permute calls f with the operations in every order that agrees with causality, those before n staying in place.
func (w *world) permute(n int, f func()) {
	if n == len(w.recs) {
		f()
		return
	}
	for i := n; i < len(w.recs); i++ {
		if slices.ContainsFunc(w.recs[n:], func(r *crdt.Record) bool { return slices.Contains(w.recs[i].Op.Parents, r.Hash) }) {
			continue
		}
		w.recs[n], w.recs[i] = w.recs[i], w.recs[n]
		w.permute(n+1, f)
		w.recs[n], w.recs[i] = w.recs[i], w.recs[n]
	}
}

// before returns the operations of a set.
func (w *world) before(past uint32) []int {
	var out []int
	for i := range w.recs {
		if past>>i&1 == 1 {
			out = append(out, i)
		}
	}
	return out
}

// walk calls f for every sequence of operations of the scope.
func (w *world) walk(t *testing.T, sc *scope, f func()) {
	n := len(w.recs)
	if n == sc.depth {
		return
	}
	for past := range uint32(1) << n {
		if !w.closed(past) {
			continue
		}
		before := w.before(past)
		for _, author := range sc.authors {
			for _, v := range sc.verbs {
				kind, body := v(w, author, before)
				if body == nil || !w.add(t, author, past, kind, body) {
					continue
				}
				f()
				w.walk(t, sc, f)
				w.pop()
			}
		}
	}
}

// closed reports whether a set of operations is closed under causality.
func (w *world) closed(past uint32) bool {
	for i, p := range w.pasts {
		if past>>i&1 == 1 && p&^past != 0 {
			return false
		}
	}
	return true
}

func (w *world) tell() string {
	out := ""
	for i, r := range w.recs {
		out += fmt.Sprintf("%d: %s by %s kind %d body %x on %s\n", i, r.Hash, r.Op.Dot.Device.Short(), r.Op.Kind, r.Body, r.Op.Parents)
	}
	return out
}

// T13: whatever a compromised founder writes, in whatever number and having seen whatever, two responders who do not
// know of it win over it together; nobody else is removed, and the two can make a steward.
func TestTwoWinOverACompromisedFounder(t *testing.T) {
	for _, flood := range []int{1, 3, 40} {
		r := newReplica(t, found(t))
		i := r.write(t, 0, auth.KindInvite, invite(0, 9))
		r.mustTake(t, i)
		for n, name := range []string{"ben", "carol", "dan"} {
			r.mustTake(t, r.write(t, n+1, auth.KindJoin, r.join(t, n+1, i.Hash, 0, name)))
		}
		honest, thief := newReplica(t, r.recs...), newReplica(t, r.recs...)
		person := func(n int) auth.PersonID { m, _ := r.team.Member(deviceKey(n).Device()); return m.Person }
		for k := range flood {
			for n := 1; n <= 3; n++ {
				dev := deviceKey(n).Device()
				thief.mustTake(t, thief.write(t, 0, auth.KindRemove, auth.Remove{Device: dev, Mode: auth.Mode(1 + (k+n)%3)}))
				thief.mustTake(t, thief.write(t, 0, auth.KindRole, auth.SetRole{Person: person(n), Role: auth.RoleObserver}))
			}
			thief.mustTake(t, thief.write(t, 0, auth.KindClose, auth.Close{Invite: i.Hash}))
		}
		removal := honest.write(t, 1, auth.KindRemove, auth.Remove{Device: deviceKey(0).Device(), Mode: auth.ModeCompromised})
		honest.mustTake(t, removal)
		honest.mustTake(t, honest.write(t, 2, auth.KindCosign, auth.Cosign{Op: removal.Hash}))
		honest.pull(t, thief)
		founder, _ := honest.team.Member(deviceKey(0).Device())
		if founder.Removed != auth.ModeCompromised || honest.team.Admitted(founder.Device) {
			t.Errorf("flood %d: the founder is %+v", flood, founder)
		}
		for n := 1; n <= 3; n++ {
			m, _ := honest.team.Member(deviceKey(n).Device())
			if m.Removed != 0 || m.Role != auth.RoleResponder || !honest.team.Admitted(m.Device) || honest.team.Suspect(m.Device) {
				t.Errorf("flood %d: %+v", flood, m)
			}
		}
		role := honest.write(t, 1, auth.KindRole, auth.SetRole{Person: person(2), Role: auth.RoleSteward})
		honest.mustTake(t, role)
		honest.mustTake(t, honest.write(t, 3, auth.KindCosign, auth.Cosign{Op: role.Hash}))
		if got := honest.team.Stewards(); !cmp.Equal(got, []auth.PersonID{person(2)}) {
			t.Errorf("flood %d: stewards %v", flood, got)
		}
	}
}
