// Package replica is one node's side of replication as a state machine: it is told what happened ([Replica.Propose],
// [Replica.Step], [Replica.Tick], [Replica.PeerUp], [Replica.PeerDown]) and answers with what to do ([Replica.Ready]).
// It owns the documents a node holds, what each peer is known to hold, and every decision about what is sent to whom.
//
// It has no goroutines, no clock and no random source of its own, so a simulation can run a whole group in one goroutine
// and replay it from a seed; the shape is that of etcd-io/raft's RawNode. The exchange is anti-entropy by causal
// frontier (Demers et al., "Epidemic Algorithms", 1987; the frontier after Kleppmann & Howard, "Byzantine Eventual
// Consistency", 2020); the bytes are in package wire.
//
// The caller has one goroutine that owns the Replica, and four duties:
//
//  1. After every call, take [Replica.Ready] and do what it says in the order of its fields: Own and Peers, then Fill,
//     then Erase, must be on disk before anything in Send leaves and before a person is told "saved". Several
//     calls followed by one Ready cost one sync.
//  2. Call [Replica.Tick] no later than Ready.Next.
//  3. After Step, ask [Replica.NeedsEpoch], and if so make a new epoch durable and hand it to [Replica.SetEpoch].
//  4. If writing fails, stop. A replica whose disk is behind it must not speak.
//
// The loop:
//
//	for {
//		select {
//		case in := <-intents:  res, err = r.Propose(time.Now(), in)
//		case f := <-frames:    err = r.Step(time.Now(), f.From, f.Msg)
//		case now := <-timer.C: r.Tick(now)
//		...
//		}
//		rd := r.Ready()
//		store.Put(rd.Own, rd.Peers); store.Fill(rd.Fill); store.Erase(...)
//		transport.Send(rd.Send...)
//		tell(rd.Changes)
//		timer.Reset(time.Until(rd.Next))
//	}
//
// Promises: an operation is shown only after everything before it; a peer is told that something is here only after it
// is on disk; every board agrees with the team document at the end of each call, whichever of the two arrived first; a
// device that is not admitted any more is neither listened to nor talked to; what a peer is said to hold it has said
// itself on this or an earlier connection; memory for operations that wait for their past is bounded by [MaxPending];
// nothing a peer sends can do more than waste a bounded amount of work and end its own connection.
package replica
