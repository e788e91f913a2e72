// Package discover finds other nodes on the links this machine is attached to. It yields addresses worth dialling and
// grants no trust: whatever is claimed here is proved, or not, by the handshake that follows.
//
// It speaks twice, because each way fails where the other works. DNS-SD over multicast DNS (RFC 6762, RFC 6763) for
// the service _muster._udp.local, which every network browser can list; and an announcement of our own that travels on
// the QUIC socket, for networks that filter multicast groups. Both work with IPv6 link-local addresses only, without
// DHCP, default route or name server, on interfaces that come late or change their addresses.
//
// # What is announced
//
// No team, no person and no device by name. With K the team's discovery key and day the number of days since 1970 by
// the sender's clock:
//
//	tag    = HMAC-SHA256(K, "muster/discover/v1" ‖ uint32(day))[:8]           which team, to those who hold K
//	origin = HMAC-SHA256(K, "muster/instance/v1" ‖ uint32(day) ‖ device)[:8]  which device, to those who hold K
//
// The day is announced beside them, so that a receiver computes with the sender's day: a laptop whose clock is a
// decade off is found all the same, and no two clocks are compared. The design asked for yesterday, today and
// tomorrow; that would have hidden exactly the machine with the dead battery. Both values change at midnight UTC.
//
// DNS-SD: instance and host label = hex(origin), SRV port = the QUIC port, TXT:
//
//	v=1  id=hex(origin)  tag=hex(tag)  day=decimal
//
// A response counts only if one packet holds both SRV and TXT of an instance. Names are keyed hashes, so there is no
// probing for a free name (RFC 6762, 8.1): a second holder of ours is a cloned device, and is counted as such.
//
// The announcement, 34 bytes, integers big endian; the top two bits of the first byte are zero, so that a QUIC stack
// hands it over as not its own (RFC 9443):
//
//	 0  4  01 'm' 's' 't'
//	 4  1  version = 1
//	 5  1  flags: 1 = leaving; the others zero
//	 6  4  day
//	10  8  tag
//	18  8  origin
//	26  8  HMAC-SHA256(K, "muster/announce/v1" ‖ bytes 0 to 25)[:8]
//
// It goes to the directed broadcast address of every IPv4 subnet and to ff02::1 on every interface; where it came from
// is the address to dial.
//
// # What is promised
//
//   - Only addresses on the link that a packet came in by are yielded, so that nobody on the LAN can aim the team's
//     dials at a third party.
//   - Memory and work do not grow with what arrives: see limits.go. What a stranger to the team makes up never
//     crowds out what needs the team's key; what he copies is bounded for each origin copied.
//   - A packet can be replayed by anyone who heard it. A [Sighting] is therefore a hint, and one with Gone set too.
//
// The state machine (core.go) takes the time as an argument, does no I/O and says what to send; [Discoverer.Run] owns
// it, the sockets and the interface watch.
package discover
