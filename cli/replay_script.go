package cli

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"muster/node/api"
)

// Limits of a .replay file.
const (
	scriptLinesMax  = 250
	scriptPeopleMax = 16
	scriptLineMax   = 4 << 10 // bytes
)

// A script is a .replay file: one incident, typed again. See muster help replay for the format.
type script struct {
	people []string
	steps  []step
}

// Kinds of steps.
type stepKind int

const (
	stepNet    stepKind = iota // from here on only these groups reach each other
	stepType                   // somebody types a verb
	stepCheck                  // true at this place
	stepExpect                 // true on every node at the end
)

// A step is one line of a script.
type step struct {
	line int    // in the file, from 1
	text string // as it stands there
	kind stepKind
	at   time.Duration // since midnight of the first day; negative: no time is said

	groups [][]string // of net: who reach each other; every handle is in exactly one
	who    []string   // who typed, or whose node is checked
	args   []string   // what was typed, after "muster"
	want   expectation
}

// parseScript reads a script. Errors name the line.
func parseScript(r io.Reader) (*script, error) {
	s := &script{}
	in := bufio.NewScanner(r)
	in.Buffer(nil, scriptLineMax)
	var clock time.Duration
	healed := true
	for n := 1; in.Scan(); n++ {
		if n > scriptLinesMax {
			return nil, scriptError(n, "a script has at most %d lines", scriptLinesMax)
		}
		st, ok, err := s.parseLine(strings.TrimSpace(in.Text()), n)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if st.at >= 0 {
			for st.at < clock { // it is the next day
				st.at += 24 * time.Hour
			}
			clock = st.at
		}
		if st.kind == stepNet {
			healed = len(st.groups) == 1
		}
		s.steps = append(s.steps, st)
	}
	switch err := in.Err(); {
	case err != nil:
		return nil, api.Errorf(api.CodeUsage, "a line has at most 4096 bytes", "the script cannot be read: %v", err)
	case s.people == nil:
		return nil, scriptError(0, `there is no "people" line`)
	case !healed:
		return nil, scriptError(0, `the last net line must be "net all"`)
	}
	return s, nil
}

// scriptError is an error about line n; 0 is the whole file.
func scriptError(n int, format string, args ...any) error {
	where := "the script"
	if n > 0 {
		where = fmt.Sprintf("line %d", n)
	}
	return api.Errorf(api.CodeUsage, `see "muster help replay"`, "%s: %s", where, fmt.Sprintf(format, args...))
}

// parseLine reads one line. ok is false for lines without an effect.
func (s *script) parseLine(text string, n int) (st step, ok bool, err error) {
	st = step{line: n, text: text, at: -1}
	check, isCheck := strings.CutPrefix(text, "#check ")
	if text == "" || strings.HasPrefix(text, "#") && !isCheck {
		return st, false, nil
	}
	if isCheck {
		text = check
	}
	args, err := split(text)
	if err != nil {
		return st, false, scriptError(n, "%v", err)
	}
	if s.people == nil {
		if args[0] != "people" || isCheck {
			return st, false, scriptError(n, `the first line must be "people"`)
		}
		return st, false, s.parsePeople(args[1:], n)
	}
	switch {
	case isCheck:
		st.kind = stepCheck
		if st.who, err = s.whose(args[0], n); err == nil {
			st.want, err = parseExpectation(args[1:], n)
		}
	case args[0] == "people":
		err = scriptError(n, "people are named once")
	case args[0] == "expect":
		st.kind = stepExpect
		st.want, err = parseExpectation(args[1:], n)
	case args[0] == "net":
		st.kind = stepNet
		err = s.parseNet(&st, args[1:])
	default:
		st.kind = stepType
		err = s.parseTyped(&st, args)
	}
	return st, err == nil, err
}

func (s *script) parsePeople(names []string, n int) error {
	for i, name := range names {
		if !handlePattern.MatchString("@"+name) || name == "all" || name == "none" || slices.Contains(names[:i], name) {
			return scriptError(n, "%q cannot be a handle, or is there twice", name)
		}
	}
	if len(names) == 0 || len(names) > scriptPeopleMax {
		return scriptError(n, "1 to %d people take part", scriptPeopleMax)
	}
	s.people = names
	return nil
}

// whose reads @all and @bob,carol.
func (s *script) whose(word string, n int) ([]string, error) {
	names, ok := strings.CutPrefix(word, "@")
	if !ok {
		return nil, scriptError(n, "#check whose node? @all or @NAME")
	}
	if names == "all" {
		return s.people, nil
	}
	who := strings.Split(names, ",")
	for _, name := range who {
		if !slices.Contains(s.people, name) {
			return nil, scriptError(n, "%q is nobody here", name)
		}
	}
	return who, nil
}

// parseNet reads "all" or groups between bars, and the time after @.
func (s *script) parseNet(st *step, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[len(args)-1], "@") {
		at, err := parseClock(args[len(args)-1][1:])
		if err != nil {
			return scriptError(st.line, "%v", err)
		}
		st.at, args = at, args[:len(args)-1]
	}
	if len(args) == 1 && args[0] == "all" {
		st.groups = [][]string{s.people}
		return nil
	}
	seen := map[string]bool{}
	group := []string{}
	for _, word := range append(args, "|") {
		if word == "|" {
			if len(group) == 0 {
				return scriptError(st.line, "a group is empty")
			}
			st.groups, group = append(st.groups, group), []string{}
			continue
		}
		if seen[word] || !slices.Contains(s.people, word) {
			return scriptError(st.line, "%q is nobody here, or in two groups", word)
		}
		seen[word] = true
		group = append(group, word)
	}
	if len(seen) != len(s.people) {
		return scriptError(st.line, "every handle is in exactly one group")
	}
	return nil
}

// parseTyped reads TIME WHO VERB...
func (s *script) parseTyped(st *step, args []string) error {
	at, err := parseClock(args[0])
	if err != nil {
		return scriptError(st.line, "%v", err)
	}
	if len(args) < 3 || !slices.Contains(s.people, args[1]) {
		return scriptError(st.line, "a line is TIME, one of the people, and what they typed")
	}
	st.at, st.who, st.args = at, args[1:2], args[2:]
	return nil
}

// parseClock reads HH:MM:SS or HH:MM.
func parseClock(s string) (time.Duration, error) {
	for _, form := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
		}
	}
	return 0, fmt.Errorf("%q is not a time of day", s)
}

// split takes a line apart as a shell would: spaces separate, double quotes group, a backslash makes a quote or a
// backslash stand for itself. The line is not empty.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	started, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && (line[i+1] == '"' || line[i+1] == '\\'):
			i++
			word.WriteByte(line[i])
			started = true
		case c == '"':
			quoted, started = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}
