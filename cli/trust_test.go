package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/node/api"
)

// trustNode answers for the team and remembers what it was asked.
type trustNode struct {
	fakeNode
	trusted api.Trusted
	asks    string // question of a confirm error, until it is answered yes
	acts    []api.Trust
	members api.Members
	who     api.Whois
	whois   []string
}

func (f *trustNode) Trust(_ context.Context, in api.Trust) (api.Trusted, error) {
	f.acts = append(f.acts, in)
	if f.err != nil {
		return api.Trusted{}, f.err
	}
	if f.asks != "" && !in.Yes && !in.DryRun {
		return api.Trusted{}, &api.Error{Code: api.CodeConfirm, Message: "not done yet: revoke bob as stolen", Question: f.asks}
	}
	return f.trusted, nil
}

func (f *trustNode) Members(context.Context) (api.Members, error) { return f.members, f.err }

func (f *trustNode) Whois(_ context.Context, what, incident string) (api.Whois, error) {
	f.whois = append(f.whois, what+" in "+incident)
	return f.who, f.err
}

func typeTrust(t *testing.T, f *trustNode, in string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(in), Out: &out, Err: &diag, Getenv: func(k string) string {
		return map[string]string{"MUSTER_DIR": dir}[k]
	}})
	a.ask = in != ""
	a.open = func(context.Context, string) (api.Service, error) { return f, nil }
	code := a.run(t.Context(), args)
	return result{code: code, out: out.String(), err: diag.String()}
}

// TestTrustWords: what people type becomes the one call that it means.
func TestTrustWords(t *testing.T) {
	for line, want := range map[string]api.Trust{
		"revoke @bob/laptop-2 --stolen left_in a taxi":     {Verb: "revoke", Who: "bob/laptop-2", Mode: "stolen", Reason: "left_in a taxi"},
		"revoke @bob --left gone":                          {Verb: "revoke", Who: "bob", Mode: "left", Reason: "gone"},
		"revoke amber falcon Ridge stone --stolen why not": {Verb: "revoke", Who: "amber-falcon-Ridge-stone", Mode: "stolen", Reason: "why not"},
		"revoke amber-falcon-ridge-stone --stolen why not": {Verb: "revoke", Who: "amber-falcon-ridge-stone", Mode: "stolen", Reason: "why not"},
		"revoke 3fa9c2 --left sold":                        {Verb: "revoke", Who: "3fa9c2", Mode: "left", Reason: "sold"},
		"revoke @bob --left gone --dry-run":                {Verb: "revoke", Who: "bob", Mode: "left", Reason: "gone", DryRun: true},
		"suspend @bob writes nonsense":                     {Verb: "suspend", Who: "bob", Reason: "writes nonsense"},
		"reinstate @bob/laptop-2":                          {Verb: "reinstate", Who: "bob/laptop-2"},
		"role @bob steward":                                {Verb: "role", Who: "bob", Role: "steward"},
		"role @bob Observer he left":                       {Verb: "role", Who: "bob", Role: "observer", Reason: "he left"},
		"confirm @eve":                                     {Verb: "confirm", Who: "eve"},
		"confirm amber falcon ridge stone":                 {Verb: "confirm", Who: "amber-falcon-ridge-stone"},
		"cosign":                                           {Verb: "cosign"},
		"cosign 1 -y":                                      {Verb: "cosign", Ref: "1", Yes: true},
		"adopt":                                            {Verb: "adopt"},
		"adopt @bob":                                       {Verb: "adopt", Who: "bob"},
		"adopt @bob q7f 3fa9 -i amber":                     {Verb: "adopt", Who: "bob", Refs: []string{"q7f", "3fa9"}, Incident: "amber"},
		"adopt all --why heard":                            {Verb: "adopt", Refs: []string{"all"}, Reason: "heard"},
		"policy invite steward":                            {Verb: "policy", Role: "steward"},
	} {
		f := &trustNode{}
		if r := typeTrust(t, f, "", strings.Fields(line)...); r.code != exitOK || len(f.acts) != 1 {
			t.Errorf("%s: exit %d, %+v\n%s%s", line, r.code, f.acts, r.out, r.err)
			continue
		}
		if d := cmp.Diff(want, f.acts[0]); d != "" {
			t.Errorf("%s\n%s", line, d)
		}
	}
}

// TestTrustMistakes: what is half said is refused before anything is asked, and says what is missing.
func TestTrustMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"revoke":                              "whom?",
		"revoke @bob why":                     "--stolen",
		"revoke @bob --stolen --left why":     "stolen or left?",
		"revoke @bob --stolen":                "say why",
		"revoke @bob --left why --since 2:00": "--since goes with --stolen",
		"revoke @bob --stolen x --since noon": "is not a time",
		"suspend @bob":                        "say why",
		"cosign 1 2":                          "one at a time",
		"policy":                              "who may invite",
		"policy invite observer":              "who may invite",
		"policy join steward":                 "who may invite",
		"whois":                               "who is who?",
		"members bob":                         "one word too many",
	} {
		f := &trustNode{}
		if r := typeTrust(t, f, "", strings.Fields(line)...); r.code != exitUsage || len(f.acts) != 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: exit %d, %+v, want %q\n%s%s", line, r.code, f.acts, want, r.out, r.err)
		}
	}
	f := &trustNode{} // other roles stay what they were
	if r := typeTrust(t, f, "", "role", "@erin", "scribe"); r.code != exitOK || len(f.acts) != 0 || len(f.writes) != 1 || f.writes[0].Value != "scribe" {
		t.Errorf("a role in an incident: exit %d, %+v, %+v", r.code, f.acts, f.writes)
	}
	if r := typeTrust(t, f, "", "confirm"); r.code != exitOK || len(f.acts) != 0 || len(f.writes) != 2 || f.writes[1].Verb != "confirm" {
		t.Errorf("a confirmed handover: exit %d, %+v, %+v", r.code, f.acts, f.writes)
	}
}

// TestGraveStepIsShownAndAsked: where the node asks, the person reads what would happen before they answer; without
// somebody to answer nothing is done and the exit code says that a human must.
func TestGraveStepIsShownAndAsked(t *testing.T) {
	f := &trustNode{asks: "ann is the only steward. Go on?", trusted: api.Trusted{
		Text: "ann is out of the team: stolen", Effects: []string{"what it has read stays read"}, Done: true, Delivery: &api.Delivery{Known: 2},
	}}
	args := []string{"revoke", "@ann", "--stolen", "why"}
	if r := typeTrust(t, f, "", args...); r.code != exitHuman || !strings.Contains(r.err, "add --yes") || len(f.acts) != 2 || f.acts[1].Yes {
		t.Errorf("nobody there: exit %d, %+v\n%s", r.code, f.acts, r.err)
	}
	f.acts = nil
	if r := typeTrust(t, f, "n\n", args...); r.code != exitHuman || !strings.Contains(r.err, "what it has read stays read\n") || !strings.Contains(r.err, "ann is the only steward. Go on? [y/N] ") || len(f.acts) != 2 {
		t.Errorf("no: exit %d, %+v\n%s", r.code, f.acts, r.err)
	}
	f.acts = nil
	if r := typeTrust(t, f, "y\n", args...); r.code != exitUndelivered || len(f.acts) != 3 || !f.acts[2].Yes || !strings.Contains(r.out, "delivered 0/2") {
		t.Errorf("yes: exit %d, %+v\n%s%s", r.code, f.acts, r.out, r.err)
	}
}

// TestTrustPages: what is printed of the team, of somebody, of a step and of a proposal.
func TestTrustPages(t *testing.T) {
	out := api.Removal{Op: "aa", Device: "bob/laptop-2", Mode: api.DeviceStolen, By: "ann", Behind: []string{"ann", "carol"}, Reason: "left in a taxi", AtMS: ago(7), Stands: true}
	proposal := api.Proposal{
		N: 1, ID: "7f3a9c", Text: "revoke as stolen: bob/laptop-2", By: "carol", Behind: []string{"carol"}, Reason: "left in a taxi", AtMS: ago(3),
		Can: []string{"dan", "erin"},
	}
	mine := proposal
	mine.Mine, mine.Behind = true, []string{"carol", "dave"}
	bob2 := api.TeamDevice{Device: "3fa9c2", Short: "3fa9", Name: "bob/laptop-2", Words: "amber-falcon-ridge-stone", State: api.DeviceStolen, Sponsor: "ann", BoundBy: "carol", Removal: &out}
	bob := api.TeamPerson{Handle: "bob", Name: "Bob Baker", Role: "responder", Devices: []api.TeamDevice{
		{Device: "aa11", Name: "bob/laptop", Words: "copper-otter-lake-moon", State: api.DeviceMember, Sponsor: "ann", HeardMS: 7 * minute}, bob2,
	}}
	m := api.Members{
		Team: "sre", Me: "ann", Stewards: []string{"ann"}, Notes: []string{"one steward of 4: make a second: muster role @bob steward"},
		People: []api.TeamPerson{
			{Handle: "ann", Role: "steward", Me: true, Reachable: true, Devices: []api.TeamDevice{{Name: "ann/laptop", Words: "w-x-y-z", State: api.DeviceMember, Mine: true}}},
			bob,
			{Handle: "eve", Role: "observer", Reachable: true, Devices: []api.TeamDevice{{Name: "eve/laptop", Words: "w-x-y-z", State: api.DeviceUnconfirmed, Reachable: true, Sponsor: "ann", Forked: true}}},
			{Handle: "mal", Role: "responder", Out: true, Devices: []api.TeamDevice{{Name: "mal/x", Short: "77aa", State: api.DeviceBarred, Never: true, Sponsor: "bob"}}},
		},
		Waiting:  []api.Proposal{proposal, mine},
		Removals: []api.Removal{out, {Device: "ann/laptop", Mode: api.DeviceStolen, By: "bob", AtMS: ago(6), Beat: "aa00bb"}},
	}
	var b bytes.Buffer
	p := &printer{w: &b}
	printMembers(p, m, noon)
	p.line("====")
	printWhois(p, api.Whois{
		Person: bob, Device: &bob2, Entry: &api.Entry{AtMS: ago(5), Actor: "bob", Kind: "note", Ref: "q7f", Aside: "q7f", Text: "lag is 40s", Grey: api.DeviceStolen, From: "bob/laptop-2"},
		Chain: []api.Sponsor{{Handle: "bob", By: "ann", AtMS: ago(60)}, {Handle: "ann", AtMS: ago(90), Out: true}},
	}, noon)
	p.line("====")
	printTrusted(p, api.Trusted{
		Done: true, Text: "proposed: revoke bob/laptop-2 as stolen", Effects: []string{"it has no effect until another person stands behind it; then:", strings.Repeat("long ", 20)},
		Proposed: &proposal, Delivery: &api.Delivery{Known: 2, Delivered: 2},
	}, noon)
	p.line("====")
	printTrusted(p, api.Trusted{Text: "2 proposals waiting for a second person:", Waiting: []api.Proposal{proposal, mine}}, noon)
	p.line("====")
	printTrusted(p, api.Trusted{
		Text: "3 lines of bob do not count; muster adopt @WHO ID... or all:", More: 2,
		Entries: []api.Entry{{AtMS: ago(5), Actor: "bob", Kind: "note", Ref: "q7f", Aside: "q7f", Text: "lag is 40s", Grey: api.DeviceStolen}},
	}, noon)
	proposal.Can = nil
	p.line(wrap("", cosigners(proposal), 2))
	if p.err != nil {
		t.Fatal(p.err)
	}
	golden(t, "trust.golden", b.String())
}
