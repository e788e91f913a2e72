package sim

import (
	"crypto/ed25519"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/replica"
	"muster/node/wire"
)

// An invitation lets those in who join while the run is on. It allows fewer than come.
type invitation struct {
	key ed25519.PrivateKey
	op  crdt.Hash
}

func (w *world) key() ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	w.bytes(seed)
	return ed25519.NewKeyFromSeed(seed)
}

// newHost makes a laptop with an empty disk.
func (w *world) newHost() *host {
	h := &host{n: len(w.hosts), name: hostName(len(w.hosts)), links: map[crdt.DeviceID]*host{}}
	if w.o.RealKeys {
		h.signer = crdt.Ed25519Signer(w.key())
	} else {
		var device crdt.DeviceID
		w.bytes(device[:])
		h.signer = hashSigner(device)
	}
	h.device = h.signer.Device()
	h.disk = newDisk(h.device, w.epoch())
	h.disk.keeps, h.disk.litters = w.o.Bug == BugKeeps, w.o.Bug == BugLitters
	if w.o.Skew > 0 {
		h.clock.off = time.Duration(w.rng.Int64N(2*int64(w.o.Skew))) - w.o.Skew
	}
	h.clock.drift = w.o.Drift * (2*w.rng.Float64() - 1)
	w.hosts = append(w.hosts, h)
	return h
}

// found makes the hosts and a team that all but the late ones are members of, before the first fault.
func (w *world) found() error {
	for range w.o.Nodes {
		w.newHost()
	}
	w.net = network{cut: map[[2]int]bool{}, clog: map[[2]int]time.Time{}, slow: -1}
	founder, members := w.hosts[0], w.hosts[:w.o.Nodes-w.o.Late]
	genesis, err := replica.Genesis(founder.signer, founder.disk.epoch, w.wall(founder), auth.KindGenesis, auth.Genesis{Team: "sim", Handle: "p0"}, w.bytes)
	if err != nil {
		return err
	}
	w.team = crdt.DocID(genesis.Hash)
	w.signed(founder, genesis)
	founder.disk.write(&replica.Ready{Own: []*crdt.Record{genesis}}, 2)
	records, g := []*crdt.Record{genesis}, crdt.NewGraph(w.team)
	if _, err := g.Add(genesis); err != nil {
		return err
	}
	write := func(h *host, kind crdt.Kind, body any) (crdt.Hash, error) { // what a replica would write, and much faster
		op := crdt.Op{Doc: w.team, Dot: crdt.Dot{Epoch: h.disk.epoch, Seq: 1}, WallMS: w.wall(h).UnixMilli(), Kind: kind}
		if tips := g.Log(crdt.LogID{Device: h.device, Epoch: h.disk.epoch}); len(tips) > 0 {
			op.Prev, op.Dot.Seq = tips[0].Hash, tips[0].Seq+1
		}
		op.Parents = slices.DeleteFunc(g.Heads(), func(x crdt.Hash) bool { return x == op.Prev })
		var salt [crdt.SaltBytes]byte
		w.bytes(salt[:])
		rec, err := crdt.Seal(op, salt, crdt.EncodeBody(body), h.signer)
		if err != nil {
			return crdt.Hash{}, err
		}
		if _, err := g.Add(rec); err != nil {
			return crdt.Hash{}, err
		}
		w.signed(h, rec)
		h.disk.write(&replica.Ready{Own: []*crdt.Record{rec}}, 2)
		records = append(records, rec)
		return rec.Hash, nil
	}
	invite := func(key ed25519.PrivateKey, uses int) (*invitation, error) {
		op, err := write(founder, auth.KindInvite, auth.Invite{Key: key.Public().(ed25519.PublicKey), Role: auth.RoleResponder, Uses: uint32(uses)})
		return &invitation{key, op}, err
	}
	all, err := invite(w.key(), len(members))
	if err != nil {
		return err
	}
	if w.late, err = invite(w.key(), 1); err != nil {
		return err
	}
	for _, h := range members[1:] {
		proof, err := auth.Prove(all.key, w.team, h.device)
		if err != nil {
			return err
		}
		if _, err := write(h, auth.KindJoin, auth.Join{Invite: all.op, Handle: "p" + h.name[1:], Proof: proof}); err != nil {
			return err
		}
	}
	for i, h := range members {
		h.member = true
		h.hostile = w.o.Hostile && i == len(members)-1
		h.newer = w.o.Newer && i == 1
		h.disk.put(records...)
	}
	for _, h := range members {
		w.boot(h)
	}
	if w.o.Slow {
		w.net.slow = w.rng.IntN(len(w.hosts))
	}
	for _, h := range w.hosts[len(members):] {
		w.in(time.Duration(w.rng.Int64N(int64(w.o.Span))), func() { w.join(h) })
	}
	return nil
}

// join makes a host a member, let in by any member that is up, who need not have heard of it from who wrote the
// invitation. Only the team's document passes between them before.
func (w *world) join(h *host) {
	sponsor := w.anyHost(func(s *host) bool {
		return s.r != nil && s.member && !s.hostile && !w.now.Before(s.full) && !w.now.Before(s.paused)
	})
	if h.member {
		return
	}
	retry := func() {
		if !w.calm {
			w.in(w.about(10*time.Second), func() { w.join(h) })
		}
	}
	if sponsor == nil {
		retry()
		return
	}
	whole, err := sponsor.r.Whole(w.team)
	if err != nil {
		w.fail("%s cannot show its team: %w", sponsor.name, err)
		return
	}
	h.disk.put(whole.Records...)
	r, err := w.replica(h)
	if err != nil {
		w.fail("%s does not start from what %s gave it: %w", h.name, sponsor.name, err)
		return
	}
	proof, err := auth.Prove(w.late.key, w.team, h.device)
	if err != nil {
		w.fail("prove: %w", err)
		return
	}
	if _, err := r.ProposeTeam(w.wall(h), auth.KindJoin, auth.Join{Invite: w.late.op, Handle: "p" + h.name[1:], Proof: proof}); err != nil {
		w.fail("%s cannot join: %w", h.name, err)
		return
	}
	rd := r.Ready()
	w.learn(h, &rd)
	h.disk.write(&rd, steps(&rd))
	if err := sponsor.r.Admit(w.mono(sponsor), &wire.Batch{Doc: w.team, Records: rd.Own}); err != nil {
		w.fail("%s does not admit %s: %w", sponsor.name, h.name, err)
		return
	}
	w.trace(h, "join", "at %s", sponsor.name)
	w.count("saw: join")
	if w.isCut(sponsor, w.hosts[0]) {
		w.count("saw: join at a node cut from the inviter")
	}
	h.member = true
	w.work(sponsor)
	w.boot(h)
}
