package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Bounds of the local protocol. A request is what a person typed; an answer may be a whole board.
const (
	RequestBytesMax = 1 << 20   // a body sent to the node
	AnswerBytesMax  = 256 << 20 // a body sent back, or one event of a watch
	ConnectionsMax  = 128       // open at once; further ones wait in the kernel's queue
)

// Version is the version of the local protocol. Client and node are usually one binary, but a node started before an
// upgrade answers a client installed after it: both say their version in [VersionHeader], and one that differs is
// refused with the way out rather than misunderstood.
const Version = "1"

// VersionHeader carries [Version] in every request and every answer.
const VersionHeader = "Muster-Api"

// Paths of the methods, one POST each.
const (
	pathWrite  = "/v1/write"
	pathStatus = "/v1/status"
	pathShow   = "/v1/show"
	pathBrief  = "/v1/brief"
	pathLog    = "/v1/log"
	pathMerge  = "/v1/merge"
	pathWatch  = "/v1/watch"
	pathInit   = "/v1/init"
	pathInvite = "/v1/invite"
	pathJoin   = "/v1/join"

	pathProfile    = "/v1/profile"
	pathSetProfile = "/v1/set-profile"

	pathCut    = "/v1/cut"
	pathHeal   = "/v1/heal"
	pathVerify = "/v1/verify"
	pathDoctor = "/v1/doctor"
	pathStop   = "/v1/stop"
)

// ask is the body of the methods whose only argument is an incident.
type ask struct {
	Incident string `json:"incident,omitempty"`
}

// whoAsk is the body of the methods whose only argument is some responders.
type whoAsk struct {
	Who []string `json:"who,omitempty"`
}

// empty is the body of methods without arguments, and the answer of those without a result.
type empty struct{}

// failure is the body of every answer that is not 200, the last line of a watch that fails, and what `-o json` prints.
type failure struct {
	Error *Error `json:"error"`
}

// line is one line of a watch: an event, or the error that ends it.
type line struct {
	Event *Event `json:"event,omitempty"`
	Error *Error `json:"error,omitempty"`
}

// statusOf gives the HTTP status for a code. The client reads the code; the status is for people with curl.
func statusOf(code string) int {
	switch code {
	case CodeUsage, CodeBadCode, CodeDamaged:
		return http.StatusBadRequest
	case CodeNotFound:
		return http.StatusNotFound
	case CodeAmbiguous, CodeRefused, CodeDirInUse, CodeAddrInUse:
		return http.StatusConflict
	case CodeLocked:
		return http.StatusLocked
	case CodeConfirm:
		return http.StatusPreconditionRequired
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeDiskFull:
		return http.StatusInsufficientStorage
	case CodeUnreached:
		return http.StatusGatewayTimeout
	case CodeStopped, CodeNoNode:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// decode reads exactly one JSON document of at most RequestBytesMax from the request into v. Fields it does not know
// are ignored, as the package comment promises.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, RequestBytesMax))
	if err := dec.Decode(v); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return Errorf(CodeTooLarge, "say it in fewer words", "the request is over %d bytes", RequestBytesMax)
		}
		return Errorf(CodeUsage, "send one JSON object", "the request is not understood: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Errorf(CodeUsage, "send one JSON object", "the request holds more than one document")
	}
	return nil
}

// EncodeError writes err as one line of JSON, the form that scripts read: {"error":{"code":...}}.
func EncodeError(w io.Writer, err error) error {
	return json.NewEncoder(w).Encode(failure{Error: AsError(err)})
}
