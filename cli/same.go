package cli

import (
	"fmt"
	"strings"

	"muster/node/api"
)

// What the pages say about incidents that are one outage, or may be.

// suggestedMax is how many suggestions a page shows.
const suggestedMax = 3

// standingMax is how many lines a bare muster prints, with what to do next.
const standingMax = 9

// printNames lists the other names of an outage that was declared several times.
func printNames(p *printer, in api.Incident) {
	if len(in.Names) > 1 {
		p.line(wrap("also: ", clean(strings.Join(in.Names[1:], ", "))+" (declared apart, one outage; every name works)", 2))
	}
}

// printSuggestions lists what may be the same outage.
func printSuggestions(p *printer, all []api.Suggestion) {
	for _, s := range all[:min(len(all), suggestedMax)] {
		p.line(wrap("same? ", clean(s.Text), 2))
	}
	if n := len(all) - suggestedMax; n > 0 {
		p.linef("same? and %d more", n)
	}
}

// suggested is the most likely of the suggestions in one line, for where there is room for one.
func suggested(s api.Suggestion) string {
	return fmt.Sprintf("same outage (%s)? muster same %s %s", clean(s.Why), clean(s.Incident), clean(s.Other))
}

// nameWith is an incident with its other names, in a list.
func nameWith(in api.IncidentStatus) string {
	if len(in.Also) == 0 {
		return nameOf(in.Name, in.Drill)
	}
	return nameOf(in.Name, in.Drill) + " = " + clean(strings.Join(in.Also, " = "))
}

// counted returns the incidents that are not another name of one in the list.
func counted(all []api.IncidentStatus) []api.IncidentStatus {
	out := make([]api.IncidentStatus, 0, len(all))
	for _, in := range all {
		if in.Same == "" {
			out = append(out, in)
		}
	}
	return out
}

// several is what a bare muster says, in at most n lines, to somebody who acted on none of the incidents that go on, and
// what to type next; empty: none goes on.
func several(st api.Status, n int) (lines []string, next string) {
	for _, in := range counted(st.Incidents) {
		if !in.Live {
			continue
		}
		if next == "" {
			next = fmt.Sprintf("muster -i %s, to say which one you mean", clean(in.Name))
		}
		lines = append(lines, incidentLine(in))
	}
	if len(st.Suggestions) > 0 && len(lines) > 1 {
		lines = append(lines[:min(len(lines), n-1)], suggested(st.Suggestions[0]))
	}
	return lines[:min(len(lines), n)], next
}
