package api

import "context"

func (f *fake) Protect(_ context.Context, in Protect) (Status, error) { return fakeStatus, f.asked(in) }

func (f *fake) Unlock(_ context.Context, in Unlock) (Status, error) { return fakeStatus, f.asked(in) }

func protectMethods() map[string]func(context.Context, Service) (got, want, seen any, err error) {
	return map[string]func(context.Context, Service) (got, want, seen any, err error){
		"protect": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := Protect{Mode: ProtectedPassphrase, Passphrase: "correct horse"}
			r, err := s.Protect(ctx, in)
			return r, fakeStatus, in, err
		},
		"unlock": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := Unlock{Passphrase: "correct horse"}
			r, err := s.Unlock(ctx, in)
			return r, fakeStatus, in, err
		},
	}
}
