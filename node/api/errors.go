package api

import (
	"errors"
	"fmt"
)

// Codes of errors. A script may depend on them; the texts are for people.
const (
	CodeUsage     = "usage"       // the request makes no sense as it stands; exit 2
	CodeNotFound  = "not_found"   // no such incident, task, person, ...
	CodeAmbiguous = "ambiguous"   // several match; Candidates lists them
	CodeRefused   = "refused"     // the board's rules say no
	CodeConfirm   = "confirm"     // ask Question, repeat with Yes; exit 4
	CodeTooLarge  = "too_large"   // over a limit of the format
	CodeDiskFull  = "disk_full"   // nothing was written; the board is still readable
	CodeDisk      = "disk"        // the store failed; the node stops rather than promise what it cannot keep
	CodeBadCode   = "bad_code"    // an invitation that is mistyped, used up or of another version
	CodeUnreached = "unreachable" // nobody answered
	CodeDamaged   = "damaged"     // a file to import is not whole, or not what it says
	CodeLocked    = "locked"      // the node has started without its secrets; exit 4
	CodeNoNode    = "no_node"     // no node runs in this directory; exit 5
	CodeStopped   = "stopped"     // the node is going down
	CodeInternal  = "internal"    // a bug of ours
	CodeAddrInUse = "addr_in_use" // another program has the port
	CodeDirInUse  = "dir_in_use"  // another node has the directory
)

// An Error is what every method of a [Service] returns when it fails.
type Error struct {
	Code       string   `json:"code"`
	Message    string   `json:"message"`              // lower case, no full stop
	Hint       string   `json:"hint,omitempty"`       // what to do
	Question   string   `json:"question,omitempty"`   // with CodeConfirm: the consequence, ending in a question mark
	Candidates []string `json:"candidates,omitempty"` // with CodeAmbiguous or CodeNotFound: what was perhaps meant
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf returns an Error with a formatted message.
func Errorf(code, hint, format string, args ...any) *Error {
	return &Error{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as an *Error; one that is none becomes CodeInternal.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}
