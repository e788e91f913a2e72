package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"muster/node/api"
)

// TestDeliveryTruth pins the words that say who has a write, and the exit code that goes with them.
func TestDeliveryTruth(t *testing.T) {
	many := api.Delivery{Delivered: 1, Known: 13}
	for i := range 12 {
		many.Missing = append(many.Missing, api.Missing{Responder: fmt.Sprintf("p%d", i), HeardMS: 60_000})
	}
	for _, c := range []struct {
		d    api.Delivery
		want string
		code int
	}{
		{api.Delivery{}, "saved here; you are alone in this team", exitOK},
		{api.Delivery{Delivered: 5, Known: 5}, "delivered 5/5", exitOK},
		{
			api.Delivery{Delivered: 3, Known: 5, Missing: []api.Missing{{Responder: "dave", HeardMS: 420_000}, {Responder: "erin", Never: true}}},
			"delivered 3/5; not: dave 7m, erin never", exitOK,
		},
		{api.Delivery{Known: 1, Missing: []api.Missing{{Responder: "dave", HeardMS: 2_000}}}, "delivered 0/1; not: dave 2s", exitUndelivered},
		{many, "delivered 1/13; not: p0 1m, p1 1m, p2 1m, p3 1m, p4 1m, p5 1m, p6 1m, p7 1m, 4 more", exitOK},
		{api.Delivery{Known: 1, Missing: []api.Missing{{Responder: "e\x1b[2J", Never: true}}}, "delivered 0/1; not: e?[2J never", exitUndelivered},
	} {
		f := &fakeNode{receipt: api.Receipt{Op: "ab", ID: "n4k", Incident: "amber-otter", Text: "noted", Notes: []string{"a warning"}, Settle: 2, Delivery: c.d}}
		r := typeOn(t, f, "", "note", "x")
		want := "amber-otter: n4k noted\n  a warning\n" + c.want + "\n2 to settle: muster conflicts\n"
		if r.out != want || r.code != c.code || r.err != "" {
			t.Errorf("exit %d, want %d; printed\n%swant\n%s%s", r.code, c.code, r.out, want, r.err)
		}
		r = typeOn(t, f, "", "-o", "json", "note", "x")
		var got api.Receipt
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.code != c.code || got.Delivery.Known != c.d.Known {
			t.Errorf("json: exit %d, %v\n%s", r.code, err, r.out)
		}
	}
}

// TestExitCodes pins the code of every kind of error, and both forms of the error.
func TestExitCodes(t *testing.T) {
	for code, want := range map[string]int{
		api.CodeUsage: 2, api.CodeNotFound: 1, api.CodeAmbiguous: 1, api.CodeRefused: 1, api.CodeConfirm: 4, api.CodeTooLarge: 1,
		api.CodeDiskFull: 1, api.CodeDisk: 1, api.CodeBadCode: 1, api.CodeUnreached: 1, api.CodeNoNode: 5, api.CodeStopped: 1,
		api.CodeInternal: 1, api.CodeAddrInUse: 1, api.CodeDirInUse: 1, "of a later version": 1,
	} {
		f := &fakeNode{err: &api.Error{Code: code, Message: "it is so", Hint: "do that", Candidates: []string{"a", "b"}}}
		for _, args := range [][]string{{"note", "x"}, {"status"}, {"show"}, {"log"}, {"conflicts"}, {"peers"}, {"invite"}, {"join", "c"}, {"init"}, {"drill", "heal"}, {"down"}, {}} {
			r := typeOn(t, f, "", args...)
			if r.code != want || r.out != "" || !strings.Contains(r.err, "muster: it is so\n") || !strings.Contains(r.err, "hint: do that\n") ||
				!strings.Contains(r.err, "perhaps: a, b\n") {
				t.Errorf("%s: %v: exit %d, want %d\n%s%s", code, args, r.code, want, r.out, r.err)
			}
		}
		for _, flag := range []string{"-o=json", "--output=jsonl", "-ojson"} {
			r := typeOn(t, f, "", "note", "x", flag)
			var got struct{ Error api.Error }
			if err := json.Unmarshal([]byte(r.err), &got); err != nil || got.Error.Code != code || r.code != want || strings.Count(r.err, "\n") != 1 {
				t.Errorf("%s with %s: exit %d %v\n%s", code, flag, r.code, err, r.err)
			}
		}
	}
	if r := typeOn(t, &fakeNode{err: errors.New("boom")}, "", "note", "x"); r.code != exitFailed || r.err != "muster: boom\n" {
		t.Errorf("an error of nobody's: exit %d %q", r.code, r.err)
	}
	if r := typeOn(t, &fakeNode{}, "", "-o", "json", "note"); r.code != exitUsage || !strings.HasPrefix(r.err, `{"error":{"code":"usage"`) {
		t.Errorf("usage with -o json: exit %d %q", r.code, r.err)
	}
}

// TestQuestions: a question is asked only where somebody is there, only yes means yes, and --yes needs no answer.
func TestQuestions(t *testing.T) {
	ask := &api.Error{Code: api.CodeConfirm, Message: "ann commands", Question: "ann was heard 1m ago; take command?"}
	for _, c := range []struct {
		name, in string
		args     []string
		code     int
		writes   int
	}{
		{"nobody there", "", []string{"take"}, exitHuman, 1},
		{"yes", "y\n", []string{"take"}, exitOK, 2},
		{"YES", "YES\n", []string{"take"}, exitOK, 2},
		{"without a line end", "y", []string{"take"}, exitOK, 2},
		{"no", "n\n", []string{"take"}, exitHuman, 1},
		{"anything", "yess\n", []string{"take"}, exitHuman, 1},
		{"enter", "\n", []string{"take"}, exitHuman, 1},
		{"flag", "", []string{"take", "-y"}, exitOK, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeNode{err: ask, receipt: api.Receipt{Op: "ab"}}
			r := typeOn(t, f, c.in, c.args...)
			if r.code != c.code || len(f.writes) != c.writes {
				t.Errorf("exit %d, want %d; %d writes, want %d\n%s", r.code, c.code, len(f.writes), c.writes, r.err)
			}
			if c.in != "" && !strings.Contains(r.err, "take command? [y/N] ") {
				t.Errorf("not asked: %s", r.err)
			}
			if c.in == "" && c.code == exitHuman && (!strings.Contains(r.err, "--yes") || !strings.Contains(r.err, ask.Question)) {
				t.Errorf("no way out: %s", r.err)
			}
		})
	}
	f := &fakeNode{err: api.Errorf(api.CodeRefused, "", "no")}
	if r := typeOn(t, f, "y\n", "take"); r.code != exitFailed || len(f.writes) != 1 {
		t.Errorf("refused: exit %d, %d writes", r.code, len(f.writes))
	}
}

// TestListsAsLines: jsonl prints one element a line, json one document, and an empty list is a list.
func TestListsAsLines(t *testing.T) {
	f := &fakeNode{log: []api.Entry{{Op: "a", Text: "one"}, {Op: "b", Text: "two"}}}
	if r := typeOn(t, f, "", "log", "-o", "jsonl"); strings.Count(r.out, "\n") != 2 || !strings.HasPrefix(r.out, `{"op":"a"`) {
		t.Errorf("jsonl:\n%s", r.out)
	}
	var list []api.Entry
	if r := typeOn(t, f, "", "log", "-o", "json"); json.Unmarshal([]byte(r.out), &list) != nil || len(list) != 2 {
		t.Errorf("json:\n%s", r.out)
	}
	if r := typeOn(t, &fakeNode{}, "", "log", "-o", "json"); r.out != "[]\n" {
		t.Errorf("empty: %q", r.out)
	}
	if r := typeOn(t, &fakeNode{status: api.Status{Team: "sre"}}, "", "status", "-o", "jsonl"); strings.Count(r.out, "\n") != 1 {
		t.Errorf("one document as jsonl:\n%s", r.out)
	}
}

// TestLogFollows: what comes later is printed once, also when it was in the list.
func TestLogFollows(t *testing.T) {
	f := &fakeNode{
		log: []api.Entry{{Op: "a", Actor: "ann", Text: "one"}},
		later: []api.Event{
			{Status: &api.Status{}},
			{Entries: []api.Entry{{Op: "a", Actor: "ann", Text: "one"}, {Op: "b", Actor: "bob", Text: "two", Merged: true}}},
			{Entries: []api.Entry{{Op: "b", Actor: "bob", Text: "two"}, {Op: "c", Actor: "bob", Text: "three"}}},
		},
	}
	r := typeOn(t, f, "", "log", "-f")
	var texts []string
	for line := range strings.Lines(r.out) {
		words := strings.Fields(line)
		texts = append(texts, words[len(words)-1])
	}
	if got := strings.Join(texts, " "); got != "one two three" || !strings.Contains(r.out, "<> bob") {
		t.Errorf("printed\n%s", r.out)
	}
	if r := typeOn(t, f, "", "log", "-f", "-o", "jsonl"); strings.Count(r.out, "\n") != 3 {
		t.Errorf("jsonl:\n%s", r.out)
	}
}

// TestTeamVerbs: what is typed reaches the node, without the @ that people put before names.
func TestTeamVerbs(t *testing.T) {
	f := &fakeNode{status: api.Status{Responder: "ann", Team: "sre"}, invite: api.Invitation{Code: "7-amber-falcon", Uses: 3}}
	if r := typeOn(t, f, "", "init", "--name", "@ann", "--team", "sre"); r.out != "you are ann in team sre\n" || f.init != (api.Init{Responder: "ann", Team: "sre"}) {
		t.Errorf("init: %q, %+v", r.out, f.init)
	}
	if r := typeOn(t, f, "", "invite", "--code", "--uses", "3"); r.out != "7-amber-falcon\n" || !strings.Contains(r.err, "muster join") {
		t.Errorf("invite: %q %q", r.out, r.err)
	}
	if r := typeOn(t, f, "", "join", "7-amber-falcon", "--name", "@bob"); r.out != "you are bob in team sre, let in by ann; 2 members, 7 operations\n" ||
		f.join.Code != "7-amber-falcon" || f.join.Responder != "bob" || f.join.Bundle != "" {
		t.Errorf("join: %q, %+v", r.out, f.join)
	}
	if r := typeOn(t, f, "", "drill", "cut", "@bob", "erin"); r.code != 0 || strings.Join(f.cut, ",") != "bob,erin" {
		t.Errorf("cut: exit %d %v", r.code, f.cut)
	}
	if r := typeOn(t, f, "", "drill", "cut", "all"); f.cut != nil || r.out != "cut from all; end it with \"muster drill heal\"\n" {
		t.Errorf("cut all: %v %q", f.cut, r.out)
	}
	if r := typeOn(t, f, "", "drill", "heal"); r.code != 0 || !strings.HasPrefix(r.out, "healed") {
		t.Errorf("heal: %q", r.out)
	}
	if r := typeOn(t, f, "", "show", "-i", "red fox"); f.show != "red fox" || r.code != 0 {
		t.Errorf("show -i: asked for %q", f.show)
	}
}

// TestHelpIsThereForEveryVerb: every verb explains itself in 80 columns, as do all topics, even with a broken configuration.
func TestHelpIsThereForEveryVerb(t *testing.T) {
	root := newApp(Streams{}).root()
	for _, cmd := range root.Commands() {
		for _, args := range [][]string{{"help", cmd.Name()}, {cmd.Name(), "--help"}} {
			r := typeOn(t, &fakeNode{}, "", args...)
			if r.code != exitOK || !strings.Contains(r.out, "usage: muster "+cmd.Name()) || !strings.Contains(r.out, cmd.Short) {
				t.Errorf("%v: exit %d\n%s%s", args, r.code, r.out, r.err)
			}
		}
		if cmd.Short == "" || cmd.GroupID == "" {
			t.Errorf("%s has no place in the list", cmd.Name())
		}
	}
	r := typeOn(t, &fakeNode{}, "", "help")
	for _, want := range []string{"  declare ", "  settle ", "first-five-minutes", "After a time apart:"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("help lacks %q", want)
		}
	}
	golden(t, "help.golden", r.out)
	if r := typeOn(t, &fakeNode{}, "", "help", "cuts"); r.code != 0 || !strings.HasPrefix(r.out, "# cuts") {
		t.Errorf("topic: %s", r.out)
	}
	if r := typeOn(t, &fakeNode{}, "", "help", "+5m"); r.code != 0 || !strings.Contains(r.out, "muster +5m t7f") {
		t.Errorf("help +5m: %s%s", r.out, r.err)
	}
	if r := typeOn(t, &fakeNode{}, "", "help", "nonsense"); r.code != exitFailed || !strings.Contains(r.err, `no verb or topic "nonsense"`) {
		t.Errorf("unknown topic: exit %d %s", r.code, r.err)
	}
}
