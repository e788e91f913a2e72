package board

import (
	"fmt"
	"maps"
	"slices"

	"muster/crdt"
)

// States of a public update.
const (
	UpdateDraft     = "draft"
	UpdateApproved  = "approved"
	UpdatePublished = "published"
)

// defaultAudience is who an update is for when nobody says.
const defaultAudience = "public"

// Update is a text for people outside. Muster posts nothing: a publication is somebody's word that they posted it.
//
// An approval is of one text. A rewording whose author had seen the approval ends it; one that crossed it leaves the
// update a draft, because nobody has approved what it says now. Approvals of different texts for one audience that
// crossed do not count, and texts published to one audience that crossed contradict each other in public: both wait for
// a human (ConflictPosts), across all updates for that audience, since a split makes each side draft its own.
type Update struct {
	ID       string // as typed: u2k
	Op       crdt.Hash
	Audience string
	Text     string
	Texts    []Value // when reworded concurrently: every text
	State    string  // draft, approved, published
	Mark     string  // what a tired reader must see
	By       string  // of the text
	AtMS     int64
	Approved []Value // who approved the text that is shown
	Posts    []Post  // in the order they were published
	Incident string  // in a [Group] of several: the name of the one it was written in
	Key      string  // names the update and the text shown; who posts to the outside posts a key once
}

// Post is one publication.
type Post struct {
	Text   string
	Where  string // empty: nobody said
	By     string
	AtMS   int64
	Stands bool // not the loser of a settled contradiction
}

// update is one update and the operations about it.
type update struct {
	op        *op
	audience  *audience
	texts     bag // the first text and its revisions
	approvals bag
	posts     bag
}

// audience is what several updates for the same people share.
type audience struct {
	name    string
	words   bag // approvals, publications and settlements
	settles bag
	fold    *audienceFold
}

func (a *audience) add(o *op) {
	a.words.add(o)
	a.fold = nil
}

// fileUpdate files a draft or a revision.
func (b *Board) fileUpdate(o *op, v *updateBody) {
	u := b.updates[v.Update] // nil: a revision of a revision, or of what has lost its text
	if v.Update.IsZero() {
		u = &update{op: o, audience: b.audienceOf(v.Audience)}
		b.updates[o.hash] = u
		b.updateList.add(o)
		b.ids[RefUpdate].add(o.hash)
	}
	if u == nil {
		o.inert = true
		return
	}
	u.texts.add(o)
	u.audience.fold = nil
	b.updateOf[o.hash] = u
}

func (b *Board) audienceOf(name string) *audience {
	key := topicKey(name)
	if b.audiences[key] == nil {
		b.audiences[key] = &audience{name: key}
	}
	return b.audiences[key]
}

// fileWord files an approval or a publication of a text of an update.
func (b *Board) fileWord(o *op, about, text crdt.Hash) {
	u, t := b.updates[about], b.ops[text]
	if u == nil || t == nil || b.updateOf[text] != u || !b.before(t, o) {
		o.inert = true
		return
	}
	u.audience.add(o)
	if o.kind == KindApprove {
		u.approvals.add(o)
	} else {
		u.posts.add(o)
	}
}

// fileStands files a settlement of what stands. It names a text.
func (b *Board) fileStands(o *op, v *settleBody) {
	u := b.updateOf[v.Target]
	u.audience.add(o)
	u.audience.settles.add(o)
}

// wordText returns the draft or revision that an operation about an update is about.
func (b *Board) wordText(o *op) *op {
	switch v := o.body.(type) {
	case *approveBody:
		return b.ops[v.Revision]
	case *publishBody:
		return b.ops[v.Revision]
	case *settleBody:
		return b.ops[v.Target]
	}
	return o
}

// saysOf returns what the text that o is about says.
func (b *Board) saysOf(o *op) string { return b.wordText(o).body.(*updateBody).Text }

// settledText returns what the text says that an operation a settlement names is about; empty when it is about none.
func (b *Board) settledText(o *op) string {
	if t := b.wordText(o); !o.inert && t != nil && b.updateOf[t.hash] != nil {
		return b.saysOf(t)
	}
	return ""
}

// distinct returns the operations about different texts, the first of each.
func (b *Board) distinct(ops []*op) []*op {
	var out []*op
	for _, o := range ops {
		if !slices.ContainsFunc(out, func(x *op) bool { return b.saysOf(x) == b.saysOf(o) }) {
			out = append(out, o)
		}
	}
	return out
}

// audienceFold is what approvals, publications and settlements for one audience add up to.
type audienceFold struct {
	posts     []*op        // what stands in public, one for each text; several contradict each other
	approvals []*op        // what was approved or settled on, one for each text; several do not count
	unaware   []*op        // approvals that crossed a publication of another text
	settled   *op          // the settlement that stands, when nothing was published knowing of it
	lost      map[*op]bool // approvals and publications that a settlement went against, and none that its author did not know of went for
}

func (b *Board) foldAudience(a *audience) *audienceFold {
	if a.fold != nil {
		return a.fold
	}
	f := &audienceFold{lost: map[*op]bool{}}
	a.fold = f
	for _, s := range a.settles.list() {
		b.lose(f, a, s)
	}
	var public []*op
	words := a.words.list()
	for _, o := range words {
		if o.kind != KindApprove {
			public = append(public, o)
		}
	}
	heads := b.headsOf(public)
	f.posts = b.distinct(heads)
	for _, h := range heads {
		if h.kind == KindSettle && len(heads) == 1 {
			f.settled = h
		}
	}
	heads = b.headsOf(words)
	var approved []*op
	for _, h := range heads {
		switch {
		case h.kind == KindPublish, h.kind == KindApprove && b.reworded(h):
			continue
		case h.kind == KindApprove && slices.ContainsFunc(heads, func(o *op) bool { return o.kind == KindPublish && b.saysOf(o) != b.saysOf(h) }):
			f.unaware = append(f.unaware, h)
		}
		approved = append(approved, h)
	}
	f.approvals = b.distinct(approved)
	return f
}

// reworded reports whether the update was reworded by somebody who had seen this approval.
func (b *Board) reworded(approval *op) bool {
	return slices.ContainsFunc(b.updateOf[b.wordText(approval).hash].texts.list(), func(t *op) bool { return b.before(approval, t) })
}

// quarrel returns the operations that wait for a human: publications of different texts, else approvals.
func (f *audienceFold) quarrel() []*op {
	switch {
	case len(f.posts) > 1:
		return f.posts
	case len(f.approvals) > 1:
		return f.approvals
	}
	return nil
}

// updateFold is what the operations about one update add up to.
type updateFold struct {
	texts    []*op // drafts and revisions that stand, one for each text; the last is shown
	approved []*op // approvals and settlements of the text shown that count
	posts    []*op // all publications
	state    string
	settled  *op // a settlement in favour of another text than one that was published
}

// foldUpdate computes what an update says and whether that may be published. An approval, and a settlement in favour of
// one of its texts, stand for that text; what crossed it and says something else makes the update a draft again.
func (b *Board) foldUpdate(u *update) updateFold {
	f := updateFold{state: UpdateDraft, posts: u.posts.list()}
	words := slices.Concat(u.texts.list(), u.approvals.list())
	for _, o := range u.audience.settles.list() {
		if b.updateOf[b.wordText(o).hash] == u {
			words = append(words, o)
		}
	}
	slices.SortFunc(words, compareOps)
	heads := b.headsOf(words)
	for _, h := range heads {
		t := b.wordText(h)
		f.texts = slices.DeleteFunc(f.texts, func(x *op) bool { return b.saysOf(x) == b.saysOf(t) })
		f.texts = append(f.texts, t)
	}
	group := b.foldAudience(u.audience)
	says := b.saysOf(f.shown())
	for _, h := range heads {
		if h.kind != KindUpdate && b.saysOf(h) == says && !group.lost[h] {
			f.approved = append(f.approved, h)
		}
	}
	published := slices.ContainsFunc(f.posts, func(p *op) bool { return b.saysOf(p) == says })
	open := slices.ContainsFunc(group.quarrel(), func(o *op) bool { return b.updateOf[b.wordText(o).hash] == u })
	switch {
	case len(f.texts) > 1:
	case published:
		f.state = UpdatePublished
	case len(f.approved) > 0 && !open:
		f.state = UpdateApproved
	}
	if s := group.settled; s != nil && slices.ContainsFunc(f.posts, func(p *op) bool { return b.before(p, s) && group.lost[p] }) {
		f.settled = s
	}
	return f
}

// shown returns the text that is shown.
func (f *updateFold) shown() *op { return f.texts[len(f.texts)-1] }

// lose marks the approvals and publications that s, a settlement, went against: it knew of them, was in favour of another
// text, and somebody had approved or published that without knowing of them.
func (b *Board) lose(f *audienceFold, a *audience, s *op) {
	var other, chosen []*op
	for _, w := range a.words.list() {
		switch {
		case w.kind == KindSettle || !b.before(w, s):
		case b.saysOf(w) == b.saysOf(s):
			chosen = append(chosen, w)
		default:
			other = append(other, w)
		}
	}
	for _, p := range other {
		crossed := slices.ContainsFunc(chosen, func(w *op) bool { return b.concurrent(w, p) })
		if crossed && !slices.ContainsFunc(a.settles.list(), func(o *op) bool { return b.saysOf(o) == b.saysOf(p) && !b.before(o, s) }) {
			f.lost[p] = true
		}
	}
}

// postKey names a text of an update. Everybody who holds the operations computes the same, so that a bridge to the
// outside can see that a text was posted by another.
func postKey(u *update, text *op) string {
	return crdt.SumHash(append(u.op.hash[:], text.hash[:]...)).String()
}

func (r reader) updateViews() []Update {
	var out []Update
	for _, o := range r.updateList.list() {
		u := r.updates[o.hash]
		f := r.foldUpdate(u)
		shown := f.shown()
		v := Update{
			ID: r.shortID(RefUpdate, o.hash), Op: o.hash, Audience: u.audience.name, Text: r.saysOf(shown), State: f.state,
			Texts: r.versionValues(f.texts, r.saysOf), Mark: r.updateMark(u, &f), By: r.who(shown.person), AtMS: shown.wallMS, Key: postKey(u, shown),
		}
		for _, a := range f.approved {
			v.Approved = append(v.Approved, Value{Value: r.saysOf(a), By: r.who(a.person), AtMS: a.wallMS, Shown: true})
		}
		for _, p := range f.posts {
			v.Posts = append(v.Posts, Post{
				Text: r.saysOf(p), Where: p.body.(*publishBody).Where, By: r.who(p.person), AtMS: p.wallMS,
				Stands: !r.foldAudience(u.audience).lost[p],
			})
		}
		out = append(out, v)
	}
	return out
}

func (r reader) updateMark(u *update, f *updateFold) string {
	group := r.foldAudience(u.audience)
	mine := func(o *op) bool { return r.updateOf[r.wordText(o).hash] == u }
	switch {
	case len(group.posts) > 1 && slices.ContainsFunc(group.posts, mine):
		return "CONTRADICTORY PUBLIC POSTS"
	case len(group.approvals) > 1 && slices.ContainsFunc(group.approvals, mine):
		return "APPROVED in two versions, publish neither"
	case f.settled != nil:
		return "a post does not stand: post a correction"
	case len(f.texts) > 1:
		return "reworded on both sides"
	case slices.ContainsFunc(group.unaware, mine):
		return "approved without knowing what was published meanwhile"
	}
	return ""
}

// postsConflict is one audience told, or about to be told, different things.
func (r reader) postsConflict(key string) (Conflict, bool) {
	f := r.foldAudience(r.audiences[key])
	ops := f.quarrel()
	if ops == nil {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictPosts, Subject: key, Shown: "both are out"}
	c.Text = "CONTRADICTORY PUBLIC POSTS to " + key + ": "
	if len(f.posts) < 2 {
		c.Shown, c.Text = "neither is approved", "approved in different words for "+key+": "
	}
	for i, o := range ops {
		text := r.wordText(o)
		id := r.shortID(RefUpdate, r.updateOf[text.hash].op.hash)
		if i > 0 {
			c.Text += " | "
		}
		c.Text += fmt.Sprintf("%s %s (%s %s)", id, quote(r.saysOf(o)), r.postWords(o), clock(o.wallMS))
		c.Choices = append(c.Choices, Choice{
			Key: fmt.Sprint(i + 1), Value: r.saysOf(o), Label: id + " " + quote(r.saysOf(o)) + " stands", By: r.who(o.person), AtMS: o.wallMS, target: text.hash,
		})
		c.heads = append(c.heads, o.hash)
	}
	return c, true
}

// postWords says who did what with a text.
func (r reader) postWords(o *op) string {
	switch v := o.body.(type) {
	case *approveBody:
		return "approved by " + r.who(o.person)
	case *publishBody:
		if v.Where != "" {
			return "published on " + v.Where + " by " + r.who(o.person)
		}
		return "published by " + r.who(o.person)
	}
	return "settled by " + r.who(o.person)
}

// updateNotices mentions rewordings that crossed each other or an approval, and approvals that crossed a publication.
func (r reader) updateNotices() []Notice {
	var out []Notice
	for _, o := range r.updateList.list() {
		u := r.updates[o.hash]
		f := r.foldUpdate(u)
		id := r.shortID(RefUpdate, o.hash)
		words := slices.Concat(u.texts.list(), u.approvals.list())
		slices.SortFunc(words, compareOps)
		for _, p := range r.crossings(words, func(x, y *op) bool {
			return (x.kind == KindUpdate || y.kind == KindUpdate) && r.saysOf(x) != r.saysOf(y)
		}) {
			did := func(o *op) string {
				if o.kind == KindApprove {
					return "approved " + quote(r.saysOf(o)) + " (" + r.by(o) + ")"
				}
				return "reworded " + quote(r.saysOf(o)) + " (" + r.by(o) + ")"
			}
			open := slices.Contains(f.texts, r.wordText(p[0])) && slices.Contains(f.texts, r.wordText(p[1]))
			out = append(out, Notice{Kind: NoticeUpdate, Subject: id, Open: open, Text: did(p[0]) + " and " + did(p[1]) + ", neither seeing the other"})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.audiences)) {
		f := r.foldAudience(r.audiences[key])
		if f.quarrel() != nil {
			continue
		}
		for _, a := range f.unaware {
			out = append(out, Notice{
				Kind: NoticeUpdate, Subject: r.shortID(RefUpdate, r.updateOf[r.wordText(a).hash].op.hash), Open: true,
				Text: fmt.Sprintf("approved %s (%s) without knowing of %s (%s); look again before it is published",
					quote(r.saysOf(a)), r.by(a), quote(r.saysOf(f.posts[0])), r.by(f.posts[0])),
			})
		}
	}
	return out
}
