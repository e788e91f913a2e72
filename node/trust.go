package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/replica"
)

// A verb about the team is planned, asked about where it is grave, and then carried out: all its operations and the next
// team key become durable together. Whether this node's person may do it is for package auth to say; what is said to
// people about it is here.

// An act is one operation of the team document to be.
type act struct {
	kind crdt.Kind
	body any
}

// A plan is what a verb would do.
type plan struct {
	acts     []act
	text     string      // what it has done, one line
	would    string      // the same before it is done, or while it waits for a second person
	effects  []string    // what follows
	question string      // asked before it is done; empty: nothing
	who      string      // who else may do it, for a refusal
	before   []crdt.Hash // what it is written as of before; none: on top of all that is held
	list     api.Trusted
}

// Trust does one verb about the team, or says what it would do.
func (n *Node) Trust(ctx context.Context, in api.Trust) (api.Trusted, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Trusted{}, err
	}
	var out api.Trusted
	w := &waiter{done: make(chan struct{})}
	try := func() error {
		return s.do(ctx, func(now time.Time) error {
			p, err := s.planned(now, in)
			if err == nil {
				out, err = s.carryOut(now, in, p, w)
			}
			return err
		})
	}
	if err = try(); errors.Is(err, replica.ErrLogPast) {
		err = try() // in the log that was begun in between
	}
	if err != nil {
		return api.Trusted{}, problem(err)
	}
	if out.Done {
		d := s.awaitDelivery(ctx, w)
		out.Delivery = &d
	}
	return out, nil
}

// planned runs on the loop.
func (s *session) planned(now time.Time, in api.Trust) (plan, error) {
	in.Reason = strings.TrimSpace(in.Reason)
	if n := len([]rune(in.Reason)); n > auth.MaxReasonRunes {
		return plan{}, api.Errorf(api.CodeTooLarge, "shorten it; a note holds more", "a reason of %d characters, at most %d fit", n, auth.MaxReasonRunes)
	}
	switch in.Verb {
	case "revoke":
		return s.planRevoke(now, in)
	case "suspend":
		return s.planSuspend(in)
	case "reinstate":
		return s.planReinstate(in)
	case "role":
		return s.planRole(in)
	case "confirm":
		return s.planConfirm(in)
	case "cosign":
		return s.planCosign(now, in)
	case "adopt":
		return s.planAdopt(in)
	case "policy":
		return s.planPolicy(in)
	}
	return plan{}, api.Errorf(api.CodeUsage, "", "%q is no verb about the team", in.Verb)
}

// carryOut asks, refuses or writes.
func (s *session) carryOut(now time.Time, in api.Trust, p plan, w *waiter) (api.Trusted, error) {
	out := p.list
	out.Schema, out.Text, out.Effects = "muster.trust/1", p.text, p.effects
	if len(p.acts) == 0 {
		return out, nil
	}
	alone := true
	for _, a := range p.acts {
		ok, err := s.may(a, p.before)
		if err != nil {
			return api.Trusted{}, s.mayNot(err, p)
		}
		alone = alone && ok
	}
	if !alone {
		if err := s.proposedAlready(p.acts); err != nil {
			return api.Trusted{}, err
		}
		out.Text = "proposed: " + p.would
		waits := "it has no effect until another person stands behind it; then:"
		if len(p.before) > 0 {
			waits = s.beforeText() + "; it counts once a second person who was in then co-signs; then:"
		}
		out.Effects = append([]string{waits}, out.Effects...)
		p.question = "" // the other one is asked
	}
	if alone && len(p.before) > 0 {
		out.Effects = append([]string{s.beforeText()}, out.Effects...)
	}
	if out.Question = p.question; in.DryRun {
		out.Text = "not done yet: " + p.would
		return out, nil
	}
	if p.question != "" && !in.Yes {
		return api.Trusted{}, &api.Error{Code: api.CodeConfirm, Message: "not done yet: " + p.would, Question: p.question}
	}
	if err := s.canWrite(); err != nil {
		return api.Trusted{}, err
	}
	return s.enact(now, p, out, w)
}

// mayNot turns auth's refusal into one that says who may.
func (s *session) mayNot(err error, p plan) error {
	what := strings.TrimPrefix(err.Error(), crdt.ErrFormat.Error()+": ")
	return api.Errorf(api.CodeRefused, p.who, "%s", what)
}

// enact writes what was planned, and a new team key if somebody is out by it.
func (s *session) enact(now time.Time, p plan, out api.Trusted, w *waiter) (api.Trusted, error) {
	before := s.admitted()
	var last crdt.Hash
	for _, a := range p.acts {
		op, err := s.writeAct(now, a, p.before)
		if err != nil {
			return api.Trusted{}, err
		}
		out.Ops, last = append(out.Ops, op.String()), op
	}
	t := s.r.Team()
	if slices.ContainsFunc(before, func(m auth.Member) bool { return !t.Admitted(m.Device) }) && t.Admitted(s.r.Device()) {
		err := s.ensureSealKey(now)
		if err == nil {
			err = s.rotateKeys(now)
		}
		if err != nil {
			return api.Trusted{}, err
		}
	} else {
		s.ensureKeys(now)
	}
	out.Done = true
	for _, q := range s.proposals() {
		if slices.Contains(q.ops, last) {
			out.Proposed = &q.Proposal
		}
	}
	s.await(w, s.team, last)
	return out, nil
}

// planRevoke throws devices out.
func (s *session) planRevoke(now time.Time, in api.Trust) (plan, error) {
	mode := auth.ModeRetire
	switch in.Mode {
	case "left":
	case "stolen":
		mode = auth.ModeCompromised
	default:
		return plan{}, api.Errorf(api.CodeUsage, "say --stolen or --left", "a laptop is revoked as stolen or as left, not as %q", in.Mode)
	}
	if in.SinceMS < 0 || in.SinceMS > now.UnixMilli() {
		return plan{}, api.Errorf(api.CodeUsage, "use a time in the past", "--since is not a time that has been")
	}
	to, err := s.target(in.Who)
	if err != nil {
		return plan{}, err
	}
	devices := slices.DeleteFunc(slices.Clone(to.devices), func(m auth.Member) bool { return m.Removed == mode || m.Removed == auth.ModeCompromised })
	if len(devices) == 0 {
		return plan{}, api.Errorf(api.CodeRefused, "muster members lists who is out", "%s is out already: %s", to.name, s.whyOut(to.devices[0]))
	}
	p := plan{who: s.hintRemove(to.person), before: s.before(to.person, in.SinceMS)}
	cuts := cutCount{}
	for _, m := range devices {
		body := auth.Remove{Device: m.Device, Mode: mode, Reason: in.Reason, SinceMS: in.SinceMS}
		if mode == auth.ModeCompromised {
			body.Cut = cuts.add(s.cut(m.Device, in.SinceMS, p.before...))
		}
		p.acts = append(p.acts, act{auth.KindRemove, body})
	}
	how := map[auth.Mode]string{auth.ModeRetire: "left", auth.ModeCompromised: "stolen"}[mode]
	p.text, p.would = fmt.Sprintf("%s is out of the team: %s", to.name, how), fmt.Sprintf("revoke %s as %s", to.name, how)
	p.effects = append(s.takesBack(p.before), s.revokeEffects(now, to, devices, mode, cuts)...)
	if s.leavesNoSteward(to, devices) {
		p.effects = append(p.effects, lastStewardText(to.handle))
	}
	if slices.ContainsFunc(devices, func(m auth.Member) bool { return m.Device == s.r.Device() }) {
		p.question = "that is this laptop: after that it reads and writes nothing of the team any more. Revoke it?"
	}
	return p, nil
}

// planSuspend sets devices aside.
func (s *session) planSuspend(in api.Trust) (plan, error) {
	to, err := s.target(in.Who)
	if err != nil {
		return plan{}, err
	}
	devices := slices.DeleteFunc(slices.Clone(to.devices), func(m auth.Member) bool { return m.Removed != 0 })
	if len(devices) == 0 {
		return plan{}, api.Errorf(api.CodeRefused, "muster members says how everybody stands", "%s is out or suspended already: %s", to.name, s.whyOut(to.devices[0]))
	}
	steward := s.whoCan(auth.RoleSteward, s.me().Person, to.person)
	p := plan{who: fmt.Sprintf("%s may, or two who are responders or more together", steward), text: to.name + " is suspended", would: "suspend " + to.name}
	cuts := cutCount{}
	for _, m := range devices {
		body := auth.Remove{Device: m.Device, Mode: auth.ModeSuspend, Reason: in.Reason, Cut: cuts.add(s.cut(m.Device, 0))}
		p.acts = append(p.acts, act{auth.KindRemove, body})
	}
	p.effects = []string{
		"what they write from now on is kept and shown grey; it counts for nothing: muster adopt @" + to.name,
		"they stay connected, read the board, and are told; nothing of theirs is lost",
		fmt.Sprintf("it does not end by itself: muster reinstate @%s", to.name),
	}
	if slices.ContainsFunc(devices, func(m auth.Member) bool { return m.Device == s.r.Device() }) {
		p.question = "that is this laptop: what you write on it will not count until somebody reinstates you. Suspend it?"
	}
	return p, nil
}

// planReinstate takes removals back.
func (s *session) planReinstate(in api.Trust) (plan, error) {
	to, err := s.target(in.Who)
	if err != nil {
		return plan{}, err
	}
	p := plan{text: to.name + " is back in the team", would: "reinstate " + to.name, who: s.hintRemove(to.person)}
	keys := false
	for _, m := range to.devices {
		if m.Removed == 0 {
			continue
		}
		keys = keys || m.Removed != auth.ModeSuspend
		p.acts = append(p.acts, act{auth.KindReinstate, auth.Reinstate{Device: m.Device, Reason: in.Reason}})
	}
	if len(p.acts) == 0 {
		return plan{}, api.Errorf(api.CodeRefused, "muster members says how everybody stands", "%s is neither revoked nor suspended", to.name)
	}
	p.effects = []string{"all that it wrote counts again, also what was grey until now"}
	if keys {
		p.effects = append(p.effects, "it may connect again, and gets the team key of now")
	}
	return p, nil
}

// planRole sets somebody's role in the team.
func (s *session) planRole(in api.Trust) (plan, error) {
	roles := map[string]auth.Role{"observer": auth.RoleObserver, "responder": auth.RoleResponder, "steward": auth.RoleSteward}
	role, ok := roles[strings.ToLower(in.Role)]
	if !ok {
		return plan{}, api.Errorf(api.CodeUsage, "steward, responder or observer", "%q is no role in the team", in.Role)
	}
	to, err := s.target(in.Who)
	if err != nil {
		return plan{}, err
	}
	if !to.whole {
		return plan{}, api.Errorf(api.CodeUsage, fmt.Sprintf("muster role @%s %s", to.handle, role), "a role belongs to a person, not to one laptop")
	}
	t := s.r.Team()
	is := t.RoleOf(to.person)
	if is == role {
		return plan{}, api.Errorf(api.CodeRefused, "muster members lists the roles", "%s is %s already", to.handle, oneOf(role))
	}
	p := plan{
		acts: []act{{auth.KindRole, auth.SetRole{Person: to.person, Role: role, Reason: in.Reason}}},
		text: fmt.Sprintf("%s is %s now; was %s", to.handle, oneOf(role), oneOf(is)), who: s.hintRemove(to.person),
		would: fmt.Sprintf("make %s %s (%s now)", to.handle, oneOf(role), oneOf(is)),
	}
	switch role {
	case auth.RoleSteward:
		p.effects = []string{to.handle + " may revoke, reinstate and give roles, without a second person"}
	case auth.RoleResponder:
		p.effects = []string{to.handle + " may write, take command, invite, and suspend a laptop; what a steward does alone takes two"}
	case auth.RoleObserver:
		p.effects = []string{to.handle + " reads, and writes nothing that counts; what they wrote so far counts"}
	}
	if is == auth.RoleSteward && s.lastSteward(to.person) {
		p.effects = append(p.effects, lastStewardText(to.handle))
	}
	return p, nil
}

// oneOf is a role with its article.
func oneOf(r auth.Role) string {
	if r == auth.RoleObserver {
		return "an " + r.String()
	}
	return "a " + r.String()
}

// planConfirm vouches for somebody who joined by a code that did not count.
func (s *session) planConfirm(in api.Trust) (plan, error) {
	to, err := s.target(in.Who)
	if err != nil {
		return plan{}, err
	}
	p := plan{text: to.name + " is confirmed", would: "confirm " + to.name, who: "somebody else than " + to.handle + " must do it: " + s.whoCan(auth.RoleResponder, to.person)}
	for _, m := range to.devices {
		if !m.Unconfirmed && m.Forked {
			p.acts = append(p.acts, act{auth.KindConfirm, auth.Confirm{Device: m.Device}})
			p.effects = append(p.effects, fmt.Sprintf("%s (%s) decides in the team again, although it was at work in two places",
				s.deviceName(m.Device), fingerprint(m.Device)))
		}
		if m.Unconfirmed || m.Barred {
			p.acts = append(p.acts, act{auth.KindConfirm, auth.Confirm{Device: m.Device}})
			p.effects = append(p.effects, fmt.Sprintf("%s (%s) gets the role of its invitation, by %s; all that it wrote counts",
				s.deviceName(m.Device), fingerprint(m.Device), s.r.Team().Handle(m.Sponsor)))
		}
	}
	if len(p.acts) == 0 {
		return plan{}, api.Errorf(api.CodeRefused, "command that was handed over is confirmed without a name: muster confirm", "%s does not wait to be confirmed", to.name)
	}
	return p, nil
}

// planPolicy sets who may invite.
func (s *session) planPolicy(in api.Trust) (plan, error) {
	role := auth.RoleResponder
	switch in.Role {
	case "steward":
		role = auth.RoleSteward
	case "responder":
	default:
		return plan{}, api.Errorf(api.CodeUsage, "muster policy invite steward|responder", "%q cannot be the least role that may invite", in.Role)
	}
	p := plan{
		acts: []act{{auth.KindPolicy, auth.SetPolicy{Invite: role}}}, who: s.hintRemove(auth.PersonID{}),
		text: "from now on " + in.Role + "s may invite", would: "let every responder invite",
	}
	if role == auth.RoleSteward {
		p.text, p.would = "from now on only stewards may invite", "let only stewards invite"
		p.effects = []string{"who joins by another's code from now on is kept out until a steward, or two together, confirm them; those who are in stay in"}
	}
	return p, nil
}

// hintRemove says who may do what takes a steward or two people.
func (s *session) hintRemove(but auth.PersonID) string {
	return fmt.Sprintf("%s may, or two who are responders or more together: one proposes it, the other types muster cosign", s.whoCan(auth.RoleSteward, s.me().Person, but))
}

// lastSteward reports whether a person is the only steward.
func (s *session) lastSteward(p auth.PersonID) bool {
	all := s.r.Team().Stewards()
	return len(all) == 1 && all[0] == p
}

// leavesNoSteward reports whether with some devices of a person the last steward goes. It takes two people, of whom the
// second is asked.
func (s *session) leavesNoSteward(to target, devices []auth.Member) bool {
	left := slices.ContainsFunc(s.admitted(), func(m auth.Member) bool {
		return m.Person == to.person && !slices.ContainsFunc(devices, func(gone auth.Member) bool { return gone.Device == m.Device })
	})
	return !left && s.r.Team().RoleOf(to.person) == auth.RoleSteward && s.lastSteward(to.person)
}

// lastStewardText says what it means that the last steward goes.
func lastStewardText(handle string) string {
	return handle + " is the only steward: then every such step takes two people"
}
