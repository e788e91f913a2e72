package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"

	"muster/node/api"
)

// A doorNode is a fakeNode that keeps invitations and teams.
type doorNode struct {
	*fakeNode
	asked   api.Invite
	pending []api.Pending
	later   []api.Pending // what the next look finds
	closed  string
	teams   []api.TeamHere
	went    string
}

func (f *doorNode) Invite(_ context.Context, in api.Invite) (api.Invitation, error) {
	f.asked = in
	return f.invite, f.err
}

func (f *doorNode) Invites(context.Context) ([]api.Pending, error) {
	out := f.pending
	if f.later != nil {
		f.pending, f.later = f.later, nil
	}
	return out, f.err
}

func (f *doorNode) CloseInvite(_ context.Context, id string) (api.Pending, error) {
	f.closed = id
	return api.Pending{N: 2, By: "ann"}, f.err
}

func (f *doorNode) Teams(context.Context) ([]api.TeamHere, error) { return f.teams, f.err }

func (f *doorNode) SwitchTeam(_ context.Context, team string) (api.Status, error) {
	f.went = team
	return f.status, f.err
}

// typeAt runs a command line against f on a terminal of so many columns; 0: it is none.
func typeAt(t *testing.T, f api.Service, columns int, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	var out, diag strings.Builder
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &diag, Getenv: func(k string) string { return map[string]string{"MUSTER_DIR": dir}[k] }})
	a.open = func(context.Context, string) (api.Service, error) { return f, nil }
	a.reach = func(string) api.Service { return f }
	if columns > 0 {
		a.width = func() int { return columns }
	}
	code := a.run(t.Context(), args)
	return result{code: code, out: out.String(), err: diag.String()}
}

const longCode = "muster-aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaiba"

func newDoorNode() *doorNode {
	return &doorNode{fakeNode: &fakeNode{invite: api.Invitation{
		Code: longCode, Uses: 1, ID: "ab12cd34", Words: "7-amber-falcon-ridge", ExpiresMS: now().UnixMilli() + api.WordsForMS,
	}}}
}

// TestInvitationPage: words come first, each way to use an invitation can be copied as it stands, and the QR code is drawn only
// where it fits.
func TestInvitationPage(t *testing.T) {
	f := newDoorNode()
	for width, drawn := range map[int]bool{0: false, 40: false, 100: true} {
		r := typeAt(t, f, width, "invite", "--uses", "2", "--for", "@bob")
		if f.asked.Uses != 2 || f.asked.For != "@bob" || !f.asked.Words || f.asked.Bundle {
			t.Errorf("asked for %+v", f.asked)
		}
		words, join := strings.Index(r.out, "\n      7-amber-falcon-ridge\n"), strings.Index(r.out, "\nmuster join "+longCode+"\n")
		if r.code != 0 || words < 0 || join < words || !strings.Contains(r.out, "they type: muster join 7-amber-falcon-ridge\n") {
			t.Errorf("at %d columns:\n%s%s", width, r.out, r.err)
		}
		if strings.Contains(r.out, "█") != drawn {
			t.Errorf("at %d columns the QR code is drawn: %v", width, !drawn)
		}
	}
	if r := typeAt(t, f, 0, "invite", "--ascii"); !strings.Contains(r.out, "####") || strings.Contains(r.out, "█") {
		t.Errorf("in plain characters:\n%s", r.out)
	}
	if r := typeAt(t, f, 100, "invite", "--code"); r.out != longCode+"\n" || f.asked.Words {
		t.Errorf("for scripts: %q, %+v", r.out, f.asked)
	}
	if r := typeAt(t, f, 100, "invite", "--code", "--wait"); r.code != exitUsage {
		t.Errorf("--code --wait: exit %d", r.code)
	}
	if r := typeAt(t, f, 0, "invite", "-o", "json"); !strings.Contains(r.out, `"words": "7-amber-falcon-ridge"`) {
		t.Errorf("as JSON: %s", r.out)
	}
}

// TestCodeIsDrawnRight: what is drawn is the code, module for module, with the margin that readers need, in both drawings.
func TestCodeIsDrawnRight(t *testing.T) {
	want, err := qr.Encode(qrText(longCode), qr.L)
	if err != nil {
		t.Fatal(err)
	}
	side := want.Size + 2*qrQuiet
	dark := map[bool]func(lines []string, x, y int) bool{
		true: func(lines []string, x, y int) bool { return lines[y][2*x:2*x+2] == "##" },
		false: func(lines []string, x, y int) bool {
			c := []rune(lines[y/2])[x]
			return c == ' ' || y%2 == 0 && c == '▄' || y%2 == 1 && c == '▀'
		},
	}
	for ascii, at := range dark {
		lines, err := qrLines(qrText(longCode), ascii)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n != side && n != 2*side {
				t.Fatalf("a line of %d columns", n)
			}
		}
		for y := range side {
			for x := range side {
				if at(lines, x, y) != want.Black(x-qrQuiet, y-qrQuiet) {
					t.Fatalf("ascii %v: the module at %d,%d is wrong", ascii, x, y)
				}
			}
		}
		t.Logf("ascii %v: %d columns, %d lines", ascii, utf8.RuneCountInString(lines[0]), len(lines))
	}
}

// TestWaitSaysWhoComes: --wait prints who comes in, with the words of their key, and ends when nobody else can; burnt words
// are a failure.
func TestWaitSaysWhoComes(t *testing.T) {
	f := newDoorNode()
	came := []api.Arrival{{Responder: "bob", Words: "zebra-yacht-amber-otter"}}
	f.pending = []api.Pending{{ID: "other", Left: 9}, {ID: "ab12cd34", Left: 1, WordsState: api.WordsOpen}}
	f.later = []api.Pending{{ID: "ab12cd34", Left: 0, WordsState: api.WordsUsed, Came: came}}
	if r := typeAt(t, f, 0, "invite", "--wait"); r.code != 0 || !strings.HasSuffix(r.out, "bob is in; the words of that laptop: zebra-yacht-amber-otter\n") {
		t.Errorf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	f.pending = []api.Pending{{ID: "ab12cd34", Left: 1, WordsState: api.WordsBurnt, Wrong: 5}}
	if r := typeAt(t, f, 0, "invite", "--wait"); r.code == 0 || !strings.Contains(r.err, "guessed wrong 5 times") {
		t.Errorf("burnt: exit %d\n%s", r.code, r.err)
	}
}

// TestInvitesList: the list says what is open, for whom, and who came; what is over is shown only when asked for, or when
// somebody came by it.
func TestInvitesList(t *testing.T) {
	f := newDoorNode()
	at := now().UnixMilli()
	f.pending = []api.Pending{
		{N: 1, ID: "aaaa1111", By: "ann", Role: "responder", Uses: 1, Closed: true},
		{
			N: 2, ID: "bbbb2222", By: "ann", For: "bob", Role: "observer", Uses: 3, Left: 2, Words: "7-amber-falcon-ridge", WordsState: api.WordsOpen,
			ExpiresMS: at + 600_500, Wrong: 1, Came: []api.Arrival{{Responder: "bob", Words: "zebra-yacht-amber-otter", AtMS: at - 90_000}},
		},
		{N: 3, ID: "cccc3333", By: "erin", Role: "responder", Uses: 1, Words: "9-zebra-yacht-otter", WordsState: api.WordsBurnt, Left: 1},
	}
	r := typeAt(t, f, 0, "invites")
	for _, want := range []string{
		"2   2 of 3 left, by ann, a laptop of bob, observer; words 7-amber-falcon-ridge",
		"bob came in 1m ago; the words of that laptop: zebra-yacht-amber-otter",
		"3   1 of 1 left, by erin; words 9-zebra-yacht-otter burnt [cccc3333]",
	} {
		if !strings.Contains(strings.ReplaceAll(r.out, "\n      ", " "), want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "aaaa1111") || !strings.Contains(typeAt(t, f, 0, "invites", "--all").out, "1   closed, by ann [aaaa1111]") {
		t.Errorf("what is over:\n%s", r.out)
	}
	if r := typeAt(t, f, 0, "invites", "close", "2"); f.closed != "2" || r.out != "invitation 2 of ann is closed\n" {
		t.Errorf("close: %q", r.out)
	}
	if r := typeAt(t, f, 0, "invites", "close"); r.code != exitUsage {
		t.Errorf("close nothing: exit %d", r.code)
	}
	f.pending = nil
	if r := typeAt(t, f, 0, "invites"); r.out != "no invitation is open; make one with: muster invite\n" {
		t.Errorf("none: %q", r.out)
	}
}

// TestBundleFile: the file is written for its owner alone, never over another one, and join gives the node its whole path.
func TestBundleFile(t *testing.T) {
	f := newDoorNode()
	f.invite.Bundle = []byte("muster bundle v1\n...")
	path := filepath.Join(t.TempDir(), "stick")
	r := typeAt(t, f, 0, "invite", "--bundle", path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || r.code != 0 || !f.asked.Bundle || !strings.Contains(r.err, "can join") {
		t.Fatalf("%v, %v, exit %d\n%s%s", info, err, r.code, r.out, r.err)
	}
	if r := typeAt(t, f, 0, "invite", "--bundle", path); r.code != exitUsage || !strings.Contains(r.err, "is there already") {
		t.Errorf("over another: exit %d %s", r.code, r.err)
	}
	t.Chdir(filepath.Dir(path))
	if r := typeAt(t, f, 0, "join", "stick", "--name", "bob"); r.code != 0 || f.join.Code != "" || filepath.Base(f.join.Bundle) != "stick" || !filepath.IsAbs(f.join.Bundle) {
		t.Errorf("join: exit %d, %+v", r.code, f.join)
	}
	if typeAt(t, f, 0, "join", "./none"); f.join.Bundle == "" {
		t.Errorf("a path that is not there is taken for words: %+v", f.join)
	}
	if typeAt(t, f, 0, "join", "7", "amber", "falcon", "ridge", "--at", "192.0.2.7:7946"); f.join.Code != "7 amber falcon ridge" || len(f.join.At) != 1 {
		t.Errorf("words: %+v", f.join)
	}
}

// TestTeamVerb: the list marks the current team and says who this is in each; a name goes to another.
func TestTeamVerb(t *testing.T) {
	f := newDoorNode()
	f.status = api.Status{Responder: "me", Team: "my own team"}
	f.teams = []api.TeamHere{
		{ID: "aaaa111122223333", Name: "sre", Responder: "bob", Members: 3, Current: true},
		{ID: "bbbb111122223333", Name: "my own team", Responder: "me", Members: 1},
		{ID: "cccc111122223333", Problem: "it is damaged"},
	}
	want := "* sre; you are bob there, 3 devices [aaaa1111]\n  my own team; you are me there, 1 device [bbbb1111]\n" +
		"  [cccc1111] cannot be read: it is damaged\ngo to another with: muster team NAME\n"
	if r := typeAt(t, f, 0, "team"); r.out != want {
		t.Errorf("got\n%s\nwant\n%s", r.out, want)
	}
	if r := typeAt(t, f, 0, "team", "my", "own"); f.went != "my own" || r.out != "you are me in team my own team\n" {
		t.Errorf("go: %q %q", f.went, r.out)
	}
}

// TestJoinedPage: whoever has joined learns whose laptop let them in by its words, and how to get back to the board they had.
func TestJoinedPage(t *testing.T) {
	var out strings.Builder
	p := &printer{w: &out}
	printJoined(p, api.Joined{Team: "sre", Responder: "bob", Via: "ann", Members: 2, Words: "amber-falcon-ridge-otter", ViaWords: "zebra-yacht-amber-otter", Kept: "bob's team"})
	printJoined(p, api.Joined{Team: "sre", Responder: "bob", Members: 2, Words: "amber-falcon-ridge-otter"})
	for _, want := range []string{
		"this laptop is amber-falcon-ridge-otter, that of ann is zebra-yacht-amber-otter", `muster team "bob's team"`, "by the file; the others learn of it when they are met",
		"the words of this laptop: amber-falcon-ridge-otter",
	} {
		if !strings.Contains(strings.ReplaceAll(out.String(), "\n  ", " "), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
