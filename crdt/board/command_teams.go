package board

import "slices"

// RoleTeamLead is whoever leads a sub-team after a settlement on [ValueTeams], until the role is withdrawn or given to
// somebody else. It may have several holders.
const RoleTeamLead = "team lead"

// ValueTeams settles a conflict of command without a loser: who was shown commands, every other claimant leads a sub-team
// under them. Who they are follows from the claims that the settlement names.
const ValueTeams = "teams"

// splits reports whether o settles command on sub-teams.
func splits(o *op) bool {
	v, ok := o.body.(*settleBody)
	return ok && v.Subject == SubjectCommand && v.Value == ValueTeams
}

// teamLeads returns one write of the role for each claimant whom the settlement o made the lead of a sub-team: copies of o
// that read as if its author had given the role to that person.
func (b *Board) teamLeads(o *op) []*op {
	v := o.body.(*settleBody)
	var out []*op
	for _, h := range v.Heads {
		x := b.ops[h]
		if x == nil || !x.counts() || !b.before(x, o) {
			continue
		}
		p := x.person
		if s, ok := x.body.(*settleBody); ok {
			p = s.Person
		}
		if p == v.Person || p.IsZero() || slices.ContainsFunc(out, func(w *op) bool { return roleHolder(w) == p }) {
			continue
		}
		w := *o
		w.body = &roleBody{Role: RoleTeamLead, Person: p}
		out = append(out, &w)
	}
	return out
}
