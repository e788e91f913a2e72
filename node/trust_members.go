package node

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
)

// stewardNag is from how many people on a team should have a second steward.
const stewardNag = 3

// Members lists the team.
func (n *Node) Members(ctx context.Context) (api.Members, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Members{}, err
	}
	var out api.Members
	err = s.do(ctx, func(now time.Time) error { out = s.teamList(now); return nil })
	return out, problem(err)
}

// teamList runs on the loop.
func (s *session) teamList(now time.Time) api.Members {
	t := s.r.Team()
	out := api.Members{
		Schema: "muster.members/1", Team: t.Name(), Me: s.me().Handle, People: []api.TeamPerson{}, Stewards: []string{},
		Inviters: s.inviters().String(), Notes: s.teamNotes(),
	}
	for _, p := range t.Stewards() {
		out.Stewards = append(out.Stewards, t.Handle(p))
	}
	names := deviceNames(t.Members())
	for _, p := range s.everybody() {
		out.People = append(out.People, s.teamPerson(now, p, names))
	}
	slices.SortStableFunc(out.People, func(a, b api.TeamPerson) int {
		rank := func(p api.TeamPerson) int {
			switch {
			case p.Me:
				return 0
			case p.Out:
				return 2
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	for _, q := range s.proposals() {
		out.Waiting = append(out.Waiting, q.Proposal)
	}
	for _, r := range t.Removals() {
		out.Removals = append(out.Removals, s.removal(r, names))
	}
	out.Key = s.keyState()
	return out
}

// everybody returns all persons who ever had a device in the team, in the order they joined.
func (s *session) everybody() []auth.PersonID {
	var out []auth.PersonID
	for _, m := range s.r.Team().Members() {
		if !slices.Contains(out, m.Person) {
			out = append(out, m.Person)
		}
	}
	return out
}

// teamNotes is what should be done about the team: who waits to be confirmed, and that there should be a second steward.
func (s *session) teamNotes() []string {
	var out []string
	t := s.r.Team()
	names := deviceNames(t.Members())
	for _, m := range t.Members() {
		switch {
		case m.Removed != 0:
		case m.Barred:
			out = append(out, fmt.Sprintf("%s is kept out: joined by a code that did not count any more; if you know them: muster confirm @%s", m.Handle, names[m.Device]))
		case m.Unconfirmed:
			out = append(out, fmt.Sprintf("%s is unconfirmed: joined by a code that was used up; if you know them: muster confirm @%s", m.Handle, names[m.Device]))
		}
		if m.Forked {
			out = append(out, fmt.Sprintf("%s is at work in two places (copied, restored or stolen) and decides nothing in the team any more; if it was not its owner: muster revoke @%s --stolen", names[m.Device], names[m.Device]))
		}
	}
	if q := s.proposals(); slices.ContainsFunc(q, func(p proposal) bool { return p.Mine }) {
		out = append(out, countText(len(q), "proposal")+" waiting for a second person: muster cosign")
	}
	if nag := s.stewardNag(); nag != "" {
		out = append(out, nag)
	}
	return out
}

// stewardNag asks for a second steward; empty: there is one, or the team is too small.
func (s *session) stewardNag() string {
	t := s.r.Team()
	people, stewards := t.All(), t.Stewards()
	if len(people) < stewardNag || len(stewards) > 1 {
		return ""
	}
	who := "WHO"
	for _, h := range s.persons(auth.RoleResponder, stewards...) {
		who = h
		break
	}
	if len(stewards) == 0 {
		return fmt.Sprintf("no steward of %d: two of you make one: muster role @%s steward", len(people), who)
	}
	return fmt.Sprintf("one steward of %d: make a second: muster role @%s steward", len(people), who)
}

// keyState says how it is with the newest team key.
func (s *session) keyState() api.TeamKey {
	ring := s.ring()
	if len(ring) == 0 {
		return api.TeamKey{}
	}
	out := api.TeamKey{Generation: ring[0].Gen, ID: ring[0].ID.String()[:8]}
	_, out.Held = s.newestKey()
	for _, m := range s.admitted() {
		if !ring[0].SealedTo(m.Device) {
			out.Missing++
		}
	}
	return out
}

func (s *session) teamPerson(now time.Time, p auth.PersonID, names map[crdt.DeviceID]string) api.TeamPerson {
	t := s.r.Team()
	out := api.TeamPerson{
		Handle: t.Handle(p), Name: t.Profile(p).Name, Role: t.RoleOf(p).String(), Me: p == s.me().Person, Out: true,
		Reachable: s.r.Presence(p).Reachable, Devices: []api.TeamDevice{},
	}
	for _, m := range t.Members() {
		if m.Person == p {
			out.Handle = m.Handle
			out.Out = out.Out && !t.Admitted(m.Device)
			out.Devices = append(out.Devices, s.teamDevice(now, m, names))
		}
	}
	return out
}

func (s *session) teamDevice(now time.Time, m auth.Member, names map[crdt.DeviceID]string) api.TeamDevice {
	t := s.r.Team()
	out := api.TeamDevice{
		Device: m.Device.String(), Short: m.Device.Short(), Label: m.Label, Name: names[m.Device], Words: fingerprint(m.Device), State: stateOf(m),
		Mine: m.Device == s.r.Device(), Forked: m.Forked, AtMS: s.r.Graph(s.team).Place(m.Joined).TimeMS, Sealable: s.sealable(m.Device),
	}
	if !m.Sponsor.IsZero() {
		out.Sponsor = t.Handle(m.Sponsor)
	}
	if !m.BoundBy.IsZero() {
		out.BoundBy = t.Handle(m.BoundBy)
	}
	if m.Removed != 0 {
		for _, r := range t.Removals() {
			if r.Op == m.Removal {
				v := s.removal(r, names)
				out.Removal = &v
			}
		}
	}
	if out.Mine {
		return out
	}
	seen := s.r.PeerPresence(m.Device)
	out.Reachable, out.Never = seen.Reachable, seen.Heard.IsZero()
	if !out.Reachable && !out.Never {
		out.HeardMS = now.Sub(seen.Heard).Milliseconds()
	}
	return out
}

// ownRemoval is the removal of this node's own device; nil: there is none.
func (s *session) ownRemoval() *api.Removal {
	t := s.r.Team()
	m, ok := t.Member(s.r.Device())
	if !ok || m.Removed == 0 {
		return nil
	}
	for _, r := range t.Removals() {
		if r.Op == m.Removal {
			v := s.removal(r, deviceNames(t.Members()))
			return &v
		}
	}
	return nil
}

func (s *session) removal(r auth.Removal, names map[crdt.DeviceID]string) api.Removal {
	t := s.r.Team()
	out := api.Removal{
		Op: r.Op.String(), Device: names[r.Device], By: t.Handle(r.By), Reason: r.Reason, Stands: r.Effective, Undone: r.Undone,
		AtMS: s.r.Graph(s.team).Place(r.Op).TimeMS,
		Mode: map[auth.Mode]string{auth.ModeRetire: api.DeviceRetired, auth.ModeCompromised: api.DeviceStolen, auth.ModeSuspend: api.DeviceSuspended}[r.Mode],
	}
	for _, p := range r.Behind {
		out.Behind = append(out.Behind, t.Handle(p))
	}
	if !r.Beat.IsZero() {
		out.Beat = r.Beat.String()[:proposalIDLen]
	}
	return out
}

// Whois says who is behind a name, a device or a line of a timeline.
func (n *Node) Whois(ctx context.Context, what, incident string) (api.Whois, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Whois{}, err
	}
	var out api.Whois
	err = s.do(ctx, func(now time.Time) (err error) { out, err = s.whois(now, what, incident); return err })
	return out, problem(err)
}

// whois runs on the loop. A person or a device is looked for first: an id of a line that is also a handle needs -i.
func (s *session) whois(now time.Time, what, incident string) (api.Whois, error) {
	t := s.r.Team()
	names := deviceNames(t.Members())
	out := api.Whois{Schema: "muster.whois/1", Asked: what, Chain: []api.Sponsor{}}
	var m auth.Member
	to, terr := s.target(what)
	if terr == nil && incident == "" {
		m = to.devices[0]
		if !to.whole {
			d := s.teamDevice(now, m, names)
			out.Device = &d
		}
	} else {
		e, dev, err := s.line(what, incident)
		if err != nil {
			if terr != nil && api.AsError(err).Code == api.CodeNotFound {
				return out, api.Errorf(api.CodeNotFound, "muster members lists people and laptops, muster log -o jsonl the lines with their ids", "no person, laptop or line is called %s", what)
			}
			return out, err
		}
		out.Entry = &e
		var ok bool
		if m, ok = t.Member(dev); !ok {
			return out, api.Errorf(api.CodeNotFound, "", "the laptop %s that wrote it never joined this team", dev.Short())
		}
		d := s.teamDevice(now, m, names)
		out.Device = &d
	}
	out.Person = s.teamPerson(now, m.Person, names)
	out.Chain = s.sponsors(m)
	return out, nil
}

// line finds one line of the timelines: by the short id of what it made or of itself, or by the start of its operation.
func (s *session) line(what, incident string) (api.Entry, crdt.DeviceID, error) {
	docs := s.canonicals(s.r.Documents())
	if incident != "" {
		doc, err := s.find(incident)
		if err != nil {
			return api.Entry{}, crdt.DeviceID{}, err
		}
		docs = []crdt.DocID{doc}
	} else if doc, err := s.currentIncident(docs); len(docs) > 1 && err == nil { // the current one first
		docs = append([]crdt.DocID{doc}, slices.DeleteFunc(docs, func(d crdt.DocID) bool { return d == doc })...)
	}
	low := strings.ToLower(what)
	for _, doc := range docs {
		for _, e := range s.group(doc).Log(s.r.Team()) {
			if e.Ref == low || e.Aside == low || len(low) >= keyStartMin && strings.HasPrefix(e.Op.String(), low) {
				return s.entry(doc, &e), e.Dot.Device, nil // of several about one thing the first made it
			}
		}
	}
	return api.Entry{}, crdt.DeviceID{}, api.Errorf(api.CodeNotFound, "muster log -o jsonl lists the lines with their ids", "no line is called %s", what)
}

// sponsors is how a device came into the team: who invited it, who invited those, to the founder.
func (s *session) sponsors(m auth.Member) []api.Sponsor {
	t := s.r.Team()
	var out []api.Sponsor
	seen := map[auth.PersonID]bool{}
	for {
		step := api.Sponsor{Handle: m.Handle, AtMS: s.r.Graph(s.team).Place(m.Joined).TimeMS, Out: !t.Admitted(m.Device)}
		if m.Sponsor.IsZero() || seen[m.Sponsor] {
			return append(out, step)
		}
		step.By = t.Handle(m.Sponsor)
		out = append(out, step)
		seen[m.Sponsor] = true
		at := slices.IndexFunc(t.Members(), func(o auth.Member) bool { return o.Person == m.Sponsor })
		if at < 0 {
			return out
		}
		m = t.Members()[at]
	}
}

// inviters is the least role that may invite.
func (s *session) inviters() auth.Role {
	t := s.r.Team()
	for _, m := range s.admitted() {
		if t.RoleOf(m.Person) != auth.RoleResponder || m.Unconfirmed || m.Forked {
			continue
		}
		if _, err := t.May(m.Device, auth.KindInvite, auth.Invite{Key: make([]byte, ed25519.PublicKeySize), Role: auth.RoleResponder, Uses: 1}); err != nil {
			return auth.RoleSteward
		}
		break
	}
	return auth.RoleResponder
}
