package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/node/api"
)

const minute = int64(60_000)

// TestGrammar: what a person types becomes one write, in whatever order the words and flags stand.
func TestGrammar(t *testing.T) {
	for _, c := range []struct {
		typed string
		want  api.Write
	}{
		{`declare "checkout 500s" --sev 1 --svc payments --svc web`, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 1, Services: []string{"payments", "web"}}},
		{`declare --sev sev2 checkout is slow`, api.Write{Verb: "declare", Text: "checkout is slow", Severity: 2}},
		{`title "payments 500s"`, api.Write{Verb: "title", Text: "payments 500s"}},
		{`sev 1`, api.Write{Verb: "sev", Severity: 1}},
		{`sev SEV3 "only one shop"`, api.Write{Verb: "sev", Severity: 3, Reason: "only one shop"}},
		{`status mitigated`, api.Write{Verb: "status", Value: "mitigated"}},
		{`status Resolved "rolled back"`, api.Write{Verb: "status", Value: "resolved", Reason: "rolled back"}},
		{`resolve "rolled back v212"`, api.Write{Verb: "resolve", Reason: "rolled back v212"}},
		{`resolve --force`, api.Write{Verb: "resolve", Force: true}},
		{`reopen`, api.Write{Verb: "reopen"}},
		{`service payments web`, api.Write{Verb: "service", Services: []string{"payments", "web"}}},
		{`service web --gone`, api.Write{Verb: "service", Services: []string{"web"}, Withdraw: true}},
		{`same amber-otter "red fox"`, api.Write{Verb: "same", Incident: "amber-otter", Ref: "red fox"}},
		{`same red-fox --withdraw`, api.Write{Verb: "same", Ref: "red-fox", Withdraw: true}},

		{`take`, api.Write{Verb: "take"}},
		{`take --force "he is asleep"`, api.Write{Verb: "take", Force: true, Reason: "he is asleep"}},
		{`handoff @dan "seven hours in"`, api.Write{Verb: "handoff", Who: []string{"dan"}, Reason: "seven hours in"}},
		{`handoff "seven hours in" @dan`, api.Write{Verb: "handoff", Who: []string{"dan"}, Reason: "seven hours in"}},
		{`handoff --withdraw`, api.Write{Verb: "handoff", Withdraw: true}},
		{`handoff @dan "tired" 30m`, api.Write{Verb: "handoff", Who: []string{"dan"}, Reason: "tired", ForMS: 30 * minute}},
		{`accept --tick t7f --tick c2a`, api.Write{Verb: "accept", Refs: []string{"t7f", "c2a"}}},
		{`accept --tick 1,2 "and the caches are cold"`, api.Write{Verb: "accept", Refs: []string{"1", "2"}, Text: "and the caches are cold"}},
		{`accept`, api.Write{Verb: "accept"}},
		{`confirm`, api.Write{Verb: "confirm"}},
		{`take-back "carol drained the west"`, api.Write{Verb: "take-back", Text: "carol drained the west"}},
		{`accept "top risk: disk"`, api.Write{Verb: "accept", Text: "top risk: disk"}},
		{`decline`, api.Write{Verb: "decline"}},
		{`release "done in"`, api.Write{Verb: "release", Reason: "done in"}},
		{`break 20m --to @dan`, api.Write{Verb: "break", Who: []string{"dan"}, ForMS: 20 * minute}},
		{`break --to dan 20m "food"`, api.Write{Verb: "break", Who: []string{"dan"}, ForMS: 20 * minute, Reason: "food"}},
		{`break @dan 20m`, api.Write{Verb: "break", Who: []string{"dan"}, ForMS: 20 * minute}},
		{`role @erin Scribe`, api.Write{Verb: "role", Who: []string{"erin"}, Value: "scribe"}},
		{`role scribe --withdraw`, api.Write{Verb: "role", Value: "scribe", Withdraw: true}},

		{`do @bob "check lag" 5m`, api.Write{Verb: "do", Who: []string{"bob"}, Text: "check lag", ForMS: 5 * minute}},
		{`do 5m @bob "check lag"`, api.Write{Verb: "do", Who: []string{"bob"}, Text: "check lag", ForMS: 5 * minute}},
		{`do "check lag" 1h30m @bob --once --vital --on db1`, api.Write{Verb: "do", Who: []string{"bob"}, Text: "check lag", ForMS: 90 * minute, Once: true, Vital: true, Resource: "db1"}},
		{`--yes do --vital @bob check lag 5m`, api.Write{Verb: "do", Who: []string{"bob"}, Text: "check lag", ForMS: 5 * minute, Vital: true, Yes: true}},
		{`do @bob wait 5m then ask @erin again`, api.Write{Verb: "do", Who: []string{"bob"}, Text: "wait 5m then ask @erin again"}},
		{`do "nobody's yet"`, api.Write{Verb: "do", Text: "nobody's yet"}},
		{`assign t7f @dan`, api.Write{Verb: "assign", Ref: "t7f", Who: []string{"dan"}}},
		{`assign @dan t7f 5m`, api.Write{Verb: "assign", Ref: "t7f", Who: []string{"dan"}, ForMS: 5 * minute}},
		{`claim t7f`, api.Write{Verb: "claim", Ref: "t7f"}},
		{`ack "drain lb2"`, api.Write{Verb: "ack", Ref: "drain lb2"}},
		{`ack`, api.Write{Verb: "ack"}},
		{`no t7f asleep`, api.Write{Verb: "no", Ref: "t7f", Reason: "asleep"}},
		{`stuck t7f "need vpn"`, api.Write{Verb: "stuck", Ref: "t7f", Reason: "need vpn"}},
		{`done t7f lag is 40s`, api.Write{Verb: "done", Ref: "t7f", Text: "lag is 40s"}},
		{`done t7f 5m`, api.Write{Verb: "done", Ref: "t7f", Text: "5m"}},
		{`cancel t7f "not needed"`, api.Write{Verb: "cancel", Ref: "t7f", Reason: "not needed"}},
		{`+5m t7f`, api.Write{Verb: "extend", Ref: "t7f", ForMS: 5 * minute}},
		{`-y +1h "drain lb2"`, api.Write{Verb: "extend", Ref: "drain lb2", ForMS: 60 * minute, Yes: true}},
		{`extend t7f +5m`, api.Write{Verb: "extend", Ref: "t7f", ForMS: 5 * minute}},
		{`verify t7f "looked"`, api.Write{Verb: "verify", Ref: "t7f", Text: "looked"}},
		{`assist t7f`, api.Write{Verb: "assist", Ref: "t7f"}},

		{`note "db1 is back" -k obs`, api.Write{Verb: "note", Text: "db1 is back", Kind: "obs"}},
		{`note tell @bob in 5m`, api.Write{Verb: "note", Text: "tell @bob in 5m"}},
		{`note -- -5 degrees`, api.Write{Verb: "note", Text: "-5 degrees"}},
		{`note "a --flag in quotes"`, api.Write{Verb: "note", Text: "a --flag in quotes"}},
		{`edit n4k "db2 is back"`, api.Write{Verb: "edit", Ref: "n4k", Text: "db2 is back"}},
		{`redact "door code" "a secret"`, api.Write{Verb: "redact", Ref: "door code", Reason: "a secret"}},
		{`hyp "bad deploy"`, api.Write{Verb: "hyp", Text: "bad deploy"}},
		{`rule-out h2x`, api.Write{Verb: "rule-out", Ref: "h2x"}},
		{`decide "roll back" --topic waf`, api.Write{Verb: "decide", Text: "roll back", Topic: "waf"}},
		{`object "roll back" "no build"`, api.Write{Verb: "object", Ref: "roll back", Reason: "no build"}},

		{`par --due 3m`, api.Write{Verb: "par", ForMS: 3 * minute}},
		{`here`, api.Write{Verb: "here", Value: "ok"}},
		{`here busy --fatigue 4`, api.Write{Verb: "here", Value: "busy", Fatigue: 4}},
		{`here @carol ok "is with me"`, api.Write{Verb: "here", Who: []string{"carol"}, Value: "ok", Text: "is with me"}},
		{`page @bob @erin "db is down"`, api.Write{Verb: "page", Who: []string{"bob", "erin"}, Reason: "db is down"}},
		{`thanks @bob "for the drive"`, api.Write{Verb: "thanks", Who: []string{"bob"}, Text: "for the drive"}},

		{`settle 1 y`, api.Write{Verb: "settle", Subject: "1", Value: "y"}},
		{`settle command @bob "he has the team"`, api.Write{Verb: "settle", Subject: "command", Value: "bob", Reason: "he has the team"}},
		{`settle decision "kill the WAF" "two builds"`, api.Write{Verb: "settle", Subject: "decision", Value: "kill the WAF", Reason: "two builds"}},
		{`settle "run the global" done traffic is back`, api.Write{Verb: "settle", Subject: "run the global", Value: "done", Reason: "traffic is back"}},
		{`-i amber note x`, api.Write{Verb: "note", Text: "x", Incident: "amber"}},
		{`note x --incident "two words"`, api.Write{Verb: "note", Text: "x", Incident: "two words"}},
	} {
		t.Run(c.typed, func(t *testing.T) {
			args, err := split(c.typed)
			if err != nil {
				t.Fatal(err)
			}
			f := &fakeNode{receipt: api.Receipt{Op: "ab", Text: "ok"}}
			r := typeOn(t, f, "", args...)
			if r.code != exitOK || len(f.writes) != 1 {
				t.Fatalf("exit %d, %d writes\n%s", r.code, len(f.writes), r.err)
			}
			if d := cmp.Diff(c.want, f.writes[0]); d != "" {
				t.Errorf("write (-want +got)\n%s", d)
			}
		})
	}
}

// TestEveryVerbOfTheContractCanBeTyped: no verb of the service is without a command, and none is made up.
func TestEveryVerbOfTheContractCanBeTyped(t *testing.T) {
	have := map[string]bool{"status": true} // shares its word with the node's status
	for _, w := range writes() {
		name, _, _ := strings.Cut(w.use, " ")
		have[name] = true
	}
	for _, v := range api.Verbs() {
		if !have[v.Name] {
			t.Errorf("verb %q cannot be typed", v.Name)
		}
		delete(have, v.Name)
	}
	for name := range have {
		t.Errorf("verb %q is not in the contract", name)
	}
}

// TestWordsThatMakeNoSense: a usage error is exit 2 with the way out, and reaches no node.
func TestWordsThatMakeNoSense(t *testing.T) {
	for typed, want := range map[string]string{
		`declare`:                       "what is wrong is missing",
		`declare x --sev 6`:             "not a severity",
		`declare x --sev`:               "needs an argument",
		`sev`:                           "which severity",
		`sev high`:                      "not a severity",
		`status broken`:                 "not a status",
		`take --force`:                  "reason for --force is missing",
		`handoff`:                       "name the person",
		`handoff --withdraw @dan`:       "needs no name",
		`take-back`:                     "what you heard",
		`confirm bob`:                   "one word too many",
		`break 20m`:                     "name the person",
		`break --to @dan`:               "for how long",
		`break 20m --to "a b"`:          "names nobody",
		`role @erin`:                    "role is missing",
		`role scribe`:                   "name the person",
		`do @bob 5m`:                    "what is to be done is missing",
		`do @bob x 0m`:                  "no time at all",
		`do @bob x 9999999999999999h`:   "too long",
		`do @bob x 400d`:                "too long",
		`assign t7f`:                    "name the person",
		`assign`:                        "which task",
		`claim t7f now`:                 "one word too many",
		`ack ""`:                        "is empty",
		`done`:                          "which task",
		`+5x t7f`:                       "not a length of time",
		`+5m`:                           "which task",
		`extend t7f`:                    "how much more time",
		`note`:                          "text is missing",
		`note "  "`:                     "text is missing",
		`note x -k gossip`:              "not \"gossip\"",
		`note x --at noon`:              "not a time",
		`redact n4k`:                    "reason is missing",
		`object d2x`:                    "reason is missing",
		`here tired`:                    "you are ok",
		`here --fatigue 9`:              "fatigue is",
		`here --fatigue lots`:           "invalid argument",
		`par soon`:                      "one word too many",
		`par --due soon`:                "not a length of time",
		`page "db is down"`:             "name the person",
		`settle 1`:                      "settle 1 how",
		`settle`:                        "which conflict",
		`same`:                          "name the two",
		`service`:                       "name of the service",
		`show me`:                       "one word too many",
		`log --bogus`:                   "unknown flag",
		`drill`:                         "cut or heal",
		`drill explode`:                 "cut or heal",
		`drill cut`:                     "cut from whom",
		`drill cut "a b"`:               "names nobody",
		`join`:                          "code is missing",
		`invite --uses 0`:               "1 or more",
		`replay`:                        "one FILE",
		`replay a b`:                    "one FILE",
		`replay x --speed 0`:            "not a speed",
		`replay x --speed fast`:         "not a speed",
		`status -o yaml`:                "no output \"yaml\"",
		`up --listen localhost:80`:      "not an address and port",
		`up --join 10.0.0.1`:            "not an address and port",
		`frobnicate`:                    `no verb "frobnicate"`,
		`edit n4k`:                      "new text is missing",
		`--bogus`:                       "unknown flag",
		`config x`:                      "one word too many",
		`version x`:                     "one word too many",
		`conflicts x`:                   "one word too many",
		`init ann`:                      "one word too many",
		`decide`:                        "decision is missing",
		`hyp`:                           "hypothesis is missing",
		`rule-out`:                      "which hypothesis",
		`thanks`:                        "name the person",
		`title`:                         "new title is missing",
		`no`:                            "which task",
		`do @bob x --on`:                "needs an argument",
		`handoff @a @b`:                 "",
		`-o`:                            "needs an argument",
		`--dir`:                         "needs an argument",
		`drill heal now`:                "one word too many",
		`replay x --speed 1 --keep`:     "needs an argument",
		`note x --at 25:99`:             "not a time",
		`assist`:                        "which task",
		`+5m t7f please`:                "one word too many",
		`do @bob x 5m 6m`:               "",
		`--incident`:                    "needs an argument",
		`peers x`:                       "one word too many",
		`down x`:                        "one word too many",
		`up x`:                          "one word too many",
		`demo x`:                        "one word too many",
		`demo --speed -1`:               "not a speed",
		`drill cut @bob "" `:            "names nobody",
		`note "x" --at 2026-13-01T00:0`: "not a time",
	} {
		t.Run(typed, func(t *testing.T) {
			args, err := split(typed)
			if err != nil {
				t.Fatal(err)
			}
			f := &fakeNode{receipt: api.Receipt{Op: "ab"}}
			r := typeOn(t, f, "", args...)
			if want == "" { // sense can be made of it after all: the rest is text
				if r.code != exitOK || len(f.writes) != 1 {
					t.Errorf("exit %d, %d writes: %s", r.code, len(f.writes), r.err)
				}
				return
			}
			if r.code != exitUsage || !strings.HasPrefix(r.err, "muster: ") || !strings.Contains(strings.Join(strings.Fields(r.err), " "), want) {
				t.Errorf("exit %d, want 2 and %q\n%s", r.code, want, r.err)
			}
			if len(f.writes) != 0 || r.out != "" {
				t.Errorf("wrote %v, printed %q", f.writes, r.out)
			}
		})
	}
}

// TestUnknownVerbNamesTheNearest: a slip of the finger is answered with the verb that was meant.
func TestUnknownVerbNamesTheNearest(t *testing.T) {
	for typed, want := range map[string]string{"delcare": "muster declare", "noet": "muster note", "stat": "muster status"} {
		r := typeOn(t, &fakeNode{}, "", typed)
		if r.code != exitUsage || !strings.Contains(r.err, "did you mean") || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit %d %s, want %q", typed, r.code, r.err, want)
		}
	}
	if r := typeOn(t, &fakeNode{}, "", "xyzzyplugh"); !strings.Contains(r.err, `hint: "muster help" lists the verbs`) {
		t.Errorf("nothing near: %s", r.err)
	}
}

// TestTimesOfTheRecentPast: a time of day is the last one that a clock showed.
func TestTimesOfTheRecentPast(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	now := time.Date(2026, 3, 1, 3, 12, 30, 0, zone)
	for s, want := range map[string]time.Time{
		"02:41":                time.Date(2026, 3, 1, 2, 41, 0, 0, zone),
		"03:12":                time.Date(2026, 3, 1, 3, 12, 0, 0, zone),
		"03:13":                time.Date(2026, 2, 28, 3, 13, 0, 0, zone),
		"23:59:30":             time.Date(2026, 2, 28, 23, 59, 30, 0, zone),
		"2026-02-01T10:00":     time.Date(2026, 2, 1, 10, 0, 0, 0, zone),
		"2026-02-01 10:00":     time.Date(2026, 2, 1, 10, 0, 0, 0, zone),
		"2026-02-01T10:00:00Z": time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC),
	} {
		got, err := parseAt(s, now)
		if err != nil || got != want.UnixMilli() {
			t.Errorf("%s: %v, %v, want %v", s, time.UnixMilli(got).In(zone), err, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for s, want := range map[string]int64{"90s": 90_000, "5m": 300_000, "+5m": 300_000, "1h30m": 5_400_000, "2d": 172_800_000, "250ms": 250, "366d": 366 * 86_400_000} {
		if got, err := parseSpan(s); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "5", "m", "-5m", "5 m", "0s", "367d", "99999999999999999999m", "366d1s", "1.5h"} {
		if got, err := parseSpan(s); err == nil || api.AsError(err).Code != api.CodeUsage {
			t.Errorf("%q: %d, %v, want a usage error", s, got, err)
		}
	}
}
