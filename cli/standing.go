package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/node/api"
)

// A standing is what a bare muster says.
type standing struct {
	Responder string   `json:"responder"`
	Team      string   `json:"team"`
	Incident  string   `json:"incident,omitempty"`
	Lines     []string `json:"lines"`
	Owe       []string `json:"owe"` // tasks, as typed
	Next      string   `json:"next"`
}

// owedMax is how many of a person's tasks a bare muster names.
const owedMax = 2

// standing prints who you are, what you owe and what to do next, in under ten lines.
func (a *app) standing(ctx context.Context) error {
	st, err := a.status(ctx)
	if err != nil {
		return err
	}
	var in *api.Incident
	if a.set.incident != "" || slices.ContainsFunc(st.Incidents, func(i api.IncidentStatus) bool { return i.Current }) {
		got, err := a.incident(ctx)
		if err != nil {
			return err
		}
		in = &got
	}
	s := stand(st, in, now())
	return a.print(s, func(p *printer) {
		for _, l := range s.Lines {
			p.line(cut(l, columns))
		}
		p.line(wrap("next: ", s.Next, 6))
	})
}

// stand computes a standing. in is nil when there is no incident.
func stand(st api.Status, in *api.Incident, now time.Time) standing {
	s := standing{Responder: st.Responder, Team: st.Team, Owe: []string{}}
	reach := 0
	for _, r := range st.Responders[min(1, len(st.Responders)):] {
		if r.Reachable {
			reach++
		}
	}
	you := fmt.Sprintf("you are %s in team %s", clean(st.Responder), clean(st.Team))
	if others := len(st.Responders) - 1; others > 0 {
		you += fmt.Sprintf("; %d of %d others reachable", reach, others)
	} else {
		you += "; nobody else yet (muster invite)"
	}
	s.Lines = append(s.Lines, you)
	if len(st.Cut) > 0 {
		s.Lines = append(s.Lines, "CUT by a drill from "+clean(strings.Join(st.Cut, ", "))+" (muster drill heal)")
	}
	if len(st.Warnings) > 0 {
		s.Lines = append(s.Lines, "warning: "+clean(st.Warnings[0]))
	}
	if in == nil {
		s.Next = `muster declare "what is wrong" --sev 2`
		return s
	}
	s.Incident = in.Name
	state := strings.ToUpper(in.Status)
	if in.Contested {
		state = "RESOLVED? contested"
	}
	s.Lines = append(s.Lines, fmt.Sprintf("%s SEV%d %s  %s", clean(in.Name), in.Severity, state, clean(in.Title)))
	command := "command: " + commandLine(in.Command, now)
	if in.Command.Commander == st.Responder {
		command = "you command" + strings.TrimPrefix(command, "command: "+clean(st.Responder))
	}
	s.Lines = append(s.Lines, command)
	mine := owed(in.Tasks, st.Responder)
	var rest []string
	for i, t := range mine {
		s.Owe = append(s.Owe, t.ID)
		if i < owedMax {
			s.Lines = append(s.Lines, "you owe: "+oweLine(t, now))
		}
	}
	if n := len(mine) - owedMax; n > 0 {
		rest = append(rest, fmt.Sprintf("AND YOU OWE %d MORE", n))
	}
	if c := counters(&printer{}, *in); c != "" {
		rest = append(rest, c)
	}
	if len(rest) > 0 {
		s.Lines = append(s.Lines, strings.Join(rest, "  "))
	}
	s.Next = next(st.Responder, *in, mine)
	return s
}

// owed returns the tasks that wait for a person, the unanswered first, then by when they are due.
func owed(tasks []api.Task, who string) []api.Task {
	var mine []api.Task
	for _, t := range tasks {
		if slices.Contains(t.Owners, who) && t.State != "done" && t.State != "cancelled" {
			mine = append(mine, t)
		}
	}
	rank := func(t api.Task) int64 {
		switch {
		case t.State == "assigned":
			return 0
		case t.DueMS > 0:
			return t.DueMS
		}
		return 1 << 62
	}
	slices.SortStableFunc(mine, func(a, b api.Task) int {
		switch ra, rb := rank(a), rank(b); {
		case ra < rb:
			return -1
		case ra > rb:
			return 1
		}
		return 0
	})
	return mine
}

// oweLine is one task of yours.
func oweLine(t api.Task, now time.Time) string {
	line := t.ID + " " + clean(t.Text)
	switch {
	case t.State == "assigned":
		line += fmt.Sprintf(" (%s waits for your ack)", clean(t.By))
	case t.State == "blocked":
		line += " (stuck)"
	case t.Overdue && t.DueMS > 0:
		line += " (OVERDUE " + age(now.UnixMilli()-t.DueMS) + ")"
	case t.DueMS > 0:
		line += " (" + age(t.DueMS-now.UnixMilli()) + " left)"
	}
	return line
}

// next names the one thing to type: first what others wait for, then what falls through the cracks.
func next(me string, in api.Incident, mine []api.Task) string {
	first := ""
	if len(mine) > 0 {
		first = mine[0].ID
	}
	commands := in.Command.Commander == me
	claims := slices.ContainsFunc(in.Command.Terms, func(t api.Term) bool { return t.Holder == me })
	unowned := slices.IndexFunc(in.Tasks, func(t api.Task) bool { return t.State == "open" })
	offer := slices.IndexFunc(in.Command.Offers, func(o api.Offer) bool { return o.To == me })
	switch {
	case in.Status == "resolved" || in.Status == "closed":
		return `it is over; muster thanks @WHO, or muster reopen "why"`
	case offer >= 0:
		return fmt.Sprintf(`muster accept "top risk, next action", or muster decline   (%s asks)`, clean(in.Command.Offers[offer].From))
	case len(in.Conflicts) > 0 && (commands || claims):
		return "muster conflicts   (they wait for you)"
	case len(mine) > 0 && mine[0].State == "assigned":
		return fmt.Sprintf("muster ack %s, or muster no %s \"why\"", first, first)
	case in.Command.Commander == "":
		return "muster take   (nobody commands)"
	case len(mine) > 0 && mine[0].Overdue:
		return fmt.Sprintf("muster done %s \"result\", or muster +5m %s, or muster stuck %s \"why\"", first, first, first)
	case commands && unowned >= 0:
		return fmt.Sprintf("muster assign %s @WHO   (nobody has it)", in.Tasks[unowned].ID)
	case len(mine) > 0:
		return fmt.Sprintf("muster done %s \"result\"", first)
	case commands:
		return `muster do @WHO "what" 5m, or muster note "what you see"`
	}
	return `muster note "what you see", or muster show`
}
