// Package sim runs a whole team of replicas in one goroutine, on a simulated network, simulated disks and simulated
// clocks, with people who use the board at random. A run is a pure function of its seed: a failure is replayed by
// naming the seed, and two runs of one seed give the same transcript.
//
// What is real: the replicas, the boards, the team, the bytes on the wire (every message is encoded and parsed). What
// is simulated: time, loss, delay, duplication, reordering, partitions (also one-way), crashes at every point between
// an operation and its acknowledgement. Signatures are a keyed hash in most runs, because real ones would be nearly
// all of the time a run takes, and real in some.
//
// The checkers are in check.go. They are named after when they must hold: anytime, and finally, after a calm phase in
// which the faults are over and everyone can reach everyone. A run in which too little happened fails as well.
// The idea is that of FoundationDB's simulation (Zhou et al., SIGMOD 2021) and TigerBeetle's VOPR.
package sim
