package auth_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

// A crowd builds large team documents, without proofs and signatures, which cost more than what is measured.
type crowd struct {
	tb    testing.TB
	graph *crdt.Graph
	team  *auth.Team
	recs  []*crdt.Record
	tips  map[crdt.LogID]crdt.Hash
	seqs  map[crdt.LogID]uint64
	root  crdt.Hash
}

type numbered int

func (n numbered) Device() (d crdt.DeviceID) {
	binary.BigEndian.PutUint64(d[:], uint64(n)+1)
	return d
}

func (n numbered) Sign([]byte) [crdt.SignatureBytes]byte { return [crdt.SignatureBytes]byte{} }

func newCrowd(tb testing.TB) *crowd {
	c := &crowd{tb: tb, tips: map[crdt.LogID]crdt.Hash{}, seqs: map[crdt.LogID]uint64{}}
	rec, err := crdt.Seal(crdt.Op{Dot: crdt.Dot{Seq: 1}, Kind: auth.KindGenesis}, [crdt.SaltBytes]byte{}, crdt.EncodeBody(auth.Genesis{Team: "ops", Handle: "p0"}), numbered(0))
	if err != nil {
		tb.Fatal(err)
	}
	c.graph = crdt.NewGraph(rec.Doc())
	c.team, c.root = auth.New(c.graph), rec.Hash
	c.take(rec)
	return c
}

func (c *crowd) take(rec *crdt.Record) crdt.Hash {
	if _, err := c.graph.Add(rec); err != nil {
		c.tb.Fatal(err)
	}
	c.team.Apply(rec)
	c.recs = append(c.recs, rec)
	log := rec.Op.Dot.Log()
	c.tips[log], c.seqs[log] = rec.Hash, rec.Op.Dot.Seq
	return rec.Hash
}

// write adds an operation of a device in one of its epochs that has seen the given ones besides its log.
func (c *crowd) write(dev int, epoch uint64, kind crdt.Kind, body any, seen ...crdt.Hash) crdt.Hash {
	log := crdt.LogID{Device: numbered(dev).Device(), Epoch: epoch}
	op := crdt.Op{Doc: c.graph.Doc(), Kind: kind, Prev: c.tips[log], Dot: crdt.Dot{Epoch: epoch, Seq: c.seqs[log] + 1}}
	for _, h := range seen {
		if h != op.Prev {
			op.Parents = append(op.Parents, h)
		}
	}
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(body), numbered(dev))
	if err != nil {
		c.tb.Fatal(err)
	}
	return c.take(rec)
}

// people adds n members, device 1 to n, who all joined by one invitation of the founder, and returns who they are and
// the last operation, which has seen all.
func (c *crowd) people(n int) (persons []auth.PersonID, last crdt.Hash) {
	inv := c.write(0, 0, auth.KindInvite, auth.Invite{Key: make([]byte, 32), Role: auth.RoleResponder, Uses: auth.MaxUses})
	last = inv
	persons = append(persons, c.root)
	for i := 1; i <= n; i++ {
		last = c.write(i, 0, auth.KindJoin, auth.Join{Invite: inv, Handle: fmt.Sprintf("p%d", i)}, last)
		persons = append(persons, last)
	}
	return persons, last
}

// ordinary is a team of 500 that has lived for a while: 2,000 operations.
func ordinary(tb testing.TB) *crowd {
	c := newCrowd(tb)
	persons, last := c.people(500)
	for i := range 1500 {
		n := 1 + i*7%500
		switch i % 6 {
		case 0:
			last = c.write(0, 0, auth.KindRole, auth.SetRole{Person: persons[n], Role: auth.RoleSteward}, last)
		case 1:
			last = c.write(0, 0, auth.KindRemove, auth.Remove{Device: numbered(n).Device(), Mode: auth.Mode(1 + i%3)}, last)
		case 2:
			last = c.write(0, 0, auth.KindReinstate, auth.Reinstate{Device: numbered(n).Device()}, last)
		case 3:
			last = c.write(n, 0, auth.KindInvite, auth.Invite{Key: make([]byte, 32), Role: auth.RoleResponder, Uses: 1}, last)
		case 4:
			last = c.write(n, 0, auth.KindCosign, auth.Cosign{Op: last}, last)
		case 5:
			last = c.write(n, 0, auth.KindRole, auth.SetRole{Person: persons[1+n%500], Role: auth.RoleResponder}, last)
		}
	}
	return c
}

// hostile is what a compromised founder can write to make others work.
var hostile = []struct {
	name  string
	bound int // steps
	build func(c *crowd)
}{
	{"10,000 removals in a chain", 300_000, func(c *crowd) {
		_, last := c.people(100)
		for i := range 10_000 {
			if i%8000 == 0 { // a log may be 8,192 high
				c.tips, c.seqs = map[crdt.LogID]crdt.Hash{}, map[crdt.LogID]uint64{}
			}
			c.write(0, uint64(1+i/8000), auth.KindRemove, auth.Remove{Device: numbered(1 + i%100).Device(), Mode: auth.ModeCompromised}, last)
		}
	}},
	{"10,000 removals in a fan", 200_000, func(c *crowd) {
		_, last := c.people(100)
		for i := range 10_000 {
			c.write(0, uint64(1+i), auth.KindRemove, auth.Remove{Device: numbered(1 + i%100).Device(), Mode: auth.ModeCompromised}, last)
		}
	}},
	{"3,000 removals in three layers", 4_000_000, func(c *crowd) {
		_, last := c.people(100)
		for i := range 3000 {
			h := c.write(0, uint64(1+i%1000), auth.KindRemove, auth.Remove{Device: numbered(1 + i%100).Device(), Mode: auth.ModeCompromised}, last)
			if i%1000 == 999 {
				last = h
			}
		}
	}},
	{"3,000 removals each of which kills", 100_000, func(c *crowd) {
		persons, last := c.people(500)
		for i := 1; i <= 500; i++ {
			for e := range 6 {
				c.write(i, uint64(1+e), auth.KindRole, auth.SetRole{Person: persons[1+i%500], Role: auth.RoleObserver}, last)
			}
		}
		for i := range 3000 {
			c.write(0, uint64(1+i), auth.KindRemove, auth.Remove{Device: numbered(1 + i%500).Device(), Mode: auth.ModeCompromised}, last)
		}
	}},
	{"3,000 roles of one person in a fan", 20_000, func(c *crowd) {
		persons, last := c.people(10)
		for i := range 3000 {
			c.write(0, uint64(1+i), auth.KindRole, auth.SetRole{Person: persons[1], Role: auth.RoleSteward}, last)
		}
	}},
	{"3,000 co-signatures of one operation", 20_000, func(c *crowd) {
		_, last := c.people(10)
		t := c.write(1, 0, auth.KindRemove, auth.Remove{Device: numbered(2).Device(), Mode: auth.ModeCompromised}, last)
		for i := range 3000 {
			c.write(3, uint64(1+i), auth.KindCosign, auth.Cosign{Op: t}, t)
		}
	}},
	{"a chain of 3,000 steward grants", 300_000, func(c *crowd) {
		persons, last := c.people(100)
		for i := range 3000 {
			last = c.write(i%100, 0, auth.KindRole, auth.SetRole{Person: persons[(i+1)%100], Role: auth.RoleSteward}, last)
		}
	}},
}

// What one compromised device can make an evaluation cost is bounded, counted in questions to the graph.
func TestHostileShapesCostBoundedSteps(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			c := newCrowd(t)
			h.build(c)
			if steps := c.team.Steps(); steps > h.bound {
				t.Errorf("%d steps for %d operations, at most %d are allowed", steps, c.graph.Len(), h.bound)
			} else {
				t.Logf("%d steps for %d operations", steps, c.graph.Len())
			}
		})
	}
}

// In ordinary use an evaluation costs a few questions an operation.
func TestOrdinaryTeamCostsFewSteps(t *testing.T) {
	c := ordinary(t)
	if steps, n := c.team.Steps(), c.graph.Len(); steps > 400*n {
		t.Errorf("%d steps for %d operations", steps, n)
	} else {
		t.Logf("%d steps for %d operations", steps, n)
	}
}

// A profile leaves what was computed of the team as it is.
func TestProfileEvaluatesNothingAnew(t *testing.T) {
	c := newCrowd(t)
	_, last := c.people(3)
	before := c.team.Members()
	c.write(1, 0, auth.KindProfile, auth.SetProfile{Name: new("Bob")}, last)
	if after := c.team.Members(); &before[0] != &after[0] {
		t.Error("the members were computed again")
	}
}

func BenchmarkEvaluate2000(b *testing.B) { benchmarkEvaluate(b, ordinary(b)) }

func BenchmarkEvaluateHostile(b *testing.B) {
	for _, h := range hostile {
		b.Run(h.name, func(b *testing.B) {
			c := newCrowd(b)
			h.build(c)
			benchmarkEvaluate(b, c)
		})
	}
}

func benchmarkEvaluate(b *testing.B, c *crowd) {
	team := auth.New(c.graph)
	for _, rec := range c.recs {
		team.Apply(rec)
	}
	for b.Loop() {
		team.Forget()
		team.Members()
	}
}
