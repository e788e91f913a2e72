package board

import (
	"fmt"
	"strings"
	"time"
)

// brief prints what somebody reads before they take over.
func (s *story) brief(who string) {
	b := s.w.node(who).board.Briefing(time.UnixMilli(s.w.nowMS), s.w.team, owner(who))
	what := "now"
	if b.Offer != nil {
		what = fmt.Sprintf("the offer %s->%s, %d written since", b.Offer.From, b.Offer.To, b.Later)
	}
	s.printf("  briefing of %s: sev %d %s, %s: %s\n", what, b.Severity, b.Status, b.Trend, strings.Join(b.Why, "; "))
	for _, h := range b.History {
		s.printf("    history %s %s: %s\n", clock(h.AtMS), h.By, h.Value)
	}
	for _, c := range b.Objectives {
		s.printf("    objective %s %q met=%t\n", c.ID, c.Text, c.Met)
	}
	for _, f := range b.Sitrep.Fields {
		s.printf("    %s: %s\n", f.Field, f.Text)
	}
	for _, d := range b.Plan {
		s.printf("    plan %s %q\n", d.ID, d.Text)
	}
	for _, t := range b.Work {
		s.printf("    work %s %q %s [%s]\n", t.ID, t.Text, t.State, strings.Join(t.Owners, " "))
	}
	for _, r := range b.Resources {
		s.printf("    resource %s %s\n", r.Name, r.State)
	}
	for _, n := range b.Risks {
		s.printf("    risk %q\n", n.Text)
	}
	for _, v := range b.IfThen {
		s.printf("    %q\n", v.Value)
	}
	for _, h := range b.RuledOut {
		s.printf("    ruled out %q %s\n", h.Text, h.Why)
	}
	for _, r := range b.Roles {
		s.printf("    role %s: %s\n", r.Role, strings.Join(r.Holders, " "))
	}
	for _, i := range b.Items {
		done := ""
		if i.Closed {
			done = " (closed since)"
		}
		s.printf("    item %d %s %s %q%s\n", i.N, i.ID, i.Kind, i.Text, done)
	}
}
