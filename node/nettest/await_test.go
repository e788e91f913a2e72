//go:build netns

package nettest

import (
	"fmt"
	"slices"
	"time"

	"muster/node/api"
)

// pollInterval is how often a question is asked again whose answer is awaited.
const pollInterval = 20 * time.Millisecond

// within waits until why returns nothing, at most until limit after since, and returns and logs how long after since
// that was. why says what is still missing.
func (l *lab) within(limit time.Duration, since time.Time, what string, why func() string) time.Duration {
	l.t.Helper()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		missing := why()
		took := time.Since(since)
		if missing == "" && took <= limit {
			l.t.Logf("%s: %.2f s (limit %v)", what, took.Seconds(), limit)
			return took
		}
		if took > limit {
			l.picture()
			l.t.Fatalf("%s: not within %v: %s", what, limit, missing)
		}
		<-tick.C
	}
}

// pass lets time go by, with something to do at intervals, and returns how often that was done: on a machine that stands
// still now and then, less often than the time has intervals.
func (l *lab) pass(d, every time.Duration, do func(gone time.Duration)) (times int) {
	l.t.Helper()
	start := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for gone := time.Duration(0); gone < d; gone = time.Since(start) {
		do(gone)
		times++
		select {
		case <-tick.C:
		case <-l.t.Context().Done():
			return times
		}
	}
	return times
}

// picture logs what every node thinks of the others.
func (l *lab) picture() {
	l.t.Helper()
	for _, h := range l.hosts {
		if h.node == nil {
			continue
		}
		st, err := h.status()
		l.t.Logf("%s: %d operations, digest %s, listen %v, warnings %q, error %v", h.name, st.Operations, st.Digest, st.Listen, st.Warnings, err)
		for _, p := range st.Peers {
			l.t.Logf("  %s %+v", p.Responder, p)
		}
	}
}

// one reports what keeps the hosts from being one group with one board: each reaches the others, lacks nothing of
// theirs that they know of, and all show the same.
func one(hosts ...*host) func() string {
	return func() string {
		digest := ""
		for _, h := range hosts {
			st, err := h.status()
			if err != nil {
				return fmt.Sprintf("%s: %v", h.name, err)
			}
			for _, other := range hosts {
				if why := meets(st, other.name); other != h && why != "" {
					return h.name + " " + why
				}
			}
			if digest == "" {
				digest = st.Digest
			}
			if st.Digest != digest {
				return fmt.Sprintf("%s and %s show different boards", hosts[0].name, h.name)
			}
		}
		return ""
	}
}

// meets says what keeps a node from being at one with a peer.
func meets(st api.Status, peer string) string {
	at := slices.IndexFunc(st.Peers, func(p api.Peer) bool { return p.Responder == peer })
	switch {
	case at < 0:
		return "does not know " + peer
	case !st.Peers[at].Reachable:
		return "does not reach " + peer
	case st.Peers[at].Lacks > 0:
		return fmt.Sprintf("has %d operations that %s lacks", st.Peers[at].Lacks, peer)
	}
	return ""
}

// apart reports what keeps the hosts from having noticed that they no longer reach each other.
func apart(h *host, others ...*host) func() string {
	return func() string {
		st, err := h.status()
		if err != nil {
			return fmt.Sprintf("%s: %v", h.name, err)
		}
		for _, p := range st.Peers {
			if p.Reachable && slices.ContainsFunc(others, func(o *host) bool { return o.name == p.Responder }) {
				return fmt.Sprintf("%s still reaches %s", h.name, p.Responder)
			}
		}
		return ""
	}
}
