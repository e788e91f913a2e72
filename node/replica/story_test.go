package replica_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/wire"

	"github.com/cockroachdb/datadriven"
)

// TestStories replays situations. Each file of testdata is named for one. A line of what a command prints is a message:
// how many messages before it led to it, plus one; from and to; and what it holds: documents with the ends of their logs,
// as the node whose log it is and a number. The commands:
//
//	group a b c            a team of these nodes, who know each other and are not connected
//	join d via=a           another member
//	clone a as=x           a node with a's key and a copy of its disk
//	connect a b            a link; also after a cut
//	cut a b                no link; what is on its way is lost
//	declare a [n=N]        a declares an incident, which the commands below are about; or several
//	note a [n=N]           a writes a note, or several
//	deliver a b [n=N]      carry the next messages from a to b
//	drop a b               lose all that is on its way from a to b
//	lose a b               the same, and a is told so
//	swap a b               let what is on its way from a to b arrive the other way round
//	keep a b               set aside what is on its way from a to b
//	release                put it back
//	withhold a b           what is on its way from a to b loses the bodies
//	withheld               how many operations each node holds without a body that no redaction took away
//	crowd N                N devices that join and write one note each, on top of the declaration, all known to a
//	forge a b              a sends b an operation it has, with another signature
//	crash a                a starts again from its disk
//	epoch a                a moves to a log of its own, if it must
//	settle [quiet]         carry messages and let time pass until nothing more happens for a second; quiet: only count
//	wait D [quiet]         let time pass, and carry messages
//	show                   what everyone holds: operations by document, who holds the same, what waits
//	delivered a            how many of a's own operations each other node is known to lack
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt") // what rapid records of a failure is beside them
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			g := newGroup()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				g.out.Reset()
				if err := g.command(t, d); err != nil {
					t.Fatalf("%s: %s: %v", filepath.Base(path), d.Pos, err)
				}
				return g.out.String()
			})
		})
	}
}

func (g *group) command(t *testing.T, d *datadriven.TestData) error {
	var names []string
	n := 1
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			names = append(names, a.Key)
		}
	}
	d.MaybeScanArgs(t, "n", &n)
	g.quiet = len(names) > 0 && names[len(names)-1] == "quiet"
	if g.sum = (sums{}); d.Cmd == "settle" || d.Cmd == "wait" {
		defer func() {
			if g.quiet {
				g.printf("%d messages, %d batches of %d operations", g.sum.messages, g.sum.batches, g.sum.records)
			}
		}()
	}
	switch d.Cmd {
	case "group":
		return g.found(names)
	case "join":
		var via string
		d.ScanArgs(t, "via", &via)
		return g.join(g.add(names[0], crdt.Ed25519Signer(g.key()), newDisk(uint64(100+len(g.nodes)))), g.node(via))
	case "clone":
		var as string
		d.ScanArgs(t, "as", &as)
		n := g.node(names[0])
		return g.start(g.add(as, n.signer, n.disk.clone()))
	case "connect":
		g.connect(g.node(names[0]), g.node(names[1]))
	case "cut":
		g.cut(g.node(names[0]), g.node(names[1]))
	case "declare":
		for i := range n {
			if err := g.propose(g.node(names[0]), board.Intent{Verb: "declare", Text: "incident " + strconv.Itoa(i), Severity: 2}); err != nil {
				return err
			}
		}
	case "note":
		for i := range n {
			if err := g.propose(g.node(names[0]), board.Intent{Verb: "note", Text: "note " + strconv.Itoa(i)}); err != nil {
				return err
			}
		}
	case "deliver":
		for range n {
			i := g.flyingFrom(names[0], names[1])
			if i < 0 {
				return errors.New("nothing is on its way")
			}
			g.carry(i)
		}
	case "drop", "lose":
		for i := g.flyingFrom(names[0], names[1]); i >= 0; i = g.flyingFrom(names[0], names[1]) {
			g.flying = append(g.flying[:i:i], g.flying[i+1:]...)
		}
		if d.Cmd == "lose" {
			a := g.node(names[0])
			a.r.Lost(g.now, g.node(names[1]).signer.Device())
			g.work(a)
		}
	case "swap":
		var at []int
		for i, m := range g.flying {
			if m.from.name == names[0] && m.to.name == names[1] {
				at = append(at, i)
			}
		}
		for i, j := 0, len(at)-1; i < j; i, j = i+1, j-1 {
			g.flying[at[i]], g.flying[at[j]] = g.flying[at[j]], g.flying[at[i]]
		}
	case "keep":
		for i := g.flyingFrom(names[0], names[1]); i >= 0; i = g.flyingFrom(names[0], names[1]) {
			g.kept = append(g.kept, g.flying[i])
			g.flying = append(g.flying[:i:i], g.flying[i+1:]...)
		}
	case "withhold":
		g.withhold(names[0], names[1])
	case "withheld":
		for _, n := range g.nodes {
			g.printf("%s %d", n.name, n.r.Withheld())
		}
	case "release":
		g.flying, g.kept = append(g.kept, g.flying...), nil
	case "crowd":
		n, err := strconv.Atoi(names[0])
		if err != nil {
			return err
		}
		return g.crowd(n)
	case "forge":
		return g.forge(g.node(names[0]), g.node(names[1]))
	case "crash":
		return g.crash(g.node(names[0]))
	case "epoch":
		n := g.node(names[0])
		g.printf("needed: %t", n.r.NeedsEpoch())
		if n.r.NeedsEpoch() {
			n.disk.epoch += 1000
			n.r.SetEpoch(n.disk.epoch)
		}
	case "settle":
		g.settle()
	case "wait":
		d, err := time.ParseDuration(names[0])
		if err != nil {
			return err
		}
		g.wait(d)
	case "show":
		g.show()
	case "delivered":
		a := g.node(names[0])
		for _, o := range g.nodes {
			if o.signer.Device() != a.signer.Device() {
				g.printf("%s lacks %d", o.name, a.r.Lacks(o.signer.Device()))
			}
		}
	default:
		return fmt.Errorf("no command %q", d.Cmd)
	}
	return nil
}

// flyingFrom returns the place of the next message from a to b; -1: there is none.
func (g *group) flyingFrom(a, b string) int {
	for i, m := range g.flying {
		if m.from.name == a && m.to.name == b {
			return i
		}
	}
	return -1
}

// crowd has n devices join through the first node and each write a note that has seen none of the others.
func (g *group) crowd(n int) error {
	a := g.nodes[0]
	founding := g.nodes[0].disk.all(g.docs[0])
	for i := range n {
		d := g.add(fmt.Sprintf("n%d", i), crdt.Ed25519Signer(g.key()), newDisk(uint64(1000+i)))
		if err := g.join(d, a); err != nil {
			return err
		}
		d.disk.put(founding...)
		if err := g.start(d); err != nil {
			return err
		}
		if err := g.propose(d, board.Intent{Verb: "note", Text: d.name}); err != nil {
			return err
		}
	}
	for _, d := range g.nodes[len(g.nodes)-n:] {
		own := d.disk.logs[g.docs[0]][crdt.LogID{Device: d.signer.Device(), Epoch: d.disk.epoch}]
		g.flying = append(g.flying, message{d, a, wire.Append(nil, &wire.Batch{Doc: g.docs[0], Records: own}), 1})
	}
	g.quiet = true
	for len(g.flying) > 0 {
		g.carry(0)
	}
	g.nodes = g.nodes[:len(g.nodes)-n]
	return nil
}

// forge sends b an operation of a's disk that a did not sign so.
func (g *group) forge(a, b *node) error {
	rec := *a.disk.all(g.docs[0])[0]
	sig := *rec.Sig
	sig[0] ^= 1
	rec.Sig = &sig
	g.flying = append(g.flying, message{a, b, wire.Append(nil, &wire.Batch{Doc: rec.Doc(), Records: []*crdt.Record{&rec}}), 1})
	return nil
}

// show prints what everyone holds. Nodes with the same letter hold the same.
func (g *group) show() {
	digests := map[crdt.Hash]string{}
	for _, n := range g.nodes {
		letter, ok := digests[n.r.Digest()]
		if !ok {
			letter = string(rune('A' + len(digests)))
			digests[n.r.Digest()] = letter
		}
		counts := []string{fmt.Sprintf("team %d", n.r.Graph(g.team).Len())}
		for i, doc := range g.docs {
			if dg := n.r.Graph(doc); dg != nil && i < 3 {
				counts = append(counts, fmt.Sprintf("%s %d", g.docName(doc), dg.Len()))
			}
		}
		if len(g.docs) > 3 {
			counts = append(counts, fmt.Sprintf("%d incidents", len(n.r.Documents())))
		}
		s := n.r.Stats()
		var marks []string
		for _, doc := range n.r.Documents() {
			if f := n.r.Graph(doc).Forks(); len(f) > 0 {
				marks = append(marks, fmt.Sprintf("forked at %s%d", g.deviceName(f[0].Dot.Device), f[0].Dot.Seq))
			}
		}
		if s.Duplicates > 0 {
			marks = append(marks, fmt.Sprintf("%d received again", s.Duplicates))
		}
		if s.Refused > 0 {
			marks = append(marks, fmt.Sprintf("%d refused", s.Refused))
		}
		g.printf("%s %s: %s", n.name, letter, strings.Join(append(counts, marks...), ", "))
	}
}
