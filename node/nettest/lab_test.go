//go:build netns

package nettest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// toolTimeout bounds one call of ip, nft or ping.
const toolTimeout = 20 * time.Second

// labs numbers the labs of this process, of which some run side by side.
var labs atomic.Int32

// A lab is one Ethernet: a switch in a namespace of its own, and hosts on its ports.
type lab struct {
	t      *testing.T
	prefix string // of the names of its namespaces
	hosts  []*host
}

// newLab makes a switch without hosts. Everything in the lab is gone when the test ends.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, prefix: fmt.Sprintf("muster%d-%d", os.Getpid(), labs.Add(1))}
	l.namespace(l.sw())
	l.ip(l.sw(), "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	l.ip(l.sw(), "link", "set", "br0", "up")
	l.nft("add table bridge cut\nadd chain bridge cut c { type filter hook forward priority 0; }")
	return l
}

func (l *lab) sw() string { return l.prefix + "sw" }

// namespace makes a namespace that goes away with the test, and with it the cables that end there.
func (l *lab) namespace(name string) {
	l.t.Helper()
	l.run("", "ip", "netns", "add", name)
	l.t.Cleanup(func() { l.run("", "ip", "netns", "del", name) })
	l.ip(name, "link", "set", "lo", "up")
}

// plug adds a host and its cable. Its address comes from the kernel.
func (l *lab) plug(name string) *host {
	l.t.Helper()
	h := &host{l: l, name: name, ns: l.prefix + name, port: "to-" + name, dir: l.t.TempDir() + "/" + name}
	l.namespace(h.ns)
	l.ip(l.sw(), "link", "add", h.port, "type", "veth", "peer", "name", "eth0", "netns", h.ns)
	l.ip(l.sw(), "link", "set", h.port, "master", "br0", "up")
	l.ip(h.ns, "link", "set", "eth0", "up")
	l.hosts = append(l.hosts, h)
	return h
}

// plugs adds hosts called a, b, c and checks that they are as poor as promised.
func (l *lab) plugs() (a, b, c *host) {
	l.t.Helper()
	a, b, c = l.plug("a"), l.plug("b"), l.plug("c")
	for _, h := range l.hosts {
		for _, family := range []string{"-4", "-6"} {
			if out := l.ip(h.ns, family, "route", "show", "default"); out != "" {
				l.t.Fatalf("%s has a default route: %s", h.name, out)
			}
		}
		if out := l.ip(h.ns, "-4", "addr", "show", "dev", "eth0"); out != "" {
			l.t.Fatalf("%s has an IPv4 address: %s", h.name, out)
		}
	}
	return a, b, c
}

// drop makes the switch drop every frame that one of the rules matches, besides those dropped already.
func (l *lab) drop(rules ...string) {
	l.t.Helper()
	for _, r := range rules {
		l.nft("add rule bridge cut c " + r + " drop")
	}
}

// isolate cuts the hosts from all others.
func (l *lab) isolate(h *host) { l.drop("iifname "+h.port, "oifname "+h.port) }

// heal ends every drop.
func (l *lab) heal() { l.nft("flush chain bridge cut c") }

func (l *lab) nft(script string) {
	l.t.Helper()
	l.run(script, "ip", "netns", "exec", l.sw(), "nft", "-f", "-")
}

// ip runs the ip command in a namespace.
func (l *lab) ip(ns string, args ...string) string {
	l.t.Helper()
	return l.run("", "ip", append([]string{"-n", ns}, args...)...)
}

// run runs a command that must succeed and returns its output.
func (l *lab) run(in, name string, args ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s %s: %v: %s%s", name, strings.Join(args, " "), err, out, in)
	}
	return string(bytes.TrimSpace(out))
}

// addresses returns the addresses of a host's one interface, of the family 4 or 6.
func (h *host) addresses(family string) []netip.Prefix {
	h.l.t.Helper()
	var links []struct {
		Info []struct {
			Local string `json:"local"`
			Bits  int    `json:"prefixlen"`
		} `json:"addr_info"`
	}
	out := h.l.ip(h.ns, "-"+family, "-json", "addr", "show", "dev", "eth0")
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		h.l.t.Fatalf("%v: %s", err, out)
	}
	var all []netip.Prefix
	for _, link := range links {
		for _, i := range link.Info {
			all = append(all, netip.PrefixFrom(netip.MustParseAddr(i.Local), i.Bits))
		}
	}
	return all
}

// settled waits until two hosts that were just plugged in reach each other: the kernel asks for a second or two whether
// anybody else has an address before it is used.
func (l *lab) settled(a, b *host) {
	l.t.Helper()
	l.within(startTimeout, time.Now(), a.name+" and "+b.name+" have addresses", func() string {
		if len(a.addresses("6")) == 0 || len(b.addresses("6")) == 0 || !a.pings(b) || !b.pings(a) {
			return "no answer"
		}
		return ""
	})
}

// pings reports whether one host answers another's ping within a second, by the link-local address it has now: a second
// opinion on what the switch lets through. It needs both ways.
func (h *host) pings(to *host) bool {
	h.l.t.Helper()
	ctx, cancel := context.WithTimeout(h.l.t.Context(), toolTimeout)
	defer cancel()
	addr := to.addresses("6")[0].Addr().String() + "%eth0"
	return exec.CommandContext(ctx, "ip", "netns", "exec", h.ns, "ping", "-6", "-c", "1", "-W", "1", addr).Run() == nil
}
