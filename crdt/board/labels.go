package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// Limits of labels. Label values hold fingerprints of alerts, which are up to 64 hexadecimal digits.
const (
	maxLabels     = 32  // at once
	maxLabelBytes = 160 // key, = and value
)

// labelNames returns the incident's labels in order. Adding wins over a concurrent removal.
func (b *Board) labelNames() []string {
	return b.namesIn(&b.labelling, func(o *op) (add, remove []string) {
		switch v := o.body.(type) {
		case *declareBody:
			add = v.Labels
		case *labelsBody:
			add, remove = v.Add, v.Remove
		}
		return add, remove
	})
}

// namesIn returns, in order, the names that operations add and remove. Adding wins over a concurrent removal.
func (b *Board) namesIn(g *bag, says func(o *op) (add, remove []string)) []string {
	var set crdt.AddWinsSet[string]
	for _, o := range g.list() {
		add, remove := says(o)
		for _, s := range add {
			set.Add(b.causal.Before, o.hash, s)
		}
		for _, s := range remove {
			set.Remove(b.causal.Before, o.hash, s)
		}
	}
	return set.Elems(cmp.Compare[string])
}

// checkLabels checks labels as a person typed them: keys are the same in any case, values are kept as they are.
func checkLabels(in []string) ([]string, error) {
	out := make([]string, 0, len(in))
	for _, s := range in {
		key, value, _ := strings.Cut(oneLine(clean(s)), "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if key == "" || value == "" || strings.ContainsAny(key, " ,") {
			return nil, usage("a name, = and a value: region=eu, alert=FINGERPRINT", "%q is not a label", s)
		}
		label := key + "=" + value
		if err := fits("label", label, maxLabelBytes); err != nil {
			return nil, err
		}
		out = append(out, label)
	}
	if len(out) > maxLabels {
		return nil, &Problem{Code: CodeTooLarge, Message: fmt.Sprintf("%d labels at once, at most %d", len(out), maxLabels)}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// label adds labels to the incident, or takes them off.
func (c *checker) label() (Draft, error) {
	list, err := checkLabels(c.in.Labels)
	if err != nil {
		return Draft{}, err
	}
	have := c.labelNames()
	if !c.in.Withdraw {
		return about(KindLabels, &labelsBody{Add: list}, Name(c.doc), "labelled "+strings.Join(list, " ")), nil
	}
	for _, s := range list {
		if !slices.Contains(have, s) {
			p := problem(CodeNotFound, "", "the incident has no label %s", s)
			if p.Candidates = nearest(s, have); len(p.Candidates) > 0 {
				p.Hint = "did you mean " + strings.Join(p.Candidates, " or ") + "?"
			} else if len(have) > 0 {
				p.Hint = "it has: " + strings.Join(have[:min(len(have), maxCandidates)], " ")
			} else {
				p.Hint = "it has none"
			}
			return Draft{}, p
		}
	}
	return about(KindLabels, &labelsBody{Remove: list}, Name(c.doc), "took off "+strings.Join(list, " ")), nil
}

// labelsText says what an operation did to the labels.
func labelsText(v *labelsBody) string {
	var parts []string
	for _, s := range v.Add {
		parts = append(parts, "+"+s)
	}
	for _, s := range v.Remove {
		parts = append(parts, "-"+s)
	}
	return "labels " + strings.Join(parts, " ")
}

// IsDrill reports whether the incident is an exercise. It is said once, by who declares it.
func (b *Board) IsDrill() bool {
	if b.found == nil {
		return false
	}
	v, ok := b.found.body.(*declareBody)
	return ok && v.Drill
}
