package board

import (
	"fmt"
	"slices"
	"strings"
)

// severityNotices says which severity was kept over those that were written without seeing it: one notice for each time the
// two sides differed, however often they wrote meanwhile.
func (r reader) severityNotices() []Notice {
	shown, heads := r.severity()
	differ := func(x, y *op) bool { return severityOf(x) != severityOf(y) }
	var out []Notice
	for _, ops := range together(r.crossings(r.severities.list(), differ)) {
		kept := slices.MinFunc(ops, func(x, y *op) int { return severityOf(x) - severityOf(y) })
		lost := slices.DeleteFunc(ops, func(o *op) bool { return severityOf(o) == severityOf(kept) || !r.concurrent(o, kept) })
		open := slices.Contains(heads, kept) && slices.ContainsFunc(lost, func(o *op) bool { return slices.Contains(heads, o) })
		words := make([]string, len(lost))
		for i, o := range lost {
			words[i] = r.severityWords(o)
		}
		text := fmt.Sprintf("sev %d kept: %s; %s without seeing it", severityOf(kept), r.severityWords(kept), strings.Join(words, ", "))
		if !open && shown != severityOf(kept) {
			text += fmt.Sprintf("; now %d", shown)
		}
		out = append(out, Notice{Kind: NoticeSeverity, Subject: NoticeSeverity, Text: text, Open: open})
	}
	return out
}

// together returns the operations of pairs, those in one list that a chain of pairs ties to each other; each list and the
// list of lists in canonical order.
func together(pairs [][2]*op) (lists [][]*op) {
	for _, p := range pairs {
		joined, rest := []*op{p[0], p[1]}, lists[:0]
		for _, l := range lists {
			if slices.Contains(l, p[0]) || slices.Contains(l, p[1]) {
				joined = append(joined, l...)
			} else {
				rest = append(rest, l)
			}
		}
		slices.SortFunc(joined, compareOps)
		lists = append(rest, slices.Compact(joined))
	}
	slices.SortFunc(lists, func(x, y []*op) int { return compareOps(x[0], y[0]) })
	return lists
}
