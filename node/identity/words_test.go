package identity

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"muster/crdt"
)

// TestListOfWords: the list has what a bad telephone line needs, and exactly 1,024 of it.
func TestListOfWords(t *testing.T) {
	if len(wordList) != 1<<WordBits || !slices.IsSorted(wordList) {
		t.Fatalf("%d words, sorted %v", len(wordList), slices.IsSorted(wordList))
	}
	sounds := map[string]string{}
	for i, w := range wordList {
		if len(w) < letters || len(w) > 7 || strings.ContainsFunc(w, apart) {
			t.Errorf("%q is not four to seven letters", w)
		}
		if i > 0 && strings.HasPrefix(w, wordList[i-1][:letters]) {
			t.Errorf("%q and %q begin alike", wordList[i-1], w)
		}
		s := sound(w)
		if sounds[s] != "" {
			t.Errorf("%q and %q sound alike", sounds[s], w)
		}
		sounds[s] = w
		for _, v := range wordList[:i] {
			if len(v)-len(w) < 2 && len(w)-len(v) < 2 && distance(v, w) < 2 {
				t.Errorf("%q and %q are one slip apart", v, w)
			}
		}
	}
}

// sound is a crude ear: what remains when consonants that a bad line confuses are one, and vowels said alike.
func sound(w string) string {
	w = strings.NewReplacer("ph", "f", "ck", "k", "qu", "kw", "x", "ks", "wh", "w", "wr", "r", "gh", "g").Replace(w)
	w = strings.NewReplacer("ce", "se", "ci", "si", "cy", "sy", "c", "k", "z", "s", "y", "i").Replace(w)
	if strings.HasPrefix(w, "kn") {
		w = w[1:]
	}
	for _, c := range "bcdfgklmnprstaeiou" {
		w = strings.ReplaceAll(w, string(c)+string(c), string(c))
	}
	w = strings.TrimSuffix(w, "e")
	w = regexp.MustCompile("ea|ie|ei").ReplaceAllString(w, "i")
	w = strings.NewReplacer("ai", "a", "oa", "o", "ow", "o", "ou", "o").Replace(w)
	return strings.NewReplacer("b", "p", "d", "t", "v", "f", "m", "n", "g", "k").Replace(w)
}

// TestFingerprintIsPinned: what was read out once stays the same, and differs between devices.
func TestFingerprintIsPinned(t *testing.T) {
	for seed, want := range map[byte]string{1: "wicker-daring-home-twist", 2: "tennis-amount-daring-praise"} {
		if got := Fingerprint(FromSeed([32]byte{seed}).ID()); got != want {
			t.Errorf("device %d is %q, want %q", seed, got, want)
		}
	}
	if words, err := ParseWords(Fingerprint(crdt.DeviceID{7})); err != nil || len(words) != fingerprintWords {
		t.Errorf("its own words: %v, %v", words, err)
	}
}

// TestWordsAreForgiven: what was heard is read in any writing, and a slip is answered with the word that was meant.
func TestWordsAreForgiven(t *testing.T) {
	for _, text := range []string{"amber-falcon-ridge", " Amber, FALCON  ridge.", "ambe falc ridg", "amb fal rid", "amberr-falcons-ridges"} {
		got, err := ParseWords(text)
		if err != nil || strings.Join(got, " ") != "amber falcon ridge" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, near := range map[string]string{"abmer": "amber", "falkon": "falcon", "a-mber": "", "am": "", strings.Repeat("z", 100): ""} {
		_, err := ParseWords(text)
		var we *WordError
		if !errors.As(err, &we) || near != "" && we.Near != near || !slices.Contains(wordList, we.Near) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got, err := ParseWords("  - "); len(got) != 0 || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
	for _, w := range wordList {
		if got, err := ParseWords(strings.ToUpper(w[:letters])); err != nil || got[0] != w {
			t.Fatalf("%q cut to four letters: %v, %v", w, got, err)
		}
	}
}

// TestRandomWordsDiffer: two draws of three words are not the same (one in a thousand million is), and all are of the list.
func TestRandomWordsDiffer(t *testing.T) {
	a, b := RandomWords(3), RandomWords(3)
	if slices.Equal(a, b) {
		t.Errorf("%v twice", a)
	}
	for _, w := range append(a, b...) {
		if _, ok := slices.BinarySearch(wordList, w); !ok {
			t.Errorf("%q is none of the words", w)
		}
	}
}

// FuzzParseWords: whatever is typed is read as words of the list or answered with one, and what is read reads the same again.
func FuzzParseWords(f *testing.F) {
	f.Add("amber-falcon-ridge")
	f.Add("7 Ambr")
	f.Add("\xff\u0130")
	f.Fuzz(func(t *testing.T, text string) {
		words, err := ParseWords(text)
		var we *WordError
		if err != nil && (!errors.As(err, &we) || !slices.Contains(wordList, we.Near)) {
			t.Fatal(err)
		}
		again, err := ParseWords(strings.Join(words, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Fatalf("%v is read as %v: %v", words, again, err)
		}
	})
}
