package board

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// minQuoteRunes is the least length of a note that is looked for elsewhere: shorter ones are in everything.
const minQuoteRunes = 6

// maxQuotes bounds the places that are named.
const maxQuotes = 6

// warnQuoted tells who redacts a note where else its words stand: in other notes, which can be redacted too, in what is not
// a note and cannot, and in what was published to people outside. It finds whole quotations only; nothing records who
// copied half a line from where.
func (c *checker) warnQuoted(n *note) {
	var words []string
	own := append([]*op{n.op}, n.edits.list()...)
	for _, o := range own {
		if t := loose(textOf(o)); !isSealed(o) && utf8.RuneCountInString(t) >= minQuoteRunes {
			words = append(words, t)
		}
	}
	quotes := func(text string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(loose(text), w) })
	}
	var notes, others []string
	add := func(to *[]string, where string) {
		if where != "" && !slices.Contains(*to, where) && len(*to) < maxQuotes {
			*to = append(*to, where)
		}
	}
	for _, o := range c.all.list() {
		if o.body == nil || o.inert && o.counts() || slices.Contains(own, o) || !quotes(c.entryText(o)) {
			continue
		}
		ref := c.refOf(o.hash)
		if h, _, ok := targetOf(o.body); ok {
			ref = c.refOf(h)
		}
		switch {
		case !o.counts() && o.kind == KindNote:
			add(&notes, c.asideID(o))
		case strings.HasPrefix(ref, idLetters[RefNote:RefNote+1]):
			add(&notes, ref)
		case ref != "":
			add(&others, ref)
		default:
			add(&others, "a "+KindName(o.kind)+" of "+c.by(o))
		}
	}
	if len(notes) > 0 {
		c.notef("its words are in %s too: redact what must go", strings.Join(notes, ", "))
	}
	if len(others) > 0 {
		c.notef("its words are also in %s, which cannot be erased: change what the secret opens", strings.Join(others, ", "))
	}
	for _, u := range c.updateViews() {
		for _, p := range u.Posts {
			if quotes(p.Text) {
				c.notef("its words were published: %s %s by %s at %s", u.ID, orSomewhere(p.Where), p.By, clock(p.AtMS))
			}
		}
	}
}

func orSomewhere(where string) string {
	if where == "" {
		return "somewhere"
	}
	return "on " + where
}
