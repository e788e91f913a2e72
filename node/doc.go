// Package node assembles a muster node and runs it: the replica on its store, the transport, membership and discovery
// under it, the local door on top. It is the one place that knows both the board and the api, and implements
// [api.Service].
//
// A home directory holds
//
//	device.key       this laptop's identity, and where it is protected the key of the disk, wrapped (package vault)
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
//     passphrase starts locked rather than not at all.
//   - A fresh directory needs no set-up: the first start founds a team of one.
//   - Run returns only when everything it started has ended.
package node
