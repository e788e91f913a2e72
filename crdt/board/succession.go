package board

import "slices"

// RoleDeputy comes first when the commander cannot be heard, then [RoleLead].
const RoleDeputy = "deputy"

// succession lists the roles whose holders come before others when command has to be taken (domain C2.3).
var succession = [...]string{RoleDeputy, RoleLead}

// hadRole reports whether p had a role as the author of at saw it.
func (b *Board) hadRole(p PersonID, role string, at *op) bool {
	var seen []*op
	for _, o := range b.roles[role].list() {
		if b.before(o, at) {
			seen = append(seen, o)
		}
	}
	return slices.ContainsFunc(b.headsOf(seen), func(h *op) bool { return roleHolder(h) == p })
}

// placeInLine returns where the taker stood in the line of succession as they saw it when they took command: smaller is
// better. A role that they were given afterwards, or elsewhere, gives nobody's claim more weight. Force gives none either.
func (b *Board) placeInLine(o *op) int {
	if o.body.(*takeBody).Mode == TakeForced {
		return len(succession) + 1
	}
	for i, role := range succession {
		if b.hadRole(o.person, role, o) {
			return i
		}
	}
	return len(succession)
}

// rankNow returns where p stands in the line of succession now.
func (b *Board) rankNow(p PersonID) (rank int, role string) {
	for i, role := range succession {
		if slices.ContainsFunc(b.role(role), func(h *op) bool { return roleHolder(h) == p }) {
			return i, role
		}
	}
	return len(succession), ""
}

// better returns who of those within reach should rather take command than the actor: deputy, then lead.
func (c *checker) better() (who PersonID, role string) {
	mine, _ := c.rankNow(c.ctx.Actor)
	holds := c.foldCommand()
	for _, role := range succession[:mine] {
		for _, h := range c.Board.role(role) {
			p := roleHolder(h)
			if ok, _, _ := c.reach(p); ok && p != c.ctx.Actor && !holds.holds(p) && c.gone(p) == nil {
				return p, role
			}
		}
	}
	return PersonID{}, ""
}

// successor returns whoever comes next in the line of succession, who does not command and has not left; zero: nobody does.
func (r reader) successor() PersonID {
	for _, role := range succession {
		for _, h := range r.role(role) {
			if p := roleHolder(h); !r.foldCommand().holds(p) && r.gone(p) == nil {
				return p
			}
		}
	}
	return PersonID{}
}
