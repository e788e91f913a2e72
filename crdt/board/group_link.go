package board

import (
	"fmt"
	"slices"
	"strings"
)

// groupMax bounds the incidents that people link to one outage: what moves as one is written in each of them.
const groupMax = 32

// Link turns the intent to say that a and b are one, or no longer, into operations. linked is the group that a is in.
// Saying that they are one is written in a. Taking that back is written in every document that says it.
func Link(a, b *Board, linked *Group, in Intent, ctx CheckContext) ([]Placed, error) {
	in.Other = b.doc
	one := slices.Contains(linked.boards, b)
	switch {
	case a == b, a.found == nil || b.found == nil:
	case one && !in.Withdraw:
		return nil, refused("to part them: muster same "+Name(a.doc)+" "+Name(b.doc)+" --withdraw",
			"%s and %s are one already", Name(a.doc), Name(b.doc))
	case !one && !in.Withdraw && len(linked.boards) >= groupMax:
		return nil, refused("", "%s has %d names already, at most %d fit one outage", Name(linked.Doc()), len(linked.boards), groupMax)
	case !one && in.Withdraw:
		return nil, refused("", "%s and %s are two already", Name(a.doc), Name(b.doc))
	case in.Withdraw:
		var out []Placed
		for _, pair := range [][2]*Board{{a, b}, {b, a}} {
			in.Other = pair[1].doc
			if !slices.Contains(pair[0].sameAs(), in.Other) {
				continue
			}
			d, err := Check(pair[0], in, ctx)
			if err != nil {
				return nil, err
			}
			out = append(out, Placed{pair[0].doc, d})
		}
		if len(out) == 0 {
			return nil, refused(linked.linkHint(), "%s and %s are one only by way of others", Name(a.doc), Name(b.doc))
		}
		return out, nil
	}
	d, err := Check(a, in, ctx)
	if err != nil {
		return nil, err
	}
	return []Placed{{a.doc, d}}, nil
}

// linkHint lists what was said to be one.
func (g *Group) linkHint() string {
	var out []string
	for _, b := range g.boards {
		for _, other := range b.sameAs() {
			if len(out) < maxCandidates {
				out = append(out, fmt.Sprintf("muster same %s %s --withdraw", Name(b.doc), Name(other)))
			}
		}
	}
	return "part what was linked: " + strings.Join(out, ", or ")
}
