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
	return a.print(s, func(p *printer) { printStand(p, s) })
}

func printStand(p *printer, s standing) {
	for _, l := range s.Lines {
		p.line(cut(l, columns))
	}
	p.line(nextLine(s.Next))
}

// stand computes a standing. in is nil when there is no incident.
func stand(st api.Status, in *api.Incident, now time.Time) standing {
	s := standing{Responder: st.Responder, Team: st.Team, Owe: []string{}}
	s.Lines = append(s.Lines, standingHead(st, now)...)
	if in == nil {
		s.Next = `muster declare "what is wrong" --sev 2`
		if lines, next := several(st, standingMax-len(s.Lines)-1); next != "" {
			s.Lines, s.Next = append(s.Lines, lines...), next
		}
		return s
	}
	s.Incident = in.Name
	state := strings.ToUpper(in.Status)
	if in.Contested {
		state = "RESOLVED? contested"
	}
	s.Lines = append(s.Lines, fmt.Sprintf("%s SEV%d %s  %s", nameOf(in.Name, in.Drill), in.Severity, state, clean(in.Title)))
	command := "command: " + commandLine(in.Command, now)
	if in.Command.Commander == st.Responder {
		command = "you command" + strings.TrimPrefix(command, "command: "+clean(st.Responder))
	}
	s.Lines = append(s.Lines, command)
	if in.Status == "resolved" || in.Status == "closed" {
		s.Next = `it is over; muster thanks @WHO, or muster reopen "why"`
	}
	mine := owed(in.Tasks, st.Responder)
	waits := duties(st.Responder, *in, mine, now)
	var owe, told []string
	for i, t := range mine {
		s.Owe = append(s.Owe, t.ID)
		if i < owedMax {
			owe = append(owe, "you owe: "+oweLine(t, now))
		}
	}
	if in.Rejoined != nil {
		told = append(told, rejoinedLine(*in.Rejoined, now))
	}
	for _, d := range waits {
		if d.line != "" {
			told = append(told, d.line)
		}
		if s.Next == "" {
			s.Next = d.do
		}
	}
	if s.Next == "" {
		s.Next = `muster note "what you see", or muster show`
		if in.Command.Commander == st.Responder {
			s.Next = `muster do @WHO "what" 5m, or muster note "what you see"`
		}
	}
	s.Lines = append(s.Lines, fit(standingMax-len(s.Lines)-lines(nextLine(s.Next)), owe, told, sums(*in, len(mine)))...)
	return s
}

// standingHead says who you are, whom you reach, and what is wrong with that.
func standingHead(st api.Status, now time.Time) []string {
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
	out := []string{you}
	since := ""
	if st.AloneMS > 0 {
		since = " since " + clock(now.UnixMilli()-st.AloneMS, now)
	}
	switch {
	case len(st.Cut) > 0 && since != "":
		out = append(out, fmt.Sprintf("CUT by a drill from %s; alone%s (muster drill heal)", clean(strings.Join(st.Cut, ", ")), since))
	case len(st.Cut) > 0:
		out = append(out, "CUT by a drill from "+clean(strings.Join(st.Cut, ", "))+" (muster drill heal)")
	case since != "":
		out = append(out, "ALONE"+since+": what you write is kept here and sent later")
	}
	if len(st.Warnings) > 0 {
		out = append(out, "warning: "+clean(st.Warnings[0]))
	}
	return out
}

// sums is the line of numbers that should be zero.
func sums(in api.Incident, owed int) string {
	var out []string
	if n := owed - owedMax; n > 0 {
		out = append(out, fmt.Sprintf("AND YOU OWE %d MORE", n))
	}
	if c := counters(&printer{}, in); c != "" {
		out = append(out, c)
	}
	return strings.Join(out, "  ")
}

// fit chooses what is said in at most n lines: what waits comes before what is owed, since the first of the latter is
// what is next; the numbers come last and are kept.
func fit(n int, owe, told []string, numbers string) []string {
	if numbers != "" {
		n--
	}
	first := owe[:min(len(owe), 1, max(n, 0))]
	told = told[:min(len(told), max(n-len(first), 0))]
	owe = owe[:min(len(owe), max(n-len(told), 0))]
	out := slices.Concat(told, owe)
	if numbers != "" {
		out = append(out, numbers)
	}
	return out
}

// nextLine is the last line of a standing.
func nextLine(next string) string { return wrap("next: ", next, 6) }

// lines counts the lines of a text.
func lines(s string) int { return strings.Count(s, "\n") + 1 }

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
	case t.State == "assigned" && t.LateAck:
		line += fmt.Sprintf(" (%s waits for your ack: LATE)", clean(t.By))
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
