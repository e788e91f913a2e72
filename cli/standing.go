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
	var in, other *api.Incident
	if a.set.incident != "" || slices.ContainsFunc(st.Incidents, func(i api.IncidentStatus) bool { return i.Current }) {
		got, err := a.incident(ctx)
		if err != nil {
			return err
		}
		in = &got
		if other, err = a.otherIncident(ctx, st, got.Name); err != nil {
			return err
		}
	}
	came, err := a.arrivals(ctx, st)
	if err != nil {
		return err
	}
	s := stand(st, in, other, now(), came...)
	return a.print(s, func(p *printer) { printStand(p, s) })
}

func printStand(p *printer, s standing) {
	for _, l := range s.Lines {
		p.line(cut(l, columns))
	}
	p.line(nextLine(s.Next))
}

// stand computes a standing. in is nil when there is no incident; other is nil or another one that is open; came are those
// who came in by words of this laptop and were not told of.
func stand(st api.Status, in, other *api.Incident, now time.Time, came ...api.Arrival) standing {
	s := standing{Responder: st.Responder, Team: st.Team, Owe: []string{}}
	if st.Protection == api.ProtectedLocked {
		for _, w := range st.Warnings {
			s.Lines = append(s.Lines, clean(w))
		}
		s.Next = "muster unlock"
		return s
	}
	s.Lines = append(s.Lines, standingHead(st, now)...)
	s.Lines = append(s.Lines, cameLines(came, now)...)
	if in == nil && isOut(st) {
		s.Next = "muster help recovery"
		return s
	}
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
	if isOut(st) { // nobody takes what it would write
		s.Lines = append(s.Lines, strings.Replace(command, ": muster take)", ")", 1))
		s.Next = "muster show, or muster help recovery"
		return s
	}
	s.Lines = append(s.Lines, command)
	if in.Status == "resolved" || in.Status == "closed" {
		s.Next = `it is over; muster thanks @WHO, or muster reopen "why"`
		for _, d := range commandDuties(st.Responder, in.Command, now) { // who commands is asked for even then
			if d.do != "" {
				s.Next = d.do
				break
			}
		}
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
	if l := elsewhere(st, in.Name); l != "" {
		waits := waitsThere(st.Responder, other, now)
		if waits != "" || len(in.Suggestions) == 0 { // a suggestion names it as well
			told = append(told, l+waits)
		}
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

// otherIncident asks for the first incident that is open beside the one that is shown; nil: there is none.
func (a *app) otherIncident(ctx context.Context, st api.Status, shown string) (*api.Incident, error) {
	for _, i := range st.Incidents {
		if !isElsewhere(i, shown) {
			continue
		}
		s, err := a.service(ctx)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		got, err := s.Show(ctx, i.Name)
		return &got, err
	}
	return nil, nil
}

// isElsewhere reports whether an incident is open and not the one that is shown.
func isElsewhere(in api.IncidentStatus, shown string) bool {
	return in.Live && in.Name != shown && in.Same == "" && !slices.Contains(in.Also, shown)
}

// waitsThere says in a few words what waits for a person in another incident than the one that is shown; empty: nothing.
func waitsThere(me string, in *api.Incident, now time.Time) string {
	if in == nil {
		return ""
	}
	out := ""
	if n := len(owed(in.Tasks, me)); n > 0 {
		out = "; you owe " + count(n, "task")
	}
	for _, d := range commandDuties(me, in.Command, now) {
		if d.do != "" {
			return out + "; " + d.line // last: its reason may be cut
		}
	}
	return out
}

// elsewhere names another incident that is open; empty: there is none. The verbs act on the one that is shown.
func elsewhere(st api.Status, shown string) string {
	var line string
	n := 0
	for _, in := range st.Incidents {
		if !isElsewhere(in, shown) {
			continue
		}
		if n++; n == 1 {
			line = fmt.Sprintf("also open: muster -i %s", clean(in.Name))
		}
	}
	if n > 1 {
		line = fmt.Sprintf("also open: %d other incidents (muster status)", n)
	}
	return line
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
	if others := len(st.Responders) - 1; isOut(st) {
		you = fmt.Sprintf("you are %s; this laptop is out of team %s", clean(st.Responder), clean(st.Team))
	} else if others > 0 {
		you += fmt.Sprintf("; %d of %d others reachable", reach, others)
	} else {
		you += "; nobody else yet (muster invite)"
	}
	if h := wallClock(now); h != "" && len(you)+len(h)+2 <= columns {
		you += "; " + h
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
	case since != "" && !isOut(st):
		out = append(out, "ALONE"+since+": what you write is kept here and sent later")
	}
	if len(st.Warnings) > 0 {
		out = append(out, remedied("warning: ", clean(st.Warnings[0]))...)
	}
	if live := slices.ContainsFunc(st.Incidents, func(i api.IncidentStatus) bool { return i.Live }); !live {
		if len(st.TeamNotes) > 0 {
			out = append(out, remedied("team: ", clean(st.TeamNotes[0]))...) // in an incident it waits
		}
		if st.Protection == api.ProtectedNone {
			out = append(out, protectionWords(st.Protection))
		}
	}
	return out
}

// sums is the line of numbers that should be zero.
func sums(in api.Incident, owed int) string {
	line := counters(&printer{}, in)
	if n := owed - owedMax; n > 0 {
		line = strings.TrimPrefix(line+fmt.Sprintf("  YOU OWE %d MORE", n), "  ")
	}
	const more = "  ..."
	for len(line) > columns { // whole numbers only; the last are the least urgent
		line = strings.TrimSuffix(line, more)
		line = line[:strings.LastIndex(line, "  ")] + more
	}
	return line
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
