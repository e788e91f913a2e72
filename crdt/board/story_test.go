package board

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestStories runs the transcripts of testdata/stories: one for each situation in which people write without knowledge of each
// other. Their language:
//
//	team                  the laptops below, all in reach of each other; bob2 is bob's second
//	play                  lines:
//	  net ann | bob       from here on; `net all` heals, checks that everyone folds the same board, and folds it again
//	  ann VERB ...        ann types it; what she is told is printed, then a minute passes
//	  wait 20m
//	  show [WHO]          the board of one of each group, in which all must show the same, or of WHO
//	  brief WHO           the briefing that WHO reads
//	  warnings WHO        what is wrong with how it is led, as WHO sees it
//	  log WHO             the timeline
//	  again               everyone is given everything once more, which changes nothing
//	  due WHO             what suggests a roll call
//	  revoke ann bob2     ann says that of the laptop bob2 only what she holds counts; who reaches her hears it
//	  observe ann bob2    the same, because its person may only read
//	  adopt ann bob2      what ann holds of bob2 and does not count does, or adopt ann q7f
//	  reinstate ann bob2  all of bob2 that ann's remarks are about counts again
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		var s *story
		var several *groupStory // with the team's word incidents: see groupStory
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "team":
				if d.HasArg("incidents") {
					several = &groupStory{in: newIncidents(fatalOf(t), strings.Fields(d.Input)...)}
					s = &several.story
					return ""
				}
				several = nil
				s = &story{t: t, w: newWorld(fatalOf(t), strings.Fields(d.Input)...)}
				return ""
			case "play":
				s.t, s.out = t, strings.Builder{}
				for _, line := range strings.Split(d.Input, "\n") {
					if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
						if several != nil {
							several.line(line)
							continue
						}
						s.line(line)
					}
				}
				return s.out.String()
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

type story struct {
	t   *testing.T
	w   *world
	out strings.Builder
}

func (s *story) printf(format string, args ...any) { fmt.Fprintf(&s.out, format, args...) }

func (s *story) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "net":
		s.net(rest)
	case "wait":
		s.w.nowMS += durationMS(rest)
	case "skew":
		who, by, _ := strings.Cut(rest, " ")
		s.w.skew[who] = durationMS(by)
	case "due":
		s.due(rest)
	case "again": // everyone is given everything once more
		s.again()
	case "show":
		s.show(rest)
	case "brief":
		s.brief(rest)
	case "warnings":
		for _, w := range s.w.node(rest).view(s.w).Warnings {
			s.printf("  %s\n", w)
		}
	case "log":
		for _, e := range s.w.node(rest).board.Log(s.w.team) {
			s.printf("  %s %-6s %-8s %-4s %s%s\n", clock(e.AtMS), e.Actor, e.Kind, e.Ref, e.Text, standingMark(e))
		}
	case "revoke", "observe", "reinstate", "adopt":
		s.remark(word, strings.Fields(rest))
	default:
		s.typed(word, rest)
	}
}

func (s *story) net(rest string) {
	var groups [][]string
	for _, g := range strings.Split(rest, "|") {
		groups = append(groups, strings.Fields(g))
	}
	if rest == "all" {
		groups = [][]string{s.w.team}
	}
	s.w.net(groups)
	s.w.sync()
	if rest == "all" {
		s.w.refill()
		if err := s.w.same(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.printf("--- net %s\n", rest)
}

func (s *story) typed(who, line string) {
	in, err := typed(line, s.w.nowMS)
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	s.printf("%s %s %s\n", clock(s.w.nowMS), who, line)
	d, rec, err := s.w.do(who, in)
	var p *Problem
	switch {
	case errors.As(err, &p):
		s.printf("    %s: %s\n", p.Code, p.Message)
		if p.Hint != "" {
			s.printf("    hint: %s\n", p.Hint)
		}
		for _, c := range p.Candidates {
			s.printf("    perhaps: %s\n", c)
		}
	case err != nil:
		s.t.Fatal(err)
	default:
		s.printf("    %s: %s\n", d.Ref(rec.Hash), d.Text)
		for _, n := range d.Notes {
			s.printf("    note: %s\n", n)
		}
	}
	s.w.nowMS += durationMS("1m")
	s.w.sync()
}

// show prints the board of each group, or of one person.
func (s *story) show(who string) {
	if err := s.w.agree(); err != nil {
		s.t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, n := range s.w.nodes {
		g := s.w.group[n.name]
		if who != "" && n.name != who || who == "" && seen[g] {
			continue
		}
		seen[g] = true
		s.printf("[%s]\n", n.name)
		s.board(n.view(s.w))
	}
}

func (s *story) board(v View) {
	contested := ""
	if v.Contested {
		contested = " contested"
	}
	s.printf("  %s %q sev %d %s%s", v.Name, v.Title, v.Severity, strings.ToUpper(v.Status), contested)
	if len(v.Services) > 0 {
		s.printf(" services %s", strings.Join(v.Services, " "))
	}
	s.incident(v)
	commander := v.Command.Commander
	if commander == "" {
		commander = "NO COMMANDER"
	}
	s.printf("  command %s:", commander)
	for _, t := range v.Command.Terms {
		s.printf(" %s(%s", t.Holder, t.Basis)
		if t.Acting {
			s.printf(" acting")
		}
		if t.Unconfirmed {
			s.printf(" unconfirmed")
		}
		if t.Pending {
			s.printf(" unseen by %s", t.From)
		}
		if t.ConfirmedMS > 0 {
			s.printf(" confirmed by %s", t.From)
		}
		s.printf(" %d orders)", t.Orders)
	}
	for _, o := range v.Command.Offers {
		s.printf(" offer %s->%s", o.From, o.To)
		switch {
		case o.Due:
			s.printf(" back, break over")
		case o.Back:
			s.printf(" back")
		case o.Lapsed:
			s.printf(" lapsed")
		}
	}
	for _, r := range v.Command.Requests {
		s.printf(" asked-by %s", r.By)
	}
	s.printf("\n")
	for _, r := range v.Roles {
		s.printf("  role %s: %s\n", r.Role, strings.Join(r.Holders, " "))
	}
	for _, t := range v.Tasks {
		s.task(t)
	}
	for _, n := range v.Notes {
		text := n.Text
		if n.Redacted != nil {
			text = "REDACTED by " + n.Redacted.By + ": " + n.Redacted.Value
		}
		s.printf("  note %s %s %q %s", n.ID, n.By, text, strings.Join(n.Kinds, " "))
		s.noteMarks(n)
		for _, x := range n.Texts {
			s.printf(" | %s: %q", x.By, x.Value)
		}
		s.printf("\n")
	}
	for _, d := range v.Decisions {
		s.printf("  decision %s %s %q stands=%t", d.ID, d.By, d.Text, d.Stands)
		if d.Superseded {
			s.printf(" superseded")
		}
		if d.Unread {
			s.printf(" UNREAD by %s", v.Command.Commander)
		}
		for _, o := range d.Objections {
			s.printf(" objection %s %q%s", o.By, o.Value, map[bool]string{false: " UNSEEN"}[o.Seen])
		}
		s.printf("\n")
	}
	for _, h := range v.Theories {
		s.printf("  hypothesis %s %q %s %s\n", h.ID, h.Text, h.State, h.Why)
	}
	for _, c := range v.CheckIns {
		s.printf("  here %s%s %s\n", c.By, map[bool]string{true: " for " + c.For}[c.For != ""], c.State)
	}
	for _, r := range v.RollCalls {
		s.printf("  roll call by %s: %d of %d, missing %s\n", r.By, r.Known-len(r.Missing), r.Known, strings.Join(r.Missing, " "))
		s.replies(r)
	}
	s.live(v)
	for _, c := range v.Conflicts {
		s.printf("  C%d %s %s: %s -> %s\n", c.N, c.Kind, c.Subject, c.Text, c.Shown)
		for _, ch := range c.Choices {
			s.printf("      [%s] %s\n", ch.Key, ch.Label)
		}
	}
	for _, m := range v.Merged {
		was := ""
		if !m.Open {
			was = "(was) "
		}
		s.printf("  B %s %s: %s%s%s\n", m.Kind, m.Subject, s.only(m), was, m.Text)
	}
	s.quarantined(v)
	for _, x := range v.Settled {
		s.printf("  settled %s %s by %s: %s of %s\n", x.Kind, x.Subject, x.By, x.Chosen, strings.Join(x.Values, " / "))
	}
}

func (s *story) task(t Task) {
	s.printf("  task %s %q %s [%s]", t.ID, t.Text, t.State, strings.Join(t.Owners, " "))
	for _, f := range []struct {
		on   bool
		text string
	}{
		{t.Once, "once"},
		{t.Vital, "vital"},
		{t.Overdue, "OVERDUE"},
		{t.Verified, "verified"},
		{t.Resource != "", "on " + t.Resource},
		{t.DueMS > 0, "due " + clock(t.DueMS)},
		{t.Blocked != "", "blocked: " + t.Blocked},
		{len(t.Helpers) > 0, "helped by " + strings.Join(t.Helpers, " ")},
		{t.Mark != "", "<" + t.Mark + ">"},
	} {
		if f.on {
			s.printf(" %s", f.text)
		}
	}
	for _, r := range t.Results {
		s.printf(" result %s %q", r.By, r.Value)
	}
	s.printf("\n")
}
