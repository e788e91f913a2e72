package node

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
	"muster/node/identity"
)

// Team keys are secrets that all who may connect share, by generation: what is carried by hand is sealed with the newest,
// and members recognise each other's announcements by them. Whoever removes a device makes the next generation in the
// same breath and seals it to every device that is left. Live connections do not use them.
//
// Two sides of a split that each remove somebody make a key each, and whichever is the newest is known to one of those who
// are out. Whoever writes something next makes another.
//
// There is none before the first removal. As long as nobody has been removed announcements go on as [discoveryKey] has it:
// an older node, and a code that was handed out, keep working.
//
// They are kept beside the team's store, as a cache: all of this device's come back out of the team document, where they
// are sealed to it, except for what it was given when it joined.
const (
	teamKeyBytes = 32
	teamKeysMax  = 16 // generations kept and looked at, the newest
	teamKeyFirst = 1  // generation that replaces nothing
	teamKeyUse   = "muster/team-key/v1"
	keyTurn      = 30 * time.Second // how long one generation is announced with while somebody may not have the newest
)

// A teamKey is one generation. Two with the same number were made apart; the one with the smaller id is the newer.
type teamKey struct {
	gen uint64
	key [teamKeyBytes]byte
}

// id names a key without telling it, as the team document does.
func (k teamKey) id() crdt.Hash { return auth.TeamKeyID(k.key[:]) }

// compareKeys puts the newest first.
func compareKeys(a, b teamKey) int {
	if a.gen != b.gen {
		if a.gen > b.gen {
			return -1
		}
		return 1
	}
	return a.id().Compare(b.id())
}

// announceKey is what a generation's announcements are made with.
func (k teamKey) announceKey() []byte {
	sum := sha256.Sum256(append([]byte("muster/discovery-key/v2"), k.key[:]...))
	return sum[:]
}

// keyUse binds a sealed team key to its team.
func keyUse(team crdt.DocID) string { return teamKeyUse + " " + team.String() }

// keyring is what a session holds. It is owned by loop.
type keyring struct {
	held  []teamKey              // newest first, at most teamKeysMax
	tried map[crdt.Hash]bool     // of what is sealed to this device, what did not open or is not what it says, by its sum
	met   map[crdt.DeviceID]bool // connected since the newest key came

	ring   []auth.KeyGen // of the team document; see ring
	ringOf int           // operations there were when it was computed
}

// ring returns the generations in the team document, newest first.
func (s *session) ring() []auth.KeyGen {
	if n := s.r.Graph(s.team).Len(); s.keys.ringOf != n {
		s.keys.ring, s.keys.ringOf = s.r.Team().KeyRing(), n
	}
	return s.keys.ring
}

// teamKeys returns the keys held, newest first. It runs on the loop.
func (s *session) teamKeys() []teamKey { return slices.Clone(s.keys.held) }

// installTeamKeys takes in keys that somebody who let us in gave us, or that were found in the team document, and keeps
// them on disk. It runs on the loop.
func (s *session) installTeamKeys(keys []teamKey) error {
	merged := mergeKeys(s.keys.held, keys)
	if slices.Equal(merged, s.keys.held) {
		return nil
	}
	if err := s.n.home.writeTeamKeys(s.team, merged); err != nil {
		return err
	}
	if len(s.keys.held) == 0 || merged[0] != s.keys.held[0] {
		s.keys.met = map[crdt.DeviceID]bool{}
	}
	s.keys.held = merged
	s.publishKeys()
	return nil
}

// mergeKeys returns the newest of both, newest first, each once.
func mergeKeys(a, b []teamKey) []teamKey {
	out := slices.Concat(a, b)
	slices.SortFunc(out, compareKeys)
	out = slices.Compact(out)
	return out[:min(len(out), teamKeysMax)]
}

// loadTeamKeys reads the cache and what the team document has for this device.
func (s *session) loadTeamKeys() {
	s.keys = keyring{tried: map[crdt.Hash]bool{}, met: map[crdt.DeviceID]bool{}}
	held, err := s.n.home.readTeamKeys(s.team)
	if err != nil {
		s.n.cfg.Log.Warn("the file of team keys cannot be read; those in the team document are used", "err", err)
	}
	s.keys.held = mergeKeys(held, nil)
	s.learnKeys()
	s.publishKeys()
}

// learnKeys takes the keys out of the team document that are sealed to this device.
func (s *session) learnKeys() {
	var found []teamKey
	ring := s.ring()
	for _, g := range ring[:min(len(ring), teamKeysMax)] {
		if slices.ContainsFunc(s.keys.held, func(k teamKey) bool { return k.gen == g.Gen && k.id() == g.ID }) {
			continue
		}
		if k, ok := s.openKey(g); ok {
			found = append(found, k)
		}
	}
	if err := s.installTeamKeys(found); err != nil {
		s.n.cfg.Log.Warn("cannot keep the team keys; they are taken from the team document again at the next start", "err", err)
	}
}

// openKey tries what is sealed to this device as the key of a generation, one after the other: any responder can put
// junk there.
func (s *session) openKey(g auth.KeyGen) (teamKey, bool) {
	for _, sealed := range g.Sealed(s.r.Device()) {
		name := sealingName(g, sealed)
		if s.keys.tried[name] {
			continue
		}
		plain, err := s.n.device.Open(keyUse(s.team), sealed)
		k := teamKey{gen: g.Gen}
		if err == nil && copy(k.key[:], plain) == len(k.key) && len(plain) == len(k.key) && k.id() == g.ID {
			return k, true
		}
		if len(s.keys.tried) < auth.MaxHeight {
			s.keys.tried[name] = true // its maker's fault: it is no key of this team for us
		}
	}
	return teamKey{}, false
}

// sealingName names one sealing of a generation's key.
func sealingName(g auth.KeyGen, sealed []byte) crdt.Hash {
	return crdt.SumHash(slices.Concat(g.ID[:], sealed))
}

// newestKey returns the newest generation of the team if this node holds it.
func (s *session) newestKey() (teamKey, bool) {
	ring := s.ring()
	if len(ring) == 0 || len(s.keys.held) == 0 {
		return teamKey{}, false
	}
	for _, k := range s.keys.held {
		if k.gen == ring[0].Gen && k.id() == ring[0].ID {
			return k, true
		}
	}
	return teamKey{}, false
}

// rotateKeys makes the next generation and writes it, sealed to every device that may connect and has said a key to seal
// to.
func (s *session) rotateKeys(now time.Time) error {
	k := teamKey{gen: 1}
	if ring := s.ring(); len(ring) > 0 {
		k.gen = ring[0].Gen + 1
	}
	randomBytes(k.key[:])
	var to []auth.Member
	for _, m := range s.admitted() {
		if s.sealable(m.Device) {
			to = append(to, m)
		}
	}
	if err := s.handOut(now, k, to); err != nil {
		return err
	}
	return s.installTeamKeys([]teamKey{k})
}

// sealable reports whether a device has said a key to seal to.
func (s *session) sealable(d crdt.DeviceID) bool { return s.r.Team().SealKey(d) != nil }

// handOut writes a key into the team document, sealed to some devices.
func (s *session) handOut(now time.Time, k teamKey, to []auth.Member) error {
	slices.SortFunc(to, func(a, b auth.Member) int { return a.Device.Compare(b.Device) })
	for part := range slices.Chunk(to, auth.MaxSealedKeys) {
		body := auth.TeamKey{Gen: k.gen, ID: k.id()}
		for _, m := range part {
			sealed, err := identity.SealTo(s.r.Team().SealKey(m.Device), keyUse(s.team), k.key[:])
			if err != nil { // a key of a wrong shape is its device's own fault
				s.n.cfg.Log.Warn("cannot seal the team key to a device", "device", m.Device.Short(), "err", err)
				continue
			}
			body.Sealed = append(body.Sealed, auth.SealedKey{Device: m.Device, Sealed: sealed})
		}
		if len(body.Sealed) == 0 {
			continue
		}
		if _, err := s.r.ProposeTeam(now, auth.KindTeamKey, body); err != nil {
			return err
		}
	}
	return nil
}

// leaked reports whether a device that is out can read the newest key.
func (s *session) leaked() bool {
	ring := s.ring()
	return len(ring) > 0 && slices.ContainsFunc(s.r.Team().Members(), func(m auth.Member) bool {
		return ring[0].SealedTo(m.Device) && !s.r.Team().Admitted(m.Device)
	})
}

// lackKey returns the devices that may connect and could read the newest key, but to which nobody has sealed it yet.
func (s *session) lackKey() []auth.Member {
	ring := s.ring()
	if len(ring) == 0 {
		return nil
	}
	var out []auth.Member
	for _, m := range s.admitted() {
		if s.sealable(m.Device) && !ring[0].SealedTo(m.Device) {
			out = append(out, m)
		}
	}
	return out
}

// ensureSealKey says this device's key to seal to, if it has not been said.
func (s *session) ensureSealKey(now time.Time) error {
	if bytes.Equal(s.r.Team().SealKey(s.r.Device()), s.n.device.SealKey()) {
		return nil
	}
	_, err := s.r.ProposeTeam(now, auth.KindKeys, auth.SetKeys{Seal: s.n.device.SealKey()})
	return err
}

// ensureKeys goes with whatever this node's person writes, so that no operation is written by a timer: it says the key to
// seal to once, and in a protected home the relay key, makes a team key where the newest is known to somebody who is out, and passes it on to those who came after
// it was made. What fails leaves the write that it goes with as it is.
func (s *session) ensureKeys(now time.Time) {
	if s.mayWrite() != nil || !s.hasRoom() || s.r.NeedsEpoch() {
		return
	}
	err := s.ensureSealKey(now)
	if err == nil && s.leaked() {
		err = s.rotateKeys(now)
	}
	if k, ok := s.newestKey(); err == nil && ok {
		if lack := s.lackKey(); len(lack) > 0 {
			err = s.handOut(now, k, lack[:min(len(lack), auth.MaxSealedKeys)])
		}
	}
	if err == nil && s.n.protection() != api.ProtectedNone {
		err = s.ensureRelay(now)
	}
	if err != nil {
		s.n.cfg.Log.Warn("keys not written", "err", err)
	}
}

// publishKeys tells discovery what to announce with and what to recognise. While members are not known to have met us
// since the newest key came, turns are taken with the generation before it: each side of a split may have made one of its
// own, and those who hold neither must be found as well. What that tells a removed device is that somebody is there.
func (s *session) publishKeys() {
	var keys [][]byte
	if s.anyRemoved() {
		for _, k := range s.keys.held[:min(len(s.keys.held), announceKeysMax-1)] {
			keys = append(keys, k.announceKey())
		}
	}
	keys = append(keys, discoveryKey(s.team))
	next := announcing{keys: keys}
	for _, m := range s.admitted() {
		next.turns = next.turns || m.Device != s.r.Device() && !s.keys.met[m.Device]
	}
	s.announce.Store(&next)
}

// anyRemoved reports whether a device was ever thrown out of the team.
func (s *session) anyRemoved() bool {
	return slices.ContainsFunc(s.r.Team().Removals(), func(r auth.Removal) bool { return r.Mode != auth.ModeSuspend && (r.Effective || r.Undone) })
}

// announceKeysMax is how many keys discovery matches against.
const announceKeysMax = 4

// announcing is what discovery reads.
type announcing struct {
	keys  [][]byte // newest first
	turns bool
}

// discoveryKeys is called by discovery.
func (s *session) discoveryKeys() [][]byte {
	a := s.announce.Load()
	if !a.turns || len(a.keys) < 2 || time.Now().Unix()/int64(keyTurn/time.Second)%2 == 0 {
		return a.keys
	}
	return slices.Concat(a.keys[1:], a.keys[:1])
}

// metWithKeys notes that a device has been connected since the newest key came: it has it, or takes it now.
func (s *session) metWithKeys(d crdt.DeviceID) {
	if !s.keys.met[d] {
		s.keys.met[d] = true
		s.publishKeys()
	}
}
