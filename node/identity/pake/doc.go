// Package pake is CPace, a password-authenticated key exchange: two sides who share a short secret get a long one, and
// whoever stands between them learns nothing from a run but whether one guess of the secret was right.
//
// It is the suite CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace-21 between an initiator and a responder, with the key
// confirmation of its section 10.4 (HMAC-SHA-512), and is pinned by the draft's own vectors. With lv the length of a text
// in LEB128 before the text:
//
//	A -> B   lv(Ya) lv(ADa)      group element, and what A says openly and is bound to; at most [MessageMax] bytes
//	A <- B   lv(Yb) lv(ADb)
//	A -> B   Ta                  [TagSize] bytes
//	A <- B   Tb
//
// It promises:
//
//   - Two sides get the same keys only if password, channel, session and both messages are the same on both. The channel
//     names the two sides in the order of their roles, the session the connection they speak over.
//   - A message whose element is not one, or is the neutral one, ends the run.
//   - Tags are compared in constant time, and a side's own tag reflected to it is refused.
//   - The result is fed to HKDF before it is used; the shared point leaves the package in no form.
//
// The order of the tags, and who counts the guesses, is the caller's business.
package pake
