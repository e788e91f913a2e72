package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/crdt"
)

// sitrep writes one field of the situation report.
func (c *checker) sitrep() (Draft, error) {
	field := c.in.Value
	if field == SitrepNext {
		if c.say != "" || c.in.ForMS == 0 {
			return Draft{}, usage("muster sitrep next 15m", "when is the next update? give it as a time from now")
		}
		body := &sitrepBody{Field: field, AtMS: c.nowMS + c.in.ForMS}
		return about(KindSitrep, body, Name(c.doc), fmt.Sprintf("next update promised in %s, %s", span(c.in.ForMS), clock(body.AtMS))), nil
	}
	text := oneLine(c.say)
	switch {
	case c.in.ForMS != 0:
		return Draft{}, usage("muster sitrep next 15m", "only next takes a time")
	case text == "":
		return Draft{}, usage(fmt.Sprintf(`muster sitrep %s "one short paragraph"`, field), "what does the %s say?", field)
	}
	if err := fits(field, text, maxLineBytes); err != nil {
		return Draft{}, err
	}
	heads, shown := c.sitrepHeads(field)
	if len(heads) == 1 && sitrepText(shown) == text {
		return Draft{}, refused("", "%s says that already, by %s", field, c.by(shown))
	}
	for _, h := range heads {
		if h.person != c.ctx.Actor || len(heads) > 1 {
			c.notef("it replaces %s (%s)", quote(sitrepText(h)), c.by(h))
		}
	}
	switch _, next := c.sitrepHeads(SitrepNext); {
	case next == nil:
		c.notef("when is the next update? muster sitrep next 15m")
	case sitrepNext(next) < c.nowMS:
		c.notef("an update was promised for %s: muster sitrep next 15m", clock(sitrepNext(next)))
	}
	return about(KindSitrep, &sitrepBody{Field: field, Text: text}, Name(c.doc), field+": "+text), nil
}

// saw records how a resource looks from where the actor is.
func (c *checker) saw() (Draft, error) {
	name, place := resourceKey(clean(c.in.Resource)), oneLine(clean(strings.TrimSpace(c.in.Place)))
	switch {
	case name == "":
		return Draft{}, usage("muster saw db1 down", "a resource needs a name")
	case len(name) > maxNameBytes:
		return Draft{}, fits("resource", name, maxNameBytes)
	case len(place) > maxNameBytes:
		return Draft{}, fits("place", place, maxNameBytes)
	}
	body := &sawBody{Resource: name, State: c.in.Value, From: place, Text: c.say}
	text := sawWords(body)
	x := c.resources[name]
	if x == nil {
		if near := nearest(name, slices.Sorted(maps.Keys(c.resources))); len(near) > 0 {
			c.notef("%s is new here; there is also %s", name, strings.Join(near, ", "))
		}
		return about(KindSaw, body, name, text), nil
	}
	for _, o := range c.newestSaws(x) {
		if s := o.body.(*sawBody); o.person != c.ctx.Actor && s.State != body.State {
			from := ""
			if s.From != "" {
				from = " from " + s.From
			}
			c.notef("%s saw it %s%s, %s", c.reader.who(o.person), strings.ToUpper(s.State), from, clock(o.wallMS))
		}
	}
	return about(KindSaw, body, name, text), nil
}

// handsNote warns when p goes to work on a resource that another has hands on.
func (c *checker) handsNote(resource string, task crdt.Hash, p PersonID) {
	if others := c.handsOn(resource, task, p); others != "" {
		c.notef("%s has hands on %s: agree who goes first", others, resource)
	}
}

// isSubject reports whether something that can be in conflict is called that, though it is not now.
func (c *checker) isSubject(name string) bool {
	key := topicKey(name)
	return c.resources[key] != nil || c.audiences[key] != nil || c.topics[key] != nil
}

// findPosts finds the conflict about an audience that an update named by its id is part of.
func (c *checker) findPosts(open []Conflict, id string) (Conflict, bool) {
	for _, h := range c.findID(RefUpdate, id) {
		i := slices.IndexFunc(open, func(x Conflict) bool {
			return x.Kind == ConflictPosts && x.Subject == c.updates[h.hash].audience.name
		})
		if i >= 0 {
			return open[i], true
		}
	}
	return Conflict{}, false
}
