//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package discover

// sharePort does nothing: where another responder holds the port, the announcement on the QUIC socket remains.
func sharePort(uintptr) error { return nil }
