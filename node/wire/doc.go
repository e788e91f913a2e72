// Package wire owns what two nodes say to each other: the messages, their bytes, the limits a decoder enforces and the
// negotiation of versions. It is the specification of the protocol muster/1.
//
// # Frames
//
// A connection carries frames: one type byte and a payload. The transport delivers them whole and authenticated, over
// one control stream a direction, and over bulk streams so that a push never waits behind a long transfer. Numbers are
// minimal unsigned varints unless a width is given; hashes, documents and devices are 32 bytes.
//
//	Hello      0x01  first frame on every connection, never repeated
//	                 magic "muster" | lowest, highest version spoken | team 32 | wall ms | n bytes program version | n bytes ignored
//	Root       0x02  digest 32                                                                       33 bytes
//	Buckets    0x03  n, n × (bucket 1 | digest 32)                                          at most 8.5 KB
//	Docs       0x04  n buckets covered, n × bucket 1 | n, n × (doc 32 | digest 32 | operations)
//	Frontiers  0x05  flags (1 answer) | n, n × (doc 32 | frontier)
//	Batch      0x06  operations of one document; see [AppendBatch]
//	Have       0x07  batches acknowledged up to | n, n × (doc 32 | tips as a frontier)
//	Offer      0x08  operations | bytes: what the sender is about to send in batches, summed over documents
//	NeedBodies 0x09  doc 32 | n, n × hash 32: operations held without their bodies, which no redaction names
//	Bodies     0x0a  doc 32 | n, n × (hash 32 | salt 16 | n bytes body): as many of those as fit
//
// # Anti-entropy
//
// A node's root digest covers every document. Documents are spread over 256 buckets by the first byte of their name; a
// document's digest is that of its frontier; a bucket's that of its documents; the root that of the buckets. So:
//
//	A -> B  Root                          equal: done, and each knows that the other holds all it has
//	B -> A  Buckets, or at once Docs      when there are at most [DocsAtOnce] documents
//	A -> B  Docs of the buckets that differ
//	B -> A  Frontiers of the documents that differ     team first, then live incidents, then the others
//	A -> B  Frontiers (answer), Offer, Batch ...       what B lacks; and B sends what A lacks
//	B -> A  Have after each batch is on disk           which is also the sender's permission for another
//
// Nothing is probabilistic: a digest is a SHA-256 over names that are themselves hashes of everything before them. When
// a connection comes up both sides send, with their Root, the Frontiers of the team and of the live incidents, so that
// the usual heal costs half a round trip and the missing operations. A transfer that breaks off has cost what was on
// disk and nothing else: the next frontier says where to go on.
//
// # Push
//
// A new operation goes to every connected peer as a Batch of one with number 0. A receiver that has it on disk answers
// Have. That is what "delivered" means on every screen.
//
// # Bodies
//
// A body travels with its operation. Where it was redacted the operation goes on without it, and the receiver knows of
// the redaction. An operation that came without a body and that no redaction names is another matter: somebody withheld
// it. Digests do not show that, since they cover headers. So the receiver asks its peers, one after the other and again
// after a while, and takes the body from whoever has it: the hash in the signed header vouches for it.
//
// # Versions
//
// Hello names the versions a node speaks; the connection uses the highest both have, or ends with a reason. A frame of
// unknown type is ignored and counted, so that a later version may add some; a malformed one ends the connection.
package wire
