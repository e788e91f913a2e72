package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"muster/node/api"
)

const (
	startTimeout = 60 * time.Second // a large board is read back from disk before the node answers
	stopTimeout  = 20 * time.Second
	pollInterval = 10 * time.Millisecond
	logBytesMax  = 1 << 20 // of node.log; what is older is in node.log.1, and before that gone
	tailBytesMax = 16 << 10
)

// openOrStart reaches the node of dir. When none runs it starts one in the background and says so. Of several verbs that
// find no node at the same moment one starts it, the others wait for that one: they take turns at a lock in dir.
func (a *app) openOrStart(ctx context.Context, dir string) (api.Service, error) {
	s := a.reach(dir)
	if api.Running(dir) {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	unlock, err := lock(ctx, filepath.Join(dir, "start.lock"))
	if err != nil {
		return nil, err
	}
	started, err := false, error(nil)
	if !api.Running(dir) {
		started, err = a.start(ctx, s, dir)
	}
	if err := errors.Join(err, unlock()); err != nil {
		return nil, err
	}
	if started {
		err = a.note(`muster: started a node in the background in %s; "muster down" stops it`, dir)
	}
	return s, err
}

// start runs "muster up" detached from this terminal and waits until a node answers. mine is false when that is one which
// somebody else started meanwhile; the one started here has then ended, so that it cannot come up later, when the other
// is told to stop.
func (a *app) start(ctx context.Context, s api.Service, dir string) (mine bool, err error) {
	path := filepath.Join(dir, "node.log")
	if err := rotate(path); err != nil {
		return false, err
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return false, errors.Join(err, log.Close())
	}
	args := []string{"up", "--background", "--dir", dir}
	if a.set.listen.IsValid() {
		args = append(args, "--listen", a.set.listen.String())
	}
	for _, addr := range a.set.join {
		args = append(args, "--join", addr.String())
	}
	if !a.set.discover {
		args = append(args, "--no-discover")
	}
	cmd, err := self(args...)
	if err != nil {
		return false, errors.Join(err, log.Close())
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = dir, log, log, detached()
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return false, err
	}
	ended := false // the node started here has
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, api.Errorf(api.CodeNoNode, "look at "+path, "the node was started but does not answer yet")
		case <-tick.C:
		}
		if !ended {
			var code int
			if code, ended = exited(cmd.Process.Pid); ended && code != exitBusy && !api.Running(dir) {
				return false, lastWords(path, from)
			}
		}
		if !api.Running(dir) {
			continue // it is coming up, or somebody's "muster up" was faster and is
		}
		if ended {
			return false, nil
		}
		if st, err := s.Status(ctx); err == nil && st.PID == cmd.Process.Pid {
			return true, cmd.Process.Release()
		}
	}
}

// self is a command that runs this program again.
func self(args ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{Path: exe, Args: append([]string{"muster"}, args...)}, nil
}

// lastWords says why a node that was started ended: its last error, which is the last line that it logged.
func lastWords(path string, from int64) error {
	e := &api.Error{Code: api.CodeNoNode, Message: "the node could not start", Hint: "look at " + path}
	tail, err := readTail(path, from)
	if err != nil {
		return errors.Join(e, err)
	}
	last := ""
	for line := range strings.Lines(string(tail)) {
		line = strings.TrimSpace(line)
		if hint, ok := strings.CutPrefix(line, "hint: "); ok {
			e.Hint = hint
		} else if line != "" {
			last = strings.TrimPrefix(line, "muster: ")
		}
	}
	if last != "" {
		e.Message += ": " + last
	}
	return e
}

// readTail reads what was written after from, at most the last tailBytesMax bytes of it.
func readTail(path string, from int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	from = min(max(from, info.Size()-tailBytesMax), info.Size())
	var b bytes.Buffer
	_, err = io.Copy(&b, io.NewSectionReader(f, from, tailBytesMax))
	return b.Bytes(), errors.Join(err, f.Close())
}

// rotate moves a log that has grown too large out of the way, over the one before it.
func rotate(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < logBytesMax {
		return nil
	} else if err != nil {
		return err
	}
	return os.Rename(path, path+".1")
}

// A boundedLog is a log file that never grows over logBytesMax: it starts anew and keeps one predecessor.
type boundedLog struct {
	path string
	f    *os.File
	size int64
}

func openLog(path string) (*boundedLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &boundedLog{path: path, f: f, size: info.Size()}, nil
}

// Write appends one record. The caller (a slog handler) serializes writes.
func (l *boundedLog) Write(b []byte) (int, error) {
	if l.size+int64(len(b)) > logBytesMax {
		if err := os.Rename(l.path, l.path+".1"); err != nil {
			return 0, err
		}
		next, err := openLog(l.path)
		if err != nil {
			return 0, err
		}
		old := l.f
		l.f, l.size = next.f, next.size
		if err := old.Close(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(b)
	l.size += int64(n)
	return n, err
}

func (l *boundedLog) Close() error { return l.f.Close() }
