package node

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/wire"
)

// Where everybody was thrown out by one hand, nobody lets anybody in, and a word as of before that would reach nobody. So
// who was thrown out takes such words, and the co-signatures of them, to the others whom the same hand threw out, and, once
// they have won, to the laptop that did it. A stranger's stream is all that takes: it carries operations of the team
// document, and they are judged where they arrive. Nothing else goes that way, and nobody is let in by it.

const (
	outcryWait    = time.Minute      // at most, between two attempts to reach a device
	outcryAgain   = 10 * time.Minute // until a device that was told is told again, in case it lost that
	outcryOps     = 64               // words told of; those with the most behind them have long won
	outcryTargets = 64               // devices told
)

// An outcry is what to tell to whom. It is never changed once it is published.
type outcry struct {
	ops     []crdt.Hash // words as of before
	state   crdt.Hash   // changes with what is to be told
	targets []crdt.DeviceID
}

// newOutcry returns what this node has to tell: nil when nobody threw it out or nobody has spoken against that.
func (s *session) newOutcry() *outcry {
	t, self := s.r.Team(), s.r.Device()
	if s.n.relaying || !slices.ContainsFunc(t.Removals(), func(r auth.Removal) bool { return r.Device == self && r.Mode != auth.ModeSuspend }) {
		return nil
	}
	g, all := s.r.Graph(s.team), t.Removals()
	personOf := func(d crdt.DeviceID) auth.PersonID { m, _ := t.Member(d); return m.Person }
	out := &outcry{}
	var told []byte
	tell := func(d crdt.DeviceID) {
		if d != self && !t.Admitted(d) && !slices.Contains(out.targets, d) && len(out.targets) < outcryTargets {
			out.targets = append(out.targets, d)
		}
	}
	for _, word := range all {
		hand := personOf(word.Device)
		speaks := func(r auth.Removal) bool { // word is against the hand behind r, and has not seen r
			return r.Mode != auth.ModeSuspend && r.By == hand && r.By != word.By && !g.Before(r.Op, word.Op) && !g.Before(word.Op, r.Op)
		}
		ours := func(r auth.Removal) bool { return r.Device == self && speaks(r) }
		if word.Mode == auth.ModeSuspend || len(out.ops) == outcryOps || !slices.ContainsFunc(all, ours) {
			continue
		}
		out.ops = append(out.ops, word.Op)
		told = append(told, word.Op[:]...)
		for _, p := range word.Behind {
			told = append(told, p[:]...)
		}
		for _, r := range all {
			if speaks(r) {
				tell(r.Device)
			}
		}
		if word.Effective { // not before: who holds that laptop need not know what is coming
			tell(word.Device)
		}
	}
	if len(out.ops) == 0 || len(out.targets) == 0 {
		return nil
	}
	out.state = crdt.SumHash(told)
	return out
}

// An attempt is how far telling one device has come.
type attempt struct {
	state crdt.Hash
	next  time.Time
	wait  time.Duration
}

// cryOut tells, every knockEvery at most.
func (s *session) cryOut(ctx context.Context) error {
	tries := map[crdt.DeviceID]attempt{}
	tick := time.NewTicker(knockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		o := s.outcry.Load()
		if o == nil {
			continue
		}
		for _, dev := range o.targets {
			a := tries[dev]
			if a.state != o.state {
				a = attempt{state: o.state}
			}
			if time.Now().Before(a.next) {
				continue
			}
			if err := s.tell(ctx, o, dev); err != nil {
				s.n.cfg.Log.Debug("not told of a word as of before", "device", dev.Short(), "err", err)
				a.wait = min(max(2*a.wait, knockEvery), outcryWait)
				a.next = time.Now().Add(a.wait)
			} else {
				a.wait, a.next = 0, time.Now().Add(outcryAgain)
			}
			tries[dev] = a
		}
	}
}

var errNobodyThere = errors.New("no address at which it answers")

// tell brings the words to one device. That it does not let this one in, is no error: it took them all the same.
func (s *session) tell(ctx context.Context, o *outcry, dev crdt.DeviceID) error {
	addrs := s.addressesOf(dev)
	if len(addrs) == 0 {
		return errNobodyThere
	}
	var doc *wire.Batch
	if err := s.do(ctx, func(time.Time) error { doc = s.pastRecords(o.ops...); return nil }); err != nil {
		return err
	}
	if doc == nil {
		return errors.New("it cannot be cut out of what is held here")
	}
	ctx, cancel := context.WithTimeout(ctx, knockEvery)
	defer cancel()
	err := errNobodyThere
	for _, addr := range addrs[:min(len(addrs), knocksMax)] {
		err = s.t.DialStranger(ctx, addr, func(_ context.Context, there crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
			if there != dev {
				return errNobodyThere
			}
			werr := writeDocument(rw, askIntroducePart, askIntroduce, doc)
			_, err := readAnswer(rw)
			if no := (*refusal)(nil); err == nil || errors.As(err, &no) {
				return nil
			}
			return errors.Join(werr, err)
		})
		if err == nil {
			s.n.cfg.Log.Info("told of a word as of before", "device", dev.Short())
			return nil
		}
	}
	return err
}
