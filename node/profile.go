package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
)

// Profile says who somebody is and how to reach them.
func (n *Node) Profile(ctx context.Context, who string) (api.Profile, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Profile{}, err
	}
	var out api.Profile
	err = s.do(ctx, func(now time.Time) error {
		p, err := s.person(who)
		if err == nil {
			out = s.profile(now, p)
		}
		return err
	})
	return out, problem(err)
}

// person finds who is called so; nobody's name is this node's own person.
func (s *session) person(who string) (auth.PersonID, error) {
	who = strings.TrimPrefix(who, "@")
	if who == "" {
		return s.me().Person, nil
	}
	p, ok := s.r.Team().Person(who)
	if !ok {
		return p, api.Errorf(api.CodeNotFound, "muster status lists who is in the team", "nobody is called %s", who)
	}
	return p, nil
}

// profile runs on the loop.
func (s *session) profile(now time.Time, p auth.PersonID) api.Profile {
	r, said := s.responder(now, p), s.r.Team().Profile(p)
	out := api.Profile{
		Schema: "muster.profile/1", Responder: r.Handle, Me: p == s.me().Person, Name: said.Name, Callsign: said.Callsign,
		Phones: said.Phones, TZ: said.TZ, Shift: said.Shift, Reachable: r.Reachable, HeardMS: r.HeardMS, Via: r.Via, Never: r.Never,
	}
	out.Role = s.r.Team().RoleOf(p).String()
	for _, m := range s.admitted() {
		if m.Person == p {
			out.Devices++
		}
	}
	return out
}

// SetProfile changes what this node's own person says about themselves.
func (n *Node) SetProfile(ctx context.Context, in api.SetProfile) (api.Profile, error) {
	body, err := profileBody(in)
	if err != nil {
		return api.Profile{}, err
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Profile{}, err
	}
	w := &waiter{done: make(chan struct{})}
	changed := false
	err = s.do(ctx, func(now time.Time) error {
		news := fresh(body, s.r.Team().Profile(s.me().Person))
		if changed = news != (auth.SetProfile{}); !changed {
			return nil
		}
		if err := s.canWrite(); err != nil {
			return err
		}
		op, err := s.r.ProposeTeam(now, auth.KindProfile, news)
		if err == nil {
			s.await(w, s.team, op)
			s.ensureKeys(now)
		}
		return err
	})
	if err != nil {
		return api.Profile{}, problem(err)
	}
	var delivery *api.Delivery
	if changed {
		d := s.awaitDelivery(ctx, w)
		delivery = &d
	}
	out, err := n.Profile(ctx, "")
	if out.Delivery = delivery; !changed {
		out.Notes = append(out.Notes, "nothing has changed: it said that before")
	}
	if _, unknown := time.LoadLocation(out.TZ); unknown != nil {
		out.Notes = append(out.Notes, "no time zone "+out.TZ+" is known on this laptop; it is kept as you typed it")
	}
	return out, err
}

// profileBody checks what a person types about themselves.
func profileBody(in api.SetProfile) (auth.SetProfile, error) {
	trim := func(s *string) *string {
		if s == nil {
			return nil
		}
		return new(strings.TrimSpace(*s))
	}
	out := auth.SetProfile{Name: trim(in.Name), Callsign: trim(in.Callsign), TZ: trim(in.TZ), Shift: trim(in.Shift)}
	if in.Phones != nil {
		phones := []string{}
		for _, p := range *in.Phones {
			if p = strings.TrimSpace(p); p != "" {
				phones = append(phones, p)
			}
		}
		out.Phones = &phones
	}
	if err := out.Check(); err != nil {
		what, hint, _ := strings.Cut(strings.TrimPrefix(err.Error(), crdt.ErrFormat.Error()+": "), ": use ")
		if hint != "" {
			hint = "use " + hint
		}
		return out, api.Errorf(api.CodeUsage, hint, "%s", what)
	}
	if n := len(crdt.EncodeBody(out)); n > auth.MaxProfileBytes {
		return out, api.Errorf(api.CodeTooLarge, "shorten it", "a profile of %d bytes; %d fit", n, auth.MaxProfileBytes)
	}
	return out, nil
}

// fresh leaves out what a profile says already.
func fresh(in auth.SetProfile, said auth.Profile) auth.SetProfile {
	for _, f := range []struct {
		in   **string
		said string
	}{{&in.Name, said.Name}, {&in.Callsign, said.Callsign}, {&in.TZ, said.TZ}, {&in.Shift, said.Shift}} {
		if *f.in != nil && **f.in == f.said {
			*f.in = nil
		}
	}
	if in.Phones != nil && slices.Equal(*in.Phones, said.Phones) {
		in.Phones = nil
	}
	return in
}
