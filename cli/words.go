package cli

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"muster/node/api"
)

// spanMax bounds a length of time that is typed; more is a slip of the finger.
const spanMax = 366 * 24 * time.Hour

// A grammar says which words a verb takes besides its text. Handles (@bob) and lengths of time (5m) stand before or
// after the text, in any order; inside it they are text.
type grammar struct {
	ref  string // what the first other word names: "task", "note", ...; empty: nothing
	bare bool   // that word may be missing: there is only one it can be
	who  int    // how many @handles at most; -1: any number
	span bool   // takes a length of time
	text string // what the rest is called; empty: nothing may be left
}

// words are the arguments of a verb, sorted.
type words struct {
	ref    string
	who    []string // without @
	spanMS int64
	rest   []string // the other words as they were typed
	text   string   // rest as one text
}

var (
	handlePattern = regexp.MustCompile(`^@[^\s@]+$`)
	spanPattern   = regexp.MustCompile(`^\+?(?:\d+(?:ms|s|m|h|d))+$`)
	spanPart      = regexp.MustCompile(`(\d+)(ms|s|m|h|d)`)
)

// sort takes args apart.
func (g grammar) sort(verb string, args []string) (words, error) {
	var w words
	take := func(arg string) (bool, error) {
		switch {
		case handlePattern.MatchString(arg) && (g.who < 0 || len(w.who) < g.who):
			w.who = append(w.who, arg[1:])
			return true, nil
		case g.span && w.spanMS == 0 && spanPattern.MatchString(arg):
			ms, err := parseSpan(arg)
			w.spanMS = ms
			return true, err
		}
		return false, nil
	}
	for len(args) > 0 { // from the front
		took, err := take(args[0])
		if err != nil {
			return words{}, err
		}
		if !took {
			if g.ref == "" || w.ref != "" {
				break
			}
			if w.ref = strings.TrimSpace(args[0]); w.ref == "" {
				return words{}, api.Errorf(api.CodeUsage, "", "the name of the %s is empty", g.ref)
			}
		}
		args = args[1:]
	}
	for len(args) > 0 { // from the back
		took, err := take(args[len(args)-1])
		if err != nil {
			return words{}, err
		}
		if !took {
			break
		}
		args = args[:len(args)-1]
	}
	w.rest, w.text = args, strings.TrimSpace(strings.Join(args, " "))
	switch {
	case g.ref != "" && w.ref == "" && !g.bare:
		return words{}, usage(verb, "which %s? give its id or the start of its text", g.ref)
	case g.text == "" && w.text != "":
		return words{}, usage(verb, "%q is one word too many", w.text)
	}
	return w, nil
}

// parseSpan reads 90s, 5m, +5m, 1h30m, 2d as milliseconds.
func parseSpan(s string) (int64, error) {
	if !spanPattern.MatchString(s) {
		return 0, api.Errorf(api.CodeUsage, "write it as 90s, 5m, 1h30m or 2d", "%q is not a length of time", s)
	}
	unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	var sum time.Duration
	for _, part := range spanPart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.ParseInt(part[1], 10, 64)
		if err != nil || n > int64(spanMax/unit[part[2]]) {
			n, sum = 0, math.MaxInt64/2
		}
		if sum += time.Duration(n) * unit[part[2]]; sum > spanMax {
			return 0, api.Errorf(api.CodeUsage, "the longest is 366d", "%q is too long a time", s)
		}
	}
	if sum <= 0 {
		return 0, api.Errorf(api.CodeUsage, "", "%q is no time at all", s)
	}
	return sum.Milliseconds(), nil
}

// parseAt reads a moment of the recent past: 02:41 is the last time a clock on the wall showed that, 02:41Z the last time
// it was that in UTC; a date may stand before it.
func parseAt(s string, now time.Time) (int64, error) {
	typed := s
	if t, ok := strings.CutSuffix(s, "Z"); ok && !strings.Contains(s, "T") {
		s, now = t, now.UTC()
	}
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at.UnixMilli(), nil
		}
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(form, s, now.Location()); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, api.Errorf(api.CodeUsage, "write it as 02:41, 02:41Z or 2006-01-02T02:41", "%q is not a time", typed)
}

// usage returns an error of the person's words, with the way to learn the right ones.
func usage(verb, format string, args ...any) error {
	return api.Errorf(api.CodeUsage, `see "`+strings.TrimSpace("muster help "+verb)+`"`, format, args...)
}

// moreTime matches the verb "+5m", which is the time itself.
var moreTime = regexp.MustCompile(`^\+\d`)

// unfold turns "muster [flags] +5m t7f" into "muster [flags] extend +5m t7f".
func unfold(args []string) []string {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case moreTime.MatchString(arg):
			out := append([]string{}, args[:i]...)
			return append(append(out, "extend"), args[i:]...)
		case arg == "--dir" || arg == "-o" || arg == "--output" || arg == "-i" || arg == "--incident":
			i++ // its value
		case !strings.HasPrefix(arg, "-") || arg == "--":
			return args
		}
	}
	return args
}
