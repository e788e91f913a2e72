package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"os"
	"syscall"
)

// hintStart is the way out when no node answers.
const hintStart = `start one with "muster up"`

// Client is the [Service] of a node in another process, reached by its socket. It holds no state but idle
// connections; all methods are safe for concurrent use. Close it when done.
type Client struct {
	dir  string
	http *http.Client
}

var _ Service = (*Client)(nil)

// NewClient returns a client of the node of dir. It connects when it is first used.
func NewClient(dir string) *Client {
	path := SocketPath(dir)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		if uid, known := peerUID(c); !known || !mayTell(uid, os.Getuid()) {
			return nil, errors.Join(Errorf(CodeRefused, "use a --dir that only you can write", "%s belongs to another user", path), c.Close())
		}
		return c, nil
	}
	return &Client{dir: dir, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Write implements [Service].
func (c *Client) Write(ctx context.Context, w Write) (Receipt, error) {
	return call[Receipt](ctx, c, pathWrite, w)
}

// Status implements [Service].
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, pathStatus, empty{})
}

// Show implements [Service].
func (c *Client) Show(ctx context.Context, incident string) (Incident, error) {
	return call[Incident](ctx, c, pathShow, ask{Incident: incident})
}

// Brief implements [Service].
func (c *Client) Brief(ctx context.Context, incident string) (Briefing, error) {
	return call[Briefing](ctx, c, pathBrief, ask{Incident: incident})
}

// Log implements [Service].
func (c *Client) Log(ctx context.Context, incident string) ([]Entry, error) {
	return call[[]Entry](ctx, c, pathLog, ask{Incident: incident})
}

// Merge implements [Service].
func (c *Client) Merge(ctx context.Context, incident string) (MergeReport, error) {
	return call[MergeReport](ctx, c, pathMerge, ask{Incident: incident})
}

// Init implements [Service].
func (c *Client) Init(ctx context.Context, in Init) (Status, error) {
	return call[Status](ctx, c, pathInit, in)
}

// Invite implements [Service].
func (c *Client) Invite(ctx context.Context, in Invite) (Invitation, error) {
	return call[Invitation](ctx, c, pathInvite, in)
}

// Join implements [Service].
func (c *Client) Join(ctx context.Context, in Join) (Joined, error) {
	return call[Joined](ctx, c, pathJoin, in)
}

// Profile implements [Service].
func (c *Client) Profile(ctx context.Context, who string) (Profile, error) {
	return call[Profile](ctx, c, pathProfile, profileAsk{Who: who})
}

// SetProfile implements [Service].
func (c *Client) SetProfile(ctx context.Context, in SetProfile) (Profile, error) {
	return call[Profile](ctx, c, pathSetProfile, in)
}

// Cut implements [Service].
func (c *Client) Cut(ctx context.Context, who []string) (Status, error) {
	return call[Status](ctx, c, pathCut, whoAsk{Who: who})
}

// Heal implements [Service].
func (c *Client) Heal(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, pathHeal, empty{})
}

// Verify implements [Service].
func (c *Client) Verify(ctx context.Context) (Verification, error) {
	return call[Verification](ctx, c, pathVerify, empty{})
}

// Doctor implements [Service].
func (c *Client) Doctor(ctx context.Context, who []string) (Diagnosis, error) {
	return call[Diagnosis](ctx, c, pathDoctor, whoAsk{Who: who})
}

// Stop implements [Service].
func (c *Client) Stop(ctx context.Context) error {
	_, err := call[empty](ctx, c, pathStop, empty{})
	return err
}

// Watch implements [Service]. A node that goes away ends the sequence with CodeStopped; ctx ends it without an error.
func (c *Client) Watch(ctx context.Context, incident string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // the node learns that we left
		res, err := c.post(ctx, pathWatch, ask{Incident: incident})
		if err != nil {
			if ctx.Err() == nil {
				yield(Event{}, err)
			}
			return
		}
		defer drop(res.Body)
		if err := refusal(res); err != nil {
			yield(Event{}, err)
			return
		}
		body := &io.LimitedReader{R: res.Body}
		dec := json.NewDecoder(body)
		for {
			body.N = AnswerBytesMax
			var l line
			err := dec.Decode(&l)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				yield(Event{}, Errorf(CodeStopped, hintStart, "the node stopped"))
				return
			case l.Error != nil:
				yield(Event{}, l.Error)
				return
			case l.Event != nil && !yield(*l.Event, nil):
				return
			}
		}
	}
}

// call makes one request and reads its whole answer.
func call[Out any](ctx context.Context, c *Client, path string, in any) (Out, error) {
	var out Out
	res, err := c.post(ctx, path, in)
	if err != nil {
		return out, err
	}
	defer drop(res.Body)
	if err := refusal(res); err != nil {
		return out, err
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, AnswerBytesMax)).Decode(&out); err != nil {
		return out, c.broken(ctx, err)
	}
	return out, nil
}

// post sends one request.
func (c *Client) post(ctx context.Context, path string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, AsError(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+path, bytes.NewReader(body))
	if err != nil {
		return nil, AsError(err)
	}
	req.Header.Set(VersionHeader, Version)
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	return res, nil
}

// broken says in our words why there is no answer.
func (c *Client) broken(ctx context.Context, err error) *Error {
	var ours *Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Errorf(CodeUnreached, `look at DIR/node.log, or stop it with "muster down"`, "the node in %s did not answer in time", c.dir)
	case ctx.Err() != nil:
		return Errorf(CodeStopped, "", "interrupted")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return Errorf(CodeNoNode, hintStart, "no node is running in %s", c.dir)
	}
	return Errorf(CodeStopped, "look at the board before you type it again: it may have been saved",
		"the node in %s went away before it answered: %v", c.dir, err)
}

// refusal returns the error that an answer carries, nil when it carries none.
func refusal(res *http.Response) error {
	if v := res.Header.Get(VersionHeader); v != Version {
		return Errorf(CodeInternal, `run "muster down", then again`, "the node speaks local protocol %q, this program %s", v, Version)
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	var f failure
	if err := json.NewDecoder(io.LimitReader(res.Body, RequestBytesMax)).Decode(&f); err != nil || f.Error == nil {
		return Errorf(CodeInternal, "", "the node answered %s without saying why", res.Status)
	}
	return f.Error
}

// drop closes a body that was read as far as wanted; there is nothing to do about a failure.
func drop(body io.Closer) {
	if err := body.Close(); err != nil {
		return
	}
}
