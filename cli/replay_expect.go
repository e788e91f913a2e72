package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/node/api"
)

// An expectation is one statement about the boards of a replay.
type expectation struct {
	incident string   // title, or its start; empty: the only incident there is
	words    []string // as they stand in the script
}

// What an expectation is about beyond one node's board.
const (
	wantSame   = "same-on-all-nodes"
	wantPurged = "purged"
)

// A sight is what one node shows: what expectations about a single node are judged by.
type sight struct {
	status   api.Status
	incident api.Incident
	notes    []typedNote // in the order typed
}

// A typedNote is a note as the runner typed it: its text may be on no node any more.
type typedNote struct{ text, op string }

// parseExpectation checks the form; n is the line.
func parseExpectation(words []string, n int) (expectation, error) {
	var e expectation
	if len(words) >= 2 && words[0] == "-i" {
		e.incident, words = words[1], words[2:]
	}
	e.words = words
	bad := scriptError(n, "nothing like %q can be expected", strings.Join(words, " "))
	if len(words) == 0 {
		return e, bad
	}
	rest := words[1:]
	number := func(i int) bool {
		if i >= len(rest) {
			return false
		}
		_, err := strconv.Atoi(rest[i])
		return err == nil
	}
	ok := false
	switch words[0] {
	case wantSame:
		ok = len(rest) == 0
	case "commander", "status", "decision", "canonical", wantPurged:
		ok = len(rest) == 1
	case "alias":
		ok = len(rest) == 2
	case "severity", "conflicts", "notes", "checkins", "incidents":
		ok = len(rest) == 1 && number(0)
	case "merged":
		ok = len(rest) == 1
	case "conflict", "settled":
		ok = len(rest) >= 2 && slices.Contains([]string{"command", "status", "decision"}, rest[0])
	case "note":
		ok = len(rest) == 2 && rest[1] == "redacted"
	case "hyp":
		ok = len(rest) == 2 && (rest[1] == "open" || rest[1] == "ruled-out")
	case "task":
		ok = len(rest) == 3 && slices.Contains([]string{"state", "owner", "conflict", "settled", "merged"}, rest[1]) ||
			len(rest) == 3 && rest[1] == "results" && number(2) || len(rest) >= 3 && rest[1] == "owners"
	}
	if !ok {
		return e, bad
	}
	return e, nil
}

// holds judges an expectation about one node and says what was seen there. It knows nothing but the node's answers.
func (e expectation) holds(s sight) (ok bool, saw string) {
	in, rest := s.incident, e.words[1:]
	is := func(got, want string) (bool, string) { return got == want, got }
	isCount := func(got int) (bool, string) { return strconv.Itoa(got) == rest[0], strconv.Itoa(got) }
	switch e.words[0] {
	case "commander":
		return is(orNone(in.Command.Commander), rest[0])
	case "severity":
		return isCount(in.Severity)
	case "status":
		if rest[0] == "active" && (in.Status == "investigating" || in.Status == "identified") {
			return true, in.Status
		}
		return is(in.Status, rest[0])
	case "conflicts":
		return isCount(len(in.Conflicts))
	case "notes":
		return isCount(len(in.Notes))
	case "checkins":
		return isCount(len(in.CheckIns))
	case "incidents":
		return isCount(len(counted(s.status.Incidents)))
	case "canonical":
		return is(in.Title, rest[0])
	case "alias":
		return oneOutage(s.status.Incidents, rest[0], rest[1])
	case "merged":
		var kinds []string
		for _, m := range in.Merged {
			kinds = append(kinds, m.Kind)
		}
		return slices.Contains(kinds, rest[0]), list(kinds)
	case "conflict":
		return openConflict(in, rest[0], rest[1:])
	case "settled":
		return settledConflict(in, rest[0], rest[1:])
	case "task":
		return taskHolds(in, rest[0], rest[1], rest[2:])
	case "note":
		return noteRedacted(s, rest[0])
	case "hyp":
		var found []string
		for _, h := range in.Theories {
			if strings.HasPrefix(h.Text, rest[0]) {
				found = append(found, h.State)
			}
		}
		return len(found) == 1 && found[0] == rest[1], list(found)
	case "decision":
		var found []string
		stands := false
		for _, d := range in.Decisions {
			if strings.HasPrefix(d.Text, rest[0]) {
				found = append(found, fmt.Sprintf("%q stands=%v", d.Text, d.Stands))
				stands = d.Stands
			}
		}
		return len(found) == 1 && stands, list(found)
	}
	return false, "not about one node"
}

// oneOutage reports whether two titles are of incidents that are one.
func oneOutage(all []api.IncidentStatus, a, b string) (bool, string) {
	named := func(title string) string { // by its canonical name
		for _, in := range all {
			if in.Title == title {
				return cmp.Or(in.Same, in.Name)
			}
		}
		return "nothing"
	}
	x, y := named(a), named(b)
	return x == y && x != "nothing", x + " and " + y
}

// openConflict looks for a conflict of a kind between exactly these values.
func openConflict(in api.Incident, kind string, want []string) (bool, string) {
	var seen []string
	for _, c := range in.Conflicts {
		seen = append(seen, c.Subject+": "+c.Text)
		if c.Kind != kind {
			continue
		}
		switch kind {
		case "command":
			var holders []string
			for _, t := range in.Command.Terms {
				holders = append(holders, t.Holder)
			}
			if sameSet(holders, want) {
				return true, c.Text
			}
		case "status":
			if len(want) == 1 && want[0] == "resolved-vs-escalated" && in.Contested {
				return true, c.Text
			}
		case "decision":
			var values []string
			for _, k := range c.Choices {
				values = append(values, k.Value)
			}
			if startOf(values, want) {
				return true, c.Text
			}
		}
	}
	return false, list(seen)
}

// settledConflict looks for a conflict of a kind that a human ended and that is not open now.
func settledConflict(in api.Incident, kind string, want []string) (bool, string) {
	if open, text := openConflict(in, kind, want); open {
		return false, "open: " + text
	}
	var seen []string
	for _, s := range in.Settled {
		seen = append(seen, fmt.Sprintf("%s %s", s.Kind, strings.Join(s.Values, " | ")))
		if s.Kind != kind {
			continue
		}
		switch {
		case kind == "command" && sameSet(s.Values, want), kind == "decision" && startOf(s.Values, want),
			kind == "status" && len(want) == 1 && want[0] == "resolved-vs-escalated":
			return true, strings.Join(s.Values, " | ")
		}
	}
	return false, list(seen)
}

// taskHolds judges one property of the task whose text starts with start, which only one may.
func taskHolds(in api.Incident, start, what string, want []string) (bool, string) {
	var found []api.Task
	for _, t := range in.Tasks {
		if t.Text == start {
			found = []api.Task{t}
			break
		}
		if strings.HasPrefix(t.Text, start) {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return false, fmt.Sprintf("%d such tasks", len(found))
	}
	t := found[0]
	switch what {
	case "state":
		return t.State == want[0], t.State
	case "owner", "owners":
		return sameSet(t.Owners, want), list(t.Owners)
	case "conflict":
		return t.Conflict == want[0], orNone(t.Conflict)
	case "settled":
		return slices.Contains(t.Settled, want[0]) && t.Conflict != want[0], fmt.Sprintf("settled %s, open %s", list(t.Settled), orNone(t.Conflict))
	case "merged":
		return slices.Contains(t.Merged, want[0]), list(t.Merged)
	case "results":
		return strconv.Itoa(len(t.Results)) == want[0], strconv.Itoa(len(t.Results))
	}
	return false, "no such property"
}

// noteRedacted finds a note by the text that was typed, which no node has any more.
func noteRedacted(s sight, start string) (bool, string) {
	for _, typed := range s.notes {
		if !strings.HasPrefix(typed.text, start) {
			continue
		}
		for _, n := range s.incident.Notes {
			if n.Op == typed.op {
				return n.Redacted != nil && n.Text == "", fmt.Sprintf("%s redacted=%v text=%q", n.ID, n.Redacted != nil, n.Text)
			}
		}
		return false, "the note is not there"
	}
	return false, "no such note was typed"
}

// startOf reports whether every start begins exactly one of the values, and there are as many of each.
func startOf(values, starts []string) bool {
	if len(values) != len(starts) {
		return false
	}
	for _, start := range starts {
		n := 0
		for _, v := range values {
			if strings.HasPrefix(v, start) {
				n++
			}
		}
		if n != 1 {
			return false
		}
	}
	return true
}

// sameSet compares without order.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, "; ")
}
