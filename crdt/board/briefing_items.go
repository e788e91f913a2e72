package board

import (
	"slices"
	"strconv"
	"strings"

	"muster/crdt"
)

// Kinds of open items of a briefing.
const (
	ItemConflict = "conflict"
	ItemVital    = "vital" // a vital task that is not done
	ItemOrder    = "order" // an order nobody has acknowledged
	ItemTodo     = "todo"  // a note that says that something is to be done
)

// OpenItem is one thing that whoever takes command over must know of. It is ticked by its number or its id.
type OpenItem struct {
	N      int    // in this briefing, from 1
	ID     string // as typed: t7f, c2a, n3q
	Kind   string // an Item constant
	Text   string
	Owners []string // of a task
	Closed bool     // it was open when the offer was made, and is not any more

	hash crdt.Hash // of the operation that made it, or the identity of a conflict
	ref  string    // the whole of what ID is the start of
}

// openItems lists what is open on a view: conflicts, vital tasks, orders without an answer, notes of what is to be done.
func openItems(v *View) []OpenItem {
	var out []OpenItem
	add := func(i OpenItem, letter string) {
		i.N, i.ref = len(out)+1, letter+i.hash.Text()
		out = append(out, i)
	}
	for _, c := range v.Conflicts {
		add(OpenItem{ID: c.Key, Kind: ItemConflict, Text: c.Subject + ": " + c.Text, hash: c.id}, keyLetter)
	}
	for _, kind := range []string{ItemVital, ItemOrder} {
		for _, t := range v.Tasks {
			over := t.State == TaskDone || t.State == TaskCancelled || t.Erased
			if over || kind == ItemVital != t.Vital || kind == ItemOrder && t.State != TaskAssigned {
				continue
			}
			add(OpenItem{ID: t.ID, Kind: kind, Text: t.Text, Owners: t.Owners, hash: t.Op}, idLetters[RefTask:RefTask+1])
		}
	}
	for _, n := range v.Notes {
		if n.Text != "" && slices.Contains(n.Kinds, NoteTodo) {
			add(OpenItem{ID: n.ID, Kind: ItemTodo, Text: oneLine(n.Text), hash: n.Op}, idLetters[RefNote:RefNote+1])
		}
	}
	return out
}

// itemsOf returns the open items of the briefing that goes with an offer, with what has been closed since.
func (r reader) itemsOf(of *offer, nowMS int64) []OpenItem {
	v := r.view(nowMS)
	now := openItems(&v)
	if of.isBack {
		return now
	}
	v = r.atOffer(of).view(nowMS)
	items := openItems(&v)
	for i := range items {
		items[i].Closed = !slices.ContainsFunc(now, func(o OpenItem) bool { return o.hash == items[i].hash })
	}
	return items
}

// means reports whether a word names the item: its number, or its id or more of it.
func (i *OpenItem) means(word string) bool {
	if n, err := strconv.Atoi(word); err == nil {
		return n == i.N
	}
	return len(word) > minIDChars && strings.HasPrefix(i.ref, strings.ToLower(word))
}

// ticks returns what the actor has ticked of the briefing of an offer. Without a read-back everything that is still open must
// be.
func (c *checker) ticks(of *offer) ([]crdt.Hash, error) {
	if c.say != "" && len(c.in.Refs) == 0 {
		return nil, nil
	}
	items := c.reader.itemsOf(of, c.nowMS)
	ticked := map[crdt.Hash]bool{}
	var out []crdt.Hash
	for _, word := range c.in.Refs {
		i := slices.IndexFunc(items, func(i OpenItem) bool { return i.means(word) })
		if i < 0 && len(c.kin) > 0 {
			continue // of another incident of the group
		}
		if i < 0 {
			return nil, problem(CodeNotFound, "muster brief lists them", "no open item of the briefing is called %s", quote(word))
		}
		if !ticked[items[i].hash] {
			ticked[items[i].hash] = true
			out = append(out, items[i].hash)
		}
	}
	if c.say != "" {
		return out, nil
	}
	var missing []OpenItem
	for _, i := range items {
		if !i.Closed && !ticked[i.hash] {
			missing = append(missing, i)
		}
	}
	example := `muster accept "top risk: ...; next: ..."`
	switch {
	case len(missing) == 0 && len(out) > 0:
		return out, nil
	case len(missing) == 0:
		return nil, usage(example, "say back in your own words what you heard: the top risk and the next action")
	}
	const named = 3
	words, hint := make([]string, 0, named), "read it back: "+example+", or tick what is open:"
	for n, i := range missing {
		if n < named {
			words = append(words, i.ID+" "+quote(i.Text))
		}
		if n < maxCandidates {
			hint += " --tick " + i.ID
		}
	}
	if more := len(missing) - len(words); more > 0 {
		words = append(words, count(more, "more item"))
	}
	p := problem(CodeUsage, hint, "not ticked yet: %s", strings.Join(words, ", "))
	for _, i := range missing {
		p.Candidates = append(p.Candidates, i.ID+" "+quote(i.Text))
	}
	return nil, p
}
