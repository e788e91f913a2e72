package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/node/api"
)

// commandLine says who commands, by what right, and what is being handed over.
func commandLine(c api.Command, now time.Time) string {
	if c.Commander == "" {
		line := "NO COMMANDER"
		for _, o := range c.Offers {
			line += fmt.Sprintf(" (offered to %s)", clean(o.To))
		}
		return line + `; anyone: muster take`
	}
	line := clean(c.Commander)
	if c.SinceMS > 0 {
		line += " " + stint(now.UnixMilli()-c.SinceMS)
	}
	theirs := func(o api.Offer) bool { return o.From == c.Commander }
	for i, t := range c.Terms {
		if i == 0 {
			line += firstTerm(t, len(c.Terms) == 1, now)
			for _, o := range c.Offers {
				if theirs(o) {
					line += " (" + offerLine(o, now) + ")"
				}
			}
			continue
		}
		who, how := clean(t.Holder), "too, since"
		if t.Acting {
			how = "acting since"
		}
		if t.Holder == c.Leads {
			who = "HERE " + who
		}
		line += fmt.Sprintf("; %s %s %s", who, how, clock(t.SinceMS, now))
	}
	for _, o := range c.Offers {
		if len(c.Terms) == 0 || !theirs(o) {
			line += " (" + offerLine(o, now) + ")"
		}
	}
	var asked []string // each once, however often they asked
	for _, r := range c.Requests {
		if by := clean(r.By); !slices.Contains(asked, by) {
			asked = append(asked, by)
			line += fmt.Sprintf("; %s asks for command", by)
		}
	}
	return line
}

// firstTerm is what to know of the term of the commander who is shown. alone: nobody else claims command.
func firstTerm(t api.Term, alone bool, now time.Time) string {
	var out []string
	switch {
	case t.RemovedMS > 0 && alone:
		out = append(out, "removed "+clock(t.RemovedMS, now)+": muster take")
	case t.RemovedMS > 0:
		out = append(out, "removed "+clock(t.RemovedMS, now))
	case t.AsOfMS > 0:
		out = append(out, "out of reach; as of "+clock(t.AsOfMS, now))
	}
	if t.Acting {
		out = append(out, "acting")
	}
	if t.Pending {
		out = append(out, "not yet seen by "+clean(t.From))
	}
	if t.Unconfirmed {
		who := "all who claimed it"
		if len(t.Unaware) > 0 {
			who = clean(strings.Join(t.Unaware, ", "))
		}
		out = append(out, "settled; not yet known to "+who)
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, "; ") + ")"
}

// offerLine says what is being handed over.
func offerLine(o api.Offer, now time.Time) string {
	to := clean(o.To)
	switch {
	case o.Back && o.Due:
		return fmt.Sprintf("break OVER since %s: %s takes it back", clock(o.DueMS, now), to)
	case o.Back:
		return fmt.Sprintf("for %s, on a break until %s", to, clock(o.DueMS, now))
	case o.Lapsed:
		return fmt.Sprintf("the offer to %s lapsed %s", to, clock(o.LapsesMS, now))
	case o.LapsesMS > now.UnixMilli():
		return fmt.Sprintf("offered to %s %s, %s left", to, clock(o.AtMS, now), age(o.LapsesMS-now.UnixMilli()))
	}
	return fmt.Sprintf("offered to %s %s", to, clock(o.AtMS, now))
}

// printWarnings prints what is wrong with how an incident is led.
func printWarnings(p *printer, warnings []string) {
	for _, w := range warnings {
		p.line(wrap("! ", clean(w), 2))
	}
}

// warned are the warnings about me, but for those that something else says already.
func warned(me string, warnings []string) []duty {
	var out []duty
	for _, w := range warnings {
		if text, mine := strings.CutPrefix(w, me+": "); mine && !strings.HasPrefix(text, "the break was over") {
			out = append(out, duty{line: "you: " + clean(text)})
		}
	}
	return out
}

// nagAfterMS is how long a conflict may wait before those who may settle it are told how long it has.
const nagAfterMS = 10 * 60_000

// waitsLong says how long a conflict has waited; empty: not for long.
func waitsLong(open []api.Conflict, now time.Time) string {
	for _, c := range open { // the first is the most important
		if ms := now.UnixMilli() - c.SinceMS; c.SinceMS > 0 && ms >= nagAfterMS {
			return fmt.Sprintf("%s unsettled for %s; shown meanwhile: %s", clean(c.Subject), stint(ms), clean(c.Shown))
		}
	}
	return ""
}
