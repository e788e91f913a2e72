package cli

import (
	"fmt"
	"strings"

	"muster/node/api"
)

// greyWhy says in a word or two why a line does not count.
func greyWhy(state string) string {
	switch state {
	case api.DeviceStolen:
		return "laptop reported stolen"
	case api.DeviceRetired:
		return "laptop out of the team"
	case api.DeviceSuspended:
		return "laptop suspended"
	case api.DeviceBarred, api.DeviceUnconfirmed:
		return "not confirmed"
	case api.DeviceObserver:
		return "an observer"
	}
	return clean(state)
}

// printGrey says on a board whose words are not on it, and how to put them there.
func printGrey(p *printer, all []api.Grey) {
	for _, g := range all {
		by := ""
		if g.By != "" {
			by = ", by " + clean(g.By)
		}
		first := clean(strings.Join(g.First, " "))
		if g.Count > len(g.First) {
			first += " ..."
		}
		text := fmt.Sprintf("%s of %s not on this board (%s%s): %s; look: muster adopt @%s", count(g.Count, "line"), clean(g.Device), greyWhy(g.State), by, first, clean(g.Device))
		p.line(wrap(p.loud("?")+" ", text, 2))
	}
}
