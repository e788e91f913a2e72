package auth

import (
	"cmp"
	"maps"
	"slices"

	"muster/crdt"
)

// A keyWord is the newest key of a kind that a device named.
type keyWord struct {
	op  crdt.Hash
	key []byte
}

// applyKey folds in a key of the author's device. Of what a device says of itself the newest in the order of the timeline
// stands.
func (t *Team) applyKey(rec *crdt.Record) {
	dev, words, word := rec.Op.Dot.Device, t.seals, keyWord{op: rec.Hash}
	if rec.Op.Kind == KindKeys {
		b := read[SetKeys](rec, maxSmallBytes)
		if b == nil {
			return
		}
		word.key = b.Seal
	} else {
		b := read[SetRelay](rec, maxSmallBytes)
		if b == nil {
			return
		}
		words, word.key = t.relays, b.Key[:]
	}
	if old := words[dev]; old.key == nil || t.compareTimes(old.op, word.op) < 0 {
		words[dev] = word
	}
}

// SealKey returns the key to seal things to d, or nil if it has named none. It is for reading.
func (t *Team) SealKey(d crdt.DeviceID) []byte { return t.seals[d].key }

// RelayOf returns the device whose relay key d is. Nothing proves that a device that names a key has it, so of several
// that name the same one the first that is admitted is meant: nobody can take the key away from another by naming it.
func (t *Team) RelayOf(d crdt.DeviceID) (crdt.DeviceID, bool) {
	if t.relayOf == nil {
		t.relayOf = map[crdt.DeviceID][]crdt.DeviceID{}
		for _, dev := range slices.SortedFunc(maps.Keys(t.relays), crdt.DeviceID.Compare) {
			key := crdt.DeviceID(t.relays[dev].key)
			t.relayOf[key] = append(t.relayOf[key], dev)
		}
	}
	devs, s := t.relayOf[d], t.now()
	if _, member := s.byDevice[d]; member || len(devs) == 0 {
		return crdt.DeviceID{}, false
	}
	for _, dev := range devs {
		if s.members[s.byDevice[dev]].in() {
			return dev, true
		}
	}
	return devs[0], true
}

// Relays returns all keys that [Team.RelayOf] knows, ascending: also those of devices that are out.
func (t *Team) Relays() []crdt.DeviceID {
	var out []crdt.DeviceID
	for dev := range t.relays { // any order: sorted below
		if key, ok := t.RelayKey(dev); ok {
			if _, ok := t.RelayOf(key); ok {
				out = append(out, key)
			}
		}
	}
	slices.SortFunc(out, crdt.DeviceID.Compare)
	return slices.Compact(out)
}

// RelayKey returns the relay key that d named last.
func (t *Team) RelayKey(d crdt.DeviceID) (crdt.DeviceID, bool) {
	word, ok := t.relays[d]
	if !ok {
		return crdt.DeviceID{}, false
	}
	return crdt.DeviceID(word.key), true
}

// Admitted reports whether the holder of key d may connect: a member whose device is not retired, compromised or barred,
// or the relay key of one.
func (t *Team) Admitted(d crdt.DeviceID) bool {
	m, ok := t.Member(d)
	if !ok {
		if d, ok = t.RelayOf(d); ok {
			m, ok = t.Member(d)
		}
	}
	return ok && m.in()
}

// MaxSealings is how many different sealings of one key to one device are kept, each by another person. What is sealed
// cannot be checked but by the device it is for, and whoever may write a team key may write junk under the name of an
// honest one.
const MaxSealings = 4

// A KeyGen is one generation of the team's key.
type KeyGen struct {
	Gen    uint64
	ID     crdt.Hash
	sealed map[crdt.DeviceID][]sealing
}

// A sealing is one person's word of what the key is, sealed to a device.
type sealing struct {
	by    PersonID
	bytes []byte
}

// Sealed returns what is said to be the key sealed to d, at most MaxSealings of them: first of the person who was the
// first to hand this key out, who as a rule made it, then in the order of the graph. At most one is by the same person.
// They are for reading.
func (k *KeyGen) Sealed(d crdt.DeviceID) [][]byte {
	var out [][]byte
	for _, s := range k.sealed[d] {
		out = append(out, s.bytes)
	}
	return out
}

// SealedTo reports whether anybody says that the key is sealed to d.
func (k *KeyGen) SealedTo(d crdt.DeviceID) bool { return len(k.sealed[d]) > 0 }

// sealedBy reports whether this person sealed the key to d.
func (k *KeyGen) sealedBy(p PersonID, d crdt.DeviceID) bool {
	return slices.ContainsFunc(k.sealed[d], func(s sealing) bool { return s.by == p })
}

// add keeps one more sealing to d by a person, unless there are enough.
func (k *KeyGen) add(by PersonID, d crdt.DeviceID, b []byte) {
	if len(k.sealed[d]) < MaxSealings && !k.sealedBy(by, d) {
		k.sealed[d] = append(k.sealed[d], sealing{by, b})
	}
}

// KeyRing returns the team's keys, the one to write with first: greatest generation, then smallest name. Keys that were
// made by a device whose removal they do not know of are among them, since something may have been sealed with them.
func (t *Team) KeyRing() []KeyGen {
	s := t.now()
	type name struct {
		gen uint64
		id  crdt.Hash
	}
	ring := map[name]*KeyGen{}
	maker := map[name]PersonID{}
	var handed []*act // in causal order
	for _, a := range s.order {
		b, ok := a.body.(*TeamKey)
		if !ok || !s.counts(a, &s.everything) {
			continue
		}
		n := name{b.Gen, b.ID}
		if ring[n] == nil {
			ring[n], maker[n] = &KeyGen{b.Gen, b.ID, map[crdt.DeviceID][]sealing{}}, s.get(a).person
		}
		handed = append(handed, a)
	}
	for _, makers := range []bool{true, false} { // the maker's first, so that they always have a place
		for _, a := range handed {
			b, by := a.body.(*TeamKey), s.get(a).person
			n := name{b.Gen, b.ID}
			if (by == maker[n]) != makers {
				continue
			}
			for _, k := range b.Sealed {
				ring[n].add(by, k.Device, k.Sealed)
			}
		}
	}
	var out []KeyGen
	for _, k := range ring { // any order: sorted below
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b KeyGen) int { return cmp.Or(cmp.Compare(b.Gen, a.Gen), a.ID.Compare(b.ID)) })
	return out
}
