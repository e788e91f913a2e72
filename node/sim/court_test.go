package sim

import (
	"crypto/ed25519"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"muster/crdt"
	"muster/crdt/auth"
)

var quarrels = flag.Uint64("quarrels", 3000, "number of team documents in which package auth and the court are compared")

// A quarrel is a team whose members write what they like into its document, each on top of what they have heard.
type quarrel struct {
	rng     *rand.Rand
	signers []crdt.Signer
	heard   []set // what each has heard of, in acts
	records []*crdt.Record
	past    []set
	numbers map[crdt.Hash]int
	seqs    []crdt.Tip // end of each log
	team    crdt.DocID
	invites map[crdt.Hash]ed25519.PrivateKey
}

// TestCourtAndTeamAgree: on random team documents, among people who throw each other out, co-sign, take back, promote and
// close doors without knowing of each other, the package that the product uses and the rule as it is written say the same
// of every member, removal and word.
//
// T13: whoever has two behind them wins over whoever is alone, founder or not; nobody is asked in which order.
func TestCourtAndTeamAgree(t *testing.T) {
	met := map[string]int{}
	for seed := uint64(1); seed <= *quarrels; seed++ {
		q := newQuarrel(seed)
		c := newCourt(q.team, q.records, false)
		if err := q.compare(c); err != nil {
			t.Fatalf("seed %d: %v%s", seed, err, c.record())
		}
		q.tally(c, met)
	}
	for _, what := range []string{"mutual removal", "co-signed removal", "removal lost", "strong removal", "taken back", "barred", "demoted"} {
		if met[what] == 0 {
			t.Errorf("no %s in %d team documents", what, *quarrels)
		}
	}
	t.Logf("%d team documents: %v", *quarrels, met)
}

func newQuarrel(seed uint64) *quarrel {
	q := &quarrel{rng: rand.New(rand.NewPCG(seed, 3)), numbers: map[crdt.Hash]int{}, invites: map[crdt.Hash]ed25519.PrivateKey{}}
	for i := range 3 + q.rng.IntN(4) {
		q.signers = append(q.signers, hashSigner{byte(i + 1), byte(q.rng.IntN(256))})
		q.heard, q.seqs = append(q.heard, nil), append(q.seqs, crdt.Tip{})
	}
	q.write(0, auth.KindGenesis, &auth.Genesis{Team: "q", Handle: "p0"})
	q.team = crdt.DocID(q.records[0].Hash)
	q.invite(0, auth.RoleResponder, uint32(1+q.rng.IntN(len(q.signers))))
	for i := range q.signers[1:] {
		q.join(i+1, q.records[1].Hash)
		q.heard[0] = q.heard[0].or(q.heard[i+1])
	}
	for i := range q.signers {
		q.heard[i] = q.heard[0]
	}
	for range q.rng.IntN(14) {
		i, j := q.rng.IntN(len(q.signers)), q.rng.IntN(len(q.signers))
		if q.rng.IntN(2) == 0 {
			q.heard[i] = q.heard[i].or(q.heard[j])
		}
		q.act(i)
	}
	return q
}

// act lets one of them write something.
func (q *quarrel) act(i int) {
	d := q.signers[q.rng.IntN(len(q.signers))].Device()
	op := q.any(i, 0)
	switch q.rng.IntN(12) {
	case 0, 1, 2, 3:
		b := &auth.Remove{Device: d, Mode: auth.Mode(1 + q.rng.IntN(3))}
		var cut []crdt.Hash
		for n := range 2 {
			if tip := q.any(i, 0); n > 0 && q.rng.IntN(2) == 0 && q.records[q.numbers[tip]].Op.Dot.Device == d {
				cut = append(cut, tip)
			}
		}
		b.Cut = auth.SortHashes(cut)
		q.write(i, auth.KindRemove, b)
	case 4, 5, 6:
		for _, kind := range []crdt.Kind{auth.KindRemove, auth.KindRole, auth.KindReinstate, auth.KindPolicy} {
			if x := q.any(i, kind); !x.IsZero() && q.rng.IntN(2) == 0 {
				op = x
				break
			}
		}
		q.write(i, auth.KindCosign, &auth.Cosign{Op: op})
	case 7, 8:
		if join := q.any(i, auth.KindJoin); !join.IsZero() {
			q.write(i, auth.KindRole, &auth.SetRole{Person: join, Role: auth.Role(1 + q.rng.IntN(3))})
		}
	case 9:
		q.write(i, auth.KindReinstate, &auth.Reinstate{Device: d})
	case 10:
		q.write(i, auth.KindConfirm, &auth.Confirm{Device: d})
	case 11:
		switch q.rng.IntN(4) {
		case 0:
			q.write(i, auth.KindPolicy, &auth.SetPolicy{Invite: auth.Role(2 + q.rng.IntN(2))})
		case 1:
			q.write(i, auth.KindClose, &auth.Close{Invite: q.any(i, auth.KindInvite)})
		case 2:
			q.invite(i, auth.RoleResponder, 1)
		case 3:
			if q.heard[i] == nil || len(q.signers) > 7 {
				return
			}
			q.signers = append(q.signers, hashSigner{byte(len(q.signers) + 1)})
			q.heard, q.seqs = append(q.heard, q.heard[i]), append(q.seqs, crdt.Tip{})
			q.join(len(q.signers)-1, q.any(i, auth.KindInvite))
		}
	}
}

// any returns an operation that somebody has heard of, of a kind unless that is 0.
func (q *quarrel) any(i int, kind crdt.Kind) crdt.Hash {
	var some []crdt.Hash
	for n, rec := range q.records {
		if q.heard[i].has(&act{n: n}) && (kind == 0 || rec.Op.Kind == kind) {
			some = append(some, rec.Hash)
		}
	}
	if len(some) == 0 {
		return crdt.Hash{}
	}
	return some[q.rng.IntN(len(some))]
}

func (q *quarrel) invite(i int, role auth.Role, uses uint32) {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(len(q.records)), byte(i)
	key := ed25519.NewKeyFromSeed(seed)
	q.write(i, auth.KindInvite, &auth.Invite{Key: key.Public().(ed25519.PublicKey), Role: role, Uses: uses})
	q.invites[q.records[len(q.records)-1].Hash] = key
}

func (q *quarrel) join(i int, invite crdt.Hash) {
	q.heard[i] = q.heard[i].or(q.past[q.numbers[invite]]).with(&act{n: q.numbers[invite]})
	proof, err := auth.Prove(q.invites[invite], q.team, q.signers[i].Device())
	if err != nil {
		panic(err)
	}
	q.write(i, auth.KindJoin, &auth.Join{Invite: invite, Handle: fmt.Sprintf("p%d", i), Proof: proof})
}

// write writes an operation on top of what one of them has heard.
func (q *quarrel) write(i int, kind crdt.Kind, body any) {
	op := crdt.Op{Doc: q.team, Dot: crdt.Dot{Epoch: 1, Seq: q.seqs[i].Seq + 1}, Prev: q.seqs[i].Hash, WallMS: q.rng.Int64N(1e9), Kind: kind}
	covered := set(nil)
	for n := range q.records {
		if q.heard[i].has(&act{n: n}) {
			covered = covered.or(q.past[n])
		}
	}
	for n, rec := range q.records {
		if x := (&act{n: n}); q.heard[i].has(x) && !covered.has(x) && rec.Hash != op.Prev {
			op.Parents = append(op.Parents, rec.Hash)
		}
	}
	slices.SortFunc(op.Parents, crdt.Hash.Compare)
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(body), q.signers[i])
	if err != nil {
		panic(err)
	}
	n := len(q.records)
	q.records, q.past, q.numbers[rec.Hash] = append(q.records, rec), append(q.past, q.heard[i].or(nil)), n
	q.heard[i] = q.heard[i].with(&act{n: n})
	q.seqs[i] = crdt.Tip{Log: rec.Op.Dot.Log(), Seq: rec.Op.Dot.Seq, Hash: rec.Hash}
}

// compare folds the document in two orders and compares each with the court.
func (q *quarrel) compare(c *court) error {
	for range 2 {
		g := crdt.NewGraph(q.team)
		team := auth.New(g)
		for _, n := range q.order() {
			rec := q.records[n]
			if err := team.Check(rec); err != nil {
				return fmt.Errorf("%.8s is refused: %w", rec.Hash, err)
			}
			if _, err := g.Add(rec); err != nil {
				return err
			}
			team.Apply(rec)
			if q.rng.IntN(4) == 0 {
				team.Members() // what is asked on the way leaves no trace
			}
		}
		if err := c.agrees(team); err != nil {
			return err
		}
		if err := q.words(c, team); err != nil {
			return err
		}
	}
	return nil
}

// words compares what operations of an incident count for that each device might have written when.
func (q *quarrel) words(c *court, team *auth.Team) error {
	for i, s := range q.signers {
		d := s.Device()
		for n, rec := range q.records {
			heads := []crdt.Hash{rec.Hash}
			if ok, err := team.MemberAt(d, heads); err != nil || !ok {
				continue
			}
			word := crdt.SumHash([]byte{byte(i), byte(n)})
			in := q.rng.IntN(2) == 0
			got := team.Judge(auth.Claim{Hash: word, Device: d, Team: heads}, func(_, tip crdt.Hash) bool { return in })
			want := c.judge(word, d, heads, func(crdt.Hash) bool { return in })
			if got != want {
				return fmt.Errorf("a word of %.8s under %.8s, within the cut %t, has the standing %d, and by the rule %d", d, rec.Hash, in, got, want)
			}
			if got != auth.Counts && !team.Suspect(d) {
				return fmt.Errorf("a word of %.8s does not count, and it is not suspect", d)
			}
		}
	}
	return nil
}

// order returns the operations in a random order that agrees with causality.
func (q *quarrel) order() []int {
	var out []int
	var done set
	for len(out) < len(q.records) {
		var next []int
		for n := range q.records {
			missing := slices.ContainsFunc(q.records[:n], func(rec *crdt.Record) bool {
				x := &act{n: q.numbers[rec.Hash]}
				return q.past[n].has(x) && !done.has(x)
			})
			if !missing && !done.has(&act{n: n}) {
				next = append(next, n)
			}
		}
		n := next[q.rng.IntN(len(next))]
		out, done = append(out, n), done.with(&act{n: n})
	}
	return out
}

// tally counts what a document has met.
func (q *quarrel) tally(c *court, met map[string]int) {
	for _, a := range c.acts {
		if c.dead(a) {
			met["strong removal"]++
		}
		switch b := a.body.(type) {
		case *auth.Remove:
			if !c.decided[a] {
				if c.dead(a) {
					met["removal lost"]++
				}
				continue
			}
			if len(c.behind(a, c.all)) > 1 {
				met["co-signed removal"]++
			}
			if c.undone(a, c.all) {
				met["taken back"]++
			}
			for _, o := range c.acts {
				if r, ok := o.body.(*auth.Remove); ok && r.Device == a.dot.Device && o.dot.Device == b.Device && !a.past.has(o) && !o.past.has(a) {
					met["mutual removal"]++
				}
			}
		case *auth.Join:
			if _, _, barred := c.admission(a, c.all); barred {
				met["barred"]++
			}
		case *auth.SetRole:
			if b.Role == auth.RoleObserver && c.valid(a, c.all) {
				met["demoted"]++
			}
		}
	}
}
