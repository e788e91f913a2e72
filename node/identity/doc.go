// Package identity owns what makes a laptop a device: its key, the file the key lives in, and what is derived from it.
//
// It promises:
//
//   - The key is made on the device and leaves it in no form; only [Device.ID], signatures and a certificate do.
//   - The key file is read only when nobody else can read it, and is never overwritten or repaired: one that is damaged
//     is an error for a person to settle, because a new key means a new device.
//   - Every signature names what it is for (Ed25519ctx), so a TLS handshake can never be mistaken for an operation.
//   - Certificates do not expire, and nothing here reads a clock.
package identity
