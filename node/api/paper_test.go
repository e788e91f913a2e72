package api

import "context"

var (
	fakeExported = Exported{
		Schema: "muster.export/1", File: "/media/usb/board", Bytes: 7, Operations: 9, Incidents: []string{"amber-otter"}, Sealed: "team key", Key: 2,
		Notes: []string{"carry it"},
	}
	fakeImported = Imported{Schema: "muster.import/1", File: "/media/usb/board", By: "ann", Operations: 9, New: 7, Known: 2, Incidents: []string{"amber-otter"}}
	fakeRally    = Rally{
		Schema: "muster.rally/1", Team: "sre", By: "ann", Port: 7946, Places: []RallyPlace{{Responder: "bob", Device: "x", Addrs: []string{"192.0.2.7:7946"}}},
		People: []RallyPerson{{Handle: "bob", Role: "steward", Devices: []RallyDevice{{Name: "x", Words: "amber falcon ridge oak"}}}},
	}
)

func (f *fake) Export(_ context.Context, in Export) (Exported, error) {
	return fakeExported, f.asked(in)
}

func (f *fake) Import(_ context.Context, in Import) (Imported, error) {
	return fakeImported, f.asked(in)
}

func (f *fake) Rally(context.Context) (Rally, error) { return fakeRally, f.asked("rally") }

// paperMethods are the methods of [Carrier], for the table of all.
func paperMethods() map[string]func(context.Context, Service) (got, want, seen any, err error) {
	return map[string]func(context.Context, Service) (got, want, seen any, err error){
		"export": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := Export{File: "/media/usb/board", Incident: "amber", Passphrase: "four words", Yes: true}
			r, err := s.Export(ctx, in)
			return r, fakeExported, in, err
		},
		"import": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			in := Import{File: "/media/usb/board", Passphrase: "four words"}
			r, err := s.Import(ctx, in)
			return r, fakeImported, in, err
		},
		"rally": func(ctx context.Context, s Service) (_, _, _ any, err error) {
			r, err := s.Rally(ctx)
			return r, fakeRally, "rally", err
		},
	}
}
