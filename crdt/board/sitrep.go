package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fields of the situation report. Next is a promise of a time, the others are one short paragraph each: they are
// registers of whole texts, because a sentence that two people wrote together without knowing is one that nobody wrote.
const (
	SitrepHeadline = "headline"
	SitrepImpact   = "impact"
	SitrepCause    = "cause"
	SitrepActions  = "actions"
	SitrepNeeds    = "needs"
	SitrepNext     = "next" // when the next update is promised
)

// sitrepFields lists every field in the order of the page.
var sitrepFields = [...]string{SitrepHeadline, SitrepImpact, SitrepCause, SitrepActions, SitrepNeeds, SitrepNext}

// Sitrep is what people wrote of the situation report. The rest of its page is counted from the board.
type Sitrep struct {
	Fields []SitrepField // those that were written, in the order of the page, without the next update
	NextMS int64         // when the next update is promised; 0: nobody promised one
	NextBy string        // who promised it
	Late   bool          // that time is over
}

// SitrepField is one paragraph.
type SitrepField struct {
	Field string
	Text  string
	By    string
	AtMS  int64
	Texts []Value // when written concurrently: every text
}

// sitrepText returns what o wrote into a field.
func sitrepText(o *op) string { return o.body.(*sitrepBody).Text }

// sitrepNext returns the time that o promised.
func sitrepNext(o *op) int64 { return o.body.(*sitrepBody).AtMS }

// sitrepHeads returns the writes of a field that stand, one for each value, in canonical order, and the one that is
// shown: the earliest promise; the latest text of somebody who commanded when they wrote it, else the latest.
func (b *Board) sitrepHeads(field string) (heads []*op, shown *op) {
	for _, h := range b.headsOf(b.sitreps[field].list()) {
		if !slices.ContainsFunc(heads, func(o *op) bool { return sitrepText(o) == sitrepText(h) && sitrepNext(o) == sitrepNext(h) }) {
			heads = append(heads, h)
		}
	}
	switch {
	case len(heads) == 0:
		return nil, nil
	case field == SitrepNext:
		return heads, slices.MinFunc(heads, func(x, y *op) int { return cmp.Compare(sitrepNext(x), sitrepNext(y)) })
	}
	shown = heads[len(heads)-1]
	if len(heads) > 1 {
		for _, h := range slices.Backward(heads) {
			if b.led(h) {
				return heads, h
			}
		}
	}
	return heads, shown
}

// led reports whether the author of o commanded, as far as they knew.
func (b *Board) led(o *op) bool {
	return slices.ContainsFunc(b.seenLive(b.foldCommand(), o), func(t *term) bool { return t.holder == o.person })
}

func (r reader) sitrepView(nowMS int64) Sitrep {
	var v Sitrep
	for _, field := range sitrepFields {
		heads, shown := r.sitrepHeads(field)
		switch {
		case shown == nil:
		case field == SitrepNext:
			v.NextMS, v.NextBy = sitrepNext(shown), r.who(shown.person)
			v.Late = nowMS > v.NextMS
		default:
			f := SitrepField{Field: field, Text: sitrepText(shown), By: r.who(shown.person), AtMS: shown.wallMS}
			if len(heads) > 1 {
				for _, h := range heads {
					f.Texts = append(f.Texts, Value{Value: sitrepText(h), By: r.who(h.person), AtMS: h.wallMS, Shown: h == shown})
				}
			}
			v.Fields = append(v.Fields, f)
		}
	}
	return v
}

// sitrepNotices mentions what was written into one field on both sides.
func (r reader) sitrepNotices() []Notice {
	var out []Notice
	for _, field := range sitrepFields {
		value := func(o *op) string { return quote(sitrepText(o)) }
		if field == SitrepNext {
			value = func(o *op) string { return clock(sitrepNext(o)) }
		}
		heads, shown := r.sitrepHeads(field)
		differ := func(x, y *op) bool { return sitrepText(x) != sitrepText(y) || sitrepNext(x) != sitrepNext(y) }
		for _, p := range r.crossings(r.sitreps[field].list(), differ) {
			text := fmt.Sprintf("%s (%s) and %s (%s), neither seeing the other; shown %s",
				value(p[0]), r.by(p[0]), value(p[1]), r.by(p[1]), value(shown))
			out = append(out, Notice{
				Kind: NoticeSitrep, Subject: field, Text: text,
				Open: slices.Contains(heads, p[0]) && slices.Contains(heads, p[1]),
			})
		}
	}
	return out
}

// sitrepWords is a line of the timeline.
func sitrepWords(v *sitrepBody) string {
	if v.Field == SitrepNext {
		return "next update promised for " + clock(v.AtMS)
	}
	return strings.ToUpper(v.Field) + " " + v.Text
}
