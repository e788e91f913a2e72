package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
)

// fingerprint is how a device is read out over a telephone.
func fingerprint(d crdt.DeviceID) string { return identity.Fingerprint(d) }

// A cut is the end of what counts of a device: the tips of its logs in all documents, as far as this node knows.
type cut struct {
	tips    []crdt.Hash
	within  int // operations up to the tips
	beyond  int // operations after them that are here already
	lastMS  int64
	dropped int // logs that do not fit, all of which are beyond
}

// cut returns the cut of a device as of a moment, by the derived time of its operations; zero: as of now, all that is here.
// Beyond it is also what in the team document is one of without or has seen one.
// A thief can date back no further than what the operations that theirs follow on say. Of more logs than a removal holds
// the oldest are left out: what is in them can be adopted.
func (s *session) cut(d crdt.DeviceID, sinceMS int64, without ...crdt.Hash) cut {
	var out cut
	type tip struct {
		hash crdt.Hash
		atMS int64
		ops  int
	}
	var tips []tip
	for _, doc := range append([]crdt.DocID{s.team}, s.r.Documents()...) {
		g := s.r.Graph(doc)
		byLog := map[crdt.LogID][]crdt.Hash{}
		for _, t := range g.Frontier() {
			if t.Log.Device == d {
				byLog[t.Log] = nil
			}
		}
		if len(byLog) == 0 {
			continue
		}
		for _, h := range g.Lacks(crdt.Past{}) { // in an order that agrees with causality
			dot := g.Dot(h)
			log := crdt.LogID{Device: dot.Device, Epoch: dot.Epoch}
			if _, theirs := byLog[log]; !theirs {
				continue
			}
			late := doc == s.team && slices.ContainsFunc(without, func(w crdt.Hash) bool { return w == h || g.Before(w, h) })
			if late || sinceMS > 0 && g.Place(h).TimeMS > sinceMS {
				out.beyond++
				continue
			}
			byLog[log] = append(byLog[log], h)
		}
		for _, log := range slices.SortedFunc(maps.Keys(byLog), crdt.LogID.Compare) {
			ops := byLog[log]
			for i, h := range ends(g, log, ops) {
				n := 0
				if i == 0 {
					n = len(ops)
				}
				tips = append(tips, tip{h, g.Place(h).TimeMS, n})
			}
		}
	}
	slices.SortStableFunc(tips, func(a, b tip) int { return cmp.Compare(b.atMS, a.atMS) })
	for i, t := range tips {
		if i >= auth.MaxCut {
			out.dropped++
			out.beyond += t.ops
			continue
		}
		out.tips = append(out.tips, t.hash)
		out.within += t.ops
		out.lastMS = max(out.lastMS, t.atMS)
	}
	return out
}

// ends returns the operations of one log that none of the others follows. ops are in causal order.
func ends(g *crdt.Graph, log crdt.LogID, ops []crdt.Hash) []crdt.Hash {
	if len(ops) == 0 {
		return nil
	}
	if len(g.Log(log)) == 1 { // not forked
		return ops[len(ops)-1:]
	}
	var out []crdt.Hash
	for i := len(ops) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(out, func(o crdt.Hash) bool { return g.Before(ops[i], o) }) {
			out = append(out, ops[i])
		}
	}
	return out
}

// cutCount adds cuts up for people.
type cutCount struct {
	within, beyond, dropped int
	lastMS                  int64
}

// add counts a cut and returns it in the form of a body.
func (c *cutCount) add(k cut) auth.Hashes {
	c.within, c.beyond, c.dropped = c.within+k.within, c.beyond+k.beyond, c.dropped+k.dropped
	c.lastMS = max(c.lastMS, k.lastMS)
	return auth.SortHashes(k.tips)
}

// revokeEffects says on one screen what a revocation does and does not do.
func (s *session) revokeEffects(now time.Time, to target, devices []auth.Member, mode auth.Mode, cuts cutCount) []string {
	out := []string{"every laptop that hears of it refuses this one from then on, on any network"}
	if away := s.unheard(devices); away != "" {
		out = append(out, "those who have not heard of it yet still let it in: "+away)
	}
	if mode == auth.ModeCompromised {
		line := fmt.Sprintf("%s of it up to %s count", countText(cuts.within, "operation"), clockText(cuts.lastMS))
		if cuts.within == 0 {
			line = "nothing that it wrote counts"
		}
		if cuts.beyond > 0 {
			line += fmt.Sprintf("; %s after that here do not", countText(cuts.beyond, "operation"))
		}
		out = append(out, line+"; what comes later is kept, shown grey, and counts only if somebody adopts it: muster adopt @"+to.name)
	} else {
		out = append(out, "all that it wrote before it hears of this counts")
	}
	if cuts.dropped > 0 {
		out = append(out, fmt.Sprintf("%s of its oldest do not fit into the cut and turn grey: muster adopt @%s all", countText(cuts.dropped, "log"), to.name))
	}
	out = append(out, s.leaves(now, to, devices)...)
	out = append(out,
		"what it has read stays read: change the passwords that stood on the board",
		fmt.Sprintf("it does not get the next team key, which is made now and sealed to %s; it does not end by itself: muster reinstate @%s",
			countText(s.sealableAfter(devices), "laptop"), to.name))
	return out
}

// sealableAfter counts the devices that the next team key can be sealed to.
func (s *session) sealableAfter(gone []auth.Member) int {
	n := 0
	for _, m := range s.admitted() {
		out := slices.ContainsFunc(gone, func(g auth.Member) bool { return g.Device == m.Device })
		if !out && (s.sealable(m.Device) || m.Device == s.r.Device()) {
			n++
		}
	}
	return n
}

// unheard names the people that cannot be reached now, but for those who are to go.
func (s *session) unheard(gone []auth.Member) string {
	const shown = 4
	var names []string
	t := s.r.Team()
	for _, p := range t.All() {
		leaves := slices.ContainsFunc(gone, func(m auth.Member) bool { return m.Person == p })
		if p != s.me().Person && !leaves && !s.r.Presence(p).Reachable {
			names = append(names, t.Handle(p))
		}
	}
	if len(names) > shown {
		names = append(names[:shown:shown], fmt.Sprintf("%d more", len(names)-shown))
	}
	return strings.Join(names, ", ")
}

// leaves says what somebody leaves behind who has no other laptop: command and tasks.
func (s *session) leaves(now time.Time, to target, gone []auth.Member) []string {
	if slices.ContainsFunc(s.admitted(), func(m auth.Member) bool {
		return m.Person == to.person && !slices.ContainsFunc(gone, func(g auth.Member) bool { return g.Device == m.Device })
	}) {
		return nil
	}
	var out []string
	for _, d := range s.canonicals(s.r.Documents()) {
		if !s.group(d).Live() {
			continue
		}
		v := s.group(d).View(now, s.r.Team())
		var owed []string
		for i := range v.Tasks {
			if t := &v.Tasks[i]; slices.Contains(t.Owners, to.handle) && t.State != "done" && t.State != "cancelled" {
				owed = append(owed, t.ID)
			}
		}
		if v.Command.Commander == to.handle {
			out = append(out, fmt.Sprintf("%s commands %s: somebody must take it: muster take -i %s", to.handle, v.Name, v.Name))
		}
		if len(owed) > 0 {
			out = append(out, fmt.Sprintf("%s has %s open in %s: %s", to.handle, countText(len(owed), "task"), v.Name, strings.Join(owed[:min(len(owed), 4)], " ")))
		}
	}
	return out
}

func countText(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// A proposal is what people see as one: operations that one person wrote about the same for the same reason.
type proposal struct {
	api.Proposal
	ops     []crdt.Hash
	author  auth.PersonID
	removes []crdt.DeviceID
	mode    auth.Mode
	back    bool        // by one who is out, as of before
	before  []crdt.Hash // what standing behind it here is written as of before; none: on top of all that is held
}

// proposalIDLen is how many digits of an operation name a proposal.
const proposalIDLen = 6

// proposals returns what waits for a second person, oldest first.
func (s *session) proposals() []proposal {
	t, g := s.r.Team(), s.r.Graph(s.team)
	type same struct {
		kind   crdt.Kind
		author auth.PersonID
		person auth.PersonID
		mode   auth.Mode
		role   auth.Role
		reason string
	}
	at := map[same]int{}
	var out []proposal
	for _, q := range t.Proposals() {
		k := same{q.Kind, q.Author, q.Person, q.Mode, q.Role, q.Reason}
		i, known := at[k]
		if !known || q.Device.IsZero() {
			i = len(out)
			at[k] = i
			p := proposal{author: q.Author, mode: q.Mode, back: q.Back}
			p.N, p.Op, p.ID = i+1, q.Op.String(), q.Op.String()[:proposalIDLen]
			p.By, p.Reason, p.AtMS = t.Handle(q.Author), q.Reason, g.Place(q.Op).TimeMS
			p.Mine = !slices.Contains(q.Behind, s.me().Person) && t.RoleOf(s.me().Person) >= auth.RoleResponder && t.Admitted(s.r.Device())
			for _, who := range q.Behind {
				p.Behind = append(p.Behind, t.Handle(who))
			}
			p.Can = s.persons(auth.RoleResponder, append(slices.Clone(q.Behind), q.Person)...)
			p.Text = s.describe(q)
			if q.Back {
				s.describeBack(&p, q)
			}
			s.speaksForMe(&p, q)
			out = append(out, p)
		} else {
			out[i].Text += ", " + s.deviceName(q.Device)
		}
		out[i].ops = append(out[i].ops, q.Op)
		if q.Kind == auth.KindRemove {
			out[i].removes = append(out[i].removes, q.Device)
		}
	}
	return out
}

// describe says what a proposal would do.
func (s *session) describe(q auth.Proposal) string {
	t := s.r.Team()
	switch q.Kind {
	case auth.KindRemove:
		verb := map[auth.Mode]string{auth.ModeRetire: "revoke as left: ", auth.ModeCompromised: "revoke as stolen: ", auth.ModeSuspend: "suspend "}[q.Mode]
		return verb + s.deviceName(q.Device)
	case auth.KindReinstate:
		return "reinstate " + s.deviceName(q.Device)
	case auth.KindRole:
		return fmt.Sprintf("make %s %s", t.Handle(q.Person), oneOf(q.Role))
	case auth.KindPolicy:
		return fmt.Sprintf("let every %s and above invite", q.Role)
	case auth.KindConfirm:
		return "confirm " + s.deviceName(q.Device)
	case auth.KindInvite:
		return "let a further laptop of " + t.Handle(q.Person) + " join"
	}
	return fmt.Sprintf("an operation of kind %d", q.Kind)
}

// planCosign stands behind a proposal, or lists what waits.
func (s *session) planCosign(now time.Time, in api.Trust) (plan, error) {
	all := s.proposals()
	if in.Ref == "" {
		p := plan{text: "nothing waits for a second person"}
		if len(all) > 0 {
			p.text = countText(len(all), "proposal") + " waiting for a second person:"
		}
		for _, q := range all {
			p.list.Waiting = append(p.list.Waiting, q.Proposal)
		}
		return p, nil
	}
	var found []proposal
	for _, q := range all {
		if fmt.Sprint(q.N) == in.Ref || len(in.Ref) >= keyStartMin && strings.HasPrefix(q.Op, strings.ToLower(in.Ref)) {
			found = append(found, q)
		}
	}
	if len(found) != 1 {
		return plan{}, api.Errorf(api.CodeNotFound, "muster cosign lists what waits", "no proposal %s waits for a second person", in.Ref)
	}
	q := found[0]
	p := plan{
		text: "you stand behind it: " + q.Text, would: "co-sign " + q.ID + ": " + q.Text, who: "it takes another person: " + s.whoCan(auth.RoleResponder, q.author),
		question: fmt.Sprintf("%s proposed to %s%s. Stand behind it?", q.By, q.Text, reasonText(q.Reason)),
	}
	for _, op := range q.ops {
		p.acts = append(p.acts, act{auth.KindCosign, auth.Cosign{Op: op}})
	}
	p.before = q.before
	if len(q.removes) > 0 && q.mode != auth.ModeSuspend {
		var gone []auth.Member
		for _, d := range q.removes {
			if m, ok := s.r.Team().Member(d); ok {
				gone = append(gone, m)
			}
		}
		if len(gone) > 0 {
			to := target{person: gone[0].Person, handle: gone[0].Handle, name: s.deviceName(gone[0].Device), devices: gone}
			p.effects = append(p.effects, s.leaves(now, to, gone)...)
			p.effects = append(p.effects, "every laptop that hears of it refuses it from then on; a new team key is made; undo: muster reinstate @"+to.name)
		}
	}
	return p, nil
}

func reasonText(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", reason)
}
