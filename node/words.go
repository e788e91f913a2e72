package node

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
)

// Words let a laptop in that is in the same room: a small number, which is said on the links so that the other laptop finds
// this one, and three words, which are not. They are another way to the long code of an invitation, kept in memory by the
// node that made them, for [api.WordsForMS]. A started run of the exchange counts as a guess unless it comes to its end:
// after guessesMax of those the words are burnt, so that somebody on the link has guessesMax chances in 2^30. Words that
// let nobody in any more are remembered for as long again, to say why.
const (
	wordsFor      = api.WordsForMS * time.Millisecond
	wordsInCode   = 3
	guessesMax    = 5
	platesOpenMax = 8 // each is announced by itself
	platesMax     = 64
	numberMax     = 99
	numberDraws   = 8                      // tries to draw a number that nobody on the link uses
	numberListen  = 200 * time.Millisecond // for somebody who uses it
	numberCall    = 2 * time.Second        // for somebody who has begun to look for it
)

// A reason is why words let nobody in, as it goes over the wire.
type reason byte

const (
	reasonUnknown reason = 1 + iota // no words of that number here
	reasonWrong                     // not those words, or somebody stands between
	reasonBurnt
	reasonExpired
	reasonUsed
	reasonBusy // as many runs under way as may be: ask again
)

// A plate is the words of one invitation. Its fields are guarded by plates.mu.
type plate struct {
	number  uint16
	words   string // with the number: 7-amber-falcon-ridge
	code    *code
	invite  crdt.Hash
	uses    int
	until   time.Time
	wrong   int // guesses
	running int // runs not at their end
	in      int // devices let in
	came    []api.Arrival
	told    int // of came: those that the person of this node was told of

	silence context.CancelFunc // ends the announcements; nil once they have been told to
}

// state says what has become of the words.
func (p *plate) state(now time.Time) string {
	switch {
	case p.wrong >= guessesMax:
		return api.WordsBurnt
	case p.in >= p.uses:
		return api.WordsUsed
	case !now.Before(p.until):
		return api.WordsExpired
	}
	return api.WordsOpen
}

// plates are the words that this node keeps for one team. All methods may be called by any goroutine.
type plates struct {
	mu   sync.Mutex
	all  []*plate      // oldest first
	poke chan struct{} // holds one; nil where nothing is announced
}

// changed wakes whoever keeps the announcements in step.
func (ps *plates) changed() {
	select {
	case ps.poke <- struct{}{}:
	default:
	}
}

// errNumberTaken says that another set of words has got the number meanwhile.
var errNumberTaken = errors.New("the number is taken")

// add keeps p, or says that too many are open.
func (ps *plates) add(p *plate, now time.Time) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.forget(now)
	open := 0
	for _, have := range ps.all {
		if have.state(now) == api.WordsOpen {
			open++
		}
	}
	if slices.ContainsFunc(ps.all, func(have *plate) bool { return have.number == p.number }) {
		return errNumberTaken
	}
	if open >= platesOpenMax || len(ps.all) >= platesMax {
		return api.Errorf(api.CodeRefused, `"muster invites" lists them, "muster invites close N" closes one; or pass on a long code: muster invite --code`,
			"%d invitations have words already", open)
	}
	ps.all = append(ps.all, p)
	ps.changed()
	return nil
}

// forget drops what is not even of interest as a reason any more.
func (ps *plates) forget(now time.Time) {
	ps.all = slices.DeleteFunc(ps.all, func(p *plate) bool {
		return now.After(p.until.Add(wordsFor)) && p.running == 0 && p.silence == nil
	})
}

// uses reports whether a number is taken here.
func (ps *plates) uses(number uint16) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return slices.ContainsFunc(ps.all, func(p *plate) bool { return p.number == number })
}

// begin starts a run for the words of a number, which ends with end. Without a plate the reason says why not.
func (ps *plates) begin(number uint16, now time.Time) (*plate, reason) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	i := slices.IndexFunc(ps.all, func(p *plate) bool { return p.number == number })
	if i < 0 {
		return nil, reasonUnknown
	}
	p := ps.all[i]
	switch p.state(now) {
	case api.WordsBurnt:
		return nil, reasonBurnt
	case api.WordsUsed:
		return nil, reasonUsed
	case api.WordsExpired:
		return nil, reasonExpired
	}
	if p.wrong+p.running >= guessesMax || p.in+p.running >= p.uses {
		return nil, reasonBusy
	}
	p.running++
	return p, 0
}

// end ends a run. right says that the other side had the words.
func (ps *plates) end(p *plate, right bool) (left int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.running--
	if !right {
		p.wrong++
		ps.changed()
	}
	return max(0, guessesMax-p.wrong)
}

// arrived notes that this node let a device in by an invitation.
func (ps *plates) arrived(invite crdt.Hash, who api.Arrival) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.all {
		if p.invite == invite {
			p.in++
			p.came = append(p.came, who)
		}
	}
	ps.changed()
}

// close makes the words of an invitation let nobody in.
func (ps *plates) close(invite crdt.Hash, now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.all {
		if p.invite == invite && now.Before(p.until) {
			p.until = now
		}
	}
	ps.changed()
}

// describe adds what is known of the words of an invitation.
func (ps *plates) describe(invite crdt.Hash, now time.Time, skew time.Duration, out *api.Pending) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.all {
		if p.invite == invite {
			out.Words, out.WordsState, out.Wrong = p.words, p.state(now), p.wrong
			out.ExpiresMS, out.Came = p.until.Add(skew).UnixMilli(), slices.Clone(p.came)
		}
	}
}

// warnings says of which words their owner must know that they were guessed at.
func (ps *plates) warnings(now time.Time) []string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var out []string
	for _, p := range ps.all {
		if p.wrong >= guessesMax && now.Before(p.until.Add(wordsFor)) {
			out = append(out, fmt.Sprintf("the words %s are burnt: %d wrong guesses, perhaps somebody tries to get in; make new ones: muster invite", p.words, p.wrong))
		}
	}
	return out
}

// silenced returns how to end the announcements of words that are not open any more, and when to look again.
func (ps *plates) silenced(now time.Time) (stop []context.CancelFunc, next time.Duration) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	next = wordsFor
	for _, p := range ps.all {
		switch {
		case p.silence == nil:
		case p.state(now) != api.WordsOpen:
			stop, p.silence = append(stop, p.silence), nil
		default:
			next = min(next, p.until.Sub(now))
		}
	}
	ps.forget(now)
	return stop, next
}

// plateKey is what those who hold or look for words of a number announce themselves with: everybody may know it.
func plateKey(number uint16) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint16([]byte("muster/nameplate/v1"), number))
	return sum[:]
}

// openWords makes words that lead to a code, and announces their number.
func (s *session) openWords(ctx context.Context, c *code, invite crdt.Hash, uses int) (*plate, error) {
	for {
		number, silence, err := s.drawNumber(ctx)
		if err != nil {
			silence()
			return nil, err
		}
		p := &plate{
			number: number, code: c, invite: invite, uses: uses, until: time.Now().Add(wordsFor), silence: silence,
			words: strings.Join(append([]string{strconv.Itoa(int(number))}, identity.RandomWords(wordsInCode)...), "-"),
		}
		err = s.plates.add(p, time.Now())
		if err == nil {
			return p, nil
		}
		silence()
		if !errors.Is(err, errNumberTaken) {
			return nil, err
		}
	}
}

// drawNumber draws a number that is not in use here, nor by somebody who can be heard on the links, and goes on announcing
// it until silence is called. Where every number that is drawn is heard it takes one that is.
func (s *session) drawNumber(ctx context.Context) (number uint16, silence context.CancelFunc, err error) {
	for draws := 0; ; {
		number = uint16(1 + rand.IntN(numberMax))
		if s.plates.uses(number) { // of fewer than there are numbers
			continue
		}
		air, end := context.WithCancel(s.ctx)
		heard := s.tune(air, plateKey(number))
		if draws++; heard == nil || draws == numberDraws || !hears(ctx, heard) {
			if heard != nil {
				s.ears.spawn(func() { s.callOut(air, plateKey(number), heard) })
			}
			return number, end, ctx.Err()
		}
		end()
	}
}

// words keeps the announcements of words in step with them until the session ends, and waits for those who announce.
func (s *session) words(ctx context.Context) error {
	timer := time.NewTimer(wordsFor)
	defer timer.Stop()
	defer s.ears.close()
	for {
		stop, next := s.plates.silenced(time.Now())
		for _, f := range stop {
			f()
		}
		if len(stop) > 0 {
			s.changed()
		}
		timer.Reset(max(next, time.Second))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.plates.poke:
		}
	}
}

// spokenWords is what a person typed after join that is not a long code.
type spokenWords struct {
	number uint16
	text   string // as plate.words
}

// parseSpoken reads words as [identity.ParseWords] does, after a number. ok is false for what does not begin as they do.
func parseSpoken(text string) (w spokenWords, ok bool, err error) {
	text = strings.TrimSpace(text)
	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(text)
	}
	if digits == 0 {
		return spokenWords{}, false, nil
	}
	n, err := strconv.Atoi(text[:digits])
	if err != nil || n < 1 || n > numberMax {
		return spokenWords{}, true, fmt.Errorf("the number is from 1 to %d", numberMax)
	}
	words, err := identity.ParseWords(text[digits:])
	if err != nil {
		return spokenWords{}, true, err
	}
	if len(words) != wordsInCode {
		return spokenWords{}, true, fmt.Errorf("after the number come %d words, not %d", wordsInCode, len(words))
	}
	return spokenWords{uint16(n), strings.Join(append([]string{strconv.Itoa(n)}, words...), "-")}, true, nil
}

// wordsProblem puts why words cannot be read into words.
func wordsProblem(err error) *api.Error {
	var we *identity.WordError
	if errors.As(err, &we) {
		return api.Errorf(api.CodeBadCode, fmt.Sprintf("did you mean %q?", we.Near), "%q is not one of the words", we.Typed)
	}
	return api.Errorf(api.CodeBadCode, `type what "muster invite" showed: a number and three words, as 7-amber-falcon-ridge`, "%s", err)
}
