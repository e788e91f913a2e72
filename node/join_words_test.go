package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/identity/pake"
)

// words lets s keep words with a number, which lead to the doorway's invitation, and returns them.
func (d *doorway) words(s *session, number uint16) *plate {
	p := &plate{
		number: number, words: "7-amber-falcon-ridge", invite: d.recs[1].Hash, uses: 1, until: time.Now().Add(wordsFor),
		code: &code{team: s.team, secret: [16]byte{9}},
	}
	s.plates.all = []*plate{p}
	return p
}

// ask lets the doorway's joiner speak words to whoever is at the other end of rw.
func (d *doorway) ask(words string, inviter crdt.DeviceID, exporter []byte, rw io.ReadWriter) (*code, error) {
	w, _, err := parseSpoken(words)
	if err != nil {
		return nil, err
	}
	j := &joiner{n: &Node{device: d.joiner}, spoken: &spoken{spokenWords: w, asked: map[crdt.DeviceID]bool{}}}
	return j.speak(inviter, exporter, rw)
}

// meet runs both sides of the exchange, each on its own connection with somebody in between, who copies what comes. Between
// nobody, the connection is one and who is at its ends is who says so.
func (d *doorway) meet(t *testing.T, s *session, words string, between *middle) (*code, *plate, error) {
	t.Helper()
	near, nearEnd := net.Pipe()
	far, farEnd := net.Pipe()
	one, other := doorExporter, bytes.Repeat([]byte{8}, 32)
	inviter, joiner := s.n.device.ID(), d.joiner.ID()
	if between == nil {
		between, other = &middle{}, one
	} else {
		inviter, joiner = between.device.ID(), between.device.ID()
	}
	var all sync.WaitGroup
	all.Go(func() { between.pass(nearEnd, farEnd) })
	var p *plate
	all.Go(func() {
		defer func() { _ = far.Close() }() // a pipe's Close does not fail
		b, err := readFrame(far)
		if err != nil || b[0] != askWords {
			return
		}
		if p, err = s.answerWords(t.Context(), joiner, other, b[1:], far); err == nil && p != nil {
			s.plates.end(p, true)
		}
	})
	c, err := d.ask(words, inviter, one, near)
	if cerr := near.Close(); cerr != nil {
		t.Error(cerr)
	}
	all.Wait()
	return c, p, err
}

// A middle is somebody between two laptops, who has a connection of his own with either.
type middle struct {
	device identity.Device
	swap   func(b []byte) []byte // done to every frame that passes
}

// pass copies frames of the joiner to the inviter and back, until either side has no more.
func (m *middle) pass(joiner, inviter net.Conn) {
	defer func() { _, _ = joiner.Close(), inviter.Close() }() // a pipe's Close does not fail
	for from, to := joiner, inviter; ; from, to = to, from {
		b, err := readFrame(from)
		if err != nil {
			return
		}
		if m.swap != nil {
			b = m.swap(b)
		}
		if writeFrame(to, b) != nil {
			return
		}
	}
}

// TestWordsLeadToTheCode: on one connection the words lead to the code, and no guess is counted.
func TestWordsLeadToTheCode(t *testing.T) {
	d := newDoorway(t)
	s := d.open(t)
	p := d.words(s, 7)
	c, in, err := d.meet(t, s, "7 Amber falcon RIDG", nil)
	if err != nil || in != p || c.String() != p.code.String() {
		t.Fatalf("%v, %v", c, err)
	}
	if p.wrong != 0 || p.running != 0 {
		t.Errorf("%d guesses and %d runs are counted", p.wrong, p.running)
	}
}

// TestSixthGuessFindsABurntCode: T2. Five wrong guesses burn the words; the sixth, which would be right, finds them burnt, and
// the inviter is told.
func TestSixthGuessFindsABurntCode(t *testing.T) {
	d := newDoorway(t)
	s := d.open(t)
	p := d.words(s, 7)
	for guess := range guessesMax {
		var no *wordsNo
		if _, _, err := d.meet(t, s, "7-amber-falcon-river", nil); !errors.As(err, &no) || no.why != reasonWrong || no.left != guessesMax-1-guess {
			t.Fatalf("guess %d: %v (%+v)", guess+1, err, no)
		}
	}
	var no *wordsNo
	if c, _, err := d.meet(t, s, p.words, nil); c != nil || !errors.As(err, &no) || no.why != reasonBurnt {
		t.Fatalf("the right words after that: %v, %v", c, err)
	}
	if w := s.wordsWarnings(); len(w) != 1 || !strings.Contains(w[0], "burnt: 5 wrong guesses") {
		t.Errorf("the inviter is told %q", w)
	}
}

// TestAbandonedRunIsAGuess: a run that does not come to its end counts, wherever it stops.
func TestAbandonedRunIsAGuess(t *testing.T) {
	d := newDoorway(t)
	s := d.open(t)
	p := d.words(s, 7)
	_, first, err := pake.Start(wordsRun(p.words, d.joiner.ID(), s.n.device.ID(), doorExporter, wordsJoiner))
	if err != nil {
		t.Fatal(err)
	}
	for i, in := range [][]byte{
		frames(t, []byte{askWords, 0, 7}),
		frames(t, append([]byte{askWords, 0, 7}, first...)),
		frames(t, append([]byte{askWords, 0, 7}, first...), first),
	} {
		err := s.stranger(t.Context(), d.joiner.ID(), doorExporter, &conversation{in: bytes.NewReader(in)})
		if err == nil || p.wrong != i+1 || p.running != 0 {
			t.Errorf("run %d: %v; %d guesses, %d running", i+1, err, p.wrong, p.running)
		}
	}
}

// TestReasonsAreSaid: words that are not there, expired, used up, closed or asked for by too many at once are refused with
// the reason, and none of that is a guess.
func TestReasonsAreSaid(t *testing.T) {
	d := newDoorway(t)
	for name, c := range map[string]struct {
		change func(p *plate)
		want   reason
		says   string
	}{
		"another number": {func(p *plate) { p.number = 8 }, reasonUnknown, "nobody here has words with the number 7"},
		"expired":        {func(p *plate) { p.until = time.Now() }, reasonExpired, "they last 15 minutes"},
		"used up":        {func(p *plate) { p.in = p.uses }, reasonUsed, "used up"},
		"burnt":          {func(p *plate) { p.wrong = guessesMax }, reasonBurnt, "guessed wrong 5 times"},
		"busy":           {func(p *plate) { p.running = 1 }, reasonBusy, "too many"},
		"guessed at":     {func(p *plate) { p.uses, p.wrong, p.running = 9, 3, 2 }, reasonBusy, "too many"},
	} {
		s := d.open(t)
		p := d.words(s, 7)
		c.change(p)
		wrong := p.wrong
		var no *wordsNo
		_, _, err := d.meet(t, s, p.words, nil)
		if !errors.As(err, &no) || no.why != c.want || !strings.Contains(no.Error(), c.says) || no.problem().Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		if p.wrong != wrong {
			t.Errorf("%s: counted as a guess", name)
		}
	}
}

// TestNobodyJoinsThroughAMiddle: T2. Somebody ends the connections of both laptops and does what he likes in between, ten
// thousand times: copies the exchange as it is, with both sides having the right words; sends it back to where it came from;
// changes a bit; repeats what he saw before. Neither side ever gets what the words lead to.
func TestNobodyJoinsThroughAMiddle(t *testing.T) {
	d := newDoorway(t)
	s := d.open(t)
	m := &middle{device: identity.FromSeed([32]byte{66})}
	rng := rand.New(rand.NewPCG(1, 2))
	var seen [][]byte // frames of earlier runs
	tricks := map[string]func(b []byte) []byte{
		"copy": nil,
		"bend": func(b []byte) []byte {
			b = bytes.Clone(b)
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
			return b
		},
		"repeat": func(b []byte) []byte {
			seen = append(seen, bytes.Clone(b))
			if len(seen) > 64 {
				seen = seen[1:]
			}
			return seen[rng.IntN(len(seen))]
		},
	}
	names := []string{"copy", "bend", "repeat"}
	joined, tries := 0, map[string]int{}
	for i := range middleTries {
		name := names[i%len(names)]
		m.swap = tricks[name]
		p := d.words(s, 7)
		p.wrong = i % guessesMax // as in five tries at one set of words
		c, in, err := d.meet(t, s, p.words, m)
		if c != nil || in != nil || err == nil {
			joined++
		}
		tries[name]++
	}
	t.Logf("%v tries, %d joins", tries, joined)
	if joined > 0 || len(s.r.Team().Members()) != 1 {
		t.Errorf("%d joined through a middle of %d", joined, middleTries)
	}
}

// TestGuessesAreUnlikely: T2. Whoever guesses, in the place of either side and with honest frames, gets nothing and spends a
// guess of the inviter's words or a run of the joiner's each time.
func TestGuessesAreUnlikely(t *testing.T) {
	d := newDoorway(t)
	s := d.open(t)
	p := d.words(s, 7)
	for range guessesMax {
		guess := "7-" + strings.Join(identity.RandomWords(wordsInCode), "-")
		if c, _, err := d.meet(t, s, guess, nil); err == nil || c != nil {
			t.Fatalf("%s was right", guess)
		}
	}
	if p.state(time.Now()) != api.WordsBurnt {
		t.Error("five guesses do not burn the words")
	}
	// The joiner goes to one impostor after the other.
	w, _, err := parseSpoken(p.words)
	if err != nil {
		t.Fatal(err)
	}
	j := &joiner{n: &Node{device: d.joiner}, spoken: &spoken{spokenWords: w, asked: map[crdt.DeviceID]bool{}}}
	tags := 0
	for i := range byte(2 * wordsRunsMax) {
		impostor := identity.FromSeed([32]byte{100, i})
		near, far := net.Pipe()
		var all sync.WaitGroup
		all.Go(func() {
			defer func() { _ = far.Close() }() // a pipe's Close does not fail
			b, err := readFrame(far)
			if err != nil {
				return
			}
			guess := "7-" + strings.Join(identity.RandomWords(wordsInCode), "-")
			keys, second, err := pake.Respond(wordsRun(guess, d.joiner.ID(), impostor.ID(), doorExporter, wordsInviter), b[3:])
			if err != nil || writeFrame(far, []byte{answerYes}, second) != nil {
				return
			}
			if tag, err := readFrame(far); err == nil && keys.Check(tag) != nil {
				tags++
			}
		})
		_, err := j.speak(impostor.ID(), doorExporter, near)
		if cerr := near.Close(); cerr != nil {
			t.Error(cerr)
		}
		all.Wait()
		if err == nil {
			t.Fatal("an impostor convinces")
		}
		if i >= wordsRunsMax {
			continue // it has not had its chance
		}
		if _, err := j.speak(impostor.ID(), doorExporter, nil); !errors.Is(err, errAsked) {
			t.Errorf("an impostor is asked twice: %v", err)
		}
	}
	if tags != wordsRunsMax {
		t.Errorf("%d impostors could try a guess, want %d", tags, wordsRunsMax)
	}
}

// TestSpokenWords: what people type after join is read as words if it begins with a number, in any writing, and what is wrong
// with it is said.
func TestSpokenWords(t *testing.T) {
	for _, text := range []string{"7-amber-falcon-ridge", "7 amber falcon ridge", " 7, Amber Falc RIDGE ", "07-ambe-falc-ridg", "7amber falcon ridge"} {
		w, ok, err := parseSpoken(text)
		if err != nil || !ok || w.text != "7-amber-falcon-ridge" || w.number != 7 {
			t.Errorf("%q: %+v, %v, %v", text, w, ok, err)
		}
	}
	for text, says := range map[string]string{
		"7-abmer-falcon-ridge": `"abmer" is not one of the words`, "0-amber-falcon-ridge": "from 1 to 99", "100-amber-falcon-ridge": "from 1 to 99",
		"7-amber-falcon": "after the number come 3 words", "7": "after the number come 3 words", "99999999999999999999-amber-falcon-ridge": "from 1 to 99",
	} {
		_, ok, err := parseSpoken(text)
		if err == nil || !ok || !strings.Contains(wordsProblem(err).Message, says) || wordsProblem(err).Hint == "" {
			t.Errorf("%q: %v, %v", text, ok, err)
		}
	}
	for _, text := range []string{"", "muster-abc", "amber-falcon-ridge"} {
		if _, ok, err := parseSpoken(text); ok || err != nil {
			t.Errorf("%q is taken for words: %v", text, err)
		}
	}
}

// TestOldMusterDoesNotKnowWords: a muster from before there were words says so, and the joiner looks elsewhere.
func TestOldMusterDoesNotKnowWords(t *testing.T) {
	d := newDoorway(t)
	var no *wordsNo
	answer := func(b []byte) io.ReadWriter {
		return &conversation{in: bytes.NewReader(frames(t, append([]byte{answerNo}, b...)))}
	}
	if _, err := d.ask("7-amber-falcon-ridge", crdt.DeviceID{5}, doorExporter, answer([]byte(notKnown))); !errors.As(err, &no) || no.why != reasonUnknown {
		t.Errorf("an old muster: %v", err)
	}
	var said *refusal
	if _, err := d.ask("7-amber-falcon-ridge", crdt.DeviceID{5}, doorExporter, answer([]byte("this device was removed"))); !errors.As(err, &said) {
		t.Errorf("a no for another reason: %v", err)
	}
	out := &conversation{in: bytes.NewReader(nil)}
	if _, err := d.ask("7-amber-falcon-ridge", crdt.DeviceID{5}, doorExporter, out); err == nil {
		t.Error("no answer is an answer")
	}
	if b := out.out.Bytes(); len(b) < 7 || b[4] != askWords || binary.BigEndian.Uint16(b[5:]) != 7 {
		t.Errorf("the joiner says % x", b)
	}
}
