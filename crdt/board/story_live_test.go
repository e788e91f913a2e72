package board

import (
	"slices"
	"strings"
)

// live prints what is said about the situation, the world and the outside.
func (s *story) live(v View) {
	for _, f := range v.Sitrep.Fields {
		s.printf("  sitrep %s: %q %s", f.Field, f.Text, f.By)
		for _, x := range f.Texts {
			s.printf(" | %s: %q", x.By, x.Value)
		}
		s.printf("\n")
	}
	if v.Sitrep.NextMS > 0 {
		s.printf("  next update %s by %s%s\n", clock(v.Sitrep.NextMS), v.Sitrep.NextBy, map[bool]string{true: " LATE"}[v.Sitrep.Late])
	}
	for _, r := range v.Resources {
		if len(r.Observations) == 0 && !slices.ContainsFunc(r.Hands, func(h Hand) bool { return h.Task != r.Hands[0].Task }) {
			continue // nothing that its task does not say
		}
		s.printf("  resource %s %s:", r.Name, strings.ToUpper(r.State))
		for _, o := range r.Observations {
			s.printf(" %s from %q by %s %q,", strings.ToUpper(o.State), o.From, o.By, o.Text)
		}
		for _, h := range r.Hands {
			s.printf(" hands %s by %s%s", h.Person, h.Task, map[bool]string{true: " OFF"}[h.Off])
		}
		s.printf("\n")
	}
	for _, u := range v.Updates {
		s.printf("  update %s to %s %q %s", u.ID, u.Audience, u.Text, u.State)
		for _, x := range u.Texts {
			s.printf(" | %s: %q", x.By, x.Value)
		}
		for _, a := range u.Approved {
			s.printf(" approved by %s", a.By)
		}
		if u.Mark != "" {
			s.printf(" <%s>", u.Mark)
		}
		s.printf("\n")
		for _, p := range u.Posts {
			s.printf("    post %s on %q by %s stands=%t\n", quoteAll(p.Text), p.Where, p.By, p.Stands)
		}
	}
	for _, r := range v.Runs {
		s.printf("  run %s %q by %s", r.ID, r.Name, r.By)
		for i, x := range r.Items {
			s.printf(" %d %s", i+1, x.State)
			if x.By != "" {
				s.printf(" by %s %q", x.By, x.Remark)
			}
			if x.Skipped != nil {
				s.printf(" (skipped by %s: %q)", x.Skipped.By, x.Skipped.Value)
			}
		}
		if len(r.Versions) > 0 {
			s.printf(" see also %s", strings.Join(r.Versions, " "))
		}
		s.printf("\n")
	}
}
