package pake

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gtank/ristretto255"
	"pgregory.net/rapid"
)

// vectors are the draft's; see testdata/README.
func vectors(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/cpace.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if out[name], err = hex.DecodeString(value); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func scalar(t *testing.T, b []byte) *ristretto255.Scalar {
	t.Helper()
	s := ristretto255.NewScalar()
	if err := s.Decode(b); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDraftVectors: every value that the draft publishes for this suite comes out.
func TestDraftVectors(t *testing.T) {
	v := vectors(t)
	same := func(name string, got []byte) {
		t.Helper()
		if !bytes.Equal(got, v[name]) {
			t.Errorf("%s is %x, want %x", name, got, v[name])
		}
	}
	a := Run{Password: v["PRS"], Channel: v["CI"], Session: v["sid"], Data: v["ADa"]}
	b := a
	b.Data = v["ADb"]
	same("generator_string", a.generatorText())
	same("g", a.generator().Encode(nil))
	i, first, err := start(a, scalar(t, v["ya"]))
	if err != nil {
		t.Fatal(err)
	}
	same("MSGa", first)
	kb, second, err := respond(b, scalar(t, v["yb"]), first)
	if err != nil {
		t.Fatal(err)
	}
	same("MSGb", second)
	ka, err := i.Finish(second)
	if err != nil {
		t.Fatal(err)
	}
	same("ISK_IR", ka.isk)
	same("ISK_IR", kb.isk)
	same("ADb", ka.Data)
	same("ADa", kb.Data)
	yb, _, err := parseMessage(second)
	if err != nil {
		t.Fatal(err)
	}
	same("K", ristretto255.NewElement().ScalarMult(scalar(t, v["ya"]), yb).Encode(nil))
	x := ristretto255.NewElement()
	if err := x.Decode(v["X"]); err != nil {
		t.Fatal(err)
	}
	same("s*X", ristretto255.NewElement().ScalarMult(scalar(t, v["s"]), x).Encode(nil))
}

// TestWeakElementsEndTheRun: the draft's invalid points abort on both sides, in the place of either message.
func TestWeakElementsEndTheRun(t *testing.T) {
	v := vectors(t)
	r := Run{Password: []byte("p")}
	for _, name := range []string{"Y_i1", "Y_i2"} {
		message := lv(v[name], nil)
		if _, _, err := Respond(r, message); !errors.Is(err, ErrMessage) {
			t.Errorf("%s to the responder: %v", name, err)
		}
		i, _, err := Start(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Finish(message); !errors.Is(err, ErrMessage) {
			t.Errorf("%s to the initiator: %v", name, err)
		}
	}
}

// pair is a whole run of two sides.
func pair(t testing.TB, a, b Run) (ka, kb *Keys, first, second []byte) {
	i, first, err := Start(a)
	if err != nil {
		t.Fatal(err)
	}
	kb, second, err = Respond(b, first)
	if err != nil {
		t.Fatal(err)
	}
	if ka, err = i.Finish(second); err != nil {
		t.Fatal(err)
	}
	return ka, kb, first, second
}

func agreed(ka, kb *Keys) bool {
	if ka.Check(kb.Tag()) != nil || kb.Check(ka.Tag()) != nil {
		return false
	}
	x, errx := ka.Derive("test")
	y, erry := kb.Derive("test")
	return errx == nil && erry == nil && x == y
}

// TestAgreesOnlyOnTheSame: two sides agree if password, channel and session are the same, and in no other case; what each
// said of itself may differ and arrives.
func TestAgreesOnlyOnTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 200)
		a := Run{text.Draw(t, "password"), text.Draw(t, "channel"), text.Draw(t, "session"), text.Draw(t, "data")}
		b := a
		b.Data = text.Draw(t, "other data")
		same := rapid.Bool().Draw(t, "same")
		if !same {
			field := rapid.SampledFrom([]*[]byte{&b.Password, &b.Channel, &b.Session}).Draw(t, "field")
			*field = append(append([]byte(nil), *field...), 'x')
		}
		i, first, err := Start(a)
		if err != nil {
			t.Fatal(err)
		}
		kb, second, err := Respond(b, first)
		if err != nil {
			t.Fatal(err)
		}
		ka, err := i.Finish(second)
		if err != nil {
			t.Fatal(err)
		}
		if agreed(ka, kb) != same || !bytes.Equal(ka.Data, b.Data) || !bytes.Equal(kb.Data, a.Data) {
			t.Fatalf("same %v, agreed %v", same, agreed(ka, kb))
		}
	})
}

// TestNothingMovesBetweenFields: a byte that moves from one field to the next is another run.
func TestNothingMovesBetweenFields(t *testing.T) {
	a, b := Run{Password: []byte("ab"), Channel: []byte("c")}, Run{Password: []byte("a"), Channel: []byte("bc")}
	if ka, kb, _, _ := pair(t, a, b); agreed(ka, kb) {
		t.Error("password and channel run into each other")
	}
	a, b = Run{Channel: []byte("ab"), Session: []byte("c")}, Run{Channel: []byte("a"), Session: []byte("bc")}
	if ka, kb, _, _ := pair(t, a, b); agreed(ka, kb) {
		t.Error("channel and session run into each other")
	}
}

// TestReflectedAndReplayedAreRefused: a side is not convinced by its own message and tag, nor by those of an earlier run.
func TestReflectedAndReplayedAreRefused(t *testing.T) {
	r := Run{Password: []byte("p"), Channel: []byte("c"), Session: []byte("s")}
	i, first, err := Start(r)
	if err != nil {
		t.Fatal(err)
	}
	k, err := i.Finish(first) // its own message in place of an answer
	if err != nil {
		t.Fatal(err)
	}
	if k.Check(k.Tag()) == nil {
		t.Error("a reflected tag convinces")
	}
	ka, kb, oldFirst, _ := pair(t, r, r)
	again, _, err := Respond(r, oldFirst)
	if err != nil {
		t.Fatal(err)
	}
	if again.Check(ka.Tag()) == nil {
		t.Error("a replayed tag convinces the responder")
	}
	next, _, _, _ := pair(t, r, r)
	if next.Check(kb.Tag()) == nil {
		t.Error("a replayed tag convinces the initiator")
	}
	for _, tag := range [][]byte{nil, {}, kb.Tag()[:TagSize-1], append(kb.Tag(), 0), make([]byte, TagSize)} {
		if ka.Check(tag) == nil {
			t.Errorf("%x convinces", tag)
		}
	}
}

// TestDataIsBounded: neither side sends or takes more than 1 KiB of data.
func TestDataIsBounded(t *testing.T) {
	most := Run{Data: make([]byte, dataMax)}
	ka, kb, first, _ := pair(t, most, most)
	if !agreed(ka, kb) || len(first) != MessageMax {
		t.Errorf("%d bytes of message, want %d", len(first), MessageMax)
	}
	more := Run{Data: make([]byte, dataMax+1)}
	if _, _, err := Start(more); err == nil {
		t.Error("an initiator says too much")
	}
	if _, _, err := Respond(more, first); err == nil {
		t.Error("a responder says too much")
	}
}

// FuzzMessages: whatever comes in place of either message is refused or leads to keys whose tag nobody else has.
func FuzzMessages(f *testing.F) {
	_, _, first, second := pair(f, Run{Password: []byte("p")}, Run{Password: []byte("p"), Data: make([]byte, 200)})
	f.Add(first)
	f.Add(second)
	f.Add(lv(make([]byte, elementSize), nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Run{Password: []byte("q"), Session: []byte("s")}
		k, answer, err := Respond(r, b)
		i, _, serr := Start(r)
		if serr != nil {
			t.Fatal(serr)
		}
		ki, ierr := i.Finish(b)
		if (err == nil) != (ierr == nil) {
			t.Fatalf("one side takes it, the other not: %v, %v", err, ierr)
		}
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		if len(answer) > MessageMax || k.Check(b[:min(len(b), TagSize)]) == nil || ki.Check(k.Tag()) == nil {
			t.Fatal("convinced without a secret")
		}
		e, data, err := parseMessage(b)
		if err != nil || !bytes.Equal(lv(e.Encode(nil), data), b) {
			t.Fatalf("%x has two forms", b)
		}
	})
}

// BenchmarkRun is both sides of a whole run, with the tags.
func BenchmarkRun(b *testing.B) {
	r := Run{Password: []byte("7-amber-falcon-ridge"), Channel: make([]byte, 64), Session: make([]byte, 32), Data: make([]byte, 33)}
	for b.Loop() {
		if ka, kb, _, _ := pair(b, r, r); !agreed(ka, kb) {
			b.Fatal("no agreement")
		}
	}
}
