package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/node/api"
)

// situated is the bad hour of [busy] with a situation report, resources, updates and playbooks.
func situated() api.Incident {
	in := busy()
	in.Sitrep = &api.Sitrep{
		Fields: []api.SitrepField{
			{Field: "headline", Text: "Rolled back; errors fall", By: "ann", AtMS: ago(12), Texts: []api.Value{
				{Value: "still failing here \x1b[31m", By: "bob", AtMS: ago(9)}, {Value: "Rolled back; errors fall", By: "ann", AtMS: ago(12), Shown: true},
			}},
			{Field: "impact", Text: strings.Repeat("one payment in ten fails ", 6), By: "carol", AtMS: ago(40)},
		},
		NextMS: ago(5), NextBy: "erin", Late: true,
	}
	in.Resources = []api.Resource{
		{
			Name: "db1", State: "down", Observations: []api.Observation{
				{By: "carol", State: "down", From: "B", Text: "no route", AtMS: ago(2)},
				{By: "ann", State: "up", From: "A", AtMS: ago(5)},
				{By: "bob", State: "up", From: "A", AtMS: ago(12)},
			},
			Hands: []api.Hand{{Person: "carol", Task: "t7f"}, {Person: "bob", Task: "t4a", Off: true}},
		},
		{Name: "lb2", Hands: []api.Hand{{Person: "bob", Task: "t4a"}, {Person: "dave", Task: "t4a"}}},
		{Name: "lb3", Hands: []api.Hand{{Person: "bob", Task: "t4a"}}},
	}
	in.Updates = []api.Update{
		{
			ID: "u2k", Audience: "public", Text: "Payments work again.", State: "published", Mark: "a post does not stand: post a correction", By: "ann", AtMS: ago(30),
			Posts: []api.Post{{Text: "Payments work again.", Where: "statuspage", By: "ann", AtMS: ago(29)}},
		},
		{
			ID: "u3m", Audience: "public", Text: "Payments fail. We work on it.", State: "draft", Mark: "reworded on both sides", By: "bob", AtMS: ago(20),
			Texts: []api.Value{{Value: "We look into it.", By: "ann", AtMS: ago(25)}, {Value: "Payments fail. We work on it.", By: "bob", AtMS: ago(20), Shown: true}},
			Posts: []api.Post{{Text: "We look into it.", By: "ann", AtMS: ago(24), Stands: true}},
		},
	}
	in.Runs = []api.Run{{
		ID: "p2k", Name: "first-aid", By: "ann", AtMS: ago(100), Versions: []string{"p3x"},
		Items: []api.RunItem{
			{Text: "size up: what is broken, for whom", State: "checked", By: "ann", AtMS: ago(99), Skipped: &api.Value{Value: "no time", By: "bob", AtMS: ago(98)}},
			{Text: "stop the bleeding", State: "skipped", By: "bob", AtMS: ago(97), Remark: "it stopped"},
			{Text: "name a scribe", State: "open"},
		},
	}}
	return in
}

// TestSituationPage: the situation as one page, alone and as a part of the board.
func TestSituationPage(t *testing.T) {
	r := typeOn(t, &fakeNode{incident: api.Incident{Name: "red-fox", Title: "x", Severity: 3, Status: "active"}}, "", "sitrep")
	if r.code != exitOK || !strings.Contains(r.out, "nobody wrote it yet") || !strings.Contains(r.out, "tasks      none") {
		t.Errorf("exit %d\n%s", r.code, r.out)
	}
	var b bytes.Buffer
	p := &printer{w: &b}
	in := situated()
	in.Command, in.Roles, in.Services, in.Contested, in.Criteria = api.Command{Commander: "ann"}, nil, nil, false, nil
	in.People = []api.Standing{{Who: "bob", State: "relief", Fatigue: 4}, {Who: "carol", State: "ok"}}
	printSitrepPage(p, in, noon)
	p.line("")
	printResources(p, in.Resources, noon)
	printRuns(p, in.Runs)
	printUpdates(p, in.Updates, noon)
	p.line("")
	printRun(p, in.Runs[0], noon)
	golden(t, "situation.golden", b.String())
	b.Reset()
	printIncident(p, in, noon)
	for _, want := range []string{"-SITUATION-", "-RESOURCES-", "-PLAYBOOKS-", "-PUBLIC UPDATES-"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the board lacks %s", want)
		}
	}
	for _, verb := range []string{"sitrep", "update", "playbook"} {
		if r := typeOn(t, &fakeNode{incident: situated()}, "", verb, "-o", "json"); r.code != exitOK || !strings.Contains(r.out, "u2k") && !strings.Contains(r.out, "p2k") {
			t.Errorf("%s: exit %d %s%s", verb, r.code, r.out, r.err)
		}
		if r := typeOn(t, &fakeNode{incident: situated()}, "", verb); r.code != exitOK || r.out == "" {
			t.Errorf("%s: exit %d %s%s", verb, r.code, r.out, r.err)
		}
		if r := typeOn(t, &fakeNode{incident: api.Incident{Name: "red-fox"}}, "", verb, "-o", "json"); r.code != exitOK || strings.Contains(r.out, "null") {
			t.Errorf("%s of nothing: exit %d %s%s", verb, r.code, r.out, r.err)
		}
	}
}

// TestLiveWords: what is typed is what the node is asked for.
func TestLiveWords(t *testing.T) {
	for line, want := range map[string]api.Write{
		"sitrep headline rolled back":       {Value: "headline", Text: "rolled back"},
		"sitrep Impact some fail for 20m":   {Value: "impact", Text: "some fail for 20m"},
		"sitrep next 15m":                   {Value: "next", ForMS: 15 * minute},
		"saw db1 DOWN no route --from VPN":  {Resource: "db1", Value: "down", Text: "no route", Place: "VPN"},
		"saw db1 up":                        {Resource: "db1", Value: "up"},
		"update we look into it":            {Text: "we look into it"},
		"update refunds_wait --to finance":  {Text: "refunds_wait", Topic: "finance"},
		"update u2k better":                 {Ref: "u2k", Text: "better"},
		"update use the other site":         {Text: "use the other site"},
		"approve u2k":                       {Ref: "u2k"},
		"publish u2k --on statuspage":       {Ref: "u2k", Place: "statuspage"},
		"playbook first-aid":                {Value: "first-aid"},
		"check 3":                           {Item: 3},
		"check p2k 3 rolled back":           {Ref: "p2k", Item: 3, Text: "rolled back"},
		"check 12 rolled back":              {Item: 12, Text: "rolled back"},
		"skip first-aid 2 nobody is bleeds": {Ref: "first-aid", Item: 2, Text: "nobody is bleeds"},
	} {
		f := &fakeNode{receipt: api.Receipt{Op: "ab"}}
		args := strings.Fields(line)
		r := typeOn(t, f, "", args...)
		want.Verb = args[0]
		if len(f.writes) != 1 || !sameWrite(f.writes[0], want) {
			t.Errorf("%s: exit %d, wrote %+v\n%s", line, r.code, f.writes, r.err)
		}
	}
	for _, line := range []string{
		"sitrep headline", "sitrep next", "sitrep next soon", "saw", "saw db1", "approve", "publish", "check", "check p2k", "check p2k x", "check 0",
		"skip p2k 3", "skip 3", "skip -1 x",
	} {
		f := &fakeNode{}
		if r := typeOn(t, f, "", strings.Fields(line)...); r.code != exitUsage || len(f.writes) > 0 {
			t.Errorf("%s: exit %d, wrote %+v", line, r.code, f.writes)
		}
	}
}

func sameWrite(a, b api.Write) bool {
	return a.Verb == b.Verb && a.Ref == b.Ref && a.Text == b.Text && a.Value == b.Value && a.Resource == b.Resource && a.Place == b.Place &&
		a.Topic == b.Topic && a.ForMS == b.ForMS && a.Item == b.Item && slices.Equal(a.Items, b.Items)
}

// TestPlaybookFiles: items are those of a list, or the lines; the name is the file's.
func TestPlaybookFiles(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"stop\ngo\n", "stop|go"},
		{"# Restore\n\nRead this first.\n\n- [ ] stop writes\n* [x] restore\n+ compare\n 2) tell\n10. done\n---\n", "stop writes|restore|compare|tell|done"},
		{"<!-- c -->\n# only a title\n\n====\n```\n", ""},
		{"-dash without space\n5 o'clock\n- \n", "-dash without space|5 o'clock"},
		{"\ufeffstop\r\ngo\r\n", "stop|go"},
		{"", ""},
	} {
		if got := strings.Join(parseItems(c.text), "|"); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := &fakeNode{receipt: api.Receipt{Op: "ab"}}
	typeOn(t, f, "", "playbook", write("restore db.md", "- stop\n- go\n"))
	if len(f.writes) != 1 || f.writes[0].Value != "restore db" || !slices.Equal(f.writes[0].Items, []string{"stop", "go"}) {
		t.Errorf("wrote %+v", f.writes)
	}
	for path, code := range map[string]int{
		filepath.Join(dir, "absent"): exitFailed, write("empty.md", "# nothing\n"): exitUsage, write("big", strings.Repeat("x\n", playbookBytesMax)): exitFailed, dir: exitUsage,
	} {
		f := &fakeNode{}
		if r := typeOn(t, f, "", "playbook", path); r.code != code || len(f.writes) > 0 || !strings.Contains(r.err, "muster: ") {
			t.Errorf("%s: exit %d, want %d: %s", path, r.code, code, r.err)
		}
	}
}
