package board

import (
	"slices"
	"strings"

	"muster/crdt"
)

// minIDChars is the least number of characters of a short id behind its letter.
const minIDChars = 2

// idLetters begins the short ids of each RefKind.
const idLetters = "tndhupe"

// idIndex finds short ids among the things of one kind. A short id is a letter and the first characters of the hash of
// the operation that made the thing, in base32: as few as no other thing on the board shares, two at least. It is the
// same for everyone who holds the same operations, and a longer one stays valid when more arrive.
type idIndex struct {
	hashes []crdt.Hash // ascending when clean
	clean  bool
}

func (x *idIndex) add(h crdt.Hash) {
	x.hashes = append(x.hashes, h)
	x.clean = false
}

func (x *idIndex) sorted() []crdt.Hash {
	if !x.clean {
		slices.SortFunc(x.hashes, crdt.Hash.Compare)
		x.clean = true
	}
	return x.hashes
}

// chars returns how many characters tell h from everything else in the index, whether or not h is in it.
func (x *idIndex) chars(h crdt.Hash) int {
	all := x.sorted()
	at, found := slices.BinarySearchFunc(all, h, crdt.Hash.Compare)
	n := minIDChars
	if at > 0 {
		n = max(n, shared(all[at-1], h)+1)
	}
	if found {
		at++
	}
	if at < len(all) {
		n = max(n, shared(all[at], h)+1)
	}
	return n
}

// shared returns how many leading base32 characters two hashes have in common.
func shared(a, b crdt.Hash) int {
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			bits := 8 * i
			for ; d&0x80 == 0; d <<= 1 {
				bits++
			}
			return bits / 5
		}
	}
	return len(a) * 8 / 5
}

// roomFor returns how many characters a new id should need at most: short ids stay short while fewer than half of
// them are taken.
func (x *idIndex) roomFor() int {
	n := minIDChars
	for room := 1 << (5*minIDChars - 1); len(x.hashes) >= room; room <<= 5 {
		n++
	}
	return n
}

// withPrefix returns the hashes whose text begins with prefix, up to limit of them.
func (x *idIndex) withPrefix(prefix string, limit int) []crdt.Hash {
	all := x.sorted()
	at, _ := slices.BinarySearchFunc(all, prefix, func(h crdt.Hash, p string) int { return compareText(h, p) })
	var out []crdt.Hash
	for ; at < len(all) && len(out) < limit && strings.HasPrefix(all[at].Text(), prefix); at++ {
		out = append(out, all[at])
	}
	return out
}

// alphabet is base32 as [crdt.Hash.Text] writes it. Its order is that of the values, not of the bytes: digits come last.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// compareText compares the start of h's text with p in the order of the hashes themselves.
func compareText(h crdt.Hash, p string) int {
	text := h.Text()
	for i := range min(len(p), len(text)) {
		if d := strings.IndexByte(alphabet, text[i]) - strings.IndexByte(alphabet, p[i]); d != 0 {
			return d
		}
	}
	return 0
}

// shortID returns the short id of the thing that h made.
func (b *Board) shortID(kind RefKind, h crdt.Hash) string {
	if n := b.runOf[h]; kind == RefRun && n != nil {
		h = n.id // a run is named by what is run
	}
	return idLetters[kind:kind+1] + h.Text()[:b.chars(kind, h)]
}

// refOf returns the short id of what the operation h made; empty when it made nothing that has one.
func (b *Board) refOf(h crdt.Hash) string {
	switch {
	case b.tasks[h] != nil:
		return b.shortID(RefTask, h)
	case b.isNote(h):
		return b.shortID(RefNote, h)
	case b.decisions[h] != nil:
		return b.shortID(RefDecision, h)
	case b.theories[h] != nil:
		return b.shortID(RefTheory, h)
	case b.criteria[h] != nil:
		return b.shortID(RefCriterion, h)
	case b.updateOf[h] != nil:
		return b.shortID(RefUpdate, b.updateOf[h].op.hash)
	case b.runOf[h] != nil:
		return b.shortID(RefRun, h)
	}
	return b.asideID(b.ops[h])
}

// Ref returns the short id of what the operation h made, a task, note, decision or the like, or of h itself where it does
// not count; empty for others.
func (b *Board) Ref(h crdt.Hash) string { return b.refOf(h) }
