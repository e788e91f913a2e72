package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"muster/node/api"
)

// noon is the moment the boards of these tests are looked at.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago is that many minutes before noon.
func ago(minutes int64) int64 { return noon.UnixMilli() - minutes*minute }

// busy is an incident with something of everything.
func busy() api.Incident {
	return api.Incident{
		Name: "amber-otter", Title: "checkout 500s", Severity: 1, Status: "active", Contested: true, Services: []string{"payments"}, DeclaredMS: ago(102),
		Command: api.Command{
			Commander: "ann", SinceMS: ago(102), Offers: []api.Offer{{From: "ann", To: "dan", AtMS: ago(3)}},
			Terms:    []api.Term{{Holder: "ann", SinceMS: ago(102)}, {Holder: "carol", Acting: true, SinceMS: ago(30)}, {Holder: "eve", SinceMS: ago(20)}},
			Requests: []api.Value{{By: "fay"}},
		},
		Roles: []api.Role{{Role: "scribe", Holders: []string{"erin", "gus"}}},
		Tasks: []api.Task{
			{ID: "t2c", Text: "status page first post", State: "open", Vital: true},
			{ID: "t7f", Text: "fail over db1", State: "acked", Owners: []string{"carol"}, Once: true, Resource: "db1", DueMS: ago(4), Overdue: true, Mark: "DONE? CANCEL?", Conflict: "done-vs-cancelled"},
			{ID: "t4a", Text: "drain lb2", State: "acked", Owners: []string{"bob", "dave"}, DueMS: ago(-5), Mark: "DOUBLE"},
			{
				ID: "t9d", Text: "capture heap dumps", State: "assigned", Owners: []string{"dave"}, By: "ann",
				Delivery: &api.Delivery{Known: 1, Missing: []api.Missing{{Responder: "dave", HeardMS: 7 * minute}}},
			},
			{ID: "t1x", Text: "get into the cage", State: "blocked", Owners: []string{"hana"}, Blocked: "badges do not answer"},
			{ID: "t5z", Text: "old news", State: "done", Owners: []string{"bob"}, DueMS: ago(50), Results: []api.Value{{By: "bob", Value: "lag 40s", AtMS: ago(41)}}},
			{ID: "t6z", Text: "never mind", State: "cancelled"},
		},
		Notes: []api.Note{
			{ID: "n2a", Text: "traffic falls \x1b[31m", By: "bob", AtMS: ago(90), Kinds: []string{"obs"}, OccurredMS: ago(95)},
			{ID: "n3b", By: "hana", AtMS: ago(80), Redacted: &api.Value{By: "ann", Value: "a door code", AtMS: ago(79)}},
			{ID: "n4c", Text: strings.Repeat("a long remark ", 12), By: "carol", AtMS: ago(26 * 60)},
		},
		Decisions: []api.Decision{
			{ID: "d2a", Text: "roll back v212", Topic: "deploy", By: "ann", AtMS: ago(60), Stands: true, Objections: []api.Objection{{By: "raj", Value: "no build"}}},
			{ID: "d3b", Text: "roll forward", By: "bob", AtMS: ago(59)},
		},
		Theories: []api.Theory{{ID: "h2x", Text: "bad deploy", By: "ann", State: "open"}, {ID: "h3y", Text: "attack", By: "bob", State: "ruled-out", Why: "no traffic"}},
		CheckIns: []api.CheckIn{{By: "bob", State: "ok", AtMS: ago(50)}, {By: "carol", State: "busy", AtMS: ago(49)}, {By: "bob", State: "relief", Fatigue: 4, AtMS: ago(10)}},
		People:   []api.Standing{{Who: "dave", State: "help", Place: "the cage", Text: "locked in", AtMS: ago(6)}, {Who: "bob", State: "relief", Fatigue: 4, AtMS: ago(10)}, {Who: "carol", State: "busy", By: "bob", AtMS: ago(49)}},
		Thanks:   []api.Thanks{{By: "ann", To: "bob", Text: "for the drive", AtMS: ago(5)}},
		Conflicts: []api.Conflict{
			{
				N: 1, Kind: "command", Subject: "command", Text: "ann (formal) | carol acting since 11:30, 9 orders", Shown: "ann",
				Choices: []api.Choice{{Key: "y", Label: "you"}, {Key: "c", Label: "carol"}},
			},
			{N: 2, Kind: "done-vs-cancelled", Subject: "t7f", Text: "carol did it 11:56, you cancelled it 11:54", Shown: "done"},
		},
		Merged:  []api.Notice{{Kind: "severity", Text: "SEV1 kept: carol raised; bob lowered unseen"}, {Kind: "double", Subject: "t4a", Text: "bob and dave both have it"}},
		Settled: []api.Settled{{Kind: "decision", Subject: "waf", Values: []string{"kill it", "roll back"}, Chosen: "kill it", By: "ann", Reason: "two builds"}},
	}
}

// rewrite is set in the environment of who wants the golden files written anew.
const rewrite = "MUSTER_REWRITE"

// golden compares text with a file, or writes it when MUSTER_REWRITE is set: read the diff before you keep it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv(rewrite) != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got)\n%s", path, d)
	}
	for line := range strings.Lines(got) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.ContainsRune(line, 0x1b) {
			t.Errorf("an escape gets through: %q", line)
		}
	}
}

// TestBoardPage: the page of a bad hour, as it is printed.
func TestBoardPage(t *testing.T) {
	var b bytes.Buffer
	p := &printer{w: &b}
	printIncident(p, busy(), noon)
	if p.err != nil {
		t.Fatal(p.err)
	}
	golden(t, "board.golden", b.String())
	b.Reset()
	printIncident(p, api.Incident{Name: "red-fox", Title: "x", Severity: 3, Status: "resolved", DeclaredMS: ago(1)}, noon)
	golden(t, "board-empty.golden", b.String())
}

// TestColourOnlyRepeatsWords: with the colour taken out the page is the same.
func TestColourOnlyRepeatsWords(t *testing.T) {
	var plain, coloured bytes.Buffer
	printIncident(&printer{w: &plain}, busy(), noon)
	printIncident(&printer{w: &coloured, color: true}, busy(), noon)
	if coloured.String() == plain.String() {
		t.Error("nothing is loud")
	}
	stripped := strings.NewReplacer("\x1b[1;31m", "", "\x1b[0m", "").Replace(coloured.String())
	if strings.Join(strings.Fields(stripped), " ") != strings.Join(strings.Fields(plain.String()), " ") {
		t.Errorf("colour changes words:\n%s", cmp.Diff(plain.String(), stripped))
	}
}

// TestStatusPage: the node as it describes itself.
func TestStatusPage(t *testing.T) {
	var b bytes.Buffer
	printStatus(&printer{w: &b}, api.Status{
		Device: "glvbnv5y4abcdefghij", Responder: "ann", Team: "sre", Listen: []string{"127.0.0.1:7946", "[fe80::1%eth0]:7946"}, UptimeMS: 4 * 60 * minute,
		Operations: 1, Home: "/home/ann/.local/share/muster", Cut: []string{"bob"}, Warnings: []string{"the disk is nearly full"},
		Syncing: &api.Sync{Operations: 10, OperationsTotal: 20, Bytes: 3000, BytesTotal: 6000},
		Incidents: []api.IncidentStatus{
			{Name: "amber-otter", Title: strings.Repeat("long title ", 10), Severity: 1, Status: "active", Settle: 2, Current: true},
			{Name: "red-fox", Title: "old", Severity: 3, Status: "resolved"},
		},
		Peers: []api.Peer{
			{Responder: "bob", Cut: true},
			{Responder: "carol", Reachable: true, Addr: "192.0.2.7:7946", RTTMS: 1.25, OffsetMS: 252_000},
			{Responder: "dave", HeardMS: 7 * minute, Lacks: 3, OffsetMS: -5000},
			{Responder: "erin", Never: true, Lacks: 12},
		},
	})
	golden(t, "status.golden", b.String())
}

// TestMergePage: conflicts prints what waits and what was merged, and its exit code says whether something waits.
func TestMergePage(t *testing.T) {
	r := typeOn(t, &fakeNode{incident: busy()}, "", "conflicts")
	if r.code != exitHuman {
		t.Errorf("exit %d, want 4", r.code)
	}
	golden(t, "conflicts.golden", r.out)
	quiet := busy()
	quiet.Conflicts, quiet.Merged, quiet.Settled = nil, nil, nil
	if r := typeOn(t, &fakeNode{incident: quiet}, "", "conflicts"); r.code != exitOK || r.out != "amber-otter: nothing to settle\n" {
		t.Errorf("exit %d %q", r.code, r.out)
	}
	if r := typeOn(t, &fakeNode{incident: busy()}, "", "conflicts", "-o", "json"); r.code != exitHuman || !strings.Contains(r.out, `"conflicts": [`) {
		t.Errorf("json: exit %d %s", r.code, r.out)
	}
}

// TestStanding: a bare muster says the one thing to type next, in under ten lines.
func TestStanding(t *testing.T) {
	st := api.Status{
		Responder: "ann", Team: "sre", Incidents: []api.IncidentStatus{{Name: "amber-otter", Current: true}},
		Responders: []api.Responder{{Handle: "ann", Reachable: true}, {Handle: "bob", Reachable: true}, {Handle: "carol"}},
	}
	calm := func(change func(*api.Incident)) *api.Incident {
		in := &api.Incident{Name: "amber-otter", Title: "x", Severity: 2, Status: "active", Command: api.Command{Commander: "ann", Terms: []api.Term{{Holder: "ann"}}}}
		change(in)
		return in
	}
	task := func(id, state string, owners ...string) api.Task {
		return api.Task{ID: id, Text: "x", State: state, Owners: owners, By: "bob"}
	}
	for name, c := range map[string]struct {
		me   string
		in   *api.Incident
		want string
	}{
		"no incident":       {"ann", nil, "muster declare"},
		"all quiet":         {"ann", calm(func(*api.Incident) {}), "muster do @WHO"},
		"all quiet for bob": {"bob", calm(func(*api.Incident) {}), "muster note"},
		"offered":           {"bob", calm(func(i *api.Incident) { i.Command.Offers = []api.Offer{{From: "ann", To: "bob"}} }), "muster accept"},
		"not offered to me": {"carol", calm(func(i *api.Incident) { i.Command.Offers = []api.Offer{{From: "ann", To: "bob"}} }), "muster note"},
		"conflict":          {"ann", calm(func(i *api.Incident) { i.Conflicts = make([]api.Conflict, 1) }), "muster conflicts"},
		"conflict, not mine": {
			"bob", calm(func(i *api.Incident) { i.Conflicts = make([]api.Conflict, 1) }), "muster note",
		},
		"claimant": {
			"carol", calm(func(i *api.Incident) {
				i.Conflicts, i.Command.Terms = make([]api.Conflict, 1), append(i.Command.Terms, api.Term{Holder: "carol", Acting: true})
			}), "muster conflicts",
		},
		"asked":        {"bob", calm(func(i *api.Incident) { i.Tasks = []api.Task{task("t7f", "assigned", "bob")} }), "muster ack t7f"},
		"no commander": {"bob", calm(func(i *api.Incident) { i.Command = api.Command{} }), "muster take"},
		"overdue": {"bob", calm(func(i *api.Incident) {
			late := task("t7f", "acked", "bob")
			late.Overdue, late.DueMS = true, ago(1)
			i.Tasks = []api.Task{task("t1a", "acked", "bob"), late}
		}), `muster done t7f "result", or muster +5m t7f`},
		"unowned":          {"ann", calm(func(i *api.Incident) { i.Tasks = []api.Task{task("t7f", "open")} }), "muster assign t7f"},
		"working":          {"bob", calm(func(i *api.Incident) { i.Tasks = []api.Task{task("t7f", "acked", "bob")} }), "muster done t7f"},
		"done is not owed": {"bob", calm(func(i *api.Incident) { i.Tasks = []api.Task{task("t7f", "done", "bob")} }), "muster note"},
		"over":             {"ann", calm(func(i *api.Incident) { i.Status = "resolved" }), "muster thanks"},
	} {
		t.Run(name, func(t *testing.T) {
			me := st
			me.Responder = c.me
			if got := stand(me, c.in, nil, noon).Next; !strings.HasPrefix(got, c.want) && !strings.Contains(got, c.want) {
				t.Errorf("next is %q, want %q", got, c.want)
			}
		})
	}
	in := busy()
	for i := range 6 {
		in.Tasks = append(in.Tasks, api.Task{ID: "tx" + string(rune('a'+i)), Text: strings.Repeat("long ", 30), State: "acked", Owners: []string{"ann"}})
	}
	st.Cut, st.Warnings = []string{"all"}, []string{"the disk is nearly full", "and another"}
	f := &fakeNode{status: st, incident: in}
	r := typeOn(t, f, "")
	if n := strings.Count(r.out, "\n"); n > 9 || r.code != exitOK {
		t.Errorf("exit %d, %d lines:\n%s", r.code, n, r.out)
	}
	for line := range strings.Lines(r.out) {
		if utf8.RuneCountInString(line) > columns+1 {
			t.Errorf("too wide: %s", line)
		}
	}
	if r := typeOn(t, f, "", "-o", "json"); !strings.Contains(r.out, `"next"`) {
		t.Errorf("json: %s", r.out)
	}
}
