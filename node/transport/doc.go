// Package transport owns the one UDP socket of a node and every QUIC connection on it. It moves opaque frames between
// devices that have proved their keys; what the frames mean, who is a member and which addresses to try are the caller's.
//
// # Bytes
//
// A packet whose first byte has its two top bits clear is an announce (package discover); all others are QUIC version 1
// with TLS 1.3, ALPN "muster/1", a bare Ed25519 key in the certificate of both sides. On a connection the first byte of
// a stream says what it is:
//
//	'c'  unidirectional  hello, then control frames   one per direction, for as long as the connection lives
//	'b'  unidirectional  bulk frames                  opened when there is something to send
//	'p'  unidirectional  one gossip packet            only when it does not fit a datagram
//	'm'  bidirectional   memberlist stream
//	'j'  bidirectional   joining                      the only stream of a connection with a device that is no member
//
// Gossip packets travel in DATAGRAM frames. What would make memberlist take memory out of proportion is dropped before it
// gets there; see tame.go. A frame on 'c' and 'b' is a four byte big-endian length and that many bytes,
// 1 to [ControlFrameMax] or [BulkFrameMax]. The hello, the first frame of 'c', is
//
//	1 byte version (1) | 4 bytes turn | 8 bytes instance, random for each run of a node | 0 to [HelloMax] bytes of [Config.Hello]
//
// The turn is the dialer's: one more than the highest of any connection with the other side that it has used in this
// run, big-endian; the side that was dialed sends 0.
//
// A stream with another first byte is refused alone, so that a later version may add one. A bad frame ends the connection.
//
// # Promises
//
//   - A connection is up only when the other side's hello has arrived on it: in TLS 1.3 a dialer finishes before the
//     listener has judged it, so a successful handshake proves nothing.
//   - [Transport.Events] is one ordered story: for a device PeerUp, then frames in the order they were sent within their
//     class, then PeerDown. All frames between the two came over one connection. Losing or replacing the connection is a
//     PeerDown, and what was queued for it is gone: a session starts again from its PeerUp.
//   - [Transport.Send] never blocks. What does not fit a queue bounded in frames and bytes is refused, and for bulk a
//     [BulkReady] follows when there is room.
//   - Nothing received is dropped because the owner is slow. QUIC flow control stops the sender, each stream by itself,
//     so control frames pass bulk that nobody reads.
//   - Two nodes that dial each other at one moment end with one connection, the same for both.
//   - A stalled connection is replaced while it still counts as up; a dead one ends within [idleTimeout],
//     and where one end only is not heard, both ends know by then.
//   - A device that is no member costs one of 32 slots, one stream, 68 KiB, or 1 MiB once it has proved something, and
//     five seconds; an unfinished handshake three. Where all are taken, there are still eight for the addresses at which
//     members were met. In the first seconds 128 handshakes from anywhere else are taken, then 64 a second, and of one
//     source 64 and 16.
//   - The stream of a stranger is served to a member too that opens it instead of saying hello: it takes this node for no
//     member, and may have just that to tell.
//   - Whoever begins a handshake proves its address first (a Retry), or brings a token that it got here before: a forged
//     address takes no slot, and is answered with less than was asked.
//   - A device that is refused hears why: by the error code 1, or 8 with a text for people ([Config.Refusal]).
//   - After [Transport.Cut] no packet leaves to or is taken from the devices named, whatever is still open.
//   - A send error ends the connections it hits and never the node: the socket is kept, and replaced when it is dead or
//     when the machine has slept. Only a full send buffer or a firewall's refusal counts as packet loss.
//
// # Where it departs from the design
//
// The loser of two connections is closed at once, not after a linger: its frames are covered by the PeerDown and PeerUp
// that the side which used it sees. Besides the time between them, an instance number in the hello decides which of
// two connections is the live one, so that a peer that restarts within seconds is not mistaken for a simultaneous dial.
// A stranger may send 68 KiB rather than 64: the largest operation there can be, in its frame.
// The socket comes from a function ([Config.Open]) rather than as a value, because a socket must be replaced after the
// machine has slept. The transport never dials because of a gossip packet; package membership keeps the connections.
package transport
