package api

import "context"

var (
	fakePending = Pending{
		N: 2, ID: "ab", By: "ann", Role: "responder", Uses: 3, Left: 1, Words: "7-amber-falcon-ridge", WordsState: WordsOpen, ExpiresMS: 7,
		Came: []Arrival{{Responder: "bob", Device: "cd", Words: "amber-falcon-ridge-otter", AtMS: 6}},
	}
	fakeTeams = []TeamHere{{ID: "ab", Name: "sre", Responder: "ann", Members: 2, Current: true}, {ID: "cd", Problem: "damaged"}}
)

func (f *fake) Invites(context.Context) ([]Pending, error) {
	return []Pending{fakePending}, f.asked("invites")
}

func (f *fake) CloseInvite(_ context.Context, id string) (Pending, error) {
	return fakePending, f.asked("close " + id)
}

func (f *fake) Teams(context.Context) ([]TeamHere, error) { return fakeTeams, f.asked("teams") }

func (f *fake) SwitchTeam(_ context.Context, team string) (Status, error) {
	return fakeStatus, f.asked("switch to " + team)
}

// doorMethods are the methods of [Doorkeeper], for the table of all.
func doorMethods() map[string]func(context.Context, Service) (got, want, seen any, err error) {
	return map[string]func(context.Context, Service) (got, want, seen any, err error){
		"invites": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Invites(ctx)
			return r, []Pending{fakePending}, "invites", err
		},
		"arrivals": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Arrivals(ctx)
			return r, fakePending.Came, "arrivals", err
		},
		"close invite": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.CloseInvite(ctx, "2")
			return r, fakePending, "close 2", err
		},
		"teams": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Teams(ctx)
			return r, fakeTeams, "teams", err
		},
		"switch team": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.SwitchTeam(ctx, "sre")
			return r, fakeStatus, "switch to sre", err
		},
	}
}

func (f *fake) Arrivals(context.Context) ([]Arrival, error) {
	return fakePending.Came, f.asked("arrivals")
}
