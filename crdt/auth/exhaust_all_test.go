package auth_test

import (
	"cmp"
	"flag"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
)

var (
	allFour  = flag.Int("auth.all", 2, "walk every graph of up to so many operations by four devices, each one's in one log")
	allThree = flag.Int("auth.three", 2, "the same, by three")
	allCore  = flag.Int("auth.core", 2, "the same, of removals and co-signatures alone")
)

// A move is what one device could do next; target is a device, or for a cosign a place in the graph.
type move struct {
	height, author int
	verb           moveVerb
	target         int
	past           uint32 // of the graph's other moves, by place
}

type moveVerb int

const (
	stealEmpty moveVerb = iota // removed as compromised, without a cut
	stealOwn                   // with a cut at the target's newest operation that the author has seen
	retire
	lower
	raise
	cosign
	reinstate
	confirm
)

// An allScope is what graphs are made on and of.
type allScope struct {
	name    string
	uses    uint32 // of the invitation: 2 leaves dan unconfirmed
	steward bool   // ben is one
	equal   []int  // devices that may be renamed among each other
	depth   int
	authors int
	targets int
	verbs   []moveVerb
}

// A walker walks the graphs of a scope. Moves are in the order of height and author, which is one and agrees with
// causality: two of one author are never equally high. So each graph is met once, and what it is without its last
// operation has been met before.
type walker struct {
	*allScope
	w     *world
	ids   []crdt.DeviceID
	tips  []*crdt.Record // device -> last operation of its log in the base
	moves []move
	recs  []*crdt.Record

	graphs, swaps, met int // met: including those that are another one's with devices renamed
	shard, shards      int
	at                 int
	fail               func(string)
	stop               *atomic.Bool
}

// plainDevice signs nothing, and knows its name.
type plainDevice crdt.DeviceID

func (d plainDevice) Device() crdt.DeviceID { return crdt.DeviceID(d) }

func (d plainDevice) Sign([]byte) [crdt.SignatureBytes]byte { return [crdt.SignatureBytes]byte{} }

func newWalker(t *testing.T, sc *allScope) *walker {
	k := &walker{allScope: sc, w: newWorld(t, sc.uses, sc.steward), tips: make([]*crdt.Record, 4)}
	k.ids = k.w.devices
	for _, rec := range k.w.base {
		k.tips[slices.Index(k.ids, rec.Op.Dot.Device)] = rec
	}
	return k
}

// walk goes through all graphs that begin with the moves there are.
func (k *walker) walk() {
	n := len(k.moves)
	if n == k.depth || k.stop.Load() {
		return
	}
	var last move
	last.author = -1
	if n > 0 {
		last = k.moves[n-1]
	}
	for past := range uint32(1) << n {
		height, ok := k.heightOn(past)
		if !ok || height < last.height {
			continue
		}
		for author := range k.authors {
			if height == last.height && author <= last.author || !k.seesOwn(author, past) {
				continue
			}
			for _, v := range k.verbs {
				k.aims(author, v, past, func(target int) {
					k.moves = append(k.moves, move{height, author, v, target, past})
					k.visit()
					k.moves = k.moves[:n]
				})
			}
		}
	}
}

// visit checks the graph that the moves are and goes on from it.
func (k *walker) visit() {
	n := len(k.moves)
	if n == min(2, k.depth) {
		if k.at++; k.at%k.shards != k.shard {
			return
		}
	} else if n < 2 && k.shard != 0 {
		k.walk()
		return
	}
	k.met++
	if k.first() {
		k.graphs++
		k.check()
	}
	k.walk()
}

func (k *walker) heightOn(past uint32) (int, bool) {
	height := 1
	for i, m := range k.moves {
		if past>>i&1 == 1 {
			if m.past&^past != 0 {
				return 0, false
			}
			height = max(height, m.height+1)
		}
	}
	return height, true
}

// seesOwn reports whether past has all that the author did: logs are not forked.
func (k *walker) seesOwn(author int, past uint32) bool {
	for i, m := range k.moves {
		if m.author == author && past>>i&1 == 0 {
			return false
		}
	}
	return true
}

// aims calls f with what the verb can be about. What can say nothing in any graph is left out: a reinstatement of whom no
// removal in its past names, a confirmation of whom everybody knows, a co-signature of one's own or of what needs none.
func (k *walker) aims(author int, v moveVerb, past uint32, f func(int)) {
	switch v {
	case cosign:
		for i, m := range k.moves {
			if past>>i&1 == 1 && m.author != author && m.verb != cosign {
				f(i)
			}
		}
	case confirm:
		if k.uses == 2 && author != 3 {
			f(3)
		}
	case reinstate:
		for target := range k.targets {
			if slices.ContainsFunc(k.before(past), func(m move) bool { return m.verb <= retire && m.target == target }) {
				f(target)
			}
		}
	case stealOwn:
		for target := range k.targets {
			if slices.ContainsFunc(k.before(past), func(m move) bool { return m.author == target }) { // else nothing of it can die but what an empty cut kills
				f(target)
			}
		}
	default:
		for target := range k.targets {
			f(target)
		}
	}
}

func (k *walker) before(past uint32) []move {
	var out []move
	for i, m := range k.moves {
		if past>>i&1 == 1 {
			out = append(out, m)
		}
	}
	return out
}

// first reports whether no renaming of equal devices makes a graph that is smaller than this one.
func (k *walker) first() bool {
	ok := true
	permutations(k.equal, 0, func(p []int) {
		if !ok {
			return
		}
		name := [4]int{0, 1, 2, 3}
		for i, d := range k.equal {
			name[d] = p[i]
		}
		var place [8]int
		order := make([]int, len(k.moves), 8)
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(cmp.Compare(k.moves[a].height, k.moves[b].height), cmp.Compare(name[k.moves[a].author], name[k.moves[b].author]))
		})
		for i, o := range order {
			place[o] = i
		}
		for i, o := range order {
			m, is := k.moves[o], k.moves[i]
			m.author = name[m.author]
			if m.verb == cosign {
				m.target = place[m.target]
			} else {
				m.target = name[m.target]
			}
			var past uint32
			for rest := m.past; rest != 0; rest &= rest - 1 {
				past |= 1 << place[bits.TrailingZeros32(rest)]
			}
			m.past = past
			c := cmp.Or(cmp.Compare(m.author, is.author), cmp.Compare(m.verb, is.verb), cmp.Compare(m.target, is.target), cmp.Compare(m.past, is.past))
			if c != 0 {
				ok = c > 0
				return
			}
		}
	})
	return ok
}

func permutations(list []int, n int, f func([]int)) {
	if n >= len(list)-1 {
		f(list)
		return
	}
	list = slices.Clone(list)
	for i := n; i < len(list); i++ {
		list[n], list[i] = list[i], list[n]
		permutations(list, n+1, f)
	}
}

// build makes the operations of the moves.
func (k *walker) build() {
	k.recs = k.recs[:0]
	tips := [4]*crdt.Record{k.tips[0], k.tips[1], k.tips[2], k.tips[3]}
	for _, m := range k.moves {
		kind, body := k.body(m)
		prev := tips[m.author]
		op := crdt.Op{Doc: k.w.base[0].Doc(), Kind: kind, Dot: crdt.Dot{Seq: prev.Op.Dot.Seq + 1}, Prev: prev.Hash, Parents: []crdt.Hash{}}
		covered := uint32(0)
		for i, o := range k.moves {
			if m.past>>i&1 == 1 {
				covered |= o.past
			}
		}
		for i := range k.moves {
			if (m.past&^covered)>>i&1 == 1 && k.recs[i].Hash != prev.Hash {
				op.Parents = append(op.Parents, k.recs[i].Hash)
			}
		}
		if m.past == 0 && prev.Hash != k.w.head {
			op.Parents = append(op.Parents, k.w.head)
		}
		slices.SortFunc(op.Parents, crdt.Hash.Compare)
		rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{}, crdt.EncodeBody(body), plainDevice(k.ids[m.author]))
		if err != nil {
			k.fail(err.Error())
			return
		}
		k.recs, tips[m.author] = append(k.recs, rec), rec
	}
}

func (k *walker) body(m move) (crdt.Kind, any) {
	switch m.verb {
	case stealEmpty:
		return auth.KindRemove, auth.Remove{Device: k.ids[m.target], Mode: auth.ModeCompromised}
	case stealOwn:
		r := auth.Remove{Device: k.ids[m.target], Mode: auth.ModeCompromised}
		for i, o := range k.moves {
			if m.past>>i&1 == 1 && o.author == m.target {
				r.Cut = auth.Hashes{k.recs[i].Hash} // the highest comes last
			}
		}
		return auth.KindRemove, r
	case retire:
		return auth.KindRemove, auth.Remove{Device: k.ids[m.target], Mode: auth.ModeRetire}
	case lower:
		return auth.KindRole, auth.SetRole{Person: k.w.persons[m.target], Role: auth.RoleObserver}
	case raise:
		return auth.KindRole, auth.SetRole{Person: k.w.persons[m.target], Role: auth.RoleSteward}
	case reinstate:
		return auth.KindReinstate, auth.Reinstate{Device: k.ids[m.target]}
	case confirm:
		return auth.KindConfirm, auth.Confirm{Device: k.ids[m.target]}
	}
	return auth.KindCosign, auth.Cosign{Op: k.recs[m.target].Hash}
}

// check delivers the graph at once, and once for every two operations at its end in both orders, the team being read after
// each of the last three. As every graph without some last operations is a graph of the walk too, and each order of
// delivery becomes each other one by exchanging neighbours that do not know of each other, all orders agree if these do.
func (k *walker) check() {
	k.build()
	n := len(k.recs)
	whole := k.deliver(nil, false)
	if n <= 3 || k.graphs%64 == 0 {
		if diff := newModel(slices.Concat(k.w.base, k.recs)).differs(whole); diff != "" {
			k.tell("not what the model says: " + diff)
		}
	}
	last := uint32(1)<<n - 1
	for _, m := range k.moves {
		last &^= m.past
	}
	for a := range n {
		for b := range n {
			if a == b || last>>a&1 == 0 || last>>b&1 == 0 {
				continue
			}
			k.swaps++
			order := make([]int, 0, 8)
			for i := range n {
				if i != a && i != b {
					order = append(order, i)
				}
			}
			if !same(whole, k.deliver(append(order, a, b), true)) {
				k.tell("another order, another team")
			}
		}
	}
	if bits.OnesCount32(last) == 1 && !same(whole, k.deliver(nil, true)) {
		k.tell("read on the way, another team")
	}
}

// deliver returns the team of the operations in an order; nil: as they are. look: it is read before the last ones.
func (k *walker) deliver(order []int, look bool) *auth.Team {
	g := crdt.NewGraph(k.w.base[0].Doc())
	team := auth.New(g)
	take := func(rec *crdt.Record) {
		if _, err := g.Add(rec); err != nil {
			k.fail(err.Error())
		}
		team.Apply(rec)
	}
	for _, rec := range k.w.base {
		take(rec)
	}
	for i, rec := range k.recs {
		if look && i+2 >= len(k.recs) {
			team.Members()
		}
		if order != nil {
			rec = k.recs[order[i]]
		}
		take(rec)
	}
	return team
}

// same reports whether two teams say the same of members, removals, invitations and marks.
func same(a, b *auth.Team) bool {
	ms := a.Members()
	if !slices.Equal(ms, b.Members()) || !slices.Equal(a.Invites(), b.Invites()) || !slices.Equal(a.Stewards(), b.Stewards()) {
		return false
	}
	for i := range ms {
		if a.Mark(ms[i].Device) != b.Mark(ms[i].Device) {
			return false
		}
	}
	return slices.EqualFunc(a.Removals(), b.Removals(), func(x, y auth.Removal) bool {
		return x.Op == y.Op && x.By == y.By && x.Effective == y.Effective && x.Undone == y.Undone && x.Beat == y.Beat && slices.Equal(x.Behind, y.Behind)
	}) && slices.EqualFunc(a.Proposals(), b.Proposals(), func(x, y auth.Proposal) bool {
		return x.Op == y.Op && slices.Equal(x.Behind, y.Behind)
	})
}

func (k *walker) tell(what string) {
	k.w.recs = k.recs
	k.fail(what + "\n" + k.w.tell())
}

// Every graph of the scopes, of up to so many operations as the flags say: one answer in every order, read on the way or
// not, and that of the model (past three operations for one graph in 64).
func TestEveryGraphWhole(t *testing.T) {
	every := []moveVerb{stealEmpty, stealOwn, retire, lower, raise, cosign, reinstate, confirm}
	removals := []moveVerb{stealEmpty, stealOwn, cosign}
	for _, sc := range []allScope{
		{"one steward", 9, false, []int{1, 2, 3}, *allFour, 4, 4, every},
		{"one steward, one unconfirmed", 2, false, []int{1, 2}, *allFour, 4, 4, every},
		{"two stewards", 9, true, []int{2, 3}, *allFour, 4, 4, every},
		{"three devices", 9, false, []int{1, 2}, *allThree, 3, 3, every},
		{"three devices, two stewards", 9, true, nil, *allThree, 3, 3, every},
		{"removals and co-signatures", 9, false, []int{1, 2, 3}, *allCore, 4, 4, removals},
		{"removals and co-signatures, two stewards", 9, true, []int{2, 3}, *allCore, 4, 4, removals},
	} {
		t.Run(sc.name, func(t *testing.T) {
			const shards = 2
			var parts sync.WaitGroup
			var stop atomic.Bool
			var tell sync.Once
			start, walkers := time.Now(), [shards]*walker{}
			for i := range shards {
				k := newWalker(t, &sc)
				k.shard, k.shards, k.stop = i, shards, &stop
				k.fail = func(what string) { stop.Store(true); tell.Do(func() { t.Error(what) }) }
				walkers[i] = k
				parts.Go(k.walk)
			}
			parts.Wait()
			var graphs, met, swaps int
			for _, k := range walkers {
				graphs, met, swaps = graphs+k.graphs, met+k.met, swaps+k.swaps
			}
			t.Logf("up to %d operations: %d graphs, %d but for names, %d deliveries with two exchanged, %.1f s", sc.depth, met, graphs, swaps, time.Since(start).Seconds())
		})
	}
}
