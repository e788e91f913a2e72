package node

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity/pake"
	"muster/node/transport"
)

const (
	wordsChannel = "muster/words/v1"
	wordsCodeKey = "muster/words/code/v1"
	wordsJoiner  = "joiner"  // what each side says of itself openly
	wordsInviter = "inviter" //
	wordsRunsMax = 5         // of one join: each lets whoever answers try one guess at the words

	notKnown = "this muster does not know that request"
)

// wordsRun is what both sides put into the exchange: the words, who the two devices are, and what only the ends of this
// connection share. Whoever stands between two connections has other devices or another exporter on either side, and
// knowing the words would not help it to relay a run.
func wordsRun(words string, joiner, inviter crdt.DeviceID, exporter []byte, self string) pake.Run {
	channel := append([]byte(wordsChannel), joiner[:]...)
	return pake.Run{
		Password: []byte(words), Channel: append(channel, inviter[:]...), Session: exporter, Data: []byte(self),
	}
}

// answerWords is the inviter's side of the exchange. It returns the plate whose run goes on, for the knock that must follow;
// nil when the other side was told no. The joiner's tag comes first: until it is right nothing goes out that depends on the
// words but what any run shows.
func (s *session) answerWords(ctx context.Context, dev crdt.DeviceID, exporter, b []byte, rw io.ReadWriter) (*plate, error) {
	no := func(why reason, left int, err error) (*plate, error) {
		return nil, errors.Join(err, writeFrame(rw, []byte{answerNo, byte(why), byte(left)}))
	}
	if len(b) < 2 {
		return no(reasonUnknown, 0, fmt.Errorf("%w: words", crdt.ErrFormat))
	}
	p, why := s.plates.begin(binary.BigEndian.Uint16(b), time.Now())
	if p == nil {
		return no(why, 0, nil)
	}
	right := false
	defer func() {
		if !right {
			s.wrongWords(p, dev)
		}
	}()
	if closed, err := s.inviteClosed(ctx, p); err != nil || closed {
		right = true // nobody has guessed
		s.plates.end(p, true)
		return no(reasonExpired, 0, err)
	}
	keys, second, err := pake.Respond(wordsRun(p.words, dev, s.n.device.ID(), exporter, wordsInviter), b[2:])
	if err != nil {
		return no(reasonWrong, max(0, s.guessesLeft(p)-1), err)
	}
	if err := writeFrame(rw, []byte{answerYes}, second); err != nil {
		return nil, err
	}
	tag, err := readFrame(rw)
	if err != nil {
		return nil, err
	}
	if err := keys.Check(tag); err != nil || !bytes.Equal(keys.Data, []byte(wordsJoiner)) {
		return no(reasonWrong, max(0, s.guessesLeft(p)-1), pake.ErrTag)
	}
	right = true
	transport.Proven(rw)
	sealed, err := sealCode(keys, p.code)
	if err == nil {
		err = writeFrame(rw, []byte{answerYes}, keys.Tag(), sealed)
	}
	if err != nil {
		s.plates.end(p, true)
		return nil, err
	}
	return p, nil
}

// wrongWords counts a guess.
func (s *session) wrongWords(p *plate, dev crdt.DeviceID) {
	left := s.plates.end(p, false)
	s.n.cfg.Log.Warn("wrong words", "number", p.number, "device", dev.Short(), "guesses left", left)
	s.changed()
}

// guessesLeft returns how many guesses there are before the words are burnt.
func (s *session) guessesLeft(p *plate) int {
	s.plates.mu.Lock()
	defer s.plates.mu.Unlock()
	return guessesMax - p.wrong
}

// inviteClosed reports whether a member has closed the invitation that words lead to.
func (s *session) inviteClosed(ctx context.Context, p *plate) (closed bool, err error) {
	err = s.do(ctx, func(time.Time) error {
		inv, ok := invitationByID(s.r.Team(), p.invite)
		closed = ok && inv.Closed
		return nil
	})
	return closed, err
}

// sealCode encrypts a code for the other side of the exchange. The key is for this one text, so the nonce is nothing.
func sealCode(keys *pake.Keys, c *code) ([]byte, error) {
	aead, err := codeSeal(keys)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), []byte(c.String()), nil), nil
}

func openCode(keys *pake.Keys, sealed []byte) (*code, error) {
	aead, err := codeSeal(keys)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("open the code: %w", err)
	}
	return parseCode(string(text))
}

func codeSeal(keys *pake.Keys) (cipher.AEAD, error) {
	key, err := keys.Derive(wordsCodeKey)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// A wordsNo is the other side's no to words.
type wordsNo struct {
	why    reason
	left   int // guesses before the words are burnt; below 0: not known
	number uint16
}

// Error implements error.
func (e *wordsNo) Error() string { return e.problem().Message }

// problem is what the person who typed the words is told.
func (e *wordsNo) problem() *api.Error {
	const again = `ask for new words: "muster invite" on the other laptop`
	switch e.why {
	case reasonWrong:
		hint := "read them again with the inviter"
		switch {
		case e.left < 0: // the inviter has not counted it
		case e.left == 0:
			hint = "that was the last try, they are burnt now; " + again
		case e.left == 1:
			hint += "; one more wrong try burns them"
		default:
			hint += fmt.Sprintf("; %d more wrong tries burn them", e.left)
		}
		return api.Errorf(api.CodeBadCode, hint, "the words are wrong, or somebody is between the two laptops")
	case reasonBurnt:
		return api.Errorf(api.CodeBadCode, again, "the words are burnt: they were guessed wrong %d times", guessesMax)
	case reasonExpired:
		return api.Errorf(api.CodeBadCode, again, "the words are no longer good: they last %d minutes", api.WordsForMS/60_000)
	case reasonUsed:
		return api.Errorf(api.CodeBadCode, again, "the words are used up")
	case reasonBusy:
		return api.Errorf(api.CodeUnreached, "try again", "too many are joining at this moment")
	}
	return api.Errorf(api.CodeUnreached, "check the number, and that both laptops are on one network; "+again+"; or say where it is: --at ADDR:PORT",
		"nobody here has words with the number %d", e.number)
}

// spoken is the joiner's side of words. Whoever answers may try one guess with each run, so there are few, one at a time
// with a device and none with one that has said no.
type spoken struct {
	spokenWords

	mu    sync.Mutex
	runs  int                    // in which our tag went out
	asked map[crdt.DeviceID]bool // runs under way, or has said no
}

// errAsked ends a run with a device that another one is under way with, or that has answered.
var errAsked = errors.New("asked already")

func (sp *spoken) begin(dev crdt.DeviceID) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.asked[dev] {
		return errAsked
	}
	sp.asked[dev] = true
	return nil
}

// end lets a device be asked again, unless its answer was final.
func (sp *spoken) end(dev crdt.DeviceID, final bool) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if !final {
		delete(sp.asked, dev)
	}
}

// guess counts a tag that goes out.
func (sp *spoken) guess() error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.runs >= wordsRunsMax {
		return api.Errorf(api.CodeBadCode, `join by the long code that "muster invite" shows, or say where the inviter is: --at ADDR:PORT`,
			"%d devices answered for that number and none knows the words: somebody may be interfering", sp.runs)
	}
	sp.runs++
	return nil
}

// speak is the joiner's side of the exchange with one device, and returns the code that the words lead to.
func (j *joiner) speak(dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) (c *code, err error) {
	sp := j.spoken
	if err := sp.begin(dev); err != nil {
		return nil, err
	}
	told := false // our tag went out
	defer func() {
		no := (*wordsNo)(nil)
		sp.end(dev, err != nil && (told || errors.As(err, &no) && no.why != reasonBusy && no.why != reasonUnknown))
	}()
	run, first, err := pake.Start(wordsRun(sp.text, j.n.device.ID(), dev, exporter, wordsJoiner))
	if err != nil {
		return nil, err
	}
	if err := writeFrame(rw, binary.BigEndian.AppendUint16([]byte{askWords}, sp.number), first); err != nil {
		return nil, err
	}
	second, err := sp.answer(rw)
	if err != nil {
		return nil, err
	}
	keys, err := run.Finish(second)
	if err != nil {
		return nil, err
	}
	if err := sp.guess(); err != nil {
		return nil, err
	}
	told = true
	if err := writeFrame(rw, keys.Tag()); err != nil {
		return nil, err
	}
	last, err := sp.answer(rw)
	if err != nil {
		return nil, err
	}
	if len(last) < pake.TagSize || keys.Check(last[:pake.TagSize]) != nil || !bytes.Equal(keys.Data, []byte(wordsInviter)) {
		return nil, &wordsNo{why: reasonWrong, left: -1, number: sp.number}
	}
	return openCode(keys, last[pake.TagSize:])
}

// answer reads yes, with what follows it, or why not.
func (sp *spoken) answer(r io.Reader) ([]byte, error) {
	b, err := readFrame(r)
	switch {
	case err != nil:
		return nil, err
	case b[0] == answerYes:
		return b[1:], nil
	case len(b) != 3 || reason(b[1]) < reasonUnknown || reason(b[1]) > reasonBusy:
		if why := printable(b[1:]); why != notKnown {
			return nil, &refusal{why} // of this device, whatever the words
		}
		return nil, &wordsNo{why: reasonUnknown, number: sp.number} // a muster from before there were words
	}
	return nil, &wordsNo{why: reason(b[1]), left: min(int(b[2]), guessesMax), number: sp.number}
}
