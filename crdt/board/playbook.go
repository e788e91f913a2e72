package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/crdt"
)

// Limits of a playbook.
const (
	maxItems     = 64
	maxItemBytes = 256
	maxVersions  = 8 // runs of one name that are linked and compared with each other
)

// FirstAid is the playbook that is always there, with no file: what has to happen in every incident, however little is
// known about it, each by a person who was named.
const FirstAid = "first-aid"

// firstAid lists its items.
var firstAid = [...]string{
	"size up: what is broken, for whom, since when; write the headline",
	"stop the bleeding: roll back, fail over or switch off what made it worse",
	"name who speaks to the outside (muster role @name comms)",
	"name a scribe (muster role @name scribe)",
	"first post on the status page, even if it only says that you are looking",
	"keep the logs: save what will be rotated or restarted away",
	"promise the next update (muster sitrep next 15m)",
}

// States of an item of a run.
const (
	ItemOpen    = "open"
	ItemChecked = "checked"
	ItemSkipped = "skipped"
)

// Run is a playbook at work. Two sides that start the same playbook with the same items have one run; other items under
// the same name are another version, and another run that is linked.
type Run struct {
	ID       string // as typed: p2k
	Op       crdt.Hash
	Name     string
	By       string
	AtMS     int64
	Items    []RunItem
	Versions []string // runs of the same name with other items
	Incident string   // in a [Group] of several: the name of the one it was written in
}

// RunItem is one item of a run.
type RunItem struct {
	Text    string
	State   string // open, checked, skipped
	By      string // who checked or skipped it
	AtMS    int64
	Remark  string
	Skipped *Value // skipped by somebody who did not know that it was checked
}

// run is one run: the operations that started it, which all say the same, and what was checked.
type run struct {
	id     crdt.Hash // of incident, name and items
	starts bag
	checks map[int]*bag // number of the item, from 1 -> checks and skips
}

// start returns the operation shown as the start.
func (n *run) start() *op { return n.starts.list()[0] }

func (n *run) body() *playbookBody { return n.start().body.(*playbookBody) }

// runID names a run by what is run, so that two sides starting it without knowing of each other start one.
func runID(doc crdt.DocID, v *playbookBody) crdt.Hash {
	return crdt.SumHash(append(doc[:], crdt.EncodeBody(&playbookBody{Name: loose(v.Name), Items: v.Items})...))
}

// fileRun files the start of a run.
func (b *Board) fileRun(o *op, v *playbookBody) {
	id := runID(b.doc, v)
	if b.runs[id] == nil {
		b.runs[id] = &run{id: id, checks: map[int]*bag{}}
		b.ids[RefRun].add(id)
	}
	b.runs[id].starts.add(o)
	b.runOf[o.hash] = b.runs[id]
}

// fileCheck files a check or skip of an item.
func (b *Board) fileCheck(o *op, v *checkBody) {
	n := b.runOf[v.Run]
	if n == nil || v.Item > len(n.body().Items) {
		o.inert = true
		return
	}
	bagOf(n.checks, v.Item).add(o)
}

// runList returns the runs in the order of their starts.
func (b *Board) runList() []*run {
	return slices.SortedFunc(maps.Values(b.runs), func(x, y *run) int { return compareOps(x.start(), y.start()) })
}

// itemFold is what stands on one item.
type itemFold struct {
	state   string
	word    *op // the check or skip that is shown
	skipped *op // a skip that crossed the check
}

// foldItem computes what stands on an item: checked beats skipped, because it happened.
func (b *Board) foldItem(n *run, item int) itemFold {
	f := itemFold{state: ItemOpen}
	var skip *op
	for _, h := range b.headsOf(n.checks[item].list()) {
		switch {
		case h.body.(*checkBody).Skip && skip == nil:
			skip = h
		case !h.body.(*checkBody).Skip && f.word == nil:
			f.word, f.state = h, ItemChecked
		}
	}
	switch {
	case f.word != nil:
		f.skipped = skip
	case skip != nil:
		f.word, f.state = skip, ItemSkipped
	}
	return f
}

// runsByName returns the runs of each name, which are versions of each other, in the order of their starts.
func (b *Board) runsByName() map[string][]*run {
	out := map[string][]*run{}
	for _, n := range b.runList() {
		name := loose(n.body().Name)
		out[name] = append(out[name], n)
	}
	return out
}

func (r reader) runViews() []Run {
	var out []Run
	versions := r.runsByName()
	for _, n := range r.runList() {
		s := n.start()
		v := Run{ID: r.shortID(RefRun, n.id), Op: s.hash, Name: n.body().Name, By: r.who(s.person), AtMS: s.wallMS}
		for i, text := range n.body().Items {
			f := r.foldItem(n, i+1)
			item := RunItem{Text: text, State: f.state}
			if f.word != nil {
				item.By, item.AtMS, item.Remark = r.who(f.word.person), f.word.wallMS, f.word.body.(*checkBody).Text
			}
			if f.skipped != nil {
				item.Skipped = &Value{Value: f.skipped.body.(*checkBody).Text, By: r.who(f.skipped.person), AtMS: f.skipped.wallMS}
			}
			v.Items = append(v.Items, item)
		}
		for _, o := range versions[loose(n.body().Name)] {
			if o != n && len(v.Versions) < maxVersions {
				v.Versions = append(v.Versions, r.shortID(RefRun, o.id))
			}
		}
		out = append(out, v)
	}
	return out
}

// runNotices mentions items that were checked and skipped, and versions that were started, neither side knowing.
func (r reader) runNotices() []Notice {
	var out []Notice
	for _, n := range r.runList() {
		id := r.shortID(RefRun, n.id)
		for i, text := range n.body().Items {
			if f := r.foldItem(n, i+1); f.skipped != nil {
				out = append(out, Notice{
					Kind: NoticeSkipped, Subject: id, Open: true,
					Text: fmt.Sprintf("%d %s is checked (%s); skipped by %s elsewhere", i+1, quote(text), r.by(f.word), r.by(f.skipped)),
				})
			}
		}
	}
	versions := r.runsByName()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		all := versions[name][:min(len(versions[name]), maxVersions)]
		for i, n := range all {
			for _, o := range all[i+1:] {
				if !r.apart(n, o) {
					continue
				}
				out = append(out, Notice{
					Kind: NoticeVersions, Subject: r.shortID(RefRun, n.id), Open: true,
					Text: fmt.Sprintf("%s was started in two versions: %s (%s) and %s (%s)",
						quote(n.body().Name), r.shortID(RefRun, n.id), r.by(n.start()), r.shortID(RefRun, o.id), r.by(o.start())),
				})
			}
		}
	}
	return out
}

// apart reports whether nobody who started one of two runs knew of the other.
func (b *Board) apart(x, y *run) bool {
	for _, s := range x.starts.list() {
		for _, o := range y.starts.list() {
			if !b.concurrent(s, o) {
				return false
			}
		}
	}
	return true
}

// playbookWords and checkWords are lines of the timeline.
func playbookWords(v *playbookBody) string {
	return fmt.Sprintf("started %s, %s", quoteAll(v.Name), count(len(v.Items), "item"))
}

func (r reader) checkWords(v *checkBody) string {
	how, text := "CHECKED", ""
	if v.Skip {
		how = "SKIPPED"
	}
	if n := r.runOf[v.Run]; n != nil && v.Item <= len(n.body().Items) {
		text = " " + quoteAll(n.body().Items[v.Item-1])
	}
	return with(fmt.Sprintf("%s %d%s", how, v.Item, text), v.Text)
}

// playbook starts a run.
func (c *checker) playbook() (Draft, error) {
	name := oneLine(c.in.Value)
	if err := fits("name", name, maxNameBytes); err != nil {
		return Draft{}, err
	}
	body := &playbookBody{Name: clean(name)}
	for _, text := range c.in.Items {
		text = oneLine(clean(strings.TrimSpace(text)))
		if err := fits("item", text, maxItemBytes); err != nil {
			return Draft{}, err
		}
		if text != "" {
			body.Items = append(body.Items, text)
		}
	}
	if len(body.Items) == 0 && name == FirstAid {
		body.Items = firstAid[:]
	}
	switch {
	case len(body.Items) == 0:
		return Draft{}, usage("muster playbook FILE (a list, one item a line), or muster playbook "+FirstAid, "a playbook needs items")
	case len(body.Items) > maxItems:
		return Draft{}, problem(CodeTooLarge, "split it into two playbooks", "%d items, at most %d fit", len(body.Items), maxItems)
	}
	id := runID(c.doc, body)
	short := c.shortID(RefRun, id)
	if n := c.runs[id]; n != nil {
		return Draft{}, refused("muster check "+short+" 1", "%s runs already as %s, started by %s", quote(name), short, c.by(n.start()))
	}
	for _, n := range c.runList() {
		if loose(n.body().Name) == loose(name) {
			c.notef("another version of it runs already as %s (%s)", c.shortID(RefRun, n.id), c.by(n.start()))
		}
	}
	c.notef("each needs a person: muster do @name, then muster check %s N", short)
	return about(KindPlaybook, body, short, fmt.Sprintf("started %s, %s", quoteAll(name), count(len(body.Items), "item"))), nil
}

// findRun resolves the run that is meant: without a reference, the only one.
func (c *checker) findRun() (*run, error) {
	if c.in.Ref != "" {
		o, err := c.find(RefRun, c.in.Ref)
		if err != nil {
			return nil, err
		}
		return c.runOf[o.hash], nil
	}
	all := c.runList()
	switch len(all) {
	case 0:
		return nil, refused("muster playbook "+FirstAid, "no playbook runs")
	case 1:
		return all[0], nil
	}
	p := problem(CodeAmbiguous, fmt.Sprintf("name it: muster %s %s %d", c.in.Verb, c.shortID(RefRun, all[0].id), c.in.Item), "%d playbooks run", len(all))
	for _, n := range all[:min(len(all), maxCandidates)] {
		p.Candidates = append(p.Candidates, c.candidate(RefRun, n.start()))
	}
	return nil, p
}

// checkItem checks an item of a run, or leaves it out.
func (c *checker) checkItem(skip bool) (Draft, error) {
	n, err := c.findRun()
	if err != nil {
		return Draft{}, err
	}
	id, items := c.shortID(RefRun, n.id), n.body().Items
	if c.in.Item < 1 || c.in.Item > len(items) {
		return Draft{}, usage("muster playbook lists them", "%s has items 1 to %d, not %d", id, len(items), c.in.Item)
	}
	f := c.foldItem(n, c.in.Item)
	what := fmt.Sprintf("%s %d %s", id, c.in.Item, quoteAll(items[c.in.Item-1]))
	switch {
	case f.state == ItemChecked && f.skipped == nil, f.state == ItemChecked && skip:
		return Draft{}, refused("", "%s is checked already, by %s", what, c.by(f.word))
	case f.state == ItemSkipped && skip:
		return Draft{}, refused("", "%s is skipped already, by %s", what, c.by(f.word))
	case f.state == ItemSkipped:
		c.notef("%s had skipped it", c.by(f.word))
	}
	how := "checked"
	if skip {
		how = "skipped"
	}
	body := &checkBody{Run: n.start().hash, Item: c.in.Item, Skip: skip, Text: c.say}
	return about(KindCheck, body, id, with(what+": "+how, c.say)), nil
}
