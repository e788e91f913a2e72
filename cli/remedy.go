package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"muster/node/api"
)

// remedyLines is how many lines of a bare muster one warning may take.
const remedyLines = 2

// stumpWords is how many words of a clause say nothing without the rest.
const stumpWords = 2

// remedied breaks a text that says what is wrong and then what to do into at most remedyLines lines. What does not fit is
// left out of the former, never of the latter; only a remedy that fills the lines by itself takes more. Of a clause no stump
// is left.
func remedied(head, text string) []string {
	broken := strings.Split(wrap(head, text, 2), "\n")
	if len(broken) <= remedyLines {
		return broken
	}
	at := remedyAt(text)
	words, remedy := strings.Fields(text[:at]), text[at:]
	rest := " ..."
	switch {
	case remedy == "":
	case unicode.IsUpper(rune(remedy[0])):
		rest += " " + remedy
	default:
		rest += "; " + remedy
	}
	for n := len(words) - 1; n > 0; n-- {
		stump := slices.ContainsFunc(words[max(0, n-stumpWords-1):n], endsClause) && !endsClause(words[n-1])
		if stump {
			continue
		}
		broken = strings.Split(wrap(head, strings.TrimRight(strings.Join(words[:n], " "), ";.:")+rest, 2), "\n")
		if len(broken) <= remedyLines {
			return broken
		}
	}
	return strings.Split(wrap(head, remedy, 2), "\n")
}

// endsClause reports whether a clause ends with a word.
func endsClause(word string) bool {
	return strings.HasSuffix(word, ";") || strings.HasSuffix(word, ".")
}

// remedyAt returns where the clause with the last command of a text begins; where there is none, its end.
func remedyAt(text string) int {
	at := strings.LastIndex(text, "muster ")
	if at < 0 {
		return len(text)
	}
	begin := 0
	for _, end := range []string{"; ", ". "} {
		if i := strings.LastIndex(text[:at], end); i >= 0 {
			begin = max(begin, i+len(end))
		}
	}
	return begin
}

// cameMax is how many of those who came in a bare muster names.
const cameMax = 2

// arrivals asks whom words of this laptop let in, which is told once.
func (a *app) arrivals(ctx context.Context, st api.Status) ([]api.Arrival, error) {
	if st.Protection == api.ProtectedLocked {
		return nil, nil
	}
	s, err := a.service(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	came, err := s.Arrivals(ctx)
	if err != nil && spoken(err).Code == api.CodeNotFound { // a node from before it could say
		return nil, nil
	}
	return came, err
}

// cameLines says who came in by words, and what their laptop is called, for whoever doubts.
func cameLines(came []api.Arrival, now time.Time) []string {
	var out []string
	for _, c := range came[:min(len(came), cameMax)] {
		out = append(out, remedied("", fmt.Sprintf("%s came in by your words %s ago; that laptop is %s", clean(c.Responder), age(now.UnixMilli()-c.AtMS), clean(c.Words)))...)
	}
	if n := len(came) - cameMax; n > 0 {
		out = append(out, fmt.Sprintf("%d more came in by your words: muster invites", n))
	}
	return out
}
