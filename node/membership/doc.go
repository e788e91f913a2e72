// Package membership keeps this node connected to every other device of the team that it can reach, for ever, and knows
// where each was last seen. It owns the address book, the rejoin loop and memberlist.
//
// Three parts, each able to fail alone:
//
//   - The address book, a file: for each device the addresses that worked, the ones it signed, and when it was last
//     connected. It is a cache that costs a little waiting when lost, so a damaged file is set aside and said so.
//   - The rejoin loop: while a known member is not connected it is dialed, at least two devices every two to three
//     seconds for as long as it takes, newest seen first, at once after a [Membership.Wake], a sighting, a connection
//     or a disconnection. memberlist alone never merges two sides that declared each other dead.
//   - memberlist, for gossip: it spreads signed addresses, and hears through others of a device that we cannot reach.
//
// It promises:
//
//   - Whether a device is connected is the transport's word. Gossip and sightings are hints: they say where to dial, and
//     change nothing else. Every dial is pinned to the device's key.
//   - A name that is no member, or whose address list it did not sign, never enters memberlist or the book.
//   - Nobody who only spreads hints can push a working address out of the book, make the node dial more than
//     four at a time or more than four unknown addresses a second, or make it remember more than 64 of them.
//   - A device is forgotten when the caller says so ([Membership.Forget]), not because time passed.
//
// # Address lists
//
// A node's meta data in memberlist is its address list, under a signature made for "muster/meta/v1" over its key and the
// bytes before the signature:
//
//	1 byte version (1) | 1 byte count, 0 to 8 | count × (1 byte 4 or 6 | 4 or 16 bytes address | 2 bytes port) | 64 bytes
//
// IPv6 zones are local to their machine and are not sent; a neighbour's zone comes from discovery.
//
// # Where it departs from the design
//
// The merge delegate does not cancel a merge because of a name we do not know: that name is dropped alone by the alive
// delegate. Right after a partition one side often has members that the other has not heard of yet, and that must
// not keep the rest apart. The back-off of a device only orders who is tried first; the floor of two attempts a round
// stays, because the promise is to meet within five seconds of becoming reachable, also when nothing announces it.
package membership
