package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// Limits of what a person may write. Texts of the format are bounded by [crdt.MaxTextBytes].
const (
	maxFatigue   = 5
	maxWho       = 16                     // people named at once
	maxNameBytes = 64                     // a role, topic, service or resource
	maxLineBytes = 1 << 10                // a title, task, decision or hypothesis
	maxServices  = 32                     // at once
	maxForMS     = 30 * 24 * 3600 * 1000  // thirty days
	maxAheadMS   = 366 * 24 * 3600 * 1000 // how far from now a person may say something happened
)

// checker turns one intent into a draft.
type checker struct {
	reader
	in    Intent
	ctx   CheckContext
	nowMS int64
	say   string // Text or Reason
	who   []PersonID
	notes []string
}

// Check turns an intent into an operation that may be signed on top of what b holds, or says why not. It is the author's
// side of the rules: the fold shows whatever is signed. The error is a *[Problem].
func Check(b *Board, in Intent, ctx CheckContext) (Draft, error) {
	c := &checker{reader: reader{b, ctx.People}, in: in, ctx: ctx, nowMS: ctx.Now.UnixMilli()}
	if b.found == nil {
		return Draft{}, b.notFounded()
	}
	v, err := findVerb(in.Verb)
	if err == nil {
		c.ownerless()
		err = c.checkFields(v)
	}
	if err != nil {
		return Draft{}, err
	}
	d, err := c.draft()
	if err != nil {
		return Draft{}, err
	}
	d.Notes = append(d.Notes, c.notes...)
	return d, nil
}

// draft does the verb.
func (c *checker) draft() (Draft, error) {
	switch c.in.Verb {
	case "title":
		return c.title()
	case "sev":
		return c.severity()
	case "status":
		return c.status(c.in.Value)
	case "resolve":
		return c.status(StatusResolved)
	case "reopen":
		return c.reopen()
	case "service":
		return c.service()
	case "same":
		return c.same()
	case "label":
		return c.label()
	case "criterion":
		return c.criterion()
	case "met":
		return c.met()
	case "take":
		return c.take()
	case "handoff":
		if c.in.Withdraw {
			return c.withdraw()
		}
		return c.handoff()
	case "break":
		return c.handoff()
	case "accept":
		return c.accept()
	case "decline":
		return c.decline()
	case "confirm":
		return c.confirmHandover()
	case "take-back":
		return c.takeBack()
	case "release":
		return c.release()
	case "role":
		return c.role()
	case "note":
		return c.note()
	case "edit":
		return c.edit()
	case "redact":
		return c.redact()
	case "pin":
		return c.pin()
	case "hyp":
		return c.made(KindTheory, RefTheory, &theoryBody{Text: c.say}, "perhaps "+quoteAll(c.say)), nil
	case "rule-out":
		return c.ruleOut()
	case "decide":
		return c.decide()
	case "object":
		return c.object()
	case "read":
		return c.read()
	case "par":
		return c.par()
	case "here":
		return c.here()
	case "page":
		return c.page()
	case "thanks":
		return c.thank()
	case "sitrep":
		return c.sitrep()
	case "saw":
		return c.saw()
	case "update":
		return c.update()
	case "approve":
		return c.approve()
	case "publish":
		return c.publish()
	case "playbook":
		return c.playbook()
	case "check", "skip":
		return c.checkItem(c.in.Verb == "skip")
	case "settle":
		return c.settle()
	}
	return c.taskVerb()
}

// Declare turns an intent into the founding operation of an incident. It reads Text (the title), Severity (0: 2, because
// what is not known is treated as the worse), Services, Labels, Drill, and Withdraw: the declarer does not command.
func Declare(in Intent, ctx CheckContext) (Draft, error) {
	title := oneLine(strings.TrimSpace(cmp.Or(in.Text, in.Reason)))
	if title == "" {
		return Draft{}, usage(`say in a few words what is broken: muster declare "checkout 500s" --sev 1`, "an incident needs a title")
	}
	if err := fits("title", title, maxLineBytes); err != nil {
		return Draft{}, err
	}
	sev := in.Severity
	var notes []string
	if sev == 0 {
		sev = 2
		notes = append(notes, `severity 2 until somebody knows better: muster sev N`)
	}
	if sev < 1 || sev > maxSeverity {
		return Draft{}, badSeverity(sev)
	}
	services, err := names("service", in.Services)
	if err != nil {
		return Draft{}, err
	}
	labels, err := checkLabels(in.Labels)
	if err != nil {
		return Draft{}, err
	}
	body := &declareBody{
		Title: clean(title), Severity: sev, Services: services, NoCommander: in.Withdraw, Drill: in.Drill, Labels: labels,
	}
	text := fmt.Sprintf("declared %s, sev %d; you command", quoteAll(title), sev)
	if in.Withdraw {
		text = fmt.Sprintf("declared %s, sev %d; nobody commands", quoteAll(title), sev)
	}
	if in.Drill {
		notes = append(notes, "everybody sees that it is a drill; it ends with: muster status cancelled")
	}
	return Draft{
		Kind: KindDeclare, Body: crdt.EncodeBody(body), Text: text, Notes: notes,
		Accept: func(h crdt.Hash) bool { return ctx.Taken == nil || !ctx.Taken(Name(crdt.DocID(h))) },
		Ref:    func(h crdt.Hash) string { return Name(crdt.DocID(h)) },
	}, nil
}

// findVerb returns the verb of a name, or says which one was perhaps meant.
func findVerb(name string) (Verb, error) {
	var all []string
	for _, v := range Verbs() {
		if v.Name == name {
			return v, nil
		}
		all = append(all, v.Name)
	}
	p := &Problem{Code: CodeUsage, Message: fmt.Sprintf("there is no verb %q", name)}
	if p.Candidates = nearest(name, all); len(p.Candidates) > 0 {
		p.Hint = "did you mean " + strings.Join(p.Candidates, " or ") + "?"
	}
	return Verb{}, p
}

// checkFields checks that the intent has what its verb needs, and nothing it does not read; it resolves the people.
func (c *checker) checkFields(v Verb) error {
	in := &c.in
	c.say = strings.TrimSpace(cmp.Or(in.Text, in.Reason))
	fields := []struct {
		name string
		need Need
		here bool
	}{
		{refWord(v.Ref), v.RefNeed, in.Ref != ""},
		{"somebody's name", v.Who, len(in.Who) > 0},
		{"words", v.Text, c.say != ""},
		{"a kind", may(v.Kinds != nil), in.Kind != ""},
		{"a topic", v.Topic, in.Topic != ""},
		{"a subject", v.Subject, in.Subject != ""},
		{"a value", v.Value, in.Value != ""},
		{"a severity", v.Severity, in.Severity != 0},
		{"a fatigue", v.Fatigue, in.Fatigue != 0},
		{"services", v.Services, len(in.Services) > 0},
		{"a resource", v.Resource, in.Resource != ""},
		{"another incident", v.Other, !in.Other.IsZero()},
		{"a time of day", v.At, in.AtMS != 0},
		{"a duration", v.For, in.ForMS != 0},
		{"items", v.Items, len(in.Items) > 0},
		{"labels", v.Labels, len(in.Labels) > 0},
		{"the number of an item", v.Item, in.Item != 0},
		{"a place", v.Place, in.Place != ""},
		{"ticks", v.Refs, len(in.Refs) > 0},
		{"a sealed text", may(v.Name == "note"), len(in.Sealed) > 0},
		{"--once", may(v.Once), in.Once},
		{"--vital", may(v.Vital), in.Vital},
		{"--force", may(v.Force), in.Force},
		{"--withdraw", may(v.Withdraw), in.Withdraw},
	}
	for _, f := range fields {
		switch {
		case f.need == Must && !f.here:
			return usage("muster "+v.Usage, "%s needs %s", v.Name, f.name)
		case f.need == Never && f.here:
			return usage("muster "+v.Usage, "%s does not take %s", v.Name, f.name)
		}
	}
	if v.Values != nil && in.Value != "" && !slices.Contains(v.Values, in.Value) {
		return oneOf("value", v, in.Value, v.Values)
	}
	if v.Kinds != nil && in.Kind != "" && !slices.Contains(v.Kinds, in.Kind) {
		return oneOf("kind", v, in.Kind, v.Kinds)
	}
	if in.ForMS < 0 || in.ForMS > maxForMS {
		return usage("give it like 5m, 2h or 1d", "a duration must be between a second and thirty days")
	}
	if in.AtMS != 0 && (in.AtMS < c.nowMS-maxAheadMS || in.AtMS > c.nowMS+maxAheadMS) {
		return usage("give it like 02:41", "that time is more than a year away")
	}
	if in.Fatigue < 0 || in.Fatigue > maxFatigue {
		return usage("1 is fresh, 5 is spent", "fatigue goes from 1 to %d", maxFatigue)
	}
	if len(in.Who) > max(v.WhoMax, 1) {
		return usage("name one person, so that everyone knows who", "%s takes %s, not %d", v.Name, count(max(v.WhoMax, 1), "name"), len(in.Who))
	}
	c.say = clean(c.say)
	if err := fits("text", c.say, crdt.MaxTextBytes); err != nil {
		return err
	}
	for _, h := range in.Who {
		p, err := c.person(h)
		if err != nil {
			return err
		}
		if !slices.Contains(c.who, p) {
			c.who = append(c.who, p)
		}
	}
	return nil
}

// refWord says what a reference of a verb names.
func refWord(kind RefKind) string {
	if kind == RefNone {
		return "the name of anything"
	}
	word := refWords[kind]
	if strings.ContainsRune("aeiou", rune(word[0])) {
		return "the name of an " + word
	}
	return "the name of a " + word
}

func may(b bool) Need {
	if b {
		return May
	}
	return Never
}

func oneOf(what string, v Verb, got string, all []string) error {
	p := &Problem{
		Code: CodeUsage, Message: fmt.Sprintf("%q is no %s of %s", got, what, v.Name), Hint: "one of: " + strings.Join(all, ", "),
		Candidates: nearest(got, all),
	}
	return p
}

// fits checks the length of a text.
func fits(what, s string, limit int) error {
	if len(s) > limit {
		return &Problem{
			Code: CodeTooLarge, Message: fmt.Sprintf("the %s is %d bytes long, at most %d fit", what, len(s), limit),
			Hint: "say the rest in notes",
		}
	}
	return nil
}

// names checks names of services, which are the same in any case and order.
func names(what string, in []string) ([]string, error) {
	out := make([]string, 0, len(in))
	for _, s := range in {
		s = oneLine(clean(strings.ToLower(strings.TrimSpace(s))))
		if s == "" {
			return nil, usage("", "a %s needs a name", what)
		}
		if err := fits(what, s, maxNameBytes); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) > maxServices {
		return nil, &Problem{Code: CodeTooLarge, Message: fmt.Sprintf("%d %ss at once, at most %d", len(out), what, maxServices)}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func problem(code, hint, format string, args ...any) *Problem {
	return &Problem{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

func usage(hint, format string, args ...any) error { return problem(CodeUsage, hint, format, args...) }

func refused(hint, format string, args ...any) error {
	return problem(CodeRefused, hint, format, args...)
}

// confirm returns nil when the person has said yes, else the problem that asks.
func (c *checker) confirm(format string, args ...any) error {
	if c.in.Yes {
		return nil
	}
	q := fmt.Sprintf(format, args...)
	return &Problem{Code: CodeConfirm, Message: "this needs a yes", Hint: "add --yes", Question: q}
}

func (c *checker) notef(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// reach says whether p can be reached, and if not, how long ago they were heard, in words.
func (c *checker) reach(p PersonID) (ok bool, heardMS int64, heard string) {
	if c.ctx.Presence == nil || p == c.ctx.Actor {
		return true, 0, ""
	}
	ok, ms, ever := c.ctx.Presence(p)
	switch {
	case ok:
		return true, 0, ""
	case !ever:
		return false, 1 << 40, "never heard"
	}
	return false, ms, "last heard " + span(ms) + " ago"
}

// warnAway adds a note when p cannot be reached.
func (c *checker) warnAway(p PersonID, what string) {
	if ok, _, heard := c.reach(p); !ok {
		c.notef("%s is out of reach (%s): %s", c.reader.who(p), heard, what)
	}
}

// made returns the draft of something that gets a short id.
func (c *checker) made(kind crdt.Kind, ref RefKind, body any, text string) Draft {
	x := &c.ids[ref]
	return Draft{
		Kind: kind, Body: crdt.EncodeBody(body), Text: text,
		Accept: func(h crdt.Hash) bool { return c.chars(ref, h) <= x.roomFor() },
		Ref:    func(h crdt.Hash) string { return c.shortID(ref, h) },
	}
}

// about returns the draft of an operation about something, named by ref.
func about(kind crdt.Kind, body any, ref, text string) Draft {
	return Draft{Kind: kind, Body: crdt.EncodeBody(body), Text: text, Ref: func(crdt.Hash) string { return ref }}
}
