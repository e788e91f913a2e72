package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// Words are how people compare keys and pass secrets on by voice. The idea of a fixed list is the PGP word list's (Juola and
// Zimmermann, 1996), that of four letters being enough is BIP 39's.
const (
	WordBits         = 10 // that one word carries
	fingerprintWords = 4
	prefixMin        = 3 // letters of a word that may be typed for it, if no other begins so
	letters          = 4 // that are enough whatever follows: no two words share them
)

// wordList is wordText, a word each.
var wordList = strings.Fields(wordText)

// Fingerprint returns the four words of a device, with dashes between: 40 bits of the SHA-256 of its key. They are for
// people to recognise a device by, not to prove one: two devices with the same words can be made on purpose, with work.
func Fingerprint(device crdt.DeviceID) string {
	sum := sha256.Sum256(device[:])
	bits := binary.BigEndian.Uint64(sum[:8])
	words := make([]string, fingerprintWords)
	for i := range words {
		words[i] = wordList[bits>>(64-WordBits)]
		bits <<= WordBits
	}
	return strings.Join(words, "-")
}

// RandomWords returns n words, [WordBits] of the system's randomness each.
func RandomWords(n int) []string {
	out := make([]string, n)
	for i := range out {
		var b [2]byte
		_, _ = rand.Read(b[:]) // it does not fail
		out[i] = wordList[int(binary.BigEndian.Uint16(b[:]))%len(wordList)]
	}
	return out
}

// A WordError says that something typed is none of the words.
type WordError struct {
	Typed string
	Near  string // the word that is most like it
}

// Error implements error.
func (e *WordError) Error() string {
	return fmt.Sprintf("%q is not one of the words; the nearest is %q", e.Typed, e.Near)
}

// ParseWords reads words as people type what was read to them: in any case, with spaces, dashes, commas or full stops
// between, each in full, or cut short where no other begins so, or wrong after its first four letters. The error is a
// *[WordError].
func ParseWords(text string) ([]string, error) {
	var out []string
	for _, typed := range strings.FieldsFunc(strings.ToLower(text), apart) {
		w, ok := findWord(typed)
		if !ok {
			return nil, &WordError{Typed: typed, Near: nearestWord(typed)}
		}
		out = append(out, w)
	}
	return out, nil
}

func apart(r rune) bool { return r < 'a' || r > 'z' }

func findWord(typed string) (string, bool) {
	if len(typed) < prefixMin {
		return "", false
	}
	key := typed[:min(letters, len(typed))]
	i, _ := slices.BinarySearch(wordList, key)
	if i == len(wordList) || !strings.HasPrefix(wordList[i], key) {
		return "", false
	}
	if i+1 < len(wordList) && strings.HasPrefix(wordList[i+1], key) {
		return "", false // it could be several
	}
	return wordList[i], true
}

// nearestWord returns the word that takes the fewest changes of a letter, the first of several.
func nearestWord(typed string) string {
	typed = typed[:min(len(typed), 16)] // so that nobody's paste costs time
	best, least := "", len(typed)+16
	for _, w := range wordList {
		if d := distance(typed, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is Levenshtein's, and a swap of neighbours counts as one change (optimal string alignment).
func distance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
