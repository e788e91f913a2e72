package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/node/api"
)

// TestScriptsAreRead: the recorded incidents and the demo parse, with the number of lines of each kind they have.
func TestScriptsAreRead(t *testing.T) {
	for file, want := range map[string][4]int{
		"testdata/replays/cloudflare-2019-07-02.replay": {7, 60, 6, 16},
		"testdata/replays/facebook-2021-10-04.replay":   {6, 72, 10, 20},
		"testdata/replays/gitlab-2017-01-31.replay":     {9, 108, 13, 22},
		"demo.replay": {3, 17, 4, 8},
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sc, err := parseScript(strings.NewReader(string(b)))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		var got [4]int
		for _, st := range sc.steps {
			got[st.kind]++
		}
		if got != want {
			t.Errorf("%s: %v net, typed, checks, expects; want %v", file, got, want)
		}
	}
}

// TestScriptLines: what a line means.
func TestScriptLines(t *testing.T) {
	sc, err := parseScript(strings.NewReader(`# a comment
people ann bob carol

net ann bob | carol
23:59:50 ann   do @bob "check \"lag\"  now" 5m ""
net all @00:01
00:02 bob   -i "red fox" note x
#check @bob,carol -i "red" commander none
#check @all conflicts 0
#checked by nobody
expect task "T" owners bob carol
`))
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	want := []step{
		{line: 4, kind: stepNet, at: -1, groups: [][]string{{"ann", "bob"}, {"carol"}}},
		{line: 5, kind: stepType, at: day - 10*time.Second, who: []string{"ann"}, args: []string{"do", "@bob", `check "lag"  now`, "5m", ""}},
		{line: 6, kind: stepNet, at: day + time.Minute, groups: [][]string{{"ann", "bob", "carol"}}},
		{line: 7, kind: stepType, at: day + 2*time.Minute, who: []string{"bob"}, args: []string{"-i", "red fox", "note", "x"}},
		{line: 8, kind: stepCheck, at: -1, who: []string{"bob", "carol"}, want: expectation{incident: "red", words: []string{"commander", "none"}}},
		{line: 9, kind: stepCheck, at: -1, who: []string{"ann", "bob", "carol"}, want: expectation{words: []string{"conflicts", "0"}}},
		{line: 11, kind: stepExpect, at: -1, want: expectation{words: []string{"task", "T", "owners", "bob", "carol"}}},
	}
	for i := range sc.steps {
		sc.steps[i].text = ""
	}
	if d := cmp.Diff(want, sc.steps, cmp.AllowUnexported(step{}, expectation{})); d != "" {
		t.Errorf("steps (-want +got)\n%s", d)
	}
}

// TestScriptsThatAreNone: a mistake is named with its line, and no node is started.
func TestScriptsThatAreNone(t *testing.T) {
	const head = "people ann bob\nnet all\n"
	for script, want := range map[string]string{
		"":                                         `no "people" line`,
		"net all\n":                                `line 1: the first line must be "people"`,
		"#check @all conflicts 0\n":                `line 1: the first line must be "people"`,
		"people\n":                                 "line 1: 1 to 16 people",
		"people" + strings.Repeat(" a", 17):        "line 1: \"a\" cannot be a handle, or is there twice",
		"people ann all\n":                         `"all" cannot be a handle`,
		"people ann ann\n":                         `"ann" cannot be a handle`,
		"people ann\npeople bob\n":                 "line 2: people are named once",
		head + "net ann | eve\n":                   `line 3: "eve" is nobody here`,
		head + "net ann | ann bob\n":               `"ann" is nobody here, or in two groups`,
		head + "net ann\n":                         "every handle is in exactly one group",
		head + "net ann bob |\n":                   "a group is empty",
		head + "net ann | bob\n":                   `the last net line must be "net all"`,
		head + "net all @noon\n":                   `"noon" is not a time of day`,
		head + "noon ann note x\n":                 `line 3: "noon" is not a time of day`,
		head + "12:00 eve note x\n":                "one of the people",
		head + "12:00 ann\n":                       "what they typed",
		head + "12:00 ann note \"x\n":              "line 3: a quote is not closed",
		head + "#check all conflicts 0\n":          "whose node?",
		head + "#check @eve conflicts 0\n":         `"eve" is nobody here`,
		head + "#check @all\n":                     "can be expected",
		head + "expect\n":                          "can be expected",
		head + "expect happiness\n":                `line 3: nothing like "happiness" can be expected`,
		head + "expect conflicts many\n":           "can be expected",
		head + "expect task T state\n":             "can be expected",
		head + "expect task T results some\n":      "can be expected",
		head + "expect hyp T maybe\n":              "can be expected",
		head + "expect note T erased\n":            "can be expected",
		head + "expect conflict command\n":         "can be expected",
		head + "expect conflict weather a b\n":     "can be expected",
		head + "expect same-on-all-nodes ann\n":    "can be expected",
		head + "expect -i \"x\"\n":                 "can be expected",
		head + strings.Repeat("#\n", 260):          "line 251: a script has at most 250 lines",
		head + "# " + strings.Repeat("x", 5000):    "a line has at most 4096 bytes",
		head + "expect purged\nexpect purged \"\"": "can be expected",
	} {
		_, err := parseScript(strings.NewReader(script))
		if err == nil || api.AsError(err).Code != api.CodeUsage || !strings.Contains(err.Error()+" "+api.AsError(err).Hint, want) {
			t.Errorf("%.60q: %v, want %q", script, err, want)
		}
	}
}

// TestExpectations: every expectation of the format, held against a board where it is true and where it is not.
func TestExpectations(t *testing.T) {
	in := busy()
	in.Theories[1].Why = ""
	in.Tasks[1].Settled, in.Tasks[2].Merged, in.Tasks[2].Settled = []string{"double"}, []string{"double", "both-done"}, []string{"double"}
	in.Conflicts = append(in.Conflicts,
		api.Conflict{Kind: "status", Text: "RESOLVED? contested"},
		api.Conflict{Kind: "decision", Choices: []api.Choice{{Value: "roll back v212"}, {Value: "roll forward"}}})
	in.Settled = append(in.Settled, api.Settled{Kind: "command", Values: []string{"dan", "ann"}})
	in.Notes[1].Op = "op3b"
	s := sight{status: api.Status{Incidents: make([]api.IncidentStatus, 2)}, incident: in, notes: []typedNote{{"emergency door code is 4471", "op3b"}, {"lost", "nowhere"}, {"traffic falls", ""}}}
	check := func(s sight, words string, want bool) {
		t.Helper()
		args, err := split(words)
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseExpectation(args, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, saw := e.holds(s); got != want {
			t.Errorf("%s: %v, want %v; saw %s", words, got, want, saw)
		}
	}
	for _, yes := range []string{
		`commander ann`, `severity 1`, `status active`, `conflicts 4`, `notes 3`, `checkins 3`, `incidents 2`,
		`conflict command carol eve ann`, `conflict status resolved-vs-escalated`, `conflict decision "roll back" "roll f"`,
		`settled command ann dan`, `settled decision "kill" "roll"`, `merged severity`,
		`task "fail over" conflict done-vs-cancelled`, `task "fail over db1" settled double`, `task "drain" merged both-done`,
		`task "drain" settled double`, `task "drain" state acked`, `task "drain" owners dave bob`, `task "old" owner bob`, `task "old" results 1`,
		`note "emergency door" redacted`, `hyp "bad" open`, `hyp "attack" ruled-out`, `decision "roll back"`,
	} {
		check(s, yes, true)
	}
	for _, no := range []string{
		`commander none`, `commander bob`, `severity 2`, `status resolved`, `conflicts 0`, `notes 2`, `checkins 0`, `incidents 1`,
		`conflict command ann carol`, `conflict command ann carol eve dan`, `conflict status something`, `conflict decision "roll back" "x"`,
		`conflict decision "roll" "roll"`, `conflict decision "roll back"`, `settled command ann eve`, `settled status resolved-vs-escalated`,
		`settled decision "kill" "x"`, `settled decision "roll back" "roll f"`, `merged status`,
		`task "fail" conflict double`, `task "fail" settled done-vs-cancelled`, `task "nothing" state open`, `task "" state open`,
		`task "drain" merged unowned`, `task "drain" owner bob`, `task "old" results 2`, `task "old" state open`,
		`note "traffic" redacted`, `note "lost" redacted`, `note "never typed" redacted`, `hyp "bad" ruled-out`, `hyp "x" open`, `hyp "" open`,
		`decision "roll forward"`, `decision "roll"`, `decision "x"`,
	} {
		check(s, no, false)
	}
	s.incident.Status, s.incident.Command.Commander = "identified", ""
	check(s, `status active`, true)
	check(s, `commander none`, true)
	s.incident.Conflicts = nil
	check(s, `conflict command ann carol eve`, false)
	s.incident.Settled = append(s.incident.Settled, api.Settled{Kind: "status"})
	check(s, `settled status resolved-vs-escalated`, true)
	s.incident.Tasks = append(s.incident.Tasks, api.Task{Text: "drain lb2 again", State: "open"}, api.Task{Text: "drain", State: "done"})
	check(s, `task "drain l" state acked`, false)
	check(s, `task "drain" state done`, true) // one text exactly
}

// TestQuietMeansEverybodyHasEverything: what a runner waits for.
func TestQuietMeansEverybodyHasEverything(t *testing.T) {
	peers := func(change func([]api.Peer)) api.Status {
		list := []api.Peer{{Responder: "bob", Reachable: true}, {Responder: "carol"}}
		change(list)
		return api.Status{Peers: list}
	}
	group := []string{"ann", "bob"}
	if why := unsettled(peers(func([]api.Peer) {}), group, 3); why != "" {
		t.Errorf("quiet, but %s", why)
	}
	for name, st := range map[string]api.Status{
		"not all known":     {Peers: []api.Peer{{Responder: "bob", Reachable: true}}},
		"bob not reached":   peers(func(p []api.Peer) { p[0].Reachable = false }),
		"bob lacks":         peers(func(p []api.Peer) { p[0].Lacks = 1 }),
		"carol still there": peers(func(p []api.Peer) { p[1].Reachable = true }),
		"receiving":         {Peers: []api.Peer{{Responder: "bob", Reachable: true}, {Responder: "carol"}}, Syncing: &api.Sync{}},
	} {
		if unsettled(st, group, 3) == "" {
			t.Errorf("%s: taken for quiet", name)
		}
	}
	if why := unsettled(peers(func(p []api.Peer) { p[1].Lacks = 5 }), group, 3); why != "" {
		t.Errorf("who is cut off may lack: %s", why)
	}
}

// TestTextIsFoundAcrossPieces: the search for a purged text reads files piece by piece and misses no seam.
func TestTextIsFoundAcrossPieces(t *testing.T) {
	const piece = 1 << 20
	for _, at := range []int{0, 1, piece - 3, piece - 1, piece, 2*piece - 2, 3 * piece} {
		content := strings.Repeat("x", at) + "4471-blue" + strings.Repeat("x", 10)
		if found, err := holds(iotest.HalfReader(strings.NewReader(content)), []byte("4471-blue")); err != nil || !found {
			t.Errorf("at %d: %v, %v", at, found, err)
		}
	}
	if found, err := holds(strings.NewReader(strings.Repeat("4471-blu", 300_000)), []byte("4471-blue")); err != nil || found {
		t.Errorf("found what is not there: %v", err)
	}
	if _, err := holds(iotest.ErrReader(os.ErrPermission), []byte("x")); err == nil {
		t.Error("an unreadable file is taken for a clean one")
	}
}

// TestKeepNeedsAnEmptyDirectory: a replay does not write among somebody's files.
func TestKeepNeedsAnEmptyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stageRoot(dir); api.AsError(err).Code != api.CodeUsage {
		t.Errorf("got %v, want usage", err)
	}
	if root, err := stageRoot(filepath.Join(dir, "new")); err != nil || root != filepath.Join(dir, "new") {
		t.Errorf("new directory: %s, %v", root, err)
	}
}

// TestNobodyMeetsBetweenTwoCuts: whichever order nodes change in, two who are apart before and after are apart in between.
// It plays partition's order of calls on a table of cuts.
func TestNobodyMeetsBetweenTwoCuts(t *testing.T) {
	people := []string{"a", "b", "c", "d"}
	apart := func(groups [][]string, x, y string) bool {
		return !slices.ContainsFunc(groups, func(g []string) bool { return slices.Contains(g, x) && slices.Contains(g, y) })
	}
	nets := [][][]string{{{"a", "b"}, {"c", "d"}}, {{"a", "c"}, {"b", "d"}}, {{"a"}, {"b"}, {"c", "d"}}, {{"a", "b", "c"}, {"d"}}, {people}}
	for _, from := range nets {
		for _, to := range nets {
			cut := map[[2]string]bool{} // who has cut whom
			set := func(groups [][]string, p string) {
				for _, q := range people {
					cut[[2]string{p, q}] = apart(groups, p, q)
				}
			}
			check := func() {
				for _, x := range people {
					for _, y := range people {
						if apart(from, x, y) && apart(to, x, y) && !cut[[2]string{x, y}] && !cut[[2]string{y, x}] {
							t.Fatalf("%v to %v: %s meets %s", from, to, x, y)
						}
					}
				}
			}
			for _, p := range people {
				set(from, p)
			}
			for _, p := range people {
				set([][]string{people}, p) // healed for a moment
				check()
				set(to, p)
				check()
			}
		}
	}
}
