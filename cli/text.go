package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// columns is the width of everything printed for people: the narrowest terminal anyone is woken up in front of.
const columns = 80

// clean makes text that somebody else wrote safe for a terminal: line breaks become spaces and control characters
// (among them the escape that starts a terminal's commands) and invisible direction marks become question marks.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return '?'
		}
		return r
	}, s)
}

// cut shortens s to at most n columns, marking that it did.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n <= 3 {
		return string([]rune(s)[:max(n, 0)])
	}
	return strings.TrimRight(string([]rune(s)[:n-3]), " ") + "..."
}

// pad fills s with spaces to n columns; a longer s stays as it is.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

// wrap breaks "head + body" into lines of at most columns, those after the first indented by indent spaces. Gaps of
// several spaces stay as they are. Words longer than a line are not broken: they are ids or addresses that somebody may
// want to copy.
func wrap(head, body string, indent int) string {
	var b strings.Builder
	b.WriteString(head)
	at, gap := utf8.RuneCountInString(head), 0
	for word := range strings.SplitSeq(strings.TrimSpace(body), " ") {
		n := utf8.RuneCountInString(word)
		if n == 0 {
			gap++ // one of several spaces
			continue
		}
		if gap > 0 && at+gap+n > columns {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at, gap = indent, 0
		}
		b.WriteString(strings.Repeat(" ", gap) + word)
		at, gap = at+gap+n, 1
	}
	return strings.TrimRight(b.String(), " ")
}

// age writes a length of time as people say it, in one unit: 40s, 7m, 3h, 2d.
func age(ms int64) string {
	switch {
	case ms < 0:
		return "-" + age(-ms)
	case ms < 60_000:
		return fmt.Sprintf("%ds", ms/1000)
	case ms < 3_600_000:
		return fmt.Sprintf("%dm", ms/60_000)
	case ms < 48*3_600_000:
		return fmt.Sprintf("%dh", ms/3_600_000)
	}
	return fmt.Sprintf("%dd", ms/(24*3_600_000))
}

// stint writes how long something goes on: 42m, 1h42.
func stint(ms int64) string {
	m := ms / 60_000
	if m < 60 || m >= 48*60 {
		return age(ms)
	}
	return fmt.Sprintf("%dh%02d", m/60, m%60)
}

// clock writes a moment in UTC, as the words of the board itself do: 15:04Z if it is today, else with its date. People
// of one team read it in several time zones, and to each other.
func clock(ms int64, now time.Time) string {
	t, today := time.UnixMilli(ms).UTC(), now.UTC()
	if t.YearDay() == today.YearDay() && t.Year() == today.Year() {
		return t.Format("15:04Z")
	}
	return t.Format("Jan 2 15:04Z")
}

// wallClock says what a clock on the wall shows now, where that is not UTC; empty where it is.
func wallClock(now time.Time) string {
	if _, offset := now.Zone(); offset == 0 {
		return ""
	}
	return fmt.Sprintf("%s is %s here", now.UTC().Format("15:04Z"), now.Format("15:04"))
}

// count writes "1 note" and "2 notes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
