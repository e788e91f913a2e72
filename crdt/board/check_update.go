package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// speaksOutside reports whether the actor may say what people outside are told: who commands, speaks to the public or
// is the liaison, and anyone while nobody commands.
func (c *checker) speaksOutside() bool {
	if len(c.foldCommand().live) == 0 || c.commands(c.ctx.Actor) {
		return true
	}
	for _, b := range append([]*Board{c.Board}, c.kin...) {
		for _, role := range []string{"comms", RoleComms, "liaison"} {
			if slices.ContainsFunc(b.role(role), func(h *op) bool { return roleHolder(h) == c.ctx.Actor }) {
				return true
			}
		}
	}
	return false
}

// mayPost checks that the actor may approve or publish, and that nothing about the audience waits for a human.
func (c *checker) mayPost(u *update, id, what string) error {
	if !c.speaksOutside() {
		who := c.reader.who(c.foldCommand().live[0].holder)
		return refused(fmt.Sprintf("ask %s, or whoever is comms, to: muster %s %s", who, what, id), "the commander, comms or the liaison can %s %s", what, id)
	}
	group := c.foldAudience(u.audience)
	if group.quarrel() != nil {
		return refused(fmt.Sprintf(`look at "muster conflicts", then: muster settle %s N "why"`, quoteWords(u.audience.name)),
			"two texts for %s contradict each other and wait to be settled", u.audience.name)
	}
	return nil
}

// quoteWords quotes a name for a shell when it needs that.
func quoteWords(s string) string {
	if strings.ContainsAny(s, " \"'$&|;<>()`\\*?#~") {
		return `"` + s + `"`
	}
	return s
}

// meansUpdate reports whether a value names the text of a choice: its update's short id, or the start of it.
func (c *checker) meansUpdate(ch Choice, value string) bool {
	u := c.updateOf[ch.target]
	return strings.HasPrefix(loose(ch.Value), loose(value)) || u != nil && c.shortID(RefUpdate, u.op.hash) == strings.ToLower(value)
}

// update drafts a text for people outside, or rewords one.
func (c *checker) update() (Draft, error) {
	if c.in.Ref != "" {
		return c.reword()
	}
	to := topicKey(clean(cmp.Or(c.in.Topic, defaultAudience)))
	if err := fits("audience", to, maxNameBytes); err != nil {
		return Draft{}, err
	}
	if c.speaksOutside() {
		c.notef("approve it with: muster approve ID")
	} else {
		c.notef("the commander, comms or the liaison approves it: muster approve ID")
	}
	body := &updateBody{Audience: to, Text: c.say}
	return c.made(KindUpdate, RefUpdate, body, fmt.Sprintf("drafted for %s: %s", to, quoteAll(c.say))), nil
}

func (c *checker) reword() (Draft, error) {
	o, err := c.find(RefUpdate, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	u, id := c.updates[o.hash], c.shortID(RefUpdate, o.hash)
	f := c.foldUpdate(u)
	switch {
	case c.in.Topic != "" && topicKey(c.in.Topic) != u.audience.name:
		return Draft{}, refused(`write another: muster update "text" --to `+quoteWords(topicKey(c.in.Topic)), "%s is for %s", id, u.audience.name)
	case len(f.texts) == 1 && c.saysOf(f.shown()) == c.say:
		return Draft{}, refused("", "%s says that already", id)
	case f.state == UpdatePublished:
		c.notef("the text before it is published; this one is not, until: muster approve %s", id)
	case f.state == UpdateApproved:
		c.notef("the text before it was approved; this one is not, until: muster approve %s", id)
	}
	return about(KindUpdate, &updateBody{Update: o.hash, Text: c.say}, id, id+" now says "+quoteAll(c.say)), nil
}

// approve says that the text shown may be published.
func (c *checker) approve() (Draft, error) {
	o, err := c.find(RefUpdate, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	u, id := c.updates[o.hash], c.shortID(RefUpdate, o.hash)
	f := c.foldUpdate(u)
	text := f.shown()
	if err := c.mayPost(u, id, "approve"); err != nil {
		return Draft{}, err
	}
	switch {
	case f.state == UpdatePublished:
		return Draft{}, refused(fmt.Sprintf(`reword it: muster update %s "new text"`, id), "%s is published already, by %s", id, c.by(f.posts[len(f.posts)-1]))
	case f.state == UpdateApproved && len(c.foldAudience(u.audience).unaware) == 0:
		return Draft{}, refused("publish it: muster publish "+id, "%s is approved already, by %s", id, c.by(f.approved[0]))
	case len(f.texts) > 1:
		if err := c.confirm("%s was reworded on both sides; approve %s?", id, quote(c.saysOf(text))); err != nil {
			return Draft{}, err
		}
	}
	if text.person == c.ctx.Actor {
		c.notef("you wrote it yourself: a second pair of eyes is worth more")
	}
	c.notef("publish it, then say so: muster publish %s --on WHERE", id)
	return about(KindApprove, &approveBody{Update: o.hash, Revision: text.hash}, id, fmt.Sprintf("%s approved for %s: %s", id, u.audience.name, quoteAll(c.saysOf(text)))), nil
}

// publish records that the text was posted.
func (c *checker) publish() (Draft, error) {
	o, err := c.find(RefUpdate, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	u, id := c.updates[o.hash], c.shortID(RefUpdate, o.hash)
	f := c.foldUpdate(u)
	text := f.shown()
	if err := c.mayPost(u, id, "publish"); err != nil {
		return Draft{}, err
	}
	where := oneLine(clean(strings.TrimSpace(c.in.Place)))
	if err := fits("place", where, maxNameBytes); err != nil {
		return Draft{}, err
	}
	if f.state == UpdateDraft || len(f.approved) == 0 {
		return Draft{}, refused("muster approve "+id, "%s is a draft: what it says now was not approved", id)
	}
	for _, p := range f.posts {
		if p.body.(*publishBody).Where == where && c.saysOf(p) == c.saysOf(text) {
			return Draft{}, refused("somewhere else as well: muster publish "+id+" --on WHERE", "%s is published there already, by %s", id, c.by(p))
		}
	}
	group := c.foldAudience(u.audience)
	if slices.ContainsFunc(group.unaware, func(a *op) bool { return c.updateOf[c.wordText(a).hash] == u }) {
		last := group.posts[0]
		if err := c.confirm("%s was told %s meanwhile, which %s did not know; publish %s too?", u.audience.name, quote(c.saysOf(last)), c.reader.who(f.approved[0].person), id); err != nil {
			return Draft{}, err
		}
	}
	c.notef("muster posts nothing itself: this puts on record that you did")
	said := fmt.Sprintf("%s published to %s", id, u.audience.name)
	if where != "" {
		said += " on " + where
	}
	body := &publishBody{Update: o.hash, Revision: text.hash, Where: where}
	return about(KindPublish, body, id, said+": "+quoteAll(c.saysOf(text))), nil
}
