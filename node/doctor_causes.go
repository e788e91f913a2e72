package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/node/api"
	"muster/node/transport"
)

// evidence is all that is known about why one device is not seen.
type evidence struct {
	who       string // handle of its owner
	reachable bool
	cut       bool   // by a drill, here
	linked    bool   // a connection is up
	problem   string // why we are not talking although it is
	cause     string

	networks  int    // interfaces that are up, but for the loopback; -1: does not matter
	deaf      string // why this node's own socket does not answer; empty: it does
	discovery bool
	heardAny  bool // anything of the team was heard on the links

	addrs   []netip.AddrPort
	dialed  error // what trying now gave; nil also when it was not tried
	seen    time.Duration
	never   bool
	sighted time.Duration // since it was heard to announce itself; negative: not
	others  bool          // others reach it

	saidGoodbye bool // moments ago: others may not know yet
	clue        clue
}

// sightedLately is how long an announcement counts as a sign of life: several are made in that time.
const sightedLately = 90 * time.Second

// goodbyeLately is how long gossip may still call a node alive that has stopped.
const goodbyeLately = time.Minute

// A finding is a cause in words.
type finding struct{ cause, text, hint string }

// explain names the most likely cause. What is certain comes first, then what this machine can know of itself, then
// what the last attempt said, then what silence can mean.
func (e *evidence) explain() finding {
	switch {
	case e.reachable:
		return finding{text: "reachable"}
	case e.cut:
		return finding{api.CauseCut, "CUT by a drill on this laptop", `end it with "muster drill heal"`}
	case e.linked && e.problem != "":
		return e.linkedButMute()
	case e.deaf != "":
		return finding{api.CauseSocket, "this node's own socket does not answer: " + e.deaf, `restart the node: "muster down", "muster up"; look at this machine's firewall`}
	case e.networks == 0 && !slices.ContainsFunc(e.addrs, func(a netip.AddrPort) bool { return a.Addr().IsLoopback() }):
		return finding{api.CauseNetwork, "this laptop has no network: only the loopback is up", "join a Wi-Fi, plug in a cable, or share a phone's hotspot"}
	}
	if f := e.said(); f.cause != "" {
		return f
	}
	return e.silence()
}

func (e *evidence) linkedButMute() finding {
	switch e.cause {
	case api.CauseVersion:
		return finding{e.cause, "connected, but the versions do not go together: " + e.problem, "install the newer muster on both laptops"}
	case api.CauseTeam:
		return finding{e.cause, e.who + "'s node is working for another team at the moment", fmt.Sprintf("ask %s to join again: muster invite, there muster join CODE", e.who)}
	}
	return finding{api.CauseProtocol, "connected, but " + e.problem, fmt.Sprintf(`restart both nodes ("muster down"), then "muster verify" on %s's`, e.who)}
}

// said explains errors that say what they mean.
func (e *evidence) said() finding {
	where := "its address"
	if len(e.addrs) > 0 {
		where = e.addrs[0].String()
	}
	err := e.dialed
	switch {
	case errors.Is(err, transport.ErrRefused) || err != nil && !e.clue.refusedAt.IsZero() && errors.Is(e.clue.down, transport.ErrRefused):
		text := e.who + "'s node does not know this laptop as a member"
		if e.clue.notLetIn != "" {
			text += ": " + e.clue.notLetIn
		}
		return finding{api.CauseRefused, text, fmt.Sprintf("were you removed? else ask %s for a code (muster invite) and join again", e.who)}
	case errors.Is(err, transport.ErrOtherDevice):
		return finding{api.CauseOther, "another laptop answers at " + where, fmt.Sprintf("ask %s for the address (muster status there): muster up --join ADDR:PORT", e.who)}
	case errors.Is(err, transport.ErrVersion):
		return finding{api.CauseVersion, e.who + "'s muster speaks another version of the protocol", "install the newer muster on both laptops"}
	case errors.Is(err, transport.ErrNoHello):
		return finding{api.CauseMute, e.who + "'s node takes the connection and then says nothing", "is it cut by a drill over there, or hung? restart it"}
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return finding{api.CauseBlocked, "this laptop's firewall does not let packets out to " + where, "allow UDP for muster in the firewall"}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return finding{api.CauseNoRoute, "this laptop knows no way to " + where, "be on the same network: the same Wi-Fi, cable or hotspot"}
	case errors.Is(err, transport.ErrBusy):
		return finding{api.CauseBusy, "too many connections are being tried at once", "ask again in a few seconds"}
	case err != nil && !isTimeout(err) && !errors.Is(err, transport.ErrNoAddress) && !errors.Is(err, transport.ErrPeerStopped):
		return finding{api.CauseUnknown, "the last attempt failed: " + firstLine(err), "node.log in the home says more"}
	}
	return finding{}
}

// silence explains that nobody answers.
func (e *evidence) silence() finding {
	isolation := "two laptops on one Wi-Fi that cannot talk: client isolation; use a hotspot or cable, or allow UDP in its firewall"
	switch {
	case e.sighted >= 0 && e.sighted < sightedLately:
		return finding{api.CauseFiltered, fmt.Sprintf("it is heard (%s ago at %s), but does not answer", ageText(e.sighted), e.clue.sighted), isolation}
	case e.others && !e.saidGoodbye:
		return finding{api.CauseIsolated, "others reach it, this laptop does not; the board travels through them", isolation}
	case errors.Is(e.clue.down, transport.ErrPeerStopped) || errors.Is(e.dialed, transport.ErrPeerStopped):
		return finding{api.CauseStopped, e.who + "'s node was stopped" + e.since(), "it comes back by itself when it is started there"}
	case len(e.addrs) == 0 && !e.discovery:
		return finding{api.CauseNever, "no address of it is known, and discovery is off", "give one: muster up --join ADDR:PORT, as muster status says there"}
	case len(e.addrs) == 0 && !e.heardAny:
		return finding{api.CauseNever, "never seen, and no muster at all is heard on these networks", "same Wi-Fi? if it is, it swallows multicast: muster up --join ADDR:PORT, or a hotspot"}
	case len(e.addrs) == 0:
		return finding{api.CauseNever, "never seen; no address of it is known", "is its node running, on this network? muster status says its address there"}
	}
	hint := "is it awake, on this network, its node running (muster status there)?"
	if !e.discovery {
		hint += " discovery is off here: a new address has to be given, muster up --join ADDR:PORT"
	}
	return finding{api.CauseSilent, "nobody answers at " + addrsText(e.addrs) + e.since(), hint}
}

// since says when it was last connected.
func (e *evidence) since() string {
	if e.never {
		return "; never connected to it"
	}
	return "; last connected " + ageText(e.seen) + " ago"
}

// addrsText lists the first addresses.
func addrsText(addrs []netip.AddrPort) string {
	const most = 2
	var out []string
	for _, a := range addrs[:min(most, len(addrs))] {
		out = append(out, a.String())
	}
	text := strings.Join(out, ", ")
	if n := len(addrs) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// ageText writes a length of time in one unit.
func ageText(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// isTimeout reports whether err is only that nothing came.
func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// firstLine is an error short enough for a line.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return printable([]byte(text))
}
