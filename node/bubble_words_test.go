package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
	"muster/node/transport"
)

// invite lets the first node invite with words.
func (b *bubble) invite(in api.Invite) api.Invitation {
	b.t.Helper()
	in.Words = true
	inv, err := b.nodes[0].Invite(b.t.Context(), in)
	if err != nil {
		b.t.Error(err)
	}
	return inv
}

// speaks lets the i'th node join by words that the j'th one may know.
func (b *bubble) speaks(i, j int, words string) (api.Joined, *api.Error) {
	b.t.Helper()
	in, err := b.nodes[i].Join(b.t.Context(), api.Join{Code: words, At: []string{bubbleAddr(j).String()}, Responder: fmt.Sprintf("p%d", i)})
	if err != nil {
		return in, api.AsError(err)
	}
	return in, nil
}

// fresh adds a node that has a team of its own.
func (b *bubble) fresh() int {
	b.t.Helper()
	i := b.place(0)
	b.boot(i)
	return i
}

// TestJoinByWords: words let in who is told them, both sides learn the words of the other's key, and whoever says them again
// hears that they are used up.
func TestJoinByWords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i, k := b.fresh(), b.fresh()
		inv := b.invite(api.Invite{})
		in, err := b.speaks(i, 0, strings.ToUpper(inv.Words))
		if err != nil || in.Team != "bubble" || in.Via != "p0" || in.Members != 2 {
			t.Errorf("%+v, %v", in, err)
		}
		all, lerr := b.nodes[0].Invites(t.Context())
		if lerr != nil || len(all) != 1 || all[0].WordsState != api.WordsUsed || all[0].Left != 0 || len(all[0].Came) != 1 {
			t.Fatalf("%+v, %v", all, lerr)
		}
		came := all[0].Came[0]
		if came.Responder != "p1" || came.Words != in.Words || in.ViaWords != identity.Fingerprint(b.nodes[0].device.ID()) {
			t.Errorf("the inviter sees %+v, the joiner %+v", came, in)
		}
		b.await(10*time.Second, "both show one board", b.alike2(0, 1))
		if _, err := b.speaks(k, 0, inv.Words); err == nil || !strings.Contains(err.Message, "used up") {
			t.Errorf("the words again: %v", err)
		}
		if _, err := b.speaks(i, 0, b.invite(api.Invite{}).Words); err == nil || !strings.Contains(err.Message, "in that team already") {
			t.Errorf("from within: %v", err)
		}
		b.stop()
	})
}

func (b *bubble) alike2(nodes ...int) func() bool {
	return func() bool { return b.alike(nodes...) }
}

// TestBurntOverTheNetwork: T2. Five wrong tries over real connections, and the sixth, with the right words, finds them burnt;
// the inviter's status says so. Words that are made then work.
func TestBurntOverTheNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		inv := b.invite(api.Invite{})
		number, _, _ := strings.Cut(inv.Words, "-")
		for guess := range guessesMax {
			_, err := b.speaks(i, 0, number+"-zebra-yacht-"+identity.RandomWords(1)[0])
			if err == nil || err.Code != api.CodeBadCode || !strings.Contains(err.Message, "the words are wrong") {
				t.Fatalf("guess %d: %v", guess+1, err)
			}
		}
		if _, err := b.speaks(i, 0, inv.Words); err == nil || !strings.Contains(err.Message, "burnt") {
			t.Errorf("the right words: %v", err)
		}
		if w := strings.Join(b.state(0).Warnings, "\n"); !strings.Contains(w, "are burnt: 5 wrong guesses") {
			t.Errorf("the inviter's status says %q", w)
		}
		if _, err := b.speaks(i, 0, b.invite(api.Invite{}).Words); err != nil {
			t.Errorf("new words: %v", err)
		}
		b.stop()
	})
}

// TestWordsEnd: words are good for 15 minutes, and for as long as nobody closes the invitation; a number that nobody has is
// said to be none.
func TestWordsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		old, closed := b.invite(api.Invite{Uses: 3}), b.invite(api.Invite{Uses: 3})
		if _, err := b.nodes[0].CloseInvite(t.Context(), closed.ID); err != nil {
			t.Error(err)
		}
		if _, err := b.speaks(i, 0, closed.Words); err == nil || !strings.Contains(err.Message, "no longer good") {
			t.Errorf("closed: %v", err)
		}
		if _, err := b.nodes[i].Join(t.Context(), api.Join{Code: closed.Code}); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("the closed code: %v", err)
		}
		number := 1
		for fmt.Sprint(number) == strings.Split(old.Words, "-")[0] || fmt.Sprint(number) == strings.Split(closed.Words, "-")[0] {
			number++
		}
		if _, err := b.speaks(i, 0, fmt.Sprintf("%d-amber-falcon-ridge", number)); err == nil || err.Code != api.CodeUnreached || !strings.Contains(err.Message, "nobody here has words") {
			t.Errorf("a number nobody has: %v", err)
		}
		time.Sleep(wordsFor)
		if _, err := b.speaks(i, 0, old.Words); err == nil || !strings.Contains(err.Message, "they last 15 minutes") {
			t.Errorf("after 15 minutes: %v", err)
		}
		if _, err := b.nodes[i].Join(t.Context(), api.Join{Code: old.Code, Responder: "p1"}); err != nil {
			t.Errorf("the long code of the same invitation: %v", err)
		}
		b.stop()
	})
}

// TestTwoJoinAtOnce: of two who say the words for one at the same moment one is in and the other is told why not; words for
// several let in several at once.
func TestTwoJoinAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		crowd := func(words string, n int) (in int, why []string) {
			var mu sync.Mutex
			var all sync.WaitGroup
			var fresh []int
			for range n {
				fresh = append(fresh, b.fresh())
			}
			for _, i := range fresh {
				all.Go(func() {
					_, err := b.speaks(i, 0, words)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						in++
					} else {
						why = append(why, err.Message)
					}
				})
			}
			all.Wait()
			return in, why
		}
		if in, why := crowd(b.invite(api.Invite{}).Words, 2); in != 1 || len(why) != 1 || !strings.Contains(why[0], "used up") {
			t.Errorf("words for one let in %d; the other hears %q", in, why)
		}
		if in, why := crowd(b.invite(api.Invite{Uses: 6}).Words, 6); in != 6 {
			t.Errorf("words for six let in %d; the others hear %q", in, why)
		}
		for _, r := range b.state(0).Responders {
			if r.Role == "observer" {
				t.Errorf("%s is an observer", r.Handle)
			}
		}
		b.stop()
	})
}

// TestMiddleOnTheNetwork: T2. Somebody has made himself the only way between inviter and joiner, ends the connections of both
// and copies what they say over real QUIC. Nobody joins; when he is gone the joiner does, by words that are not burnt.
func TestMiddleOnTheNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		const evil = 7
		end := b.relay(evil, 0)
		tries := 0
		for range 8 {
			inv := b.invite(api.Invite{})
			for range 4 {
				tries++
				if _, err := b.speaks(i, evil, inv.Words); err == nil || !strings.Contains(err.Message, "somebody is between") {
					t.Errorf("try %d: %v", tries, err)
				}
			}
			if _, err := b.nodes[0].CloseInvite(t.Context(), inv.ID); err != nil {
				t.Error(err)
			}
		}
		if n := len(b.state(0).Responders); n != 1 {
			t.Errorf("%d are in the team after %d tries through a middle", n, tries)
		}
		end()
		if _, err := b.speaks(i, 0, b.invite(api.Invite{}).Words); err != nil {
			t.Error(err)
		}
		b.stop()
	})
}

// relay puts somebody on the network who answers everybody, and copies what they say to the j'th node and back.
func (b *bubble) relay(at, j int) (end func()) {
	b.t.Helper()
	var tr *transport.Transport
	device := identity.FromSeed([32]byte{66})
	tr, err := transport.New(transport.Config{
		Device: device, Member: func(crdt.DeviceID) bool { return false },
		Open: func() (net.PacketConn, error) { return b.net.Socket(bubbleAddr(at)), nil },
		Stranger: func(ctx context.Context, _ crdt.DeviceID, _ []byte, joiner io.ReadWriter) error {
			transport.Proven(joiner)
			return tr.DialStranger(ctx, bubbleAddr(j), func(_ context.Context, _ crdt.DeviceID, _ []byte, inviter io.ReadWriter) error {
				for from, to := joiner, inviter; ; from, to = to, from {
					frame, err := readFrame(from)
					if err != nil {
						return err
					}
					if err := writeFrame(to, frame); err != nil {
						return err
					}
				}
			})
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tr.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
		if err := tr.Close(); err != nil {
			b.t.Error(err)
		}
	}
}

// TestJoinByBundle: with no network at all, a file takes a laptop into the team; it writes there, and the others learn of it
// when they meet, also one who has never heard of the invitation.
func TestJoinByBundle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		b.net.Partition(at(0), at(1))
		inv, err := b.nodes[0].Invite(t.Context(), api.Invite{Bundle: true})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "invite")
		if err := os.WriteFile(path, inv.Bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		i := b.fresh()
		b.net.Partition(at(0), at(i))
		b.net.Partition(at(1), at(i))
		in, err := b.nodes[i].Join(t.Context(), api.Join{Bundle: path, Responder: "p2"})
		if err != nil || in.Team != "bubble" || in.Via != "" || in.Members != 3 {
			t.Errorf("%+v, %v", in, err)
		}
		b.write(i, api.Write{Verb: "declare", Text: "alone in the server room", Severity: 3})
		b.inside(i, func(s *session, _ time.Time) error { s.m.Sight(bubbleAddr(1), b.nodes[1].device.ID()); return nil })
		b.net.Heal()
		b.net.Partition(at(0), at(1))
		b.net.Partition(at(0), at(i))
		b.await(30*time.Second, "who never heard of the invitation has let it in", func() bool { return b.sees(1, i) && b.alike(1, i) })
		b.net.Heal()
		b.merges(30*time.Second, "the inviter too")
		b.stop()
	})
}

// TestBundleThatIsNone: what is damaged, of another team than it says, or used by who is in the team is refused, and nothing
// is left behind.
func TestBundleThatIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		inv, err := b.nodes[0].Invite(t.Context(), api.Invite{Bundle: true})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "invite")
		join := func(n int, content []byte) *api.Error {
			t.Helper()
			if content != nil {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := b.nodes[n].Join(t.Context(), api.Join{Bundle: path, Responder: "px"})
			if err == nil {
				return nil
			}
			return api.AsError(err)
		}
		if err := join(i, nil); err == nil || err.Code != api.CodeNotFound {
			t.Errorf("no file: %v", err)
		}
		bent := append([]byte(nil), inv.Bundle...)
		bent[len(bent)/2] ^= 1
		for name, content := range map[string][]byte{"nothing": {}, "text": []byte("hello"), "cut": inv.Bundle[:len(inv.Bundle)-1], "bent": bent} {
			if err := join(i, content); err == nil || err.Code != api.CodeBadCode {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := join(0, inv.Bundle); err == nil || err.Code != api.CodeRefused {
			t.Errorf("of one's own team: %v", err)
		}
		if err := os.WriteFile(path, inv.Bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = b.nodes[i].Join(t.Context(), api.Join{Bundle: path, Responder: "p0"}) // found out once there is a store to look in
		if e := api.AsError(err); err == nil || e.Code != api.CodeRefused {
			t.Errorf("with a name that is taken: %v", err)
		}
		if entries, err := os.ReadDir(b.nodes[i].home.teams()); err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
		b.stop()
	})
}

// TestSecondLaptop: a second laptop of one's own becomes a device of the same person, whatever name it is given, and what it
// writes is theirs.
func TestSecondLaptop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 2)
		b.declare()
		i := b.fresh()
		inv := b.invite(api.Invite{For: "me"})
		if inv.For != "p0" {
			t.Errorf("it is for %q", inv.For)
		}
		in, err := b.speaks(i, 0, inv.Words)
		if err != nil || in.Responder != "p0" || in.Members != 2 {
			t.Errorf("%+v, %v", in, err)
		}
		b.write(i, api.Write{Verb: "note", Text: "from the other laptop"})
		b.await(30*time.Second, "all hold it", b.same)
		log, lerr := b.nodes[1].Log(t.Context(), "")
		if lerr != nil || log[len(log)-1].Actor != "p0" {
			t.Errorf("p1 reads it as by %q: %v", log[len(log)-1].Actor, lerr)
		}
		for _, r := range b.state(1).Responders {
			if r.Handle == "p0" && r.Devices != 2 {
				t.Errorf("p0 has %d devices", r.Devices)
			}
		}
		b.stop()
	})
}

// TestOldBoardIsKept: a laptop that worked alone keeps its board when it joins a team, and goes back and forth between both.
func TestOldBoardIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		b.write(i, api.Write{Verb: "declare", Text: "mine alone", Severity: 4})
		b.inside(i, func(s *session, _ time.Time) error {
			if s.r.Team().Name() != "bubble" {
				return errors.New("the teams have one name, or this test finds the wrong one")
			}
			return nil
		})
		in, err := b.speaks(i, 0, b.invite(api.Invite{}).Words)
		if err != nil || in.Kept != "bubble" {
			t.Errorf("%+v, %v", in, err)
		}
		all, terr := b.nodes[i].Teams(t.Context())
		if terr != nil || len(all) != 2 || !all[0].Current || all[0].Members != 2 || all[1].Members != 1 || all[1].Responder != "p1" {
			t.Fatalf("%+v, %v", all, terr)
		}
		if _, err := b.nodes[i].SwitchTeam(t.Context(), "bubble"); api.AsError(err).Code != api.CodeAmbiguous {
			t.Errorf("two teams of one name: %v", err)
		}
		if _, err := b.nodes[i].SwitchTeam(t.Context(), "nowhere"); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("no such team: %v", err)
		}
		st, serr := b.nodes[i].SwitchTeam(t.Context(), all[1].ID[:12])
		if serr != nil || len(st.Incidents) != 1 || st.Incidents[0].Title != "mine alone" {
			t.Errorf("back at the old board: %+v, %v", st.Incidents, serr)
		}
		if st, err := b.nodes[i].SwitchTeam(t.Context(), all[0].ID[:12]); err != nil || len(st.Incidents) != 0 || len(st.Responders) != 2 {
			t.Errorf("and in the team again: %+v, %v", st, err)
		}
		b.await(10*time.Second, "they see each other", b.equal)
		b.stop()
	})
}

// TestObserverInvitation: who joins as an observer is one from the start.
func TestObserverInvitation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		i := b.fresh()
		if _, err := b.speaks(i, 0, b.invite(api.Invite{Observer: true}).Words); err != nil {
			t.Error(err)
		}
		b.inside(i, func(s *session, _ time.Time) error {
			if s.me().Role != auth.RoleObserver {
				return fmt.Errorf("the role is %s", s.me().Role)
			}
			return nil
		})
		if _, err := b.nodes[0].Invite(t.Context(), api.Invite{For: "nobody"}); api.AsError(err).Code != api.CodeNotFound {
			t.Errorf("for nobody: %v", err)
		}
		b.stop()
	})
}

// TestWordsAreBounded: a node keeps so many sets of words and no more, and says how to go on.
func TestWordsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		b.add()
		numbers := map[string]bool{}
		for range platesOpenMax {
			number, _, _ := strings.Cut(b.invite(api.Invite{}).Words, "-")
			numbers[number] = true
		}
		if len(numbers) != platesOpenMax {
			t.Errorf("%d numbers for %d sets of words", len(numbers), platesOpenMax)
		}
		_, err := b.nodes[0].Invite(t.Context(), api.Invite{Words: true})
		if e := api.AsError(err); err == nil || e.Code != api.CodeRefused || !strings.Contains(e.Hint, "muster invites close") {
			t.Errorf("one more: %v", err)
		}
		time.Sleep(wordsFor)
		b.invite(api.Invite{})
		b.stop()
	})
}
