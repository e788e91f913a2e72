package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/wire"
)

// Join enters the team of a code, of words or of a bundle. The team left behind stays on disk as it is.
func (n *Node) Join(ctx context.Context, in api.Join) (api.Joined, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Joined{}, err
	}
	j := &joiner{n: n, s: s, handle: in.Responder}
	if err := j.read(in); err != nil {
		return api.Joined{}, problem(err)
	}
	if err := s.do(ctx, func(time.Time) error { j.leave(); return nil }); err != nil {
		return api.Joined{}, problem(err)
	}
	if err := auth.CheckHandle(j.handle); err != nil {
		return api.Joined{}, problem(err)
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if j.bundle != nil {
		_, err = j.enter(crdt.DeviceID{}, j.code, j.bundle.doc)
		err = errors.Join(err, j.keepKeys(j.code.team, j.bundle.keys))
	} else {
		err = j.join(ctx)
	}
	if err != nil {
		return api.Joined{}, problem(err)
	}
	if err := n.switchTo(ctx, s, j.code.team); err != nil {
		return api.Joined{}, problem(err)
	}
	return n.joined(ctx, j)
}

// read understands what a person typed after join.
func (j *joiner) read(in api.Join) error {
	for _, text := range in.At {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			return api.Errorf(api.CodeUsage, "write it as 192.0.2.7:7946", "%q is not an address and a port", text)
		}
		if len(j.at) < seenMax {
			j.at = append(j.at, a)
		}
	}
	if in.Bundle != "" {
		b, err := readBundle(in.Bundle)
		if err != nil {
			return err
		}
		j.bundle, j.code = b, b.code
		return j.sameTeam(b.code)
	}
	w, isWords, err := parseSpoken(in.Code)
	switch {
	case err != nil:
		return wordsProblem(err)
	case isWords:
		j.spoken = &spoken{spokenWords: w, asked: map[crdt.DeviceID]bool{}}
		return nil
	}
	if j.code, err = parseCode(in.Code); err != nil {
		return api.Errorf(api.CodeBadCode, "paste the whole line that \"muster invite\" printed", "%s", err)
	}
	return j.sameTeam(j.code)
}

// sameTeam refuses a code of the team that this node is in.
func (j *joiner) sameTeam(c *code) error {
	if j.s.team == c.team {
		return api.Errorf(api.CodeRefused, "nothing to do", "this node is in that team already")
	}
	return nil
}

// leave notes what is left behind. It runs on the loop.
func (j *joiner) leave() {
	if j.handle == "" {
		j.handle, _, _ = strings.Cut(j.s.me().Handle, "~")
	}
	if len(j.s.r.Documents()) > 0 || len(j.s.r.Team().Members()) > 1 {
		j.kept = j.s.r.Team().Name()
	}
}

// joined describes the team just entered.
func (n *Node) joined(ctx context.Context, j *joiner) (api.Joined, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Joined{}, err
	}
	out := api.Joined{Words: identity.Fingerprint(n.device.ID()), Kept: j.kept}
	if j.bundle == nil {
		s.m.Sight(j.addr, j.via)
		s.awaitFirstSync(ctx, j.via)
		out.ViaWords = identity.Fingerprint(j.via)
	} else {
		for _, a := range append(slices.Clone(j.code.addrs), j.at...) {
			s.m.Sight(a, crdt.DeviceID{})
		}
	}
	err = s.do(ctx, func(time.Time) error {
		if via, ok := s.r.Team().Member(j.via); ok {
			out.Via = via.Handle
		}
		out.Team, out.Responder = s.r.Team().Name(), s.me().Handle
		out.Members, out.Operations = len(s.r.Team().All()), s.operations()
		return nil
	})
	return out, err
}

// awaitFirstSync waits, for a bounded time, until the peer that let us in has given us all it has: whoever has just
// joined must not find an empty board and declare the incident a second time.
func (s *session) awaitFirstSync(ctx context.Context, via crdt.DeviceID) {
	wait := time.NewTimer(firstSyncWait)
	defer wait.Stop()
	a := &arrival{from: via, done: make(chan struct{})}
	if err := s.do(ctx, func(time.Time) error { s.arrivals = append(s.arrivals, a); return nil }); err != nil {
		return
	}
	select {
	case <-a.done:
	case <-wait.C:
	case <-s.ctx.Done():
	case <-ctx.Done():
	}
}

// A joiner takes this device into another team.
type joiner struct {
	n      *Node
	s      *session // of the team to leave, whose socket is used
	code   *code    // of words: nil until somebody let us in
	spoken *spoken  // nil: no words were typed
	bundle *bundle  // nil: there is none
	at     []netip.AddrPort
	handle string
	kept   string // name of the team left, if there is something in it

	entering sync.Mutex    // held by the knock that is being answered; guards what follows, and code
	in       bool          // somebody let us in
	via      crdt.DeviceID // who
	addr     netip.AddrPort
}

// errIn ends a knock that another one has made unnecessary.
var errIn = errors.New("let in elsewhere")

// join asks at every address it can think of, several at a time since one that is gone takes seconds to say nothing,
// until somebody lets it in. A clear no ends the search soon: it may come from a member whom word of the invitation has
// not reached, while another one knows of it.
func (j *joiner) join(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	addrs := make(chan netip.AddrPort, 16)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { j.addresses(ctx, addrs) })
	type outcome struct {
		addr netip.AddrPort
		err  error
	}
	ended := make(chan outcome, knocksMax)
	asking := map[netip.AddrPort]bool{}
	var last error
	var no *api.Error             // what somebody said
	var patience <-chan time.Time // with those who have not answered, once somebody said no
	for {
		more := addrs
		if len(asking) == knocksMax {
			more = nil
		}
		select {
		case <-ctx.Done():
			return j.nobody(no, last)
		case <-patience:
			return no
		case a := <-more:
			if asking[a] {
				continue
			}
			asking[a] = true
			parts.Go(func() {
				knock := func(ctx context.Context, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
					return j.knock(ctx, a, dev, exporter, rw)
				}
				ended <- outcome{a, j.s.t.DialStranger(ctx, a, knock)}
			})
		case o := <-ended:
			delete(asking, o.addr)
			if o.err == nil {
				return nil
			}
			if errors.Is(o.err, errAsked) {
				continue
			}
			j.n.cfg.Log.Info("not let in", "addr", o.addr, "err", o.err)
			last = o.err
			var final *api.Error
			if errors.As(o.err, &final) {
				return final
			}
			if said, wait := j.verdict(o.addr, o.err); said != nil {
				no = said
				if patience == nil && wait > 0 {
					patience = time.After(wait)
				}
			}
		}
	}
}

// verdict returns what the other side's no means, and how long to wait whether another one says yes; 0: as long as it takes.
func (j *joiner) verdict(addr netip.AddrPort, err error) (*api.Error, time.Duration) {
	if no := (*refusal)(nil); errors.As(err, &no) {
		return api.Errorf(api.CodeBadCode, "ask a member for a new code: muster invite, on their laptop", "not let in: %s", no.why), refusalWait
	}
	no := (*wordsNo)(nil)
	switch {
	case !errors.As(err, &no), no.why == reasonBusy:
		return nil, 0
	case no.why == reasonUnknown && !slices.Contains(j.at, addr):
		return nil, 0 // others who look for the number announce it too
	}
	return no.problem(), refusalWait
}

// nobody says that the time is over.
func (j *joiner) nobody(no *api.Error, last error) error {
	switch {
	case no != nil:
		return no
	case j.spoken != nil:
		no := wordsNo{why: reasonUnknown, number: j.spoken.number}
		return no.problem()
	}
	hint := "ask the inviter to run \"muster up\", and check that both are on one network"
	if last != nil {
		hint += " (" + last.Error() + ")"
	}
	return api.Errorf(api.CodeUnreached, hint, "nobody of that team answered within %s", joinTimeout)
}

// addresses yields those in the code, those given by hand, and those heard on the local links, again and again.
func (j *joiner) addresses(ctx context.Context, out chan<- netip.AddrPort) {
	var key []byte
	given := slices.Concat(j.at, j.n.cfg.Join)
	if j.spoken != nil {
		key = plateKey(j.spoken.number)
	} else {
		key = j.code.discoveryKey()
		given = slices.Concat(j.code.addrs, given)
	}
	heard := j.s.tune(ctx, key)
	send := func(as []netip.AddrPort) {
		for _, a := range as {
			select {
			case out <- a:
			case <-ctx.Done():
			}
		}
	}
	var seen []netip.AddrPort // on the links: said once, but our own address may not be usable yet
	again := time.NewTicker(knockAgain)
	defer again.Stop()
	send(given)
	for {
		select {
		case <-ctx.Done():
			return
		case sg := <-heard:
			if !slices.Contains(seen, sg.Addr) && len(seen) < seenMax {
				seen = append(seen, sg.Addr)
			}
			send([]netip.AddrPort{sg.Addr})
		case <-again.C:
			send(given)
			send(seen)
		}
	}
}

// knock is the joiner's side of a joining stream. One at a time goes beyond the first answer: what it makes on disk is
// for the one team.
func (j *joiner) knock(_ context.Context, addr netip.AddrPort, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
	c := j.code
	if j.spoken != nil {
		if j.s.isMember(dev) {
			return j.sameTeam(&code{team: j.s.team})
		}
		var err error
		if c, err = j.speak(dev, exporter, rw); err != nil {
			return err
		}
		if err := j.sameTeam(c); err != nil {
			return err
		}
	}
	key := c.key()
	sig, err := key.Sign(nil, knockMessage(exporter, j.n.device.ID()), &ed25519.Options{Context: knockContext})
	if err != nil {
		return err
	}
	if err := writeFrame(rw, []byte{askKnock}, key.Public().(ed25519.PublicKey), sig); err != nil {
		return err
	}
	batch, err := readDocument(rw)
	if err != nil {
		return err
	}
	j.entering.Lock()
	defer j.entering.Unlock()
	if j.in {
		return errIn
	}
	rec, err := j.enter(dev, c, batch)
	if err != nil {
		return err
	}
	if rec != nil {
		err := writeFrame(rw, crdt.AppendRecord(nil, rec))
		var keys []byte
		if err == nil {
			keys, err = readAnswer(rw)
		}
		if err != nil {
			return errors.Join(err, os.RemoveAll(j.n.home.team(c.team)))
		}
		if err := j.keepKeys(c.team, string(keys)); err != nil {
			j.n.cfg.Log.Warn("the team keys that came with joining are not kept", "err", err) // they come again
		}
	}
	j.in, j.via, j.addr, j.code = true, dev, addr, c
	return nil
}

// keepKeys stores the team keys that we were given, for the session that is to come.
func (j *joiner) keepKeys(team crdt.DocID, lines string) error {
	keys, err := parseTeamKeys(lines)
	if err != nil || len(keys) == 0 {
		return err
	}
	held, err := j.n.home.readTeamKeys(team)
	if err != nil {
		return err
	}
	return j.n.home.writeTeamKeys(team, mergeKeys(held, keys))
}

// enter checks the team document, makes a store of it and writes our join operation, which it returns; nil when we are
// a member already. dev is who gave it to us; zero: a bundle. If it fails, nothing is left on disk that was not there.
func (j *joiner) enter(dev crdt.DeviceID, c *code, batch *wire.Batch) (rec *crdt.Record, err error) {
	if batch.Doc != c.team || !batch.Verify(crdt.VerifyEd25519) {
		return nil, errors.New("whoever answered is not of that team")
	}
	if _, missing := os.Stat(j.n.home.team(c.team)); errors.Is(missing, fs.ErrNotExist) { // what is made here goes again if it leads nowhere
		defer func() {
			if err != nil {
				err = errors.Join(err, os.RemoveAll(j.n.home.team(c.team)))
			}
		}()
	}
	st, _, err := j.n.cfg.OpenStore(j.n.home.store(c.team), j.n.storeConfig())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r, err := j.replica(st, batch)
	if err != nil {
		return nil, err
	}
	if !dev.IsZero() && !r.Team().Admitted(dev) {
		return nil, errors.New("whoever answered is not of that team")
	}
	if _, ok := r.Team().Member(j.n.device.ID()); ok {
		return nil, nil
	}
	body, err := j.ticket(r.Team(), c)
	if err != nil {
		return nil, err
	}
	if _, err := r.ProposeTeam(j.n.now(), auth.KindJoin, body); err != nil {
		return nil, err
	}
	if _, err := r.ProposeTeam(j.n.now(), auth.KindKeys, auth.SetKeys{Seal: j.n.device.SealKey()}); err != nil {
		return nil, err
	}
	own := r.Ready().Own
	i := slices.IndexFunc(own, func(rec *crdt.Record) bool { return rec.Op.Kind == auth.KindJoin })
	if i < 0 {
		return nil, errors.New("the join operation was not made")
	}
	return own[i], st.Put(own, nil)
}

// ticket is the body of our join operation.
func (j *joiner) ticket(t *auth.Team, c *code) (auth.Join, error) {
	key := c.key()
	id, _, ok := t.Invitation(key.Public().(ed25519.PublicKey))
	if !ok {
		return auth.Join{}, errors.New("the invitation is not known there")
	}
	inv, ok := invitationByID(t, id)
	if ok && inv.Closed {
		return auth.Join{}, api.Errorf(api.CodeBadCode, "ask a member for a new code: muster invite, on their laptop", "the invitation was closed")
	}
	handle := j.handle
	if ok && !inv.For.IsZero() {
		handle, _, _ = strings.Cut(t.Handle(inv.For), "~") // of the person whose device this becomes
	} else if _, taken := t.Person(handle); taken {
		return auth.Join{}, api.Errorf(api.CodeRefused, "join with another name: muster join CODE --name NAME", "there is a %s in that team already", handle)
	}
	proof, err := auth.Prove(key, c.team, j.n.device.ID())
	return auth.Join{Invite: id, Handle: handle, Device: deviceLabel(), Proof: proof}, err
}

// deviceLabel is what this laptop is called in the team document.
func deviceLabel() string {
	label, err := os.Hostname()
	if err != nil || auth.CheckName("device", label) != nil {
		return "laptop"
	}
	return label
}

// replica builds one of the team document alone. Replica checks every operation again, as if it came from anywhere.
func (j *joiner) replica(st store.Store, batch *wire.Batch) (*replica.Replica, error) {
	if err := st.Put(nil, batch.Records); err != nil {
		return nil, err
	}
	return replica.New(replica.Config{
		Signer: crdt.Ed25519Signer(j.n.device.Key()), Verify: crdt.VerifyEd25519, Team: batch.Doc,
		Epoch: st.Epoch(), Rand: randomBytes, Storage: st,
	})
}

// Init founds another team of one, while there is nothing to lose.
func (n *Node) Init(ctx context.Context, in api.Init) (api.Status, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	var handle, team string
	err = s.do(ctx, func(time.Time) error {
		if len(s.r.Documents()) > 0 || len(s.r.Team().Members()) > 1 {
			return api.Errorf(api.CodeRefused, "use another --dir for another team", "this node has a board already, as %s in %s", s.me().Handle, s.r.Team().Name())
		}
		handle, team = s.me().Handle, s.r.Team().Name()
		return nil
	})
	if err != nil {
		return api.Status{}, problem(err)
	}
	if in.Responder != "" {
		if handle = in.Responder; in.Team == "" {
			team = handle + "'s team"
		}
	}
	if in.Team != "" {
		team = in.Team
	}
	id, err := n.found(handle, team)
	if err == nil {
		err = n.switchTo(ctx, s, id)
	}
	if err != nil {
		return api.Status{}, problem(err)
	}
	return n.Status(ctx)
}
