package api

import (
	"context"
	"iter"
	"sync"
)

// fake answers every method from its fields and remembers what it was asked.
type fake struct {
	mu   sync.Mutex
	seen []any // arguments, in the order they came

	err    error      // what every method returns
	panics any        // what every method panics with, nil: it does not
	events []Event    // what Watch yields before it waits
	left   chan error // told the cause when a watch ends; nil: Watch ends after its events
}

var _ Service = (*fake)(nil)

func (f *fake) asked(args any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, args)
	if f.panics != nil {
		panic(f.panics)
	}
	return f.err
}

func (f *fake) last() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[len(f.seen)-1]
}

var (
	fakeReceipt = Receipt{
		Schema: "muster.receipt/1", Op: "ab", ID: "t7f", Incident: "amber-otter", Text: "t7f assigned to bob",
		Delivery: Delivery{Delivered: 1, Known: 2, Missing: []Missing{{Responder: "erin", Never: true}}},
	}
	fakeStatus   = Status{Schema: "muster.status/1", Responder: "ann", Peers: []Peer{{Responder: "bob", RTTMS: 1.5, Reachable: true}}}
	fakeIncident = Incident{Schema: "muster.show/1", Name: "amber-otter", Tasks: []Task{{ID: "t7f", Owners: []string{"bob"}}}}
	fakeVerified = Verification{
		Schema: "muster.verify/1", Operations: 7, Peers: []Compared{{Responder: "bob", Equal: true}},
		Problems: []Problem{{Kind: ProblemFork, Incident: "amber-otter", Text: "two of one", Hint: "stop one"}},
	}
	fakeDiagnosis = Diagnosis{
		Schema: "muster.doctor/1", Facts: []Fact{{About: "socket", Text: "open", Bad: true}},
		Responders: []Examined{{Responder: "bob", Cause: CauseCut, Text: "cut", Devices: []ExaminedDevice{{Device: "ab", Addrs: []string{"a:1"}}}}},
	}
	fakeProfile = Profile{
		Schema: "muster.profile/1", Responder: "bob", Name: "Bob", Phones: []string{"+44 20 7946 0018"}, HeardMS: 7, Via: "erin",
		Delivery: &Delivery{Known: 1, DeliveredTo: []string{"erin"}},
	}
	fakeMerge = MergeReport{
		Schema: "muster.merge/1", Incident: "amber-otter", You: []string{"ann"}, Settle: []Conflict{{N: 2, Key: "c7f", Choices: []Choice{{Key: "y"}}}},
		Orders: []Orders{{By: "carol", Given: 9, Open: []string{"t7f"}}}, Clocks: []Clock{{Responder: "carol", OffsetMS: 252000}},
	}
	fakeBriefing = Briefing{
		Schema: "muster.brief/1", Incident: "amber-otter", Trend: "unstable", Why: []string{"nobody commands"}, History: []Value{{Value: "declared", By: "ann"}},
		Work: []Task{{ID: "t7f"}}, Items: []OpenItem{{N: 1, ID: "t7f", Kind: "vital"}}, Offer: &Offer{From: "ann", To: "bob", LapsesMS: 7}, Later: 2,
	}
	fakeMembers = Members{
		Schema: "muster.members/1", Me: "ann", People: []TeamPerson{{Handle: "bob", Role: "steward", Devices: []TeamDevice{{Name: "bob/x", State: DeviceStolen, Removal: &Removal{By: "ann"}}}}},
		Stewards: []string{"bob"}, Waiting: []Proposal{{N: 1, ID: "7f3a", Can: []string{"carol"}}}, Key: TeamKey{Generation: 2, Missing: 1}, Notes: []string{"one steward"},
	}
	fakeWhois   = Whois{Schema: "muster.whois/1", Asked: "n3q", Entry: &Entry{Op: "ab"}, Device: &TeamDevice{Name: "bob/x"}, Chain: []Sponsor{{Handle: "bob", By: "ann"}}}
	fakeTrusted = Trusted{Schema: "muster.trust/1", Done: true, Ops: []string{"ab"}, Effects: []string{"x"}, Proposed: &Proposal{N: 1}, Delivery: &Delivery{Known: 1}}
	fakeLog     = []Entry{{Op: "ab", Kind: "note", Text: "<html> & ünïcode"}}
)

func (f *fake) Write(_ context.Context, w Write) (Receipt, error) { return fakeReceipt, f.asked(w) }
func (f *fake) Status(context.Context) (Status, error)            { return fakeStatus, f.asked("status") }

func (f *fake) Show(_ context.Context, incident string) (Incident, error) {
	return fakeIncident, f.asked("show " + incident)
}

func (f *fake) Brief(_ context.Context, incident string) (Briefing, error) {
	return fakeBriefing, f.asked("brief " + incident)
}

func (f *fake) Log(_ context.Context, incident string) ([]Entry, error) {
	return fakeLog, f.asked("log " + incident)
}

func (f *fake) Merge(_ context.Context, incident string) (MergeReport, error) {
	return fakeMerge, f.asked("merge " + incident)
}
func (f *fake) Init(_ context.Context, in Init) (Status, error) { return fakeStatus, f.asked(in) }
func (f *fake) Invite(_ context.Context, in Invite) (Invitation, error) {
	return Invitation{Code: "7-amber", Uses: in.Uses}, f.asked(in)
}

func (f *fake) Join(_ context.Context, in Join) (Joined, error) {
	return Joined{Team: "t", Responder: in.Responder}, f.asked(in)
}

func (f *fake) Profile(_ context.Context, who string) (Profile, error) {
	return fakeProfile, f.asked("profile " + who)
}

func (f *fake) SetProfile(_ context.Context, in SetProfile) (Profile, error) {
	return fakeProfile, f.asked(in)
}

func (f *fake) Members(context.Context) (Members, error) { return fakeMembers, f.asked("members") }

func (f *fake) Whois(_ context.Context, what, incident string) (Whois, error) {
	return fakeWhois, f.asked("whois " + what + " in " + incident)
}

func (f *fake) Trust(_ context.Context, in Trust) (Trusted, error) { return fakeTrusted, f.asked(in) }

func (f *fake) Cut(_ context.Context, who []string) (Status, error) { return fakeStatus, f.asked(who) }

func (f *fake) Verify(context.Context) (Verification, error) { return fakeVerified, f.asked("verify") }

func (f *fake) Doctor(_ context.Context, who []string) (Diagnosis, error) {
	return fakeDiagnosis, f.asked(who)
}

func (f *fake) Heal(context.Context) (Status, error) { return fakeStatus, f.asked("heal") }
func (f *fake) Stop(context.Context) error           { return f.asked("stop") }

func (f *fake) Watch(ctx context.Context, incident string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := f.asked("watch " + incident); err != nil {
			yield(Event{}, err)
			return
		}
		for _, ev := range f.events {
			if !yield(ev, nil) {
				return
			}
		}
		if f.left != nil {
			<-ctx.Done()
			f.left <- ctx.Err()
		}
	}
}
