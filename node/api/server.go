package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

const (
	headerTimeout   = 5 * time.Second // a local client sends its header at once
	idleTimeout     = time.Minute
	shutdownTimeout = 2 * time.Second // for answers under way when the node stops
	headerBytesMax  = 16 << 10
)

// Serve answers requests on ln with s until ctx ends, then lets the answers under way finish for a bounded time and
// closes ln. It returns nil when ctx ended it, else why it could not go on. Streams of Watch end with ctx.
func Serve(ctx context.Context, ln net.Listener, s Service, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	srv := &http.Server{
		Handler:           NewHandler(s, log),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(newGate(ln, ConnectionsMax)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if end := <-failed; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// NewHandler returns the HTTP face of s: one POST per method under /v1/, JSON in and out, Watch as JSON lines. A panic
// in a method costs its caller an error with CodeInternal and nobody else anything.
func NewHandler(s Service, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	method(mux, pathWrite, func(ctx context.Context, in Write) (Receipt, error) { return s.Write(ctx, in) })
	method(mux, pathStatus, func(ctx context.Context, _ empty) (Status, error) { return s.Status(ctx) })
	method(mux, pathShow, func(ctx context.Context, in ask) (Incident, error) { return s.Show(ctx, in.Incident) })
	method(mux, pathBrief, func(ctx context.Context, in ask) (Briefing, error) { return s.Brief(ctx, in.Incident) })
	method(mux, pathLog, func(ctx context.Context, in ask) ([]Entry, error) { return s.Log(ctx, in.Incident) })
	method(mux, pathMerge, func(ctx context.Context, in ask) (MergeReport, error) { return s.Merge(ctx, in.Incident) })
	method(mux, pathInit, func(ctx context.Context, in Init) (Status, error) { return s.Init(ctx, in) })
	method(mux, pathInvite, func(ctx context.Context, in Invite) (Invitation, error) { return s.Invite(ctx, in) })
	method(mux, pathJoin, func(ctx context.Context, in Join) (Joined, error) { return s.Join(ctx, in) })
	method(mux, pathProfile, func(ctx context.Context, in profileAsk) (Profile, error) { return s.Profile(ctx, in.Who) })
	method(mux, pathSetProfile, func(ctx context.Context, in SetProfile) (Profile, error) { return s.SetProfile(ctx, in) })
	method(mux, pathMembers, func(ctx context.Context, _ empty) (Members, error) { return s.Members(ctx) })
	method(mux, pathWhois, func(ctx context.Context, in whoisAsk) (Whois, error) { return s.Whois(ctx, in.What, in.Incident) })
	method(mux, pathTrust, func(ctx context.Context, in Trust) (Trusted, error) { return s.Trust(ctx, in) })
	method(mux, pathCut, func(ctx context.Context, in whoAsk) (Status, error) { return s.Cut(ctx, in.Who) })
	method(mux, pathHeal, func(ctx context.Context, _ empty) (Status, error) { return s.Heal(ctx) })
	method(mux, pathVerify, func(ctx context.Context, _ empty) (Verification, error) { return s.Verify(ctx) })
	method(mux, pathDoctor, func(ctx context.Context, in whoAsk) (Diagnosis, error) { return s.Doctor(ctx, in.Who) })
	method(mux, pathStop, func(ctx context.Context, _ empty) (empty, error) { return empty{}, s.Stop(ctx) })
	serveCarrier(mux, s)
	serveDoorkeeper(mux, s)
	serveProtector(mux, s)
	mux.HandleFunc("POST "+pathWatch, func(w http.ResponseWriter, r *http.Request) { stream(w, r, s) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, Errorf(CodeNotFound, "", "no such method: %s %s", r.Method, r.URL.Path))
	})
	return guard(mux, log)
}

// method mounts one call: decode, do, encode.
func method[In, Out any](mux *http.ServeMux, path string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decode(w, r, &in); err != nil {
			fail(w, err)
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			fail(w, err)
			return
		}
		answer(w, http.StatusOK, out)
	})
}

// stream writes the events of a watch, one line each, flushed as they come, until the caller goes or the watch ends.
func stream(w http.ResponseWriter, r *http.Request, s Service) {
	var in ask
	if err := decode(w, r, &in); err != nil {
		fail(w, err)
		return
	}
	out := http.NewResponseController(w)
	enc := json.NewEncoder(w)
	for ev, err := range s.Watch(r.Context(), in.Incident) {
		l := line{Event: &ev}
		if err != nil {
			l = line{Error: AsError(err)}
		}
		if enc.Encode(l) != nil || out.Flush() != nil || err != nil {
			return // the caller is gone, or was told the end
		}
	}
}

// guard checks versions and turns panics into errors.
func guard(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(VersionHeader, Version)
		w.Header().Set("Content-Type", "application/json")
		defer func() {
			if p := recover(); p != nil {
				log.Error("panic in a request", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				// Harmless when the answer had begun: the client then finds a broken document and says so.
				fail(w, Errorf(CodeInternal, "the node goes on; please report what its log says", "a bug in the node stopped this request"))
			}
		}()
		if v := r.Header.Get(VersionHeader); v != Version {
			fail(w, Errorf(CodeUsage, `run "muster down", then again`, "the node speaks local protocol %s, the caller %q", Version, v))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	e := AsError(err)
	answer(w, statusOf(e.Code), failure{Error: e})
}

// answer writes v. What cannot be written has no reader any more.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types always encode
	}
	w.WriteHeader(status)
	if _, err := w.Write(append(b, '\n')); err != nil {
		return
	}
}
