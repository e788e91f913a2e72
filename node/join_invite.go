package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
)

// Invite writes an invitation into the team document and returns the code that goes with it, and words or a bundle if they
// are asked for.
func (n *Node) Invite(ctx context.Context, in api.Invite) (api.Invitation, error) {
	uses := max(in.Uses, 1)
	if uses > auth.MaxUses || in.Uses < 0 {
		return api.Invitation{}, api.Errorf(api.CodeUsage, "use a number from 1 to 512", "an invitation for %d people", in.Uses)
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Invitation{}, err
	}
	c := &code{team: s.team, addrs: s.endpoints()}
	randomBytes(c.secret[:])
	out := api.Invitation{Uses: uses, Addrs: []string{}}
	var id crdt.Hash
	err = s.do(ctx, func(now time.Time) error {
		if err := s.canWrite(); err != nil {
			return err
		}
		body, err := s.invitation(in, &out)
		if err != nil {
			return err
		}
		body.Key, body.Uses = c.key().Public().(ed25519.PublicKey), uint32(uses)
		alone, err := s.r.Team().May(s.r.Device(), auth.KindInvite, body)
		if err != nil {
			return api.Errorf(api.CodeRefused, "muster members shows who may", "%s", err)
		}
		if !alone {
			out.Notes = append(out.Notes, "this waits for another to stand behind it: muster cosign")
		}
		if a := s.announce.Load(); a != nil && len(a.keys) > 1 {
			c.announce = a.keys[0]
		}
		id, err = s.r.ProposeTeam(now, auth.KindInvite, body)
		return err
	})
	if err != nil {
		return api.Invitation{}, problem(err)
	}
	out.ID, out.Code = idText(id), c.String()
	for _, a := range c.addrs {
		out.Addrs = append(out.Addrs, a.String())
	}
	if in.Words {
		p, err := s.openWords(ctx, c, id, uses)
		if err != nil {
			return api.Invitation{}, problem(err)
		}
		out.Words, out.ExpiresMS = p.words, p.until.Add(n.cfg.Skew).UnixMilli()
	}
	if in.Bundle {
		if out.Bundle, err = s.bundle(ctx, c); err != nil {
			return api.Invitation{}, problem(err)
		}
	}
	return out, nil
}

// invitation is what an invitation says, but for its key and uses; out is told the same in words.
func (s *session) invitation(in api.Invite, out *api.Invitation) (auth.Invite, error) {
	body := auth.Invite{Role: auth.RoleResponder}
	if in.Observer {
		body.Role = auth.RoleObserver
	}
	if in.For != "" {
		who := strings.TrimPrefix(in.For, "@")
		if who == "me" {
			who = s.me().Handle
		}
		p, ok := s.r.Team().Person(who)
		if !ok { // somebody all of whose laptops are out, as after a theft
			to, err := s.target(who)
			if err != nil {
				return body, err
			}
			if !to.whole {
				return body, api.Errorf(api.CodeUsage, "muster invite --for @"+to.handle, "a laptop is bound to a person, not to another laptop")
			}
			p, who = to.person, to.handle
		}
		body.Person, out.For = p, who
	}
	out.Role = body.Role.String()
	return body, nil
}

// idText is how an invitation is named: enough of its hash to tell it from any other of the team.
func idText(id crdt.Hash) string { return id.String()[:8] }

// Invites lists the invitations of the team.
func (n *Node) Invites(ctx context.Context) ([]api.Pending, error) {
	s, err := n.current(ctx)
	if err != nil {
		return nil, err
	}
	out := []api.Pending{}
	err = s.do(ctx, func(time.Time) error {
		for i, inv := range s.r.Team().Invites() {
			out = append(out, s.pending(i+1, inv))
		}
		return nil
	})
	return out, problem(err)
}

// pending puts an invitation into the words of the api.
func (s *session) pending(number int, inv auth.Invitation) api.Pending {
	t := s.r.Team()
	p := api.Pending{
		N: number, ID: idText(inv.ID), By: t.Handle(inv.Sponsor), Role: inv.Role.String(), Uses: inv.Uses, Left: max(0, inv.Left), Closed: inv.Closed,
	}
	if !inv.For.IsZero() {
		p.For = t.Handle(inv.For)
	}
	s.plates.describe(inv.ID, time.Now(), s.n.cfg.Skew, &p)
	if p.Closed && p.WordsState == api.WordsOpen {
		p.WordsState = api.WordsExpired
	}
	return p
}

// CloseInvite makes an invitation let nobody in any more.
func (n *Node) CloseInvite(ctx context.Context, name string) (api.Pending, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Pending{}, err
	}
	var out api.Pending
	err = s.do(ctx, func(now time.Time) error {
		i, err := s.findInvite(strings.ToLower(strings.TrimSpace(name)))
		if err != nil {
			return err
		}
		inv := s.r.Team().Invites()[i]
		if err := s.canWrite(); err != nil {
			return err
		}
		if !inv.Closed {
			body := auth.Close{Invite: inv.ID}
			if _, err := s.r.Team().May(s.r.Device(), auth.KindClose, body); err != nil {
				return api.Errorf(api.CodeRefused, "muster members shows who may", "%s", err)
			}
			if _, err := s.r.ProposeTeam(now, auth.KindClose, body); err != nil {
				return err
			}
		}
		s.plates.close(inv.ID, time.Now())
		out = s.pending(i+1, s.r.Team().Invites()[i])
		out.Closed = true
		return nil
	})
	return out, problem(err)
}

// findInvite returns the place of an invitation in the list.
func (s *session) findInvite(name string) (int, error) {
	all := s.r.Team().Invites()
	if k, err := strconv.Atoi(name); err == nil && k >= 1 && k <= len(all) {
		return k - 1, nil
	}
	var found []int
	for i, inv := range all {
		if len(name) >= 3 && strings.HasPrefix(inv.ID.String(), name) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, api.Errorf(api.CodeNotFound, "muster invites lists them", "there is no invitation %q", name)
	}
	e := api.Errorf(api.CodeAmbiguous, "type more of it", "%q could be one of %d invitations", name, len(found))
	for _, i := range found {
		e.Candidates = append(e.Candidates, fmt.Sprintf("%d (%s)", i+1, all[i].ID.String()[:16]))
	}
	return 0, e
}

// wordsWarnings is what the person of this node must know about words and invitations.
func (s *session) wordsWarnings() []string {
	out := s.plates.warnings(time.Now())
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
