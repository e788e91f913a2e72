package node

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
)

// rallyAddrsMax is how many addresses of one device a page has room for.
const rallyAddrsMax = 3

// Rally returns what a printed page needs for the team to find together again: where each device was last found, who the
// people are and how to call them, and the fingerprints of their devices. It is what any member reads on the board.
func (n *Node) Rally(ctx context.Context) (api.Rally, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Rally{}, err
	}
	var out api.Rally
	err = s.do(ctx, func(now time.Time) error { out = s.rally(now); return nil })
	return out, problem(err)
}

// rally runs on the loop.
func (s *session) rally(now time.Time) api.Rally {
	t, me := s.r.Team(), s.me()
	out := api.Rally{
		Schema: "muster.rally/1", Team: t.Name(), By: me.Handle, MadeMS: now.UnixMilli(), Port: DefaultPort,
		Places: []api.RallyPlace{}, People: []api.RallyPerson{},
	}
	members := s.admitted()
	names := deviceNames(t.Members())
	for _, m := range members {
		place := api.RallyPlace{Responder: m.Handle, Device: names[m.Device], Addrs: []string{}, Mine: m.Device == s.r.Device()}
		addrs := s.addressesOf(m.Device)
		if place.Mine {
			addrs = s.endpoints()
		} else if seen := s.r.PeerPresence(m.Device); !seen.Heard.IsZero() {
			place.SeenMS = seen.Heard.UnixMilli()
		}
		addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return a.Addr().Zone() != "" }) // of one link of this laptop
		for _, a := range addrs[:min(len(addrs), rallyAddrsMax)] {
			place.Addrs = append(place.Addrs, a.String())
		}
		switch {
		case place.Mine:
			out.Places = slices.Insert(out.Places, 0, place)
		case len(place.Addrs) > 0:
			out.Places = append(out.Places, place)
		}
	}
	for _, p := range t.All() {
		said := t.Profile(p)
		person := api.RallyPerson{
			Handle: t.Handle(p), Name: said.Name, Callsign: said.Callsign, Role: t.RoleOf(p).String(), Phones: said.Phones,
			Devices: rallyDevices(members, names, p),
		}
		if len(person.Devices) > 0 {
			out.People = append(out.People, person)
		}
	}
	return out
}

func rallyDevices(members []auth.Member, names map[crdt.DeviceID]string, p auth.PersonID) []api.RallyDevice {
	out := []api.RallyDevice{}
	for _, m := range members {
		if m.Person == p {
			out = append(out, api.RallyDevice{Name: names[m.Device], Words: identity.Fingerprint(m.Device)})
		}
	}
	return out
}
