package main

import (
	"strings"
	"testing"
)

// TestRefusals: what people get wrong is refused with what is wrong and what to do, and changes nothing.
func TestRefusals(t *testing.T) {
	a := newLaptop(t, "ann")
	a.start("--listen", "127.0.0.1:0")
	a.does("init", "--name", "ann", "--team", "ops")
	a.does("declare", "checkout 500s", "--sev", "2")
	a.does("do", "@ann", "check the primary database")
	a.does("do", "@ann", "check the replica")
	code := a.does("invite", "--code")
	before := a.status()

	t.Run("second node on the directory", func(t *testing.T) {
		a.refuses(1, "a node already runs in "+a.dir, "up")
	})
	t.Run("port in use", func(t *testing.T) {
		other := newLaptop(t, "bob")
		other.refuses(1, "port "+a.addr[strings.LastIndex(a.addr, ":")+1:]+" is in use", "up", "--listen", a.addr, "--no-discover")
	})
	t.Run("words", func(t *testing.T) {
		for _, c := range []struct {
			code int
			want string
			args []string
		}{
			{2, `no verb "delcare"`, []string{"delcare", "checkout 500s"}},
			{2, "listen", []string{"up", "--listen", "everywhere"}},
			{1, "check the", []string{"ack", "check"}},
			{1, "no", []string{"done", "t0zz", "fixed"}},
			{1, "code", []string{"join", "muster-aaaa"}},
			{1, "code", []string{"join", code[:len(code)-3]}},
			{1, "that team already", []string{"join", code}},
			{1, "nobody is called", []string{"drill", "cut", "@nobody"}},
		} {
			a.refuses(c.code, c.want, c.args...)
		}
	})
	t.Run("a code nobody knows", func(t *testing.T) {
		stranger := newLaptop(t, "eve")
		stranger.start("--listen", "127.0.0.1:0", "--join", a.addr)
		stranger.does("init", "--name", "eve", "--team", "others")
		forged := stranger.does("invite", "--code") // of another team
		own := stranger.status()
		third := newLaptop(t, "mal")
		third.start("--listen", "127.0.0.1:0", "--join", a.addr)
		stranger.stop()
		third.refuses(1, "", "join", forged)
		if st := third.status(); len(st.Peers) != 0 || st.Team == own.Team {
			t.Errorf("after a join that failed: team %q, peers %v", st.Team, st.Peers)
		}
	})
	after := a.status()
	if after.Digest != before.Digest || after.Operations != before.Operations {
		t.Errorf("%d operations before, %d after, digests %s and %s", before.Operations, after.Operations, before.Digest, after.Digest)
	}
}
