package board

import (
	"fmt"
	"slices"
	"strings"
)

// postNotices mentions what was published to one audience under several names of an outage in different words. A text
// cannot be settled on in an incident that does not have it, so that this is a mention and not a conflict; it ends when
// somebody publishes again in an incident that says it is one with another, knowing so.
func (g *Group) postNotices(people People) []Notice {
	var keys []string
	for _, b := range g.boards {
		for key := range b.audiences { // any order: a set
			keys = append(keys, key)
		}
	}
	var out []Notice
	for _, key := range set(keys) {
		var parts, texts []string
		in, known := 0, false
		for _, b := range g.boards {
			if b.audiences[key] == nil {
				continue
			}
			r, before := reader{b, people}, len(parts)
			for _, o := range b.foldAudience(b.audiences[key]).posts {
				if o.kind != KindPublish {
					continue
				}
				known = known || b.linkedBefore(o)
				texts = append(texts, b.saysOf(o))
				parts = append(parts, fmt.Sprintf("%s (%s, %s)", quote(b.saysOf(o)), r.by(o), Name(b.doc)))
			}
			if len(parts) > before {
				in++
			}
		}
		if in < 2 || known || len(set(texts)) < 2 {
			continue
		}
		out = append(out, Notice{
			Kind: NoticeUpdate, Subject: key, Open: true, Incident: Name(g.Doc()),
			Text: "PUBLISHED under two names: " + strings.Join(parts, " | ") + "; check that they do not contradict each other",
		})
	}
	return out
}

// linkedBefore reports whether the author of o knew that this incident is another too.
func (b *Board) linkedBefore(o *op) bool {
	return slices.ContainsFunc(b.sames.list(), func(s *op) bool { return !s.body.(*sameBody).Remove && b.before(s, o) })
}
