package cli

import (
	"bytes"
	"context"
	"iter"
	"strings"
	"testing"

	"muster/node/api"
)

// fakeNode answers from its fields and remembers what was written.
type fakeNode struct {
	api.Service // methods a test does not expect to be called are nil and panic

	receipt   api.Receipt
	status    api.Status
	incident  api.Incident
	briefing  api.Briefing
	log       []api.Entry
	later     []api.Event
	invite    api.Invitation
	verified  api.Verification
	diagnosis api.Diagnosis
	merge     api.MergeReport
	profile   api.Profile
	came      []api.Arrival // told of once
	err       error

	writes []api.Write
	cut    []string
	asked  []string // of the doctor
	init   api.Init
	said   []api.SetProfile
	join   api.Join
	show   string
}

func (f *fakeNode) Write(_ context.Context, w api.Write) (api.Receipt, error) {
	f.writes = append(f.writes, w)
	if f.err != nil && (api.AsError(f.err).Code != api.CodeConfirm || !w.Yes) {
		return api.Receipt{}, f.err
	}
	return f.receipt, nil
}
func (f *fakeNode) Status(context.Context) (api.Status, error) { return f.status, f.err }

func (f *fakeNode) Show(_ context.Context, incident string) (api.Incident, error) {
	f.show = incident
	return f.incident, f.err
}
func (f *fakeNode) Log(context.Context, string) ([]api.Entry, error) { return f.log, f.err }

func (f *fakeNode) Watch(context.Context, string) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		for _, ev := range f.later {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func (f *fakeNode) Init(_ context.Context, in api.Init) (api.Status, error) {
	f.init = in
	return f.status, f.err
}

func (f *fakeNode) Invite(context.Context, api.Invite) (api.Invitation, error) {
	return f.invite, f.err
}

func (f *fakeNode) Join(_ context.Context, in api.Join) (api.Joined, error) {
	f.join = in
	return api.Joined{Team: "sre", Responder: in.Responder, Via: "ann", Members: 2, Operations: 7}, f.err
}

func (f *fakeNode) Brief(context.Context, string) (api.Briefing, error) { return f.briefing, f.err }

func (f *fakeNode) Merge(_ context.Context, incident string) (api.MergeReport, error) {
	f.show = incident
	return f.merge, f.err
}

func (f *fakeNode) Profile(_ context.Context, who string) (api.Profile, error) {
	f.show = who
	return f.profile, f.err
}

func (f *fakeNode) SetProfile(_ context.Context, in api.SetProfile) (api.Profile, error) {
	f.said = append(f.said, in)
	return f.profile, f.err
}

func (f *fakeNode) Cut(_ context.Context, who []string) (api.Status, error) {
	f.cut = who
	return api.Status{Cut: []string{"all"}}, f.err
}
func (f *fakeNode) Verify(context.Context) (api.Verification, error) { return f.verified, f.err }

func (f *fakeNode) Doctor(_ context.Context, who []string) (api.Diagnosis, error) {
	f.asked = who
	return f.diagnosis, f.err
}
func (f *fakeNode) Heal(context.Context) (api.Status, error) { return f.status, f.err }

// result is what a command line left behind.
type result struct {
	code     int
	out, err string
}

// typeOn runs a command line against f. in is what a person would answer; empty: nobody is there.
func typeOn(t *testing.T, f *fakeNode, in string, args ...string) result {
	t.Helper()
	dir := t.TempDir()
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(in), Out: &out, Err: &diag, Getenv: func(k string) string {
		return map[string]string{"MUSTER_DIR": dir}[k]
	}})
	a.ask = in != ""
	a.open = func(context.Context, string) (api.Service, error) { return f, nil }
	a.reach = func(string) api.Service { return f }
	code := a.run(t.Context(), append([]string{}, args...)) // never nil, for which the words of go test would be taken
	return result{code: code, out: out.String(), err: strings.ReplaceAll(diag.String(), dir, "DIR")}
}

func (f *fakeNode) Arrivals(context.Context) ([]api.Arrival, error) {
	came := f.came
	f.came = nil
	return came, nil
}
