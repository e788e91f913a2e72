package board

import (
	"strings"
	"time"
)

// incident prints what a story shows of the incident besides its status.
func (s *story) incident(v View) {
	if v.Drill {
		s.printf(" DRILL")
	}
	if len(v.Labels) > 0 {
		s.printf(" labels %s", strings.Join(v.Labels, " "))
	}
	if len(v.Ended) > 1 {
		s.printf(" over since %s", clock(v.EndedMS))
		for _, e := range v.Ended {
			s.printf(" | %s: %s", e.By, e.Value)
		}
	}
	s.printf("\n")
	for _, c := range v.Criteria {
		s.printf("  criterion %s %q", c.ID, c.Text)
		if c.Met {
			s.printf(" met by %s %q", c.MetBy, c.Evidence)
		} else if c.Unmet != nil {
			s.printf(" NOT met, says %s %q", c.Unmet.By, c.Unmet.Value)
			if c.MetBy != "" {
				s.printf(", against %s %q", c.MetBy, c.Evidence)
			}
		} else {
			s.printf(" open")
		}
		s.printf("\n")
	}
}

func (s *story) noteMarks(n Note) {
	if n.Pinned {
		s.printf(" PINNED")
	}
	if n.OccurredMS != 0 {
		s.printf(" happened %s", clock(n.OccurredMS))
	}
}

// replies prints who answered a roll call, and whether one is due.
func (s *story) replies(r RollCall) {
	for _, x := range r.Replies {
		s.printf("      %s %s", x.Who, x.State)
		if x.By != "" {
			s.printf(", says %s", x.By)
		}
		if x.Place != "" {
			s.printf(" at %s", x.Place)
		}
		if x.Text != "" {
			s.printf(" %q", x.Text)
		}
		s.printf("\n")
	}
}

// only says whom a notice is for, when it is not everyone.
func (s *story) only(n Notice) string {
	if n.For.IsZero() {
		return ""
	}
	return "(for " + s.w.team.Handle(n.For) + ") "
}

// again gives every node every operation once more, and checks that nothing came of it.
func (s *story) again() {
	for _, n := range s.w.nodes {
		want := n.board.Digest()
		for _, rec := range n.records {
			if ch := n.board.Apply(n.event(rec)); len(ch) > 0 {
				s.t.Fatalf("%s: %s once more changed %+v", n.name, KindName(rec.Op.Kind), ch)
			}
		}
		if n.board.Digest() != want {
			s.t.Fatalf("%s: the second time changed the board", n.name)
		}
	}
	s.printf("--- everything once more\n")
}

// due prints whether a roll call is due, as somebody's node sees it.
func (s *story) due(who string) {
	why := s.w.node(who).board.SuggestPAR(time.UnixMilli(s.w.nowMS), s.w.team)
	if why == "" {
		why = "no roll call is due"
	}
	s.printf("[%s] %s\n", who, why)
}
