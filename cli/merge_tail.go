package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"muster/node/api"
)

// mergeTail is what needs a line each: orders, people, tasks, clocks, and what to type next.
func mergeTail(r api.MergeReport) []string {
	var out []string
	for i, o := range r.Orders {
		if i == 2 {
			out = append(out, fmt.Sprintf("ORDERS  of %d more people stand: muster show", len(r.Orders)-i))
			break
		}
		out = append(out, ordersLine(o))
	}
	first := len(out)
	for i, a := range r.Arrived {
		if i == 1 {
			out = append(out[:first], fmt.Sprintf("NEW INCIDENTS %d of theirs: muster status", len(r.Arrived)))
			break
		}
		line := fmt.Sprintf("NEW INCIDENT of %s: %s", clean(a.By), clean(a.Incident))
		if a.Same {
			verb := fmt.Sprintf("muster same %s %s", clean(r.Incident), clean(a.Incident))
			if one := line + "; one outage? " + verb; utf8.RuneCountInString(one) <= columns {
				line = one
			} else { // what is to be typed stands in one line
				out = append(out, line+"; if it is one outage:")
				line = "        " + verb
			}
		} else {
			line += " " + clean(a.Title)
		}
		out = append(out, line)
	}
	if l := peopleLine(r); l != "" {
		out = append(out, l)
	}
	out = append(out, countLines(r)...)
	for i, c := range r.Clocks {
		if i == 1 {
			out[len(out)-1] += fmt.Sprintf("; %d more clocks are off: muster peers", len(r.Clocks)-1)
			break
		}
		how := "ahead"
		if c.OffsetMS < 0 {
			how = "behind"
		}
		off := time.Duration(max(c.OffsetMS, -c.OffsetMS)) * time.Millisecond
		out = append(out, fmt.Sprintf("CLOCK   %s's laptop is %s %s; times are as it recorded them", clean(c.Responder), off.Round(time.Second), how))
	}
	return append(out, "next: "+mergeNext(r))
}

// ordersLine names the orders of one person that are not over.
func ordersLine(o api.Orders) string {
	line := fmt.Sprintf("ORDERS  %d by %s stand", o.Given, clean(o.By))
	if len(o.Open) == 0 {
		return line + ", all are over"
	}
	end := "; stop one: muster cancel " + o.Open[0]
	if n := len(o.Open); n < o.Given {
		line = fmt.Sprintf("ORDERS  %d by %s, %d not over", o.Given, clean(o.By), n)
	}
	line += ":"
	for i, id := range o.Open {
		room := columns - len(end)
		if i < len(o.Open)-1 {
			room -= len(" +99 more")
		}
		if utf8.RuneCountInString(line)+1+len(id) > room {
			line += fmt.Sprintf(" +%d more", len(o.Open)-i)
			break
		}
		line += " " + id
	}
	return line + end
}

// peopleLine says who is new and who is missing.
func peopleLine(r api.MergeReport) string {
	var parts []string
	if len(r.New) > 0 {
		parts = append(parts, "new "+side(r.New))
	}
	end := ""
	if r.RollCall {
		end = "call the roll: muster par"
	}
	if len(r.Missing) > 0 {
		line, shown := "missing", 0
		room := columns - utf8.RuneCountInString("PEOPLE  "+strings.Join(parts, "")+"   "+"   "+end)
		for i, m := range r.Missing {
			room := room
			if i < len(r.Missing)-1 {
				room -= len(", +99")
			}
			heard := " " + age(m.HeardMS)
			if m.Never {
				heard = " never"
			}
			name := " " + cut(clean(m.Responder), 12) + heard
			if shown > 0 {
				name = "," + name
			}
			if shown > 0 && utf8.RuneCountInString(line+name) > room {
				break
			}
			line += name
			shown++
		}
		if n := len(r.Missing) - shown; n > 0 {
			line += fmt.Sprintf(", +%d", n)
		}
		parts = append(parts, line)
	}
	if end != "" {
		parts = append(parts, end)
	}
	if len(parts) == 0 {
		return ""
	}
	return "PEOPLE  " + strings.Join(parts, "   ")
}

// countLines says how much else is new, in one line or two.
func countLines(r api.MergeReport) []string {
	var tasks []string
	if r.TasksNew > 0 {
		tasks = append(tasks, fmt.Sprintf("+%d new", r.TasksNew))
	}
	if r.TasksDone > 0 {
		tasks = append(tasks, fmt.Sprintf("%d done", r.TasksDone))
	}
	if n := len(r.Yours); n > 0 {
		yours := "YOURS: " + strings.Join(r.Yours[:min(n, 3)], " ")
		if n > 3 {
			yours += fmt.Sprintf(" +%d", n-3)
		}
		tasks = append(tasks, yours)
	}
	for i, b := range r.Blocked {
		if i == 1 {
			tasks = append(tasks, fmt.Sprintf("+%d stuck", len(r.Blocked)-1))
			break
		}
		tasks = append(tasks, fmt.Sprintf("%s stuck (%s)", b.Task, cut(clean(b.Why), 24)))
	}
	var words []string
	if r.Notes > 0 {
		words = append(words, fmt.Sprintf("NOTES +%d", r.Notes))
	}
	if r.Redacted > 0 {
		words = append(words, fmt.Sprintf("REDACTED %d", r.Redacted))
	}
	said := strings.Join(words, "  ")
	if len(tasks) == 0 {
		if said == "" {
			return nil
		}
		return []string{said}
	}
	line := "TASKS   " + strings.Join(tasks, "  ")
	switch {
	case said == "":
		return []string{line}
	case utf8.RuneCountInString(line+said)+3 <= columns:
		return []string{line + "   " + said}
	}
	return []string{line, said}
}

// mergeNext names the one thing to type.
func mergeNext(r api.MergeReport) string {
	if r.MaySettle && len(r.Settle) > 0 {
		c, key := r.Settle[0], "KEY"
		if len(c.Choices) > 0 {
			key = clean(c.Choices[0].Key)
		}
		return fmt.Sprintf("muster settle %d %s \"why\"   (or another key)", c.N, key)
	}
	for _, d := range r.Decisions {
		if d.Unread && len(r.You) > 0 && r.Commander == r.You[0] {
			return "muster read " + d.ID
		}
	}
	switch {
	case r.Commander == "":
		return "muster take   (nobody commands)"
	case len(r.Yours) > 0:
		return "muster ack " + r.Yours[0]
	case r.RollCall && r.MaySettle:
		return "muster par   (who is here?)"
	}
	return "muster show"
}
