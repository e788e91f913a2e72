package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/transport"
	"muster/node/wire"
)

// A device that is no member yet has one stream. What it may say there, each part a frame of a four-byte length and
// that many bytes:
//
//	knock      1 | invitation's public key 32 | its signature of (exporter ‖ device)   "I hold an invitation"
//	           <- 0 | team document as a Batch, or 1 | why not
//	           -> its join operation as a record
//	           <- 0 | team keys, a line each, or 1 | why not
//	introduce  2 | team document as a Batch                                            "I am a member, you do not know yet"
//	           <- 0, or 1 | why not
//	relay      5 | relay key 32 | its signature of (exporter ‖ device)                 "I am a locked laptop of the team"
//	           <- 0 | team document as a Batch, or 1 | why not
//	why        6                                                                       "I was a member, and am refused"
//	           <- 0 | removal and all before it, as a Batch, or 1 | why not
//	words      4 | number 2 | CPace message                                            "I was told the words"
//	           <- 0 | CPace message, or 1 | reason | guesses left
//	           -> tag 64
//	           <- 0 | tag 64 | the long code, sealed, or 1 | reason | guesses left
//	           -> knock, as above, by the invitation that the code holds
//
// A team document that does not fit one frame comes in parts, each a Batch: all but the last are in frames that begin
// with 2 in place of the 0, and with 3 in place of the 2.
//
// The signature is bound to the TLS connection by its exporter, so it cannot be relayed; the joiner knows whom it talks
// to because the team's name in the code is the hash that the team document grows from, and the other side's key is
// that of a member in it. Any member can let a joiner in, also one that has never been online with the inviter. Words are
// bound to the connection and to both devices in the same way (join_words.go), and known only to the node that made them.
//
// Nobody is asked on the inviter's side: who has the code or the words was given them. Both sides are shown who is there
// now, with the words of its key.
const (
	askKnock         = 1
	askIntroduce     = 2
	askIntroducePart = 3
	askWords         = 4
	askRelay         = 5
	askWhy           = 6

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
		transport.Proven(rw) // operations of the team, which no stranger has
		if b, err = readFrame(rw); err != nil {
			return err
		}
	}
	switch b[0] {
	case askIntroduce:
		if err := s.admit(ctx, b[1:]); err != nil {
			return no(err)
		}
		if err := s.turnAway(ctx, dev); err != nil {
			return no(err)
		}
		return writeFrame(rw, []byte{answerYes})
	case askWhy:
		return s.sayWhy(ctx, dev, rw, no)
	case askRelay:
		return s.serveRelay(ctx, dev, exporter, b[1:], rw, no)
	}
	if s.n.relaying {
		return no(errors.New("this laptop is locked, and lets nobody in: ask another one"))
	}
	if err := s.turnAway(ctx, dev); err != nil {
		return no(err)
	}
	switch b[0] {
	case askWords:
		p, err := s.answerWords(ctx, dev, exporter, b[1:], rw)
		if p == nil {
			return err
		}
		defer s.plates.end(p, true)
		if b, err = readFrame(rw); err != nil {
			return err
		}
		if b[0] != askKnock {
			return no(errors.New("words are followed by a knock"))
		}
		return s.serveKnock(ctx, dev, exporter, b[1:], rw, no)
	case askKnock:
		return s.serveKnock(ctx, dev, exporter, b[1:], rw, no)
	}
	return no(errors.New(notKnown))
}

// serveKnock lets a device in that holds an invitation.
func (s *session) serveKnock(ctx context.Context, dev crdt.DeviceID, exporter, b []byte, rw io.ReadWriter, no func(error) error) error {
	doc, err := s.answerKnock(ctx, dev, exporter, b)
	if err != nil {
		return no(err)
	}
	transport.Proven(rw)
	if err := writeDocument(rw, answerPart, answerYes, doc); err != nil {
		return err
	}
	if b, err = readFrame(rw); err != nil {
		return err
	}
	keys, err := s.admitJoin(ctx, dev, b)
	if err != nil {
		return no(err)
	}
	return writeFrame(rw, []byte{answerYes}, []byte(keys))
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
		id, _, ok := s.r.Team().Invitation(pub)
		if !ok {
			return errors.New("the invitation is not known here: let the inviter's node answer")
		}
		if inv, ok := invitationByID(s.r.Team(), id); ok && inv.Closed {
			return errors.New("the invitation was closed")
		}
		var err error
		doc, err = s.r.Whole(s.team)
		return err
	})
	return doc, err
}

// invitationByID returns an invitation as it stands.
func invitationByID(t *auth.Team, id crdt.Hash) (auth.Invitation, bool) {
	for _, inv := range t.Invites() {
		if inv.ID == id {
			return inv, true
		}
	}
	return auth.Invitation{}, false
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

// admitJoin takes in the join operation of the device that knocked, and returns the team keys for it, a line each; none for
// one that is to be confirmed first.
func (s *session) admitJoin(ctx context.Context, dev crdt.DeviceID, b []byte) (keys string, err error) {
	rec, err := crdt.ParseRecord(b)
	if err != nil {
		return "", err
	}
	if rec.Op.Dot.Device != dev || rec.Op.Kind != auth.KindJoin {
		return "", fmt.Errorf("%w: not the joiner's own join", crdt.ErrFormat)
	}
	err = s.do(ctx, func(now time.Time) error {
		if err := s.r.Admit(now, &wire.Batch{Doc: s.team, Records: []*crdt.Record{rec}}); err != nil {
			return err
		}
		s.letIn(now, rec)
		if s.r.Team().Admitted(dev) {
			keys = formatTeamKeys(s.teamKeys())
		}
		return nil
	})
	return keys, err
}

// letIn notes who came in through this node, for the person whose node it is.
func (s *session) letIn(now time.Time, rec *crdt.Record) {
	var body auth.Join
	m, ok := s.r.Team().Member(rec.Op.Dot.Device)
	if !ok || crdt.DecodeBody(rec.Body, &body) != nil { // Admit has accepted it, so that neither can be
		return
	}
	s.plates.arrived(body.Invite, api.Arrival{
		Responder: m.Handle, Device: m.Device.String(), Words: identity.Fingerprint(m.Device), AtMS: now.UnixMilli(),
	})
	s.n.cfg.Log.Info("let in", "responder", m.Handle, "device", m.Device.Short(), "words", identity.Fingerprint(m.Device))
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
				s.learnWhy(ctx, ev, err)
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
