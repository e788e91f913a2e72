package board

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// maxCandidates bounds what a problem offers to choose from.
const maxCandidates = 8

// person resolves a handle.
func (c *checker) person(handle string) (PersonID, error) {
	h := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(handle), "@"))
	if p, ok := c.people.Person(h); ok {
		return p, nil
	}
	all := c.people.All()
	handles := make([]string, len(all))
	for i, p := range all {
		handles[i] = c.people.Handle(p)
		if strings.EqualFold(handles[i], h) {
			return p, nil
		}
	}
	p := problem(CodeNotFound, "", "nobody here is called @%s", h)
	if p.Candidates = nearest(h, handles); len(p.Candidates) > 0 {
		p.Hint = "did you mean @" + strings.Join(p.Candidates, " or @") + "?"
	} else {
		slices.Sort(handles)
		p.Hint = "the team: @" + strings.Join(handles[:min(len(handles), maxCandidates)], " @")
	}
	return PersonID{}, p
}

// nearest returns the words most like s, if any is like it: a prefix of one another, or up to two typing errors away.
func nearest(s string, words []string) []string {
	best, out := 3, []string(nil)
	for _, w := range words {
		d := distance(strings.ToLower(s), strings.ToLower(w))
		if len(s) > 1 && strings.HasPrefix(w, s) {
			d = min(d, 2)
		}
		if d > min(2, (len(w)+1)/2) {
			continue
		}
		if d < best {
			best, out = d, nil
		}
		if d == best && len(out) < maxCandidates {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

// distance is the number of insertions, deletions, replacements and swaps of neighbours between two words (Damerau 1964).
func distance(a, b string) int {
	const longest = 32 // a handle or verb; longer words are not alike
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var d [longest + 1][longest + 1]int
	for i := range len(a) + 1 {
		d[i][0] = i
	}
	for j := range len(b) + 1 {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// refWords names each RefKind.
var refWords = [...]string{
	RefTask: "task", RefNote: "note", RefDecision: "decision", RefTheory: "hypothesis", RefUpdate: "update", RefRun: "run",
	RefCriterion: "exit criterion",
}

// listOf returns the operations that made the things of a kind.
func (b *Board) listOf(kind RefKind) []*op {
	switch kind {
	case RefTask:
		return b.taskList.list()
	case RefNote:
		return b.noteList.list()
	case RefDecision:
		return b.decisionList.list()
	case RefTheory:
		return b.theoryList.list()
	case RefCriterion:
		return b.criterionList.list()
	case RefUpdate:
		return b.updateList.list()
	case RefRun:
		var out []*op
		for _, n := range b.runList() {
			out = append(out, n.start())
		}
		return out
	case RefNone:
	}
	return nil
}

// textsOf returns the texts by which the thing that o made can be named: as it was typed, and as it is shown.
func (b *Board) textsOf(kind RefKind, o *op) []string {
	var typed, shown string
	switch kind {
	case RefTask:
		t := b.tasks[o.hash]
		typed, shown = titleOf(o), ""
		if len(t.bag.ops) > 1 {
			shown = taskText(b.foldTask(t))
		}
	case RefNote:
		n := b.note(o.hash)
		typed = textOf(o)
		if len(n.edits.ops) > 0 {
			if f := b.foldNote(n); len(f.texts) > 0 {
				shown = textOf(f.texts[len(f.texts)-1])
			}
		}
	case RefDecision:
		typed = decisionText(o)
	case RefTheory:
		if v, ok := o.body.(*theoryBody); ok {
			typed = v.Text
		}
	case RefCriterion:
		typed = criterionText(o)
	case RefUpdate:
		f := b.foldUpdate(b.updates[o.hash])
		typed, shown = b.saysOf(o), b.saysOf(f.shown())
	case RefRun:
		typed = b.runOf[o.hash].body().Name
	case RefNone:
	}
	if shown == typed {
		shown = ""
	}
	return []string{typed, shown}
}

// find resolves a reference to a thing of a kind: the whole hash of its operation, its short id, or the start of its
// text. Text that is equal, or begins with the same letters in the same case, beats text that is only alike.
func (c *checker) find(kind RefKind, ref string) (*op, error) {
	ref = strings.TrimSpace(ref)
	if h, err := hex.DecodeString(ref); err == nil && len(h) == len(crdt.Hash{}) {
		if o := c.ops[crdt.Hash(h)]; o != nil && slices.Contains(c.listOf(kind), o) {
			return o, nil
		}
	}
	ids := c.findID(kind, ref)
	var found []*op
	for _, match := range []func(text, ref string) bool{
		func(text, ref string) bool { return text == ref },
		strings.HasPrefix,
		func(text, ref string) bool { return strings.HasPrefix(loose(text), loose(ref)) },
	} {
		for _, o := range c.listOf(kind) {
			if slices.ContainsFunc(c.textsOf(kind, o), func(t string) bool { return t != "" && match(t, ref) }) {
				found = append(found, o)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	for _, o := range ids {
		if !slices.Contains(found, o) {
			found = append(found, o)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, c.noSuch(kind, ref)
	}
	p := problem(CodeAmbiguous, "use the short id in front", "%d %s begin with %s", len(found), plural(refWords[kind]), quote(ref))
	for _, o := range found[:min(len(found), maxCandidates)] {
		p.Candidates = append(p.Candidates, c.candidate(kind, o))
	}
	return nil, p
}

// loose folds case and spacing.
func loose(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

func plural(word string) string {
	switch word {
	case refWords[RefTheory]:
		return "hypotheses"
	case refWords[RefCriterion]:
		return "exit criteria"
	}
	return word + "s"
}

// findID returns what a short id can mean: one thing exactly, or several that share the beginning.
func (c *checker) findID(kind RefKind, ref string) []*op {
	ref = strings.ToLower(ref)
	if len(ref) < 2 || ref[0] != idLetters[kind] {
		return nil
	}
	for _, ch := range ref[1:] {
		if !strings.ContainsRune(alphabet, ch) {
			return nil
		}
	}
	var out []*op
	for _, h := range c.ids[kind].withPrefix(ref[1:], maxCandidates) {
		if n := c.runs[h]; kind == RefRun && n != nil {
			h = n.start().hash
		}
		out = append(out, c.ops[h])
	}
	return out
}

// candidate names a thing for a person to choose.
func (c *checker) candidate(kind RefKind, o *op) string {
	s := c.shortID(kind, o.hash)
	for _, t := range c.textsOf(kind, o) {
		if t != "" {
			s += " " + quote(t)
			break
		}
	}
	if kind == RefTask {
		s += " (" + c.foldTask(c.tasks[o.hash]).state + ")"
	}
	return s
}

// noSuch says that nothing matches, and what comes near.
func (c *checker) noSuch(kind RefKind, ref string) error {
	p := problem(CodeNotFound, "", "no %s is called or begins with %s", refWords[kind], quote(ref))
	key := loose(ref)
	for _, o := range c.listOf(kind) {
		texts := c.textsOf(kind, o)
		near := slices.ContainsFunc(texts, func(t string) bool {
			t = loose(t)
			return t != "" && (strings.Contains(t, key) || distance(key, t[:min(len(t), len(key))]) <= 2 && len(key) > 3)
		})
		if near && len(p.Candidates) < maxCandidates {
			p.Candidates = append(p.Candidates, c.candidate(kind, o))
		}
	}
	switch {
	case len(p.Candidates) > 0:
		p.Hint = "did you mean " + strings.Join(p.Candidates[:min(3, len(p.Candidates))], " or ") + "?"
	case len(c.listOf(kind)) == 0:
		p.Hint = fmt.Sprintf("there are no %s yet", plural(refWords[kind]))
	default:
		p.Hint = "muster show lists them"
	}
	return p
}
