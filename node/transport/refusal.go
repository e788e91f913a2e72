package transport

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quic-go/quic-go"

	"muster/crdt"
)

// RefusedError says that the other end does not let this device in, and why, in its own words: nobody vouches for them.
// It is an [ErrRefused].
type RefusedError struct {
	Why string // at most [RefusalMax] bytes of printable text
}

// Error implements error.
func (e *RefusedError) Error() string { return ErrRefused.Error() + ": " + e.Why }

// Is reports that it is an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// WhyRefused returns what the other end said when it refused this device; empty when err is no refusal, or it said nothing.
func WhyRefused(err error) string {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return r.Why
	}
	return ""
}

// A toldError ends a connection with a device that is no member here, and is told why. It is an [ErrStranger].
type toldError struct{ why string }

func (e *toldError) Error() string        { return ErrStranger.Error() + ": " + e.why }
func (e *toldError) Is(target error) bool { return target == ErrStranger }

// whyTold returns what the other end is told because of err; empty when that is only a code.
func whyTold(err error) string {
	if e, ok := errors.AsType[*toldError](err); ok {
		return e.why
	}
	return ""
}

// refusal returns why a device that is no member is sent away.
func (t *Transport) refusal(device crdt.DeviceID) error {
	if t.cfg.Refusal != nil {
		if why := clip(t.cfg.Refusal(device)); why != "" {
			return &toldError{why}
		}
	}
	return ErrStranger
}

// refuse ends a connection with a device that is no member.
func (t *Transport) refuse(conn *quic.Conn, device crdt.DeviceID) {
	err := t.refusal(device)
	closeConn(conn, code(err), farewell(err))
}

// farewell is the text that goes with the code of err.
func farewell(err error) string {
	if why := whyTold(err); why != "" {
		return why
	}
	return err.Error()
}

// clip makes of any text one that can be sent, or shown: printable, on one line, of at most RefusalMax bytes.
func clip(text string) string {
	text = text[:min(len(text), 4*RefusalMax)]
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	for len(text) > RefusalMax {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
