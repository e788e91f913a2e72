package replica_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/replica"
	"muster/node/wire"
)

// A group is a team of replicas whose messages are carried by hand. Every message is encoded and parsed on its way.
type group struct {
	now    time.Time
	rng    *rand.Rand
	invite ed25519.PrivateKey
	team   crdt.DocID
	nodes  []*node
	made   map[crdt.Hash]*crdt.Record // all that was ever signed here, with its body
	docs   []crdt.DocID               // incidents, in the order they were declared
	flying []message                  // in the order sent
	kept   []message                  // set aside
	depth  int                        // how many messages before the one that is being handled led to it
	out    strings.Builder
	quiet  bool // count messages instead of printing them
	sum    sums
}

// sums are what settle sends.
type sums struct {
	messages, batches, records, bytes int
}

type node struct {
	name   string
	signer crdt.Signer
	disk   *disk
	r      *replica.Replica // nil while down
	next   time.Time
	links  map[crdt.DeviceID]*node // connected peers
}

type message struct {
	from, to *node
	frame    []byte
	depth    int
}

// settled is how long nothing may happen before a group counts as settled. Digests are exchanged less often than that.
const settled = time.Second

func newGroup() *group {
	g := &group{now: time.UnixMilli(1_700_000_000_000).UTC(), rng: rand.New(rand.NewPCG(1, 2)), made: map[crdt.Hash]*crdt.Record{}}
	g.invite = g.key()
	return g
}

func (g *group) key() ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	g.bytes(seed)
	return ed25519.NewKeyFromSeed(seed)
}

func (g *group) bytes(b []byte) {
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
}

func (g *group) printf(format string, args ...any) { fmt.Fprintf(&g.out, format+"\n", args...) }

func (g *group) node(name string) *node {
	for _, n := range g.nodes {
		if n.name == name {
			return n
		}
	}
	panic("no node " + name)
}

func (g *group) add(name string, signer crdt.Signer, d *disk) *node {
	n := &node{name: name, signer: signer, disk: d, links: map[crdt.DeviceID]*node{}}
	g.nodes = append(g.nodes, n)
	return n
}

// start makes n's replica from its disk.
func (g *group) start(n *node) error {
	r, err := replica.New(replica.Config{
		Signer: n.signer, Verify: crdt.VerifyEd25519, Team: g.team, Epoch: n.disk.epoch, Rand: g.bytes, Storage: n.disk,
	})
	n.r = r
	return err
}

// found makes a team of the nodes named, all of whom know each other, and none of whom are connected.
func (g *group) found(names []string) error {
	for i, name := range names {
		g.add(name, crdt.Ed25519Signer(g.key()), newDisk(uint64(100+i)))
	}
	a := g.nodes[0]
	genesis, err := replica.Genesis(a.signer, a.disk.epoch, g.now, auth.KindGenesis, auth.Genesis{Team: "ops", Handle: a.name}, g.bytes)
	if err != nil {
		return err
	}
	g.team = genesis.Doc()
	a.disk.put(genesis)
	if err := g.start(a); err != nil {
		return err
	}
	if _, err := a.r.ProposeTeam(g.now, auth.KindInvite, auth.Invite{Key: g.invite.Public().(ed25519.PublicKey), Role: auth.RoleResponder, Uses: 100}); err != nil {
		return err
	}
	g.work(a)
	for _, n := range g.nodes[1:] {
		if err := g.join(n, a); err != nil {
			return err
		}
	}
	for _, n := range g.nodes {
		n.disk.put(a.disk.all(g.team)...)
		if err := g.start(n); err != nil {
			return err
		}
	}
	return nil
}

// join makes n a member, let in by sponsor.
func (g *group) join(n, sponsor *node) error {
	whole, err := sponsor.r.Whole(g.team)
	if err != nil {
		return err
	}
	n.disk.put(whole.Records...)
	if err := g.start(n); err != nil {
		return err
	}
	id, _, ok := sponsor.r.Team().Invitation(g.invite.Public().(ed25519.PublicKey))
	if !ok {
		return errors.New("no invitation")
	}
	proof, err := auth.Prove(g.invite, g.team, n.signer.Device())
	if err != nil {
		return err
	}
	if _, err := n.r.ProposeTeam(g.now, auth.KindJoin, auth.Join{Invite: id, Handle: n.name, Proof: proof}); err != nil {
		return err
	}
	own := n.r.Ready().Own
	n.disk.put(own...)
	if err := sponsor.r.Admit(g.now, &wire.Batch{Doc: g.team, Records: own}); err != nil {
		return err
	}
	g.work(sponsor)
	return nil
}

// work does what n's replica asks for, in the order it asks for it.
func (g *group) work(n *node) {
	rd := n.r.Ready()
	for _, rec := range rd.Own {
		g.made[rec.Hash] = rec
	}
	n.disk.put(rd.Own...)
	n.disk.put(rd.Peers...)
	n.disk.fill(rd.Fill...)
	for _, e := range rd.Erase {
		n.disk.erase(e)
	}
	for _, c := range rd.Changes {
		if !n.disk.have[c.Hash] {
			panic("shown before it is on disk")
		}
	}
	for _, env := range rd.Send {
		if to := n.links[env.To]; to != nil {
			g.flying = append(g.flying, message{n, to, wire.Append(nil, env.Msg), g.depth + 1})
		}
	}
	n.next = rd.Next
}

// connect brings up a link between two nodes that are up.
func (g *group) connect(a, b *node) {
	a.links[b.signer.Device()], b.links[a.signer.Device()] = b, a
	g.depth = 0
	for _, n := range []*node{a, b} {
		o := a
		if n == a {
			o = b
		}
		n.r.PeerUp(g.now, o.signer.Device())
		g.work(n)
	}
}

// cut takes a link down; what is on its way is lost.
func (g *group) cut(a, b *node) {
	g.flying = slices.DeleteFunc(g.flying, func(m message) bool { return m.from == a && m.to == b || m.from == b && m.to == a })
	for _, n := range []*node{a, b} {
		o := a
		if n == a {
			o = b
		}
		if n.links[o.signer.Device()] == o {
			delete(n.links, o.signer.Device())
			if n.r != nil {
				n.r.PeerDown(g.now, o.signer.Device())
				g.work(n)
			}
		}
	}
}

// crash takes n down and up again; all its links are gone.
func (g *group) crash(n *node) error {
	n.r = nil
	for _, o := range g.nodes {
		if o != n {
			g.cut(n, o)
		}
	}
	return g.start(n)
}

// propose lets n write, in the incident declared last.
func (g *group) propose(n *node, in board.Intent) error {
	var doc crdt.DocID
	if in.Verb != "declare" {
		doc = g.docs[len(g.docs)-1]
	}
	g.depth = 0
	p, err := n.r.Propose(g.now, doc, in)
	if err != nil {
		return err
	}
	if in.Verb == "declare" {
		g.docs = append(g.docs, p.Doc)
	}
	g.work(n)
	return nil
}

// carry delivers the ith message on its way, a millisecond later.
func (g *group) carry(i int) {
	m := g.flying[i]
	g.flying = slices.Delete(g.flying, i, i+1)
	g.now = g.now.Add(time.Millisecond)
	msg, err := wire.Parse(m.frame)
	if err != nil {
		panic("own frame does not parse: " + err.Error())
	}
	g.sum.messages++
	g.sum.bytes += len(m.frame)
	if b, ok := msg.(*wire.Batch); ok {
		g.sum.batches++
		g.sum.records += len(b.Records)
	}
	if !g.quiet {
		g.printf("%d %s->%s %s", m.depth, m.from.name, m.to.name, g.describe(msg))
	}
	g.depth = m.depth
	if err := m.to.r.Step(g.now, m.from.signer.Device(), msg); err != nil {
		g.printf("  %s refuses it: %v", m.to.name, shortened(err))
		g.cut(m.from, m.to)
		return
	}
	g.work(m.to)
	g.depth = 0
}

// withhold takes the bodies out of all that is on its way from a to b, as a member could who does not want them read.
func (g *group) withhold(a, b string) {
	for i, m := range g.flying {
		if m.from.name != a || m.to.name != b {
			continue
		}
		msg, err := wire.Parse(m.frame)
		if err != nil {
			panic("own frame does not parse: " + err.Error())
		}
		if batch, ok := msg.(*wire.Batch); ok {
			for j, rec := range batch.Records {
				batch.Records[j] = rec.WithoutBody()
			}
			g.flying[i].frame = wire.Append(nil, batch)
		}
	}
}

// shortened returns the words of an error without the name of a device.
func shortened(err error) string {
	s, _, _ := strings.Cut(err.Error(), " in a batch from")
	return s
}

// settle delivers messages and lets time pass until nothing happens for a while.
func (g *group) settle() {
	for range 100_000 {
		if len(g.flying) > 0 {
			g.carry(0)
			continue
		}
		n := g.sleeper()
		if n == nil || n.next.After(g.now.Add(settled)) {
			return
		}
		g.wake(n)
	}
	g.printf("does not settle")
}

// sleeper returns the node that wants to be woken first.
func (g *group) sleeper() *node {
	var first *node
	for _, n := range g.nodes {
		if n.r != nil && !n.next.IsZero() && (first == nil || n.next.Before(first.next)) {
			first = n
		}
	}
	return first
}

func (g *group) wake(n *node) {
	if n.next.After(g.now) {
		g.now = n.next
	}
	g.depth = 0
	n.r.Tick(g.now)
	g.work(n)
}

// wait lets time pass.
func (g *group) wait(d time.Duration) {
	end := g.now.Add(d)
	for {
		if len(g.flying) > 0 {
			g.carry(0)
		} else if n := g.sleeper(); n != nil && !n.next.After(end) {
			g.wake(n)
		} else {
			break
		}
	}
	if g.now.Before(end) {
		g.now = end
	}
}

// describe says what a message holds, without hashes.
func (g *group) describe(m wire.Message) string {
	switch m := m.(type) {
	case *wire.Root:
		return "root"
	case *wire.Buckets:
		return fmt.Sprintf("buckets %d", len(m.Buckets))
	case *wire.Docs:
		return fmt.Sprintf("docs %d, of %d buckets", len(m.Docs), len(m.Covers))
	case *wire.Frontiers:
		kind := "frontiers"
		if m.Answer {
			kind = "answer"
		}
		return fmt.Sprintf("%s: %s", kind, g.tips(m.Docs))
	case *wire.Batch:
		kind := fmt.Sprintf("batch %d", m.Number)
		if m.Number == 0 {
			kind = "push"
		}
		return fmt.Sprintf("%s: %s %d", kind, g.docName(m.Doc), len(m.Records))
	case *wire.Have:
		if m.Batches > 0 {
			return fmt.Sprintf("have %d: %s", m.Batches, g.tips(m.Docs))
		}
		return fmt.Sprintf("have: %s", g.tips(m.Docs))
	case *wire.Offer:
		return fmt.Sprintf("offer %d", m.Operations)
	case *wire.NeedBodies:
		return fmt.Sprintf("need bodies %d", len(m.Ops))
	case *wire.Bodies:
		return fmt.Sprintf("bodies %d", len(m.Bodies))
	}
	return fmt.Sprintf("%T", m)
}

func (g *group) docName(doc crdt.DocID) string {
	if doc == g.team {
		return "team"
	}
	return fmt.Sprintf("inc%d", 1+slices.Index(g.docs, doc))
}

// tips lists documents with the ends of their logs, each as a node's name and the number of operations.
func (g *group) tips(docs []wire.DocFrontier) string {
	if len(docs) > 4 {
		return fmt.Sprintf("%d documents", len(docs))
	}
	var out []string
	for _, d := range docs {
		var logs []string
		for _, t := range d.Frontier {
			logs = append(logs, fmt.Sprintf("%s%d", g.deviceName(t.Log.Device), t.Seq))
		}
		slices.Sort(logs)
		if len(logs) > 6 {
			logs = []string{fmt.Sprintf("%d logs", len(logs))}
		}
		out = append(out, g.docName(d.Doc)+"("+strings.Join(logs, " ")+")")
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (g *group) deviceName(d crdt.DeviceID) string {
	for _, n := range g.nodes {
		if n.signer.Device() == d {
			return n.name
		}
	}
	return "?"
}
