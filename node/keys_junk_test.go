package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"muster/crdt/auth"
	"muster/node/api"
)

// TestJunkUnderAKeysName: whoever first hands out junk under the name of a team key does not keep from this device what
// somebody else sealed to it, and the junk is tried once.
func TestJunkUnderAKeysName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := apart(t)
		k := keyOf(1, 7)
		to := b.nodes[0].device.ID()
		b.inside(1, func(s *session, now time.Time) error {
			_, err := s.r.ProposeTeam(now, auth.KindTeamKey, auth.TeamKey{Gen: 1, ID: k.id(), Sealed: []auth.SealedKey{{Device: to, Sealed: []byte("junk")}}})
			return err
		})
		if _, err := b.nodes[0].Import(t.Context(), api.Import{File: b.carry(1, api.Export{Passphrase: "four words of ours"}), Passphrase: "four words of ours"}); err != nil {
			t.Fatal(err)
		}
		b.inside(0, func(s *session, now time.Time) error {
			ring := s.ring()
			if len(ring) != 1 || len(ring[0].Sealed(to)) != 1 || len(s.keys.held) != 0 {
				t.Errorf("before: ring %v, held %v", ring, s.keys.held)
			}
			me, _ := s.r.Team().Member(to)
			err := errors.Join(s.ensureSealKey(now), s.handOut(now, k, []auth.Member{me}))
			s.learnKeys()
			if got, ok := s.newestKey(); !ok || got != k {
				t.Errorf("newest key %v, %t; sealed %d times", got, ok, len(s.ring()[0].Sealed(to)))
			}
			if !s.keys.tried[sealingName(ring[0], []byte("junk"))] || len(s.keys.tried) != 1 {
				t.Errorf("tried %v", s.keys.tried)
			}
			return err
		})
		b.stop()
	})
}
