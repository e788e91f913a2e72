package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of suggestions.
const (
	suggestWithinMS = 2 * 3600 * 1000 // between two declarations, in derived time
	suggestLive     = 64              // live incidents compared, the latest ones
	suggestMax      = 8               // suggestions
	titleWords      = 2               // words that titles must share
	titleWordChars  = 4               // of a word that counts
)

// A Suggestion says that two live incidents may be the same outage. Nothing is ever linked but by a person.
type Suggestion struct {
	Incident string // name of the one declared first
	Other    string
	Why      string // what both have, as: both: payments
}

// Text returns the suggestion in one line, with what to type.
func (s Suggestion) Text() string {
	return fmt.Sprintf("%s may be the same outage as %s (%s): muster same %s %s", s.Other, s.Incident, s.Why, s.Incident, s.Other)
}

// Suggest returns the pairs of live groups that look like one outage, the surest first: alerts in common, then services
// and labels, then words of the titles where no services are known. They were declared within two hours of each other,
// before or after; nobody has said that they are two; an exercise is never the same as what is not one.
func Suggest(groups []*Group) []Suggestion {
	var live []*Group
	for _, g := range groups {
		if g.boards[0].found != nil && g.Live() {
			live = append(live, g)
		}
	}
	live = live[max(0, len(live)-suggestLive):]
	type ranked struct {
		Suggestion
		rank int
	}
	var all []ranked
	for i, b := range live {
		for _, a := range slices.Backward(live[:i]) {
			if b.declaredMS()-a.declaredMS() > suggestWithinMS {
				break // the others were declared even earlier
			}
			if why, rank := alike(a, b); rank > 0 && !a.parted(b) {
				all = append(all, ranked{Suggestion{Name(a.Doc()), Name(b.Doc()), why}, rank})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y ranked) int { return cmp.Compare(y.rank, x.rank) })
	out := make([]Suggestion, min(len(all), suggestMax))
	for i := range out {
		out[i] = all[i].Suggestion
	}
	return out
}

// declaredMS returns when the canonical incident was declared, in derived time.
func (g *Group) declaredMS() int64 { return g.boards[0].found.place.TimeMS }

// alike says what two groups have in common, and how much that counts; 0: too little.
func alike(a, b *Group) (why string, rank int) {
	if a.boards[0].IsDrill() != b.boards[0].IsDrill() {
		return "", 0
	}
	services := func(b *Board) []string { return b.serviceNames() }
	labels := func(b *Board) []string { return b.labelNames() }
	common := overlap(a.words(labels), b.words(labels))
	isAlert := func(s string) bool { return strings.HasPrefix(s, "alert=") }
	if slices.ContainsFunc(common, isAlert) {
		rank += 100
	}
	if both := append(overlap(a.words(services), b.words(services)), common...); len(both) > 0 {
		return "both: " + strings.Join(both, " "), rank + len(both)
	}
	if len(a.words(services)) > 0 && len(b.words(services)) > 0 {
		return "", 0
	}
	said := func(b *Board) []string { t, _ := b.title(); return wordsOf(t) }
	if both := overlap(a.words(said), b.words(said)); len(both) >= titleWords {
		return "both say: " + strings.Join(both, " "), 1
	}
	return "", 0
}

// words returns what f says of any of the incidents, in order.
func (g *Group) words(f func(*Board) []string) []string {
	var out []string
	for _, b := range g.boards {
		out = append(out, f(b)...)
	}
	return set(out)
}

// wordsOf returns the words of a text that are long enough to mean something.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.DeleteFunc(words, func(w string) bool { return len([]rune(w)) < titleWordChars })
}

// parted reports whether somebody took it back that an incident of one group is one of the other.
func (g *Group) parted(other *Group) bool {
	says := func(x, y *Group) bool {
		for _, b := range x.boards {
			for _, o := range b.sames.list() {
				if v := o.body.(*sameBody); v.Remove && slices.ContainsFunc(y.boards, func(k *Board) bool { return k.doc == v.Other }) {
					return true
				}
			}
		}
		return false
	}
	return says(g, other) || says(other, g)
}
