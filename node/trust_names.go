package node

import (
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
)

// A device is called by its person and what they call it, so that it can be typed: bob/laptop. Several of one name are
// counted in the order in which they joined: bob/laptop-2.

// keyStartMin is how many hexadecimal digits of a device's key are enough to try.
const keyStartMin = 4

// deviceNames returns what every device of the team is called.
func deviceNames(members []auth.Member) map[crdt.DeviceID]string {
	out := make(map[crdt.DeviceID]string, len(members))
	taken := map[string]bool{}
	for _, m := range members {
		base := m.Handle + "/" + slug(m.Label)
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[name], out[m.Device] = true, name
	}
	return out
}

// slug makes a label typeable.
func slug(label string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(label))
	if s = strings.Trim(s, "-"); s == "" {
		return "laptop"
	}
	return s
}

// deviceName is what one device is called.
func (s *session) deviceName(d crdt.DeviceID) string {
	return deviceNames(s.r.Team().Members())[d]
}

// admitted returns the members whose devices may connect.
func (s *session) admitted() []auth.Member {
	t := s.r.Team()
	return slices.DeleteFunc(slices.Clone(t.Members()), func(m auth.Member) bool { return !t.Admitted(m.Device) })
}

// several returns the persons who have more than one device that may connect: of those a device is told by its own name.
func (s *session) several() map[auth.PersonID]bool {
	count, out := map[auth.PersonID]int{}, map[auth.PersonID]bool{}
	for _, m := range s.admitted() {
		if count[m.Person]++; count[m.Person] > 1 {
			out[m.Person] = true
		}
	}
	return out
}

// proposedAlready refuses what waits for a second person as it is: two proposals of one thing would wait for ever, each for
// somebody behind the other.
func (s *session) proposedAlready(acts []act) error {
	waiting := s.proposals()
	for _, q := range s.r.Team().Proposals() {
		if !slices.ContainsFunc(acts, func(a act) bool { return sameAct(a, q) }) {
			continue
		}
		for _, p := range waiting {
			if !slices.Contains(p.ops, q.Op) {
				continue
			}
			if p.Mine {
				return api.Errorf(api.CodeRefused, fmt.Sprintf("stand behind it: muster cosign %d", p.N), "%s proposed it already: %s", p.By, p.Text)
			}
			hint := "it takes one more person who is a responder or more: muster invite, muster members"
			if len(p.Can) > 0 {
				hint = fmt.Sprintf("%s: muster cosign %s", orNames(p.Can), p.ID)
			}
			return api.Errorf(api.CodeRefused, hint, "you stand behind it already, and it waits for another: %s", p.Text)
		}
	}
	return nil
}

// sameAct reports whether an act would do what a proposal does.
func sameAct(a act, q auth.Proposal) bool {
	if a.kind != q.Kind {
		return false
	}
	switch b := a.body.(type) {
	case auth.Remove:
		return b.Device == q.Device && b.Mode == q.Mode
	case auth.Reinstate:
		return b.Device == q.Device
	case auth.Confirm:
		return b.Device == q.Device
	case auth.SetRole:
		return b.Person == q.Person && b.Role == q.Role
	case auth.SetPolicy:
		return b.Invite == q.Role
	}
	return false
}

// A target is whom a verb about the team is about.
type target struct {
	person  auth.PersonID
	handle  string
	name    string        // bob, or bob/laptop
	whole   bool          // the person with all devices
	devices []auth.Member // all of theirs, or the one
}

// target finds whom people mean: a person by handle, a device by its name, the start of its key or the words of its
// fingerprint. Those who are out are found too.
func (s *session) target(who string) (target, error) {
	who = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(who), "@"))
	members := s.r.Team().Members()
	var found []auth.Member
	for _, m := range members {
		if m.Handle == who {
			found = append(found, m)
		}
	}
	if len(found) > 0 {
		return target{person: found[0].Person, handle: found[0].Handle, name: found[0].Handle, whole: true, devices: found}, nil
	}
	names := deviceNames(members)
	pick := func(ok func(m auth.Member) bool) []auth.Member {
		return slices.DeleteFunc(slices.Clone(members), func(m auth.Member) bool { return !ok(m) })
	}
	found = pick(func(m auth.Member) bool { return names[m.Device] == who })
	if len(found) == 0 && strings.Contains(who, "/") {
		found = pick(func(m auth.Member) bool { return strings.HasPrefix(names[m.Device], who) })
	}
	if len(found) == 0 && len(who) >= keyStartMin {
		found = pick(func(m auth.Member) bool { return strings.HasPrefix(m.Device.String(), who) })
	}
	if len(found) == 0 {
		if words, err := identity.ParseWords(who); err == nil {
			fingerprint := strings.Join(words, "-")
			found = pick(func(m auth.Member) bool { return identity.Fingerprint(m.Device) == fingerprint })
		}
	}
	switch len(found) {
	case 0:
		e := api.Errorf(api.CodeNotFound, "muster members lists people and laptops", "nobody and no laptop here is called %s", who)
		return target{}, e
	case 1:
		m := found[0]
		return target{person: m.Person, handle: m.Handle, name: names[m.Device], devices: found}, nil
	}
	e := api.Errorf(api.CodeAmbiguous, "type more of it", "%s could be one of %d laptops", who, len(found))
	for _, m := range found[:min(len(found), 8)] {
		e.Candidates = append(e.Candidates, names[m.Device])
	}
	return target{}, e
}
