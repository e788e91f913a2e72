package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"muster/crdt/board"
	"muster/node/api"
)

// The people of a bubble type whatever verb the board has, at random, with arguments that fit more often than not. A new
// verb joins in by itself.
type people struct {
	b         *bubble
	wg        sync.WaitGroup
	end       chan struct{}
	incidents int // declared at most

	mu             sync.Mutex
	done, refused  map[string]int // verb -> how often
	slowest        time.Duration  // of a write
	writes, denied int
}

// work starts one person at each of the nodes, who does something every pause on average, until [people.rest].
func (b *bubble) work(pause time.Duration, nodes ...int) *people {
	p := &people{b: b, end: make(chan struct{}), incidents: 3, done: map[string]int{}, refused: map[string]int{}}
	for _, i := range nodes {
		p.wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for {
				select {
				case <-p.end:
					return
				case <-time.After(pause/2 + time.Duration(r.Int64N(int64(pause)))):
				}
				p.act(i, r)
			}
		})
	}
	return p
}

// rest ends the people's work and says what they did.
func (p *people) rest() {
	p.b.t.Helper()
	close(p.end)
	p.wg.Wait()
	p.b.t.Logf("people: %d writes of %d verbs, %d refused; the slowest answer took %v", p.writes, len(p.done), p.denied, p.slowest)
	if limit := deliveryWait + 100*time.Millisecond; p.slowest > limit {
		p.b.t.Errorf("a write took %v, want at most %v: peers must not hold up a person", p.slowest, limit)
	}
}

// act lets the person at the i'th node do something. What the board's rules refuse is part of the game, if they say why.
func (p *people) act(i int, r *rand.Rand) {
	n, ctx := p.b.nodes[i], p.b.t.Context()
	st, err := n.Status(ctx)
	if err != nil {
		p.b.t.Errorf("p%d: status: %v", i, err)
		return
	}
	w := api.Write{Verb: "declare", Text: words(r), Severity: 1 + r.IntN(5), Yes: true}
	if len(st.Incidents) > 0 && (len(st.Incidents) >= p.incidents || r.IntN(20) > 0) {
		inc, err := n.Show(ctx, st.Incidents[r.IntN(len(st.Incidents))].ID)
		if err != nil {
			p.b.t.Errorf("p%d: show: %v", i, err)
			return
		}
		verbs := board.Verbs()
		w = p.fillIn(r, verbs[r.IntN(len(verbs))], &inc, st.Incidents)
	}
	start := time.Now()
	_, err = n.Write(ctx, w)
	took := time.Since(start)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slowest = max(p.slowest, took)
	if err == nil {
		p.done[w.Verb]++
		p.writes++
		return
	}
	p.refused[w.Verb]++
	p.denied++
	var e *api.Error
	switch errors.As(err, &e); {
	case e == nil || e.Message == "" && e.Question == "":
		p.b.t.Errorf("p%d: %+v refused without a word: %v", i, w, err)
	case e.Code == api.CodeInternal || e.Code == api.CodeStopped || e.Code == api.CodeDiskFull:
		p.b.t.Errorf("p%d: %+v: %v", i, w, err)
	}
}

// fillIn gives a verb the arguments it reads.
func (p *people) fillIn(r *rand.Rand, v board.Verb, inc *api.Incident, all []api.IncidentStatus) api.Write {
	w := api.Write{Verb: v.Name, Incident: inc.ID, Yes: r.IntN(10) > 0}
	wants := func(n board.Need) bool { return n == board.Must || n == board.May && r.IntN(2) == 0 }
	if v.Name == "settle" {
		if len(inc.Conflicts) > 0 {
			c := inc.Conflicts[r.IntN(len(inc.Conflicts))]
			w.Subject = fmt.Sprint(c.N)
			if len(c.Choices) > 0 {
				w.Value = c.Choices[r.IntN(len(c.Choices))].Key
			}
		}
		return w
	}
	if ids := refs(v.Ref, inc); wants(v.RefNeed) && len(ids) > 0 {
		w.Ref = ids[r.IntN(len(ids))]
	}
	if wants(v.Who) {
		w.Who = []string{fmt.Sprintf("p%d", r.IntN(len(p.b.nodes)))}
	}
	if wants(v.Text) {
		w.Text = words(r)
	}
	if wants(v.Value) {
		w.Value = pick(r, v.Values, "lead", "scribe")
	}
	if len(v.Kinds) > 0 && r.IntN(2) == 0 {
		w.Kind = pick(r, v.Kinds)
	}
	if wants(v.Topic) {
		w.Topic = pick(r, nil, "waf", "dns")
	}
	if wants(v.Severity) {
		w.Severity = 1 + r.IntN(5)
	}
	if wants(v.Fatigue) {
		w.Fatigue = 1 + r.IntN(5)
	}
	if wants(v.Services) {
		w.Services = []string{pick(r, nil, "edge", "db")}
	}
	if wants(v.Resource) {
		w.Resource = pick(r, nil, "db1", "lb2")
	}
	if wants(v.Other) {
		w.Ref = all[r.IntN(len(all))].ID
	}
	if wants(v.At) {
		w.AtMS = time.Now().UnixMilli() - r.Int64N(1e7)
	}
	if wants(v.For) {
		w.ForMS = 1000 + r.Int64N(1e7)
	}
	if wants(v.Labels) {
		w.Labels = []string{pick(r, nil, "region=eu", "region=us")}
	}
	if wants(v.Items) {
		w.Items = []string{"stop writes", pick(r, nil, "restore", "wait")}
	}
	if wants(v.Item) {
		w.Item = 1 + r.IntN(2)
	}
	if wants(v.Place) {
		w.Place = pick(r, nil, "office", "VPN")
	}
	w.Once, w.Vital = v.Once && r.IntN(3) == 0, v.Vital && r.IntN(3) == 0
	w.Force, w.Withdraw = v.Force && r.IntN(2) == 0, v.Withdraw && r.IntN(4) == 0
	return w
}

// refs lists what of an incident a reference of this kind could name.
func refs(kind board.RefKind, inc *api.Incident) (ids []string) {
	switch kind {
	case board.RefTask:
		for _, t := range inc.Tasks {
			ids = append(ids, t.ID)
		}
	case board.RefNote:
		for _, n := range inc.Notes {
			ids = append(ids, n.ID)
		}
	case board.RefDecision:
		for _, d := range inc.Decisions {
			ids = append(ids, d.ID)
		}
	case board.RefTheory:
		for _, t := range inc.Theories {
			ids = append(ids, t.ID)
		}
	case board.RefUpdate:
		for _, u := range inc.Updates {
			ids = append(ids, u.ID)
		}
	case board.RefRun:
		for _, n := range inc.Runs {
			ids = append(ids, n.ID)
		}
	case board.RefCriterion:
		for _, c := range inc.Criteria {
			ids = append(ids, c.ID)
		}
	case board.RefNone:
	}
	return ids
}

// pick returns one of values, or of others when there are none.
func pick(r *rand.Rand, values []string, others ...string) string {
	if len(values) == 0 {
		values = others
	}
	return values[r.IntN(len(values))]
}

func words(r *rand.Rand) string {
	lexicon := [...]string{"db", "lag", "lb2", "drain", "restart", "edge", "is", "slow", "check", "fail", "over", "page"}
	s := fmt.Sprintf("%s %d", lexicon[r.IntN(len(lexicon))], r.IntN(1000))
	for range r.IntN(4) {
		s += " " + lexicon[r.IntN(len(lexicon))]
	}
	return s
}
