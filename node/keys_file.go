package node

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"muster/crdt"
)

// The file of team keys is text: the version, then one line for each key, newest first: generation and key. The same lines
// without the version are what a member gives to one it lets in.
const (
	keysHeader  = "muster team keys v1"
	keysSizeMax = 4096
)

func (h home) keys(id crdt.DocID) string { return filepath.Join(h.team(id), "keys") }

// formatTeamKeys writes keys as lines.
func formatTeamKeys(keys []teamKey) string {
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%d %s\n", k.gen, base64.StdEncoding.EncodeToString(k.key[:]))
	}
	return b.String()
}

// parseTeamKeys reads what [formatTeamKeys] wrote, in any order. Of more than teamKeysMax the newest are kept.
func parseTeamKeys(text string) ([]teamKey, error) {
	if len(text) > keysSizeMax {
		return nil, errors.New("too many team keys")
	}
	var out []teamKey
	for line := range strings.Lines(text) {
		gen, key, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseUint(gen, 10, 64)
		raw, err64 := base64.StdEncoding.Strict().DecodeString(key)
		if !ok || err != nil || err64 != nil || n == 0 || len(raw) != teamKeyBytes {
			return nil, errors.New("not a generation and a team key")
		}
		out = append(out, teamKey{n, [teamKeyBytes]byte(raw)})
	}
	return mergeKeys(out, nil), nil
}

// readTeamKeys reads the cache of a team; none is no error.
func (h home) readTeamKeys(team crdt.DocID) ([]teamKey, error) {
	b, err := h.read(h.keys(team))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(string(b), keysHeader+"\n")
	if !ok {
		return nil, fmt.Errorf("%s does not start with %q", h.keys(team), keysHeader)
	}
	return parseTeamKeys(text)
}

// writeTeamKeys replaces the cache of a team, whose directory must exist.
func (h home) writeTeamKeys(team crdt.DocID, keys []teamKey) error {
	return h.write(h.keys(team), []byte(keysHeader+"\n"+formatTeamKeys(keys)))
}
