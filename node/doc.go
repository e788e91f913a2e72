// Package node assembles a muster node and runs it: the replica on its store, the transport, membership and discovery
// under it, the local door on top. It is the one place that knows both the board and the api, and implements
// [api.Service].
//
// A home directory holds
//
//	device.key       this laptop's identity, and where it is protected the key of the disk, wrapped (package vault)
//	relay            where it is protected, the key with which a locked node passes on (relay_file.go)
//	team             which of the teams below is the current one
//	teams/ID/store   operations (package store)
//	teams/ID/peers   address book (package membership)
//	teams/ID/roster  copy of the team document, for when the store is damaged
//	teams/ID/merges  what was held before and after merges, and the numbers of conflicts (merge_file.go)
//	node.log, sock, config
//
// so that joining a team leaves the one before untouched beside it. Everything that belongs to one team at run time is
// a session; joining ends one session and starts another in the same process, on the same port.
//
// One goroutine owns the replica. Its select in loop.go is the closed list of everything that can happen to the board:
// a call from a person, an event of the transport, a timer. What it takes together it makes durable together, and only
// then answers and sends. The package promises:
//
//   - When Write returns nil the operation is on disk; the receipt says whose nodes hold it too, waiting at most
//     [deliveryWait] for those that can be reached.
//   - When the disk fails, the node stops rather than promise what it cannot keep. When the disk is full it stays
//     readable, serves its peers what it holds and claims nothing else, refuses new writes, and goes on by itself when
//     there is room.
//   - A member that sends without end is delayed, never refused, by the allowance in limits.go; people's calls go before
//     what the network brings.
//   - Who was heard when and through whom, and whose nodes hold what, is laid over a board when it is shown. It is never
//     part of one.
//   - In a home that is protected (guard.go) nothing a person wrote is in the clear in any file; one that lacks its
//     passphrase starts locked rather than not at all, and passes on what others write (relay.go).
//   - A fresh directory needs no set-up: the first start founds a team of one.
//   - Run returns only when everything it started has ended.
//
// # What proves what
//
// What this team may expect of an attacker, and the tests that hold muster to it, as package.Test. Those of the packages
// faults and nettest need their build tags: see the Makefile.
//
//	T1   sniffer on the link         learns only that muster runs       nettest.TestStrangerLearnsOnlyThatMusterRuns discover.TestNothingRevealingIsAnnounced
//	T2   in the middle, or guessing  0 of 10,000 in; 5 guesses burn     node.TestNobodyJoinsThroughAMiddle nettest.TestNobodyJoinsThroughAMiddle node.TestSixthGuessFindsABurntCode
//	T3   handshake flood             8 a source, 32 in all, always Retry  transport.TestHandshakeFloodTakesNoSlot transport.TestHalfOpenHandshakesEndSoon transport.TestHandshakesAreRare bounds.TestFloodsLeaveRoomForWork
//	T4   100,000 forged sightings    bounded candidates and dials       membership.TestForgedSightingsOfMembersMakeNoDialStorm discover.TestCandidatesStayBounded
//	T6   other user of the machine   nothing                            api.TestOtherUsersGetNothing
//	T7   thief with the disk         0 strings on the image             faults.TestStolenDiskTellsNothing node.TestProtectedHomeHoldsNoName
//	T8   removed device              no effect beyond the cut, refused  node.TestRevokedInASplit replica.TestEveryOrderOfTeamAndIncidentsShowsTheSame transport.TestRefusalSaysWhy membership.TestRemovedDeviceLeavesGossip
//	T9   member with two histories   both kept, proven, shown           replica.TestEquivocationIsProvenWhenBranchesMeet crdt.TestForkedLogsConverge auth.TestEveryForkOfALogTakesRights
//	T10  member with a false clock   same board, +-30 days              replica.TestClocksDecideNothing
//	T11  flooding member             writes in 1 s, memory bounded      bounds.TestFloodsLeaveRoomForWork node.TestFloodGetsSlower wire.TestZipBombsAreRefused wire.TestControlFramesAllocateInProportion auth.TestHostileShapesCostBoundedSteps auth.TestBackAndForthCostsBoundedSteps
//	T12  member lying in gossip      no loss; at worst reconnects       membership.TestForgedDeathsCutNobodyOff
//	T13  founder who removes all     two who co-sign win                auth.TestTwoWinOverACompromisedFounder node.TestVictimsOutvoteWhoRemovedThemAll auth.TestEveryGraphGivesOneAnswer sim.TestCourtAndTeamAgree
//	T14  cloned or restored disk     found out, both histories kept     faults.TestSurvivesClones node.TestCopyOfKeyringHomeIsNoClone
//	T15  power cut, bit rot          nothing said to be safe is lost    faults.TestSurvivesPowerCuts faults.TestSurvivesBitRot faults.TestSurvivesKills
//
// T5 and T16 are about a web page, which there is none of.
package node
