package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"muster/node/api"
)

// TestRemovedCommander: that whoever commands was thrown out of the team is said where the commander is shown, with what to
// type; once somebody acts for them, what is left is to settle it.
func TestRemovedCommander(t *testing.T) {
	c := api.Command{Commander: "ann", SinceMS: ago(102), Terms: []api.Term{{Holder: "ann", SinceMS: ago(102), AsOfMS: ago(9), RemovedMS: ago(4)}}}
	line := commandLine(c, noon)
	if !strings.Contains(line, "(removed "+clock(ago(4), noon)+": muster take)") || strings.Contains(line, "out of reach") {
		t.Errorf("%q", line)
	}
	if do := vacated("bob", c); !strings.HasPrefix(do, "muster take ") {
		t.Errorf("next: %q", do)
	}
	c.Terms = append(c.Terms, api.Term{Holder: "bob", Acting: true, SinceMS: ago(2)})
	if line := commandLine(c, noon); strings.Contains(line, "muster take") {
		t.Errorf("%q", line)
	}
	if do := vacated("bob", c); !strings.HasPrefix(do, `muster settle command bob "why"`) {
		t.Errorf("next: %q", do)
	}
	if do := vacated("ann", c) + vacated("carol", c); do != "" {
		t.Errorf("others are told %q", do)
	}
}

// TestRemedyIsNeverCut: however much there is to say of what is wrong, what to do about it is on the screen.
func TestRemedyIsNeverCut(t *testing.T) {
	reason := strings.Repeat("taxi ", 50)
	for _, text := range []string{
		`ann reported this laptop stolen at Nov 23 02:14Z: "` + reason + `"; nobody takes what you write. If it is wrong, @ann can take it back: muster reinstate @bob/laptop-2`,
		"bob/laptop is at work in two places (copied, restored or stolen) and decides nothing any more; if it was not its owner: muster revoke @bob/laptop --stolen",
		"the words 7-amber-falcon-ridge are burnt: 5 wrong guesses, perhaps somebody tries to get in; make new ones: muster invite",
		reason + reason,
		"short",
	} {
		got := remedied("warning: ", text)
		if len(got) > remedyLines {
			t.Errorf("%d lines: %q", len(got), got)
		}
		for _, l := range got {
			if utf8.RuneCountInString(l) > columns {
				t.Errorf("%d columns: %q", utf8.RuneCountInString(l), l)
			}
		}
		if i := strings.LastIndex(text, "muster "); i >= 0 && !strings.HasSuffix(strings.Join(strings.Fields(strings.Join(got, " ")), " "), text[i:]) {
			t.Errorf("the remedy is lost: %q", got)
		}
	}
	st := api.Status{Responder: "bob", Team: "sre", Warnings: []string{
		`ann reported this laptop stolen at Nov 23 02:14Z: "left in a taxi, on the back seat, at the station"; nobody takes what you write; the board here can still be read. If it is wrong, @ann or two others can take it back: muster reinstate @bob/laptop`,
	}}
	r := typeOn(t, &fakeNode{status: st}, "")
	if !strings.Contains(strings.Join(strings.Fields(r.out), " "), "muster reinstate @bob/laptop") || strings.Count(r.out, "\n") > standingMax {
		t.Errorf("%s%s", r.out, r.err)
	}
}

// TestNoStumpBeforeARemedy: where a warning is cut, the clause before the remedy is left out or says something.
func TestNoStumpBeforeARemedy(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{
			`ann reported this laptop stolen at Nov 23 17:36Z: "left in a taxi"; nobody takes what you write; the board here can still be read. If it is wrong, @ann can take it back: muster reinstate @bob`,
			`"left in a taxi" ... If it is wrong, @ann can take it back: muster reinstate @bob`,
		},
		{
			`the disk has 12 MB left, of which this board needs eight; what others write is not kept when it is full, and what you write is refused; free some space, then look again: muster doctor`,
			`is not kept when it ...; free some space, then look again: muster doctor`,
		},
	} {
		if got := strings.Join(strings.Fields(strings.Join(remedied("warning: ", c.text), " ")), " "); !strings.HasSuffix(got, c.want) {
			t.Errorf("got %q", got)
		}
	}
}

// TestWhoCameInIsSaidOnce: a bare muster tells the inviter who came in by the words, with the words of that laptop, and the
// next one does not.
func TestWhoCameInIsSaidOnce(t *testing.T) {
	f := &fakeNode{status: api.Status{Responder: "ann", Team: "sre"}, came: []api.Arrival{
		{Responder: "bob", Words: "amber-falcon-ridge-otter", AtMS: now().UnixMilli() - 3*minute - minute/2}, {Responder: "eve"}, {Responder: "dan"},
	}}
	r := typeOn(t, f, "")
	if !strings.Contains(r.out, "bob came in by your words 3m ago; that laptop is amber-falcon-ridge-otter\n") || !strings.Contains(r.out, "1 more came in") {
		t.Errorf("%s%s", r.out, r.err)
	}
	if r := typeOn(t, f, ""); strings.Contains(r.out, "came in") {
		t.Errorf("again: %s", r.out)
	}
	f = &fakeNode{status: api.Status{Protection: api.ProtectedLocked, Warnings: []string{"locked"}}, came: []api.Arrival{{Responder: "bob"}}}
	if r := typeOn(t, f, ""); strings.Contains(r.out, "bob") || len(f.came) != 1 {
		t.Errorf("locked: %s", r.out)
	}
}

// oldNode is a node from before it could say who came in.
type oldNode struct{ api.Service }

func (oldNode) Arrivals(context.Context) ([]api.Arrival, error) {
	return nil, api.Errorf(api.CodeNotFound, "", "no such method")
}

// TestOlderNodeIsNotAskedTwice: what a node cannot say is not said, and is no failure.
func TestOlderNodeIsNotAskedTwice(t *testing.T) {
	a := newApp(Streams{})
	a.open = func(context.Context, string) (api.Service, error) { return oldNode{}, nil }
	if came, err := a.arrivals(t.Context(), api.Status{}); came != nil || err != nil {
		t.Errorf("%v, %v", came, err)
	}
}

// TestInvitesUsedUpAreCounted: what the list leaves out is said in one line.
func TestInvitesUsedUpAreCounted(t *testing.T) {
	list := []api.Pending{
		{N: 1, ID: "ab", By: "ann", Role: "responder", Uses: 1},
		{N: 2, ID: "cd", By: "ann", Role: "responder", Uses: 1},
		{N: 3, ID: "ef", By: "ann", Role: "responder", Uses: 1, Left: 1, Closed: true},
		{N: 4, ID: "01", By: "bob", Role: "responder", Uses: 2, Left: 1},
	}
	page := func(list []api.Pending, all bool) string {
		var b bytes.Buffer
		printInvites(&printer{w: &b}, list, all)
		return b.String()
	}
	if got := page(list, false); !strings.HasSuffix(got, "[01]\n2 used up, 1 closed: muster invites --all\n") {
		t.Errorf("%s", got)
	}
	if got := page(list[:1], false); !strings.HasPrefix(got, "no invitation is open") || !strings.HasSuffix(got, "\n1 used up: muster invites --all\n") {
		t.Errorf("%s", got)
	}
	if got := page(list[2:], false); !strings.HasSuffix(got, "\n1 closed: muster invites --all\n") {
		t.Errorf("%s", got)
	}
	if got := page(list, true); strings.Contains(got, "--all") {
		t.Errorf("%s", got)
	}
}

// TestShortPassphraseIsRefusedAtOnce: before it is asked for a second time, wherever it comes from, with what to take.
func TestShortPassphraseIsRefusedAtOnce(t *testing.T) {
	r := typeOn(t, &fakeNode{}, "eleven char\nnever read\n", "protect", "passphrase")
	if r.code != exitUsage || !strings.Contains(r.err, "11 characters is too short, 12 are wanted") || !strings.Contains(r.err, "four words") || strings.Contains(r.err, "not the same") {
		t.Errorf("%d %s", r.code, r.err)
	}
	if r := typeOn(t, &fakeNode{}, "y\n", "protect", "none", "--no-relay"); r.code != exitUsage || !strings.Contains(r.err, "--no-relay") {
		t.Errorf("%d %s", r.code, r.err)
	}
	a := newApp(Streams{Getenv: func(k string) string { return map[string]string{envPassphrase: "short"}[k] }})
	if _, err := a.passphrase("", true); api.AsError(err).Code != api.CodeUsage {
		t.Errorf("from the environment: %v", err)
	}
	if p, err := a.passphrase("", false); p != "short" || err != nil {
		t.Errorf("to unlock what is protected by a short one: %q, %v", p, err)
	}
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestSlowJoinSaysWhatItDoes: at a terminal, and only there, and only when it takes long; the answer is that of the join.
func TestSlowJoinSaysWhatItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var diag lockedBuffer
		a := newApp(Streams{Err: &diag})
		failed := errors.New("nobody")
		slow := func() error { time.Sleep(10 * joinSilence); return failed }
		say := lookingFor(api.Join{Code: "7 amber falcon ridge"})
		if err := a.patiently(say, slow); err != failed || diag.String() != "" {
			t.Errorf("in a script: %v, %q", err, diag.String())
		}
		a.ask = true
		if err := a.patiently(say, func() error { return nil }); err != nil || diag.String() != "" {
			t.Errorf("a quick one: %v, %q", err, diag.String())
		}
		if err := a.patiently(say, slow); err != failed || !strings.Contains(diag.String(), "number 7") || !strings.Contains(diag.String(), "--at ADDR:PORT") {
			t.Errorf("a slow one: %v, %q", err, diag.String())
		}
	})
	for _, in := range []api.Join{{Code: "7-amber-falcon-ridge"}, {Code: "muster-aeaq"}, {Code: "99"}, {}, {Bundle: "/media/stick/invite"}} {
		if say := lookingFor(in); say == "" {
			t.Errorf("%+v: nothing to say", in)
		}
	}
}

// TestTaskOfWhoIsOut: whoever leads is told to give it to somebody, and the board says why.
func TestTaskOfWhoIsOut(t *testing.T) {
	in := api.Incident{Name: "useful-oasis", Title: "checkout 500s", Severity: 2, Status: "active", Command: api.Command{
		Commander: "ann", Leads: "ann", Terms: []api.Term{{Holder: "ann"}},
	}, Tasks: []api.Task{{
		ID: "t7f", Text: "check lag", Owners: []string{"bob"}, Gone: []string{"bob"}, State: "assigned", LateAck: true, By: "ann",
		Delivery: &api.Delivery{},
	}}}
	var b bytes.Buffer
	s := stand(api.Status{Responder: "ann", Team: "sre"}, &in, nil, noon)
	printStand(&printer{w: &b}, s)
	printIncident(&printer{w: &b}, in, noon)
	if !strings.Contains(s.Next, "muster assign t7f @WHO") || !strings.Contains(b.String(), "bob REMOVED FROM THE TEAM") {
		t.Errorf("next: %s\n%s", s.Next, b.String())
	}
}

// TestLaptopThatIsOut: a bare muster on a laptop that was removed says so first, and proposes nothing that nobody takes.
func TestLaptopThatIsOut(t *testing.T) {
	st := api.Status{
		Responder: "ann", Team: "sre", AloneMS: minute, Removed: &api.Removal{Mode: api.DeviceStolen},
		Warnings:  []string{`bob reported this laptop stolen at Nov 23 13:00Z: "x"; nobody takes what you write; if bob is the thief, two of you outvote it: muster revoke @bob --stolen "why", then muster cosign`},
		Incidents: []api.IncidentStatus{{Name: "useful-oasis", Live: true}},
	}
	in := api.Incident{Name: "useful-oasis", Title: "checkout 500s", Severity: 2, Status: "active", Command: api.Command{
		Commander: "ann", Terms: []api.Term{{Holder: "ann", RemovedMS: noon.UnixMilli()}},
	}, Tasks: []api.Task{{ID: "t7f", Owners: []string{"ann"}, State: "assigned"}}}
	for _, in := range []*api.Incident{&in, nil} {
		s := stand(st, in, nil, noon)
		text := strings.Join(append(s.Lines, s.Next), "\n")
		for _, not := range []string{"sent later", "muster take", "muster do", "muster note", "muster ack", "muster declare", "muster invite", "s..."} {
			if strings.Contains(text, not) {
				t.Errorf("it says %q in\n%s", not, text)
			}
		}
		if !strings.HasPrefix(text, "you are ann; this laptop is out of team sre\n") || !strings.Contains(text, "then muster cosign") || !strings.Contains(s.Next, "muster help recovery") {
			t.Errorf("it says\n%s", text)
		}
	}
}

// TestImportOnARemovedLaptop: the file is read, or not, and either way it is said that this laptop is out.
func TestImportOnARemovedLaptop(t *testing.T) {
	out := api.Status{Removed: &api.Removal{Mode: api.DeviceStolen}, Warnings: []string{"ann reported this laptop stolen; muster reinstate @bob"}}
	f := &importNode{fakeNode: fakeNode{status: out}}
	if r := typeOnService(t, f, "import", "board.muster"); r.code != exitOK || !strings.Contains(r.err, "reinstate @bob") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	f.fails = api.Errorf(api.CodeRefused, "ask", "sealed with a key that is not here")
	if r := typeOnService(t, f, "import", "board.muster"); r.code == exitOK || !strings.Contains(r.err, "not here; and ann reported") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	f.status.Removed.Mode = api.DeviceSuspended
	if r := typeOnService(t, f, "import", "board.muster"); strings.Contains(r.err, "ann reported") {
		t.Errorf("suspended: %s", r.err)
	}
}

// importNode is a fake that reads files.
type importNode struct {
	fakeNode
	fails error
}

func (f *importNode) Import(context.Context, api.Import) (api.Imported, error) {
	return api.Imported{New: 1}, f.fails
}

// typeOnService runs a command line against any service.
func typeOnService(t *testing.T, s api.Service, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &diag, Getenv: func(k string) string {
		return map[string]string{"MUSTER_DIR": dir}[k]
	}})
	a.open = func(context.Context, string) (api.Service, error) { return s, nil }
	code := a.run(t.Context(), args)
	return result{code, out.String(), diag.String()}
}

// TestPeersOfOnePersonHaveNames: two laptops of one person are told apart.
func TestPeersOfOnePersonHaveNames(t *testing.T) {
	var b bytes.Buffer
	printPeers(&printer{w: &b}, api.Status{Peers: []api.Peer{
		{Responder: "bob", Name: "bob/laptop", Never: true}, {Responder: "bob", Name: "bob/laptop-2", Never: true}, {Responder: "carol", Never: true},
	}})
	for _, want := range []string{"bob/laptop never", "bob/laptop-2 never", "carol      never"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
