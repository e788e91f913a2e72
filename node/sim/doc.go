// Package sim runs a whole team of replicas in one goroutine, on a simulated network, simulated disks and simulated
// clocks, with people who use the board at random. A run is a pure function of its seed: a failure is replayed by
// naming the seed, and two runs of one seed give the same transcript.
//
// What is real: the replicas, the boards, the team, the bytes on the wire (every message is encoded and parsed). What
// is simulated, in a file each: the network (net.go), the disk of journal and store (disk.go), what goes wrong with
// hosts, clocks and disks (faults.go), a member gone bad and one with a later version (hostile.go), people: what they do
// (people.go), what they wish for when they look at a board (habits.go), and what they do about who belongs to the team
// (trust.go, doors.go), a thief with somebody's laptop among them (thief.go). Which of all that a run meets, and how much
// of it, is drawn from the seed (options.go). Signatures are a keyed hash in most runs, because real ones would be nearly
// all of the time a run takes, and real in some.
//
// The checkers are named after when they must hold: anytime; eventually, in a calm phase in which the faults are over
// and everyone can reach everyone; and finally, after it. What they take for granted is what the store promises: what
// was acknowledged is on disk. A disk that was copied or taken back to a backup has broken that promise, so from its
// owner only that it does no harm is asked; and no run has both flipped bits and disks taken back, since of two who
// keep an operation both may lose it then.
//
// What a board shows is checked on the way and in the end against its operations, which are read by the format alone
// (account.go): what waits for a human is what domain C3 lists and the rules leave open, no more and no less; nobody loses
// command but by their own word or a settlement; what somebody wrote is shown until an operation that names it takes its
// place; and of what was redacted no byte is on the disk of a correct node. Where a rule is too long to be written twice,
// bounds of it are checked: what must be shown, and what can be.
//
// Who is in the team, what they may do and whose words count is decided a second time by a court (court.go), which is the
// written rule and shares nothing with package auth but the format: every member, removal and word of a run is compared,
// and many small team documents beside the runs. Somebody who was thrown out is alone with what nobody else has, so what
// nodes must agree on in the end is asked of those who are still in.
//
// A run in which too little happened fails, as do many runs that never met a certain fault or state. The tests plant
// bugs in the disks, in the network, in the signatures and in the rules, each of which must be found.
//
// The idea is that of FoundationDB's simulation (Zhou et al., SIGMOD 2021) and TigerBeetle's VOPR.
package sim
