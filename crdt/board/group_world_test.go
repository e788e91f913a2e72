package board

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/crdt"
)

// incidents is a team that declares several incidents: one world for each, all with the laptops, the network and the
// time of root, in which nothing is declared.
type incidents struct {
	root   *world
	worlds []*world                // as they were declared
	doc    map[*world]crdt.DocID   // of each
	recent map[string][]crdt.DocID // laptop -> incidents acted on, the last one last
}

func newIncidents(fatal func(string, ...any), handles ...string) *incidents {
	return &incidents{root: newWorld(fatal, handles...), doc: map[*world]crdt.DocID{}, recent: map[string][]crdt.DocID{}}
}

func (s *incidents) pass(ms int64) {
	s.root.nowMS += ms
	for _, w := range s.worlds {
		w.nowMS = s.root.nowMS
	}
}

func (s *incidents) net(groups [][]string) {
	s.root.net(groups)
	s.sync()
}

func (s *incidents) sync() {
	for _, w := range s.worlds {
		w.sync()
	}
}

// boards returns what has arrived on a laptop.
func (s *incidents) boards(name string) []*Board {
	var out []*Board
	for _, w := range s.worlds {
		if b := w.node(name).board; b != nil {
			out = append(out, b)
		}
	}
	return out
}

// find resolves an incident on a laptop as a node does: by name or start of the title; empty means the only live group,
// else the incident acted on last. Two may happen to have one name, and no two one id.
func (s *incidents) find(name, incident string) (*Board, error) {
	boards := s.boards(name)
	var fit []*Board
	if incident == "" {
		for _, g := range Groups(boards) {
			if g.Live() {
				fit = append(fit, g.boards[0])
			}
		}
		if r := s.recent[name]; len(fit) != 1 && len(r) > 0 {
			incident = r[len(r)-1].String()
			fit = nil
		}
	}
	for _, b := range boards {
		title, _ := b.title()
		if incident != "" && (Name(b.doc) == incident || b.doc.String() == incident || strings.HasPrefix(title, incident)) {
			fit = append(fit, b)
		}
	}
	if len(fit) != 1 {
		return nil, fmt.Errorf("%d incidents are %q on %s's laptop", len(fit), incident, name)
	}
	return fit[0], nil
}

// groupOf returns the group of an incident, as a laptop sees it.
func (s *incidents) groupOf(name string, b *Board) *Group {
	all := Groups(s.boards(name))
	return all[slices.IndexFunc(all, func(g *Group) bool { return slices.Contains(g.boards, b) })]
}

// do makes one person type one intent about an incident; other is what same names. It answers every question with yes.
func (s *incidents) do(name, incident, other string, in Intent) ([]Placed, []*crdt.Record, error) {
	if in.Verb == "declare" {
		w := newWorld(s.root.fatal, s.root.team...)
		w.group, w.cutMS, w.skew, w.nowMS = s.root.group, s.root.cutMS, s.root.skew, s.root.nowMS
		d, rec, err := w.do(name, in)
		if err != nil {
			return nil, nil, err
		}
		s.worlds = append(s.worlds, w)
		s.doc[w] = rec.Doc()
		s.recent[name] = append(s.recent[name], rec.Doc())
		return []Placed{{rec.Doc(), d}}, []*crdt.Record{rec}, nil
	}
	b, err := s.find(name, incident)
	if err != nil {
		return nil, nil, err
	}
	ctx := CheckContext{
		Now: time.UnixMilli(s.root.nowMS + s.root.skew[name]), Actor: owner(name), People: s.root.team, Presence: s.root.presence(name),
	}
	g := s.groupOf(name, b)
	check := func() ([]Placed, error) { return g.Check(in, ctx) }
	if in.Verb == "same" {
		o, err := s.find(name, other)
		if err != nil {
			return nil, nil, err
		}
		check = func() ([]Placed, error) { return Link(b, o, g, in, ctx) }
	}
	placed, err := check()
	if asks(err) {
		in.Yes = true
		placed, err = check()
	}
	if err != nil {
		return nil, nil, err
	}
	var recs []*crdt.Record
	for _, p := range placed {
		for _, w := range s.worlds {
			if s.doc[w] == p.Doc {
				recs = append(recs, w.node(name).propose(w, p.Draft, s.root.nowMS+s.root.skew[name]))
			}
		}
	}
	s.recent[name] = append(s.recent[name], placed[0].Doc)
	return placed, recs, nil
}

// canonical is everything that a group shows, but nothing that hangs on time or names.
func (g *Group) canonical() []byte {
	v := g.View(time.UnixMilli(0), nameless{})
	return crdt.EncodeBody(&v)
}

// same checks that all laptops hold the same incidents, sort them into the same groups, and show the same of each,
// whatever order they look at them in.
func (s *incidents) same() error {
	for _, w := range s.worlds {
		if err := w.same(); err != nil {
			return err
		}
	}
	first := s.root.nodes[0].name
	want := Groups(s.boards(first))
	for _, n := range s.root.nodes {
		boards := s.boards(n.name)
		for range 2 {
			slices.Reverse(boards)
			got := Groups(boards)
			if d := cmp.Diff(Suggest(want), Suggest(got)); d != "" {
				return fmt.Errorf("%s and %s suggest differently: %s", first, n.name, d)
			}
			if len(got) != len(want) {
				return fmt.Errorf("%d groups on %s, %d on %s", len(want), first, len(got), n.name)
			}
			for i, g := range got {
				if !slices.Equal(g.Docs(), want[i].Docs()) {
					return fmt.Errorf("group %d is %v on %s and %v on %s", i, want[i].Names(), first, g.Names(), n.name)
				}
				if !bytes.Equal(g.canonical(), want[i].canonical()) {
					now := time.UnixMilli(s.root.nowMS)
					return fmt.Errorf("%s and %s show different groups: %s", first, n.name,
						cmp.Diff(want[i].View(now, s.root.team), g.View(now, s.root.team), viewOpts))
				}
			}
		}
	}
	return nil
}

// groupStory is a [story] about several incidents. Its lines are those of a story, and
//
//	ann -i NAME VERB ...  types it about one of several incidents, by name or start of the title
//	ann same "a" "b"      names incidents in the same way
type groupStory struct {
	story
	in *incidents
}

func (s *groupStory) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "net":
		groups := [][]string{s.in.root.team}
		if rest != "all" {
			groups = nil
			for _, g := range strings.Split(rest, "|") {
				groups = append(groups, strings.Fields(g))
			}
		}
		s.in.net(groups)
		if rest == "all" {
			if err := s.in.same(); err != nil {
				s.t.Fatal(err)
			}
		}
		s.printf("--- net %s\n", rest)
	case "wait":
		s.in.pass(durationMS(rest))
	case "skew":
		who, by, _ := strings.Cut(rest, " ")
		s.in.root.skew[who] = durationMS(by)
	case "show":
		s.show(rest)
	case "log":
		for _, g := range Groups(s.in.boards(rest)) {
			for _, e := range g.Log(s.in.root.team) {
				s.printf("  %s %-12s %-6s %-8s %-4s %s\n", clock(e.AtMS), e.Incident, e.Actor, e.Kind, e.Ref, e.Text)
			}
		}
	default:
		s.typed(word, rest)
	}
}

func (s *groupStory) typed(who, line string) {
	s.printf("%s %s %s\n", clock(s.in.root.nowMS), who, line)
	incident, other := "", ""
	args, quoted := words(line)
	if args[0] == "-i" {
		incident, args, quoted = args[1], args[2:], quoted[2:]
	}
	if args[0] == "same" {
		incident, other = args[1], args[2]
		args, quoted = slices.Delete(args, 1, 3), slices.Delete(quoted, 1, 3)
	}
	for i := range args {
		if quoted[i] {
			args[i] = `"` + args[i] + `"`
		}
	}
	in, err := typed(strings.Join(args, " "), s.in.root.nowMS)
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	placed, recs, err := s.in.do(who, incident, other, in)
	var p *Problem
	switch {
	case errors.As(err, &p):
		s.problem(p)
	case err != nil:
		s.t.Fatalf("%s: %v", line, err)
	}
	for i, d := range placed {
		s.printf("    %s %s: %s\n", Name(d.Doc), d.Draft.Ref(recs[i].Hash), d.Draft.Text)
		for _, n := range d.Draft.Notes {
			s.printf("    note: %s\n", n)
		}
	}
	s.in.pass(durationMS("1m"))
	s.in.sync()
}

func (s *groupStory) problem(p *Problem) {
	s.printf("    %s: %s\n", p.Code, p.Message)
	if p.Hint != "" {
		s.printf("    hint: %s\n", p.Hint)
	}
	for _, c := range p.Candidates {
		s.printf("    perhaps: %s\n", c)
	}
}

// show prints the groups as each side sees them, or one person.
func (s *groupStory) show(who string) {
	seen := map[int]bool{}
	for _, n := range s.in.root.nodes {
		side := s.in.root.group[n.name]
		if who != "" && n.name != who || who == "" && seen[side] {
			continue
		}
		seen[side] = true
		s.printf("[%s]\n", n.name)
		groups := Groups(s.in.boards(n.name))
		for _, g := range groups {
			v := g.View(time.UnixMilli(s.in.root.nowMS), s.in.root.team)
			if len(v.Names) > 0 {
				s.printf("  = %s\n", strings.Join(v.Names, " "))
			}
			s.board(v)
			for _, t := range v.Tasks {
				if t.Incident != "" {
					s.printf("  (%s of %s)\n", t.ID, t.Incident)
				}
			}
		}
		for _, x := range Suggest(groups) {
			s.printf("  suggest: %s\n", x.Text())
		}
	}
}
