package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"muster/crdt"
)

// CheckHandle reports whether s can be typed after an @: 1 to 32 of a-z, 0-9, dot, dash and underscore.
func CheckHandle(s string) error {
	ok := len(s) >= 1 && len(s) <= 32
	for _, c := range s {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c))
	}
	if !ok {
		return fmt.Errorf("%w: handle %q: use 1 to 32 of a-z 0-9 . _ -", crdt.ErrFormat, s)
	}
	return nil
}

// checkLabel checks what a device is called, if it is called anything.
func checkLabel(s string) error {
	if s == "" {
		return nil
	}
	return CheckName("device name", s)
}

// CheckName reports whether s is a non-empty line of at most 64 characters that neither steers a terminal nor turns the
// direction of what is shown after it.
func CheckName(what, s string) error {
	if err := checkLine(what, s); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(s); n == 0 || n > maxNameRune {
		return fmt.Errorf("%w: %s must have 1 to %d characters", crdt.ErrFormat, what, maxNameRune)
	}
	return nil
}

// checkLine checks that s is a line that neither steers a terminal nor turns the direction of text.
func checkLine(what, s string) error {
	for _, c := range s {
		if unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return fmt.Errorf("%w: %s has control characters", crdt.ErrFormat, what)
		}
	}
	return nil
}
