package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/discover"
	"muster/node/identity"
	"muster/node/replica"
	"muster/node/store"
	"muster/node/transport"
	"muster/node/wire"
)

// A device that is no member yet has one stream. What it may say there, each part a frame of a four-byte length and
// that many bytes:
//
//	knock      1 | invitation's public key 32 | its signature of (exporter ‖ device)   "I hold an invitation"
//	           <- 0 | team document as a Batch, or 1 | why not
//	           -> its join operation as a record
//	           <- 0, or 1 | why not
//	introduce  2 | team document as a Batch                                            "I am a member, you do not know yet"
//	           <- 0, or 1 | why not
//
// A team document that does not fit one frame comes in parts, each a Batch: all but the last are in frames that begin
// with 2 in place of the 0, and with 3 in place of the 2.
//
// The signature is bound to the TLS connection by its exporter, so it cannot be relayed; the joiner knows whom it talks
// to because the team's name in the code is the hash that the team document grows from, and the other side's key is
// that of a member in it. Any member can let a joiner in, also one that has never been online with the inviter.
const (
	askKnock         = 1
	askIntroduce     = 2
	askIntroducePart = 3

	answerYes  = 0
	answerNo   = 1
	answerPart = 2

	knockContext = "muster/knock/v1"
	joinFrameMax = 128 << 10 // one operation, however large, fits
)

// stranger answers a device that is no member.
func (s *session) stranger(ctx context.Context, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
	b, err := readFrame(rw)
	if err != nil {
		return err
	}
	no := func(err error) error {
		return errors.Join(err, writeFrame(rw, []byte{answerNo}, []byte(err.Error())))
	}
	for b[0] == askIntroducePart {
		if err := s.admit(ctx, b[1:]); err != nil {
			return no(err)
		}
		if b, err = readFrame(rw); err != nil {
			return err
		}
	}
	switch b[0] {
	case askIntroduce:
		if err := s.admit(ctx, b[1:]); err != nil {
			return no(err)
		}
		return writeFrame(rw, []byte{answerYes})
	case askKnock:
		doc, err := s.answerKnock(ctx, dev, exporter, b[1:])
		if err != nil {
			return no(err)
		}
		if err := writeDocument(rw, answerPart, answerYes, doc); err != nil {
			return err
		}
		if b, err = readFrame(rw); err != nil {
			return err
		}
		if err := s.admitJoin(ctx, dev, b); err != nil {
			return no(err)
		}
		return writeFrame(rw, []byte{answerYes})
	}
	return no(errors.New("this muster does not know that request"))
}

// answerKnock returns the team document for a device that holds an invitation.
func (s *session) answerKnock(ctx context.Context, dev crdt.DeviceID, exporter, b []byte) (doc *wire.Batch, err error) {
	if len(b) != ed25519.PublicKeySize+ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: knock", crdt.ErrFormat)
	}
	pub := ed25519.PublicKey(b[:ed25519.PublicKeySize])
	if !identity.Verify(crdt.DeviceID(pub), knockContext, knockMessage(exporter, dev), b[ed25519.PublicKeySize:]) {
		return nil, errors.New("the code does not fit")
	}
	err = s.do(ctx, func(time.Time) error {
		if _, _, ok := s.r.Team().Invitation(pub); !ok {
			return errors.New("the invitation is not known here: let the inviter's node answer, or ask for a new code")
		}
		var err error
		doc, err = s.r.Whole(s.team)
		return err
	})
	return doc, err
}

func knockMessage(exporter []byte, dev crdt.DeviceID) []byte {
	return append(append([]byte(nil), exporter...), dev[:]...)
}

// admit takes in operations of the team document from a device that says it is a member.
func (s *session) admit(ctx context.Context, b []byte) error {
	batch, err := wire.ParseBatch(b)
	if err != nil {
		return err
	}
	return s.do(ctx, func(now time.Time) error { return s.r.Admit(now, batch) })
}

// admitJoin takes in the join operation of the device that knocked.
func (s *session) admitJoin(ctx context.Context, dev crdt.DeviceID, b []byte) error {
	rec, err := crdt.ParseRecord(b)
	if err != nil {
		return err
	}
	if rec.Op.Dot.Device != dev || rec.Op.Kind != auth.KindJoin {
		return fmt.Errorf("%w: not the joiner's own join", crdt.ErrFormat)
	}
	return s.do(ctx, func(now time.Time) error {
		return s.r.Admit(now, &wire.Batch{Doc: s.team, Records: []*crdt.Record{rec}})
	})
}

// introductions presents this node to members that do not know it yet, because the word of its joining has not reached them.
func (s *session) introductions(ctx context.Context) error {
	last := map[crdt.DeviceID]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-s.introduce:
			if !s.isMember(ev.Device) || time.Since(last[ev.Device]) < knockEvery {
				continue
			}
			last[ev.Device] = time.Now()
			if err := s.introduceTo(ctx, ev); err != nil {
				s.n.cfg.Log.Info("not let in", "peer", ev.Device.Short(), "err", err)
				s.clues.note(ev.Device, func(c *clue) { c.notLetIn = err.Error() })
				continue
			}
			s.m.Wake("a member knows us now")
		}
	}
}

func (s *session) introduceTo(ctx context.Context, to transport.Refused) error {
	var doc *wire.Batch
	err := s.do(ctx, func(time.Time) (err error) {
		doc, err = s.r.Whole(s.team)
		return err
	})
	if err != nil {
		return err
	}
	return s.t.DialStranger(ctx, to.Addr, func(_ context.Context, dev crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
		if dev != to.Device {
			return errors.New("somebody else is there now")
		}
		werr := writeDocument(rw, askIntroducePart, askIntroduce, doc)
		_, err := readAnswer(rw) // also when we could not say all: perhaps there was a no before the end
		if no := (*refusal)(nil); err == nil || werr == nil || errors.As(err, &no) {
			return err
		}
		return werr
	})
}

// Invite writes an invitation into the team document and returns the code that goes with it.
func (n *Node) Invite(ctx context.Context, in api.Invite) (api.Invitation, error) {
	uses := max(in.Uses, 1)
	if uses > auth.MaxUses || in.Uses < 0 {
		return api.Invitation{}, api.Errorf(api.CodeUsage, "use a number from 1 to 512", "an invitation for %d people", in.Uses)
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Invitation{}, err
	}
	c := &code{team: s.team, addrs: s.endpoints()}
	randomBytes(c.secret[:])
	pub := c.key().Public().(ed25519.PublicKey)
	err = s.do(ctx, func(now time.Time) error {
		if err := s.canWrite(); err != nil {
			return err
		}
		_, err := s.r.ProposeTeam(now, auth.KindInvite, auth.Invite{Key: pub, Role: auth.RoleResponder, Uses: uint32(uses)})
		return err
	})
	if err != nil {
		return api.Invitation{}, problem(err)
	}
	out := api.Invitation{Code: c.String(), Uses: uses, Addrs: []string{}}
	for _, a := range c.addrs {
		out.Addrs = append(out.Addrs, a.String())
	}
	return out, nil
}

// Join enters the team of a code. The team left behind stays on disk as it is.
func (n *Node) Join(ctx context.Context, in api.Join) (api.Joined, error) {
	c, err := parseCode(in.Code)
	if err != nil {
		return api.Joined{}, api.Errorf(api.CodeBadCode, "paste the whole line that \"muster invite\" printed", "%s", err)
	}
	s, err := n.current(ctx)
	if err != nil {
		return api.Joined{}, err
	}
	if s.team == c.team {
		return api.Joined{}, api.Errorf(api.CodeRefused, "nothing to do", "this node is in that team already")
	}
	handle := in.Responder
	if handle == "" {
		err = s.do(ctx, func(time.Time) error { handle = s.me().Handle; return nil })
	}
	if err == nil {
		err = auth.CheckHandle(handle)
	}
	if err != nil {
		return api.Joined{}, problem(err)
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	j := &joiner{n: n, s: s, code: c, handle: handle}
	if err := j.join(ctx); err != nil {
		return api.Joined{}, problem(err)
	}
	if err := n.switchTo(ctx, s, c.team); err != nil {
		return api.Joined{}, problem(err)
	}
	return n.joined(ctx, j)
}

// joined describes the team just entered.
func (n *Node) joined(ctx context.Context, j *joiner) (api.Joined, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Joined{}, err
	}
	s.m.Sight(j.addr, j.via)
	s.awaitFirstSync(ctx, j.via)
	var out api.Joined
	err = s.do(ctx, func(time.Time) error {
		via, _ := s.r.Team().Member(j.via)
		out = api.Joined{Team: s.r.Team().Name(), Responder: s.me().Handle, Via: via.Handle, Members: len(s.r.Team().All()), Operations: s.operations()}
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
	code   *code
	handle string

	entering sync.Mutex    // held by the knock that is being answered; guards what follows
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
	var no *refusal
	var patience <-chan time.Time // with those who have not answered, once somebody said no
	for {
		more := addrs
		if len(asking) == knocksMax {
			more = nil
		}
		select {
		case <-ctx.Done():
			hint := "ask the inviter to run \"muster up\", and check that both are on one network"
			if last != nil {
				hint += " (" + last.Error() + ")"
			}
			return api.Errorf(api.CodeUnreached, hint, "nobody of that team answered within %s", joinTimeout)
		case <-patience:
			return api.Errorf(api.CodeBadCode, "ask for a new code: muster invite", "not let in: %s", no.why)
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
			j.n.cfg.Log.Info("not let in", "addr", o.addr, "err", o.err)
			last = o.err
			var final *api.Error
			if errors.As(o.err, &no) && patience == nil {
				patience = time.After(refusalWait)
			}
			if errors.As(o.err, &final) {
				return final
			}
		}
	}
}

// addresses yields those in the code, those given by hand, and those of members heard on the local links, again and again.
func (j *joiner) addresses(ctx context.Context, out chan<- netip.AddrPort) {
	var sightings <-chan discover.Sighting
	if !j.n.cfg.NoDiscover {
		key := discoveryKey(j.code.team)
		d, err := discover.New(discover.Config{
			Device: j.n.device.ID(), Port: j.s.t.LocalAddr().Port(), Keys: func() [][]byte { return [][]byte{key} },
			Announcer: j.s.t, AnnouncePorts: ports(j.s.t.LocalAddr().Port()), Log: j.n.cfg.Log,
		})
		if err == nil {
			done := make(chan struct{})
			go func() {
				defer close(done)
				if err := d.Run(ctx); ctx.Err() == nil {
					j.n.cfg.Log.Warn("discovery ended", "err", err)
				}
			}()
			defer func() { <-done }()
			sightings = d.Sightings()
			j.s.joining.Store(d)
			defer j.s.joining.CompareAndSwap(d, nil)
		}
	}
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
	send(j.code.addrs)
	send(j.n.cfg.Join)
	for {
		select {
		case <-ctx.Done():
			return
		case sg := <-sightings:
			if !slices.Contains(seen, sg.Addr) && len(seen) < seenMax {
				seen = append(seen, sg.Addr)
			}
			send([]netip.AddrPort{sg.Addr})
		case <-again.C:
			send(j.code.addrs)
			send(j.n.cfg.Join)
			send(seen)
		}
	}
}

// knock is the joiner's side of a joining stream. One at a time goes beyond the first answer: what it makes on disk is
// for the one team.
func (j *joiner) knock(_ context.Context, addr netip.AddrPort, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
	key := j.code.key()
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
	rec, err := j.enter(dev, batch)
	if err != nil {
		return err
	}
	if rec != nil {
		if err := writeFrame(rw, crdt.AppendRecord(nil, rec)); err != nil {
			return err
		}
		if _, err := readAnswer(rw); err != nil {
			return errors.Join(err, os.RemoveAll(j.n.home.team(j.code.team)))
		}
	}
	j.in, j.via, j.addr = true, dev, addr
	return nil
}

// enter checks the team document, makes a store of it and writes our join operation, which it returns; nil when we are
// a member already.
func (j *joiner) enter(dev crdt.DeviceID, batch *wire.Batch) (rec *crdt.Record, err error) {
	if batch.Doc != j.code.team || !batch.Verify(crdt.VerifyEd25519) {
		return nil, errors.New("whoever answered is not of that team")
	}
	st, _, err := j.n.cfg.OpenStore(j.n.home.store(j.code.team), j.n.storeConfig())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r, err := j.replica(st, batch)
	if err != nil {
		return nil, err
	}
	if _, ok := r.Team().Member(dev); !ok {
		return nil, errors.New("whoever answered is not of that team")
	}
	if _, ok := r.Team().Member(j.n.device.ID()); ok {
		return nil, nil
	}
	if _, taken := r.Team().Person(j.handle); taken {
		return nil, api.Errorf(api.CodeRefused, "join with another name: muster join CODE --name NAME", "there is a %s in that team already", j.handle)
	}
	key := j.code.key()
	invite, _, ok := r.Team().Invitation(key.Public().(ed25519.PublicKey))
	if !ok {
		return nil, errors.New("the invitation is not known there")
	}
	proof, err := auth.Prove(key, j.code.team, j.n.device.ID())
	if err != nil {
		return nil, err
	}
	label, err := os.Hostname()
	if err != nil || auth.CheckName("device", label) != nil {
		label = "laptop"
	}
	if _, err := r.ProposeTeam(j.n.now(), auth.KindJoin, auth.Join{Invite: invite, Handle: j.handle, Device: label, Proof: proof}); err != nil {
		return nil, err
	}
	own := r.Ready().Own
	return own[len(own)-1], st.Put(own, nil)
}

// replica builds one of the team document alone. Replica checks every operation again, as if it came from anywhere.
func (j *joiner) replica(st store.Store, batch *wire.Batch) (*replica.Replica, error) {
	if err := st.Put(nil, batch.Records); err != nil {
		return nil, err
	}
	return replica.New(replica.Config{
		Signer: crdt.Ed25519Signer(j.n.device.Key()), Verify: crdt.VerifyEd25519, Team: j.code.team,
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
