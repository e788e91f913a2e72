package transport

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/quic-go/quic-go"
)

// Why a dial failed or a peer went down. Match with errors.Is.
var (
	// ErrStranger: the device at the other end is not a member of our team.
	ErrStranger = errors.New("the device is not a member here")
	// ErrRefused: the other end does not know us as a member.
	ErrRefused = errors.New("the peer does not know this device as a member")
	// ErrOtherDevice: another device than the one dialed answers at the address.
	ErrOtherDevice = errors.New("another device answers there")
	// ErrVersion: the other end speaks no protocol that we do.
	ErrVersion = errors.New("no version of the transport in common")
	// ErrCut: a drill keeps us apart.
	ErrCut = errors.New("cut by a drill")
	// ErrSelf: the address is this node's own.
	ErrSelf = errors.New("the address is this node's own")
	// ErrDuplicate: another connection to the same device was kept.
	ErrDuplicate = errors.New("another connection to the device was kept")
	// ErrBusy: too many handshakes are under way.
	ErrBusy = errors.New("too many dials are under way")
	// ErrStopped: Run has ended, was not begun within five seconds, or its socket was replaced meanwhile.
	ErrStopped = errors.New("the transport is not running")
	// ErrPeerStopped: the other node ended in an orderly way.
	ErrPeerStopped = errors.New("the peer stopped")
	// ErrProtocol: one end broke the rules in the package comment.
	ErrProtocol = errors.New("protocol error")
	// ErrNoHello: the handshake succeeded but the peer said nothing.
	ErrNoHello = errors.New("the peer sent no hello")
	// ErrNoAddress: there was no address to dial.
	ErrNoAddress = errors.New("no address to dial")
	// ErrSlept: the machine was suspended, so every connection is dead at its other end.
	ErrSlept = errors.New("the machine was asleep")
	// ErrSilent: the peer, or the way from it, has been silent for [silentAfter], as one end has found.
	ErrSilent = errors.New("nothing arrives from the other end")
	// ErrTooMuch: a joining stream carried more than it may.
	ErrTooMuch = errors.New("joining stream is over 1 MiB")
)

// errUnaware: the peer, a member here, opened a stranger's stream instead of saying hello.
var errUnaware = errors.New("the peer does not take us for a member")

// AddrInUseError says that another process holds the UDP port.
type AddrInUseError struct {
	Addr netip.AddrPort
	Err  error
}

// Error implements error.
func (e *AddrInUseError) Error() string {
	return fmt.Sprintf("UDP port %d is in use", e.Addr.Port())
}

// Hint says what to do about it.
func (e *AddrInUseError) Hint() string {
	return "stop the other program or choose another port; a port of 0 picks a free one"
}

// Unwrap returns the system's error.
func (e *AddrInUseError) Unwrap() error { return e.Err }

// errRebuild marks the end of connections whose socket is replaced.
var errRebuild = errors.New("the socket is being replaced")

// Application error codes of QUIC, part of the protocol.
const (
	codeStopped   quic.ApplicationErrorCode = 0
	codeStranger  quic.ApplicationErrorCode = 1
	codeDuplicate quic.ApplicationErrorCode = 2
	codeProtocol  quic.ApplicationErrorCode = 3
	codeSelf      quic.ApplicationErrorCode = 4
	codeDone      quic.ApplicationErrorCode = 5 // a joining stream has ended
	codeRebuild   quic.ApplicationErrorCode = 6
	codeSilent    quic.ApplicationErrorCode = 7
	codeRefused   quic.ApplicationErrorCode = 8 // like codeStranger, and the reason is for people
)

// alertNoProtocol is TLS's no_application_protocol (RFC 7301) as QUIC reports it.
const alertNoProtocol quic.TransportErrorCode = 0x100 + 120

// codeOther is the error code of a stream that is refused alone.
const codeOther quic.StreamErrorCode = 1

// reason turns what QUIC says about the end of a connection into this package's words.
func reason(err error) error {
	if tr, ok := errors.AsType[*quic.TransportError](err); ok && tr.ErrorCode == alertNoProtocol {
		return fmt.Errorf("%w: %w", ErrVersion, err)
	}
	app, ok := errors.AsType[*quic.ApplicationError](err)
	if !ok || !app.Remote {
		return err
	}
	switch app.ErrorCode {
	case codeStopped, codeRebuild:
		return ErrPeerStopped
	case codeStranger:
		return ErrRefused
	case codeRefused:
		return &RefusedError{Why: clip(app.ErrorMessage)}
	case codeDuplicate:
		return ErrDuplicate
	case codeProtocol:
		return fmt.Errorf("%w: the peer says %q", ErrProtocol, app.ErrorMessage)
	case codeSelf:
		return ErrSelf
	case codeSilent:
		return ErrSilent
	default:
		return err
	}
}

// code is the application error code that tells the peer about err.
func code(err error) quic.ApplicationErrorCode {
	switch {
	case whyTold(err) != "":
		return codeRefused
	case errors.Is(err, ErrStranger):
		return codeStranger
	case errors.Is(err, ErrDuplicate):
		return codeDuplicate
	case errors.Is(err, ErrProtocol), errors.Is(err, ErrNoHello):
		return codeProtocol
	case errors.Is(err, errRebuild):
		return codeRebuild
	case errors.Is(err, ErrSilent):
		return codeSilent
	default:
		return codeStopped
	}
}
