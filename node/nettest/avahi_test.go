//go:build netns

package nettest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	listLimit    = 5 * time.Second // from a node that is of a team to the service in the browser's list
	goodbyeLimit = 3 * time.Second // from the end of the node to the service's removal
)

// busConfig is a system bus on which everybody may do everything, in a directory of its own.
const busConfig = `<busconfig>
  <type>system</type>
  <listen>unix:path=BUS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true"/><allow receive_type="method_call"/>
    <allow receive_type="signal"/><allow receive_requested_reply="true"/>
  </policy>
</busconfig>
`

const avahiConfig = `[server]
use-ipv4=yes
use-ipv6=yes
host-name=bystander
[publish]
disable-publishing=no
`

// TestAvahiListsOurService: the DNS-SD implementation that other systems have lists a node with its TXT record, which
// names neither person nor team, and drops it from the list when the node says goodbye.
func TestAvahiListsOurService(t *testing.T) {
	l := newLab(t)
	a, bystander := l.plug("a"), l.plug("bystander")
	l.settled(a, bystander)
	browser := bystander.browse("_muster._udp")
	since := a.start()
	a.muster("init", "--name", "ann", "--team", "net")
	a.muster("declare", "checkout 500s")
	var resolved []string
	for resolved == nil {
		f := strings.SplitN(browser.line(listLimit), ";", 10)
		if f[0] == "=" && len(f) == 10 {
			resolved = f
		}
	}
	t.Logf("listed after %.2f s: %q", time.Since(since).Seconds(), resolved)
	// = ; interface ; protocol ; name ; type ; domain ; host ; address ; port ; txt
	if got, want := resolved[7], a.addresses("6")[0].Addr().String(); got != want {
		t.Errorf("avahi resolves %s, the node is at %s", got, want)
	}
	if resolved[8] != "7946" {
		t.Errorf("avahi says port %s, want 7946", resolved[8])
	}
	txt := resolved[9]
	for _, key := range []string{`"v=1"`, `"id=`, `"tag=`, `"day=`} {
		if !strings.Contains(txt, key) {
			t.Errorf("the TXT record %s lacks %s", txt, key)
		}
	}
	for _, secret := range []string{"ann", "net", "checkout"} {
		for _, f := range resolved[3:] {
			if strings.Contains(f, secret) && f != "_muster._udp" {
				t.Errorf("%q is announced to the whole link: %q", secret, resolved)
			}
		}
	}
	since = time.Now()
	a.muster("down")
	for gone := false; !gone; {
		line := browser.line(goodbyeLimit)
		gone = strings.HasPrefix(line, "-;") && strings.Contains(line, resolved[3])
	}
	t.Logf("gone from the list %.2f s after \"muster down\"", time.Since(since).Seconds())
	a.up.wait()
}

// browse runs avahi's daemon, on a bus of its own, and its browser on a host, until the test ends. It returns when the
// daemon answers.
func (h *host) browse(service string) *process {
	h.l.t.Helper()
	bus := filepath.Join(h.l.t.TempDir(), "bus")
	env := []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + bus}
	h.spawn(nil, "dbus-daemon", "--config-file="+h.write("bus.conf", strings.ReplaceAll(busConfig, "BUS", bus)),
		"--nofork", "--nopidfile", "--print-address").line(startTimeout)
	// The daemon keeps its state under /run whatever it is told; ip netns exec gave the process mounts of its own.
	h.spawn(env, "sh", "-c", `mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && exec "$0" "$@"`,
		"avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", h.write("avahi.conf", avahiConfig))
	browser := h.spawn(env, "sh", "-c", `until avahi-browse --all --terminate >/dev/null 2>&1; do sleep 0.05; done; echo up; exec "$0" "$@"`,
		"avahi-browse", "--parsable", "--resolve", service)
	browser.line(startTimeout)
	return browser
}
