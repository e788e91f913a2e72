package board

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var durationWord = regexp.MustCompile(`^\+?[0-9]+[smhd]$`)

// typed reads a line as somebody would type it after "muster": a small stand-in for the command line's grammar.
func typed(line string, nowMS int64) (Intent, error) {
	args, quoted := words(line)
	in := Intent{Verb: args[0]}
	args, quoted = args[1:], quoted[1:]
	if strings.HasPrefix(in.Verb, "+") {
		in.ForMS, in.Verb = durationMS(in.Verb), "extend"
	}
	refs := map[string]bool{
		"assign": true, "claim": true, "ack": true, "no": true, "stuck": true, "done": true, "cancel": true, "extend": true,
		"verify": true, "assist": true, "edit": true, "redact": true, "rule-out": true, "object": true, "met": true, "pin": true,
		"read": true, "approve": true, "publish": true, "check": true, "skip": true,
	}[in.Verb]
	var free []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		next := func() string {
			i++
			return args[i]
		}
		switch {
		case quoted[i]:
			free = append(free, a)
		case strings.HasPrefix(a, "@"):
			in.Who = append(in.Who, a)
		case durationWord.MatchString(a):
			in.ForMS = durationMS(a)
		case a == "--once":
			in.Once = true
		case a == "--vital":
			in.Vital = true
		case a == "--force":
			in.Force = true
		case a == "--withdraw":
			in.Withdraw = true
		case a == "--drill":
			in.Drill = true
		case a == "--tick":
			in.Refs = append(in.Refs, next())
		case a == "--label":
			in.Labels = append(in.Labels, next())
		case a == "--place", a == "--from", a == "--on" && in.Verb == "publish":
			in.Place = next()
		case a == "--on":
			in.Resource = next()
		case a == "--topic", a == "--to" && in.Verb == "update":
			in.Topic = next()
		case a == "-k":
			in.Kind = next()
		case a == "--svc":
			in.Services = strings.Split(next(), ",")
		case a == "--sev":
			in.Severity, _ = strconv.Atoi(next())
		case a == "--fatigue":
			in.Fatigue, _ = strconv.Atoi(next())
		case a == "--due":
			in.ForMS = durationMS(next())
		case a == "--to":
			in.Who = append(in.Who, next())
		case a == "--ref":
			in.Ref = next()
		case a == "--at":
			at := next()
			day := time.UnixMilli(nowMS).UTC().Truncate(24 * time.Hour)
			clock, err := time.Parse("15:04", at)
			if err != nil {
				return in, err
			}
			in.AtMS = day.Add(time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute).UnixMilli()
		default:
			free = append(free, a)
		}
	}
	take := func() (s string) {
		if len(free) > 0 {
			s, free = free[0], free[1:]
		}
		return s
	}
	switch {
	case refs:
		in.Ref = take()
	case in.Verb == "sev":
		in.Severity, _ = strconv.Atoi(take())
	case in.Verb == "status", in.Verb == "here", in.Verb == "role":
		in.Value = take()
	case in.Verb == "service":
		in.Services, free = free, nil
	case in.Verb == "sitrep":
		in.Value = take()
	case in.Verb == "saw":
		in.Resource, in.Value = take(), take()
	case in.Verb == "playbook":
		in.Value = take()
		in.Items, free = free, nil
	case in.Verb == "label":
		in.Labels, free = free, nil
	case in.Verb == "settle":
		in.Subject, in.Value = take(), take()
	}
	if in.Verb == "check" || in.Verb == "skip" {
		n, err := strconv.Atoi(take())
		if err != nil {
			return in, fmt.Errorf("which item? %w", err)
		}
		in.Item = n
	}
	in.Text = take()
	if len(free) > 0 {
		return in, fmt.Errorf("cannot read %q", free)
	}
	return in, nil
}

func durationMS(s string) int64 {
	s = strings.TrimPrefix(s, "+")
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil {
		panic(err)
	}
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	return (time.Duration(n) * unit).Milliseconds()
}

// holds evaluates one expectation of a replay script on one node.
func (w *world) holds(n *node, line string, notes map[string]string) (bool, string) {
	args, _ := words(line)
	v := n.view(w)
	conflict := func(kind string) *Conflict {
		for i := range v.Conflicts {
			if v.Conflicts[i].Kind == kind {
				return &v.Conflicts[i]
			}
		}
		return nil
	}
	switch args[0] {
	case "same-on-all-nodes":
		err := w.same()
		return err == nil, fmt.Sprint(err)
	case "commander":
		got := v.Command.Commander
		if got == "" {
			got = "none"
		}
		return got == args[1], got
	case "severity":
		return strconv.Itoa(v.Severity) == args[1], strconv.Itoa(v.Severity)
	case "status":
		ok := v.Status == args[1] || args[1] == "active" && (v.Status == StatusInvestigating || v.Status == StatusIdentified)
		return ok, v.Status
	case "conflicts":
		return strconv.Itoa(len(v.Conflicts)) == args[1], fmt.Sprintf("%+v", v.Conflicts)
	case "conflict":
		for _, c := range v.Conflicts {
			if c.Kind == args[1] && (args[1] == "status" || allPrefix(args[2:], choiceValues(c))) {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", v.Conflicts)
	case "settled":
		for _, s := range v.Settled {
			if s.Kind == args[1] && (args[1] == "status" || allPrefix(args[2:], s.Values)) {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", v.Settled)
	case "task":
		for _, t := range v.Tasks {
			if strings.HasPrefix(t.Text, args[1]) {
				return taskHolds(t, args[2:]), fmt.Sprintf("%+v", t)
			}
		}
		return false, "no such task"
	case "merged":
		return slices.ContainsFunc(v.Merged, func(m Notice) bool { return m.Kind == args[1] }), fmt.Sprintf("%+v", v.Merged)
	case "notes":
		return strconv.Itoa(len(v.Notes)) == args[1], strconv.Itoa(len(v.Notes))
	case "note":
		for _, x := range v.Notes {
			for text, id := range notes {
				if id == x.Op.String() && strings.HasPrefix(text, args[1]) {
					return x.Redacted != nil && x.Text == "", fmt.Sprintf("%+v", x)
				}
			}
		}
		return false, "no such note"
	case "purged":
		all := fmt.Sprintf("%+v %+v %s", v, n.board.Log(w.team), n.board.Canonical())
		for _, r := range n.records {
			all += string(r.Body)
		}
		return !strings.Contains(all, args[1]), "still there"
	case "hyp":
		for _, h := range v.Theories {
			if strings.HasPrefix(h.Text, args[1]) {
				return h.State == args[2], h.State
			}
		}
		return false, "no such hypothesis"
	case "decision":
		for _, d := range v.Decisions {
			if strings.HasPrefix(d.Text, args[1]) {
				return d.Stands, fmt.Sprintf("%+v", d)
			}
		}
		return false, "no such decision"
	case "checkins":
		return strconv.Itoa(len(v.CheckIns)) == args[1], strconv.Itoa(len(v.CheckIns))
	}
	_ = conflict
	return false, "unknown expectation"
}

func choiceValues(c Conflict) []string {
	var out []string
	for _, ch := range c.Choices {
		if ch.Value != ValueTeams { // a way to settle, not a value that was written
			out = append(out, ch.Value)
		}
	}
	return out
}

// allPrefix reports whether every wanted text begins one of those there are, and there are no more.
func allPrefix(want, got []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) }) {
			return false
		}
	}
	return len(want) == len(got)
}

func taskHolds(t Task, want []string) bool {
	switch want[0] {
	case "conflict":
		return t.Conflict == want[1]
	case "settled":
		return slices.Contains(t.Settled, want[1])
	case "state":
		return t.State == want[1]
	case "owner", "owners":
		got, want := slices.Sorted(slices.Values(t.Owners)), slices.Sorted(slices.Values(want[1:]))
		return slices.Equal(got, want)
	case "merged":
		return slices.Contains(t.Merged, want[1])
	case "results":
		return strconv.Itoa(len(t.Results)) == want[1]
	}
	return false
}
