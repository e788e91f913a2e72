package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// SocketPathMax is the longest path in bytes that every system we build for accepts for a unix socket.
const SocketPathMax = 103

// probeTimeout bounds the question whether somebody already answers on a socket.
const probeTimeout = time.Second

// SocketPath returns where the node of dir listens: DIR/sock, or, where that path is too long for a socket, a
// directory named for a hash of dir under $XDG_RUNTIME_DIR/muster or TMPDIR/muster-UID. It creates nothing.
func SocketPath(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	path := filepath.Join(dir, "sock")
	if len(path) <= SocketPathMax {
		return path
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // two spellings of one directory must meet
	}
	sum := sha256.Sum256([]byte(dir))
	tail := filepath.Join(hex.EncodeToString(sum[:8]), "sock")
	user := "muster-" + strconv.Itoa(os.Getuid())
	var roots []string
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		roots = append(roots, filepath.Join(run, "muster"))
	}
	roots = append(roots, filepath.Join(os.TempDir(), user))
	for _, root := range roots {
		if path := filepath.Join(root, tail); len(path) <= SocketPathMax {
			return path
		}
	}
	return filepath.Join("/tmp", user, tail)
}

// Listen opens the socket of the node of dir, in a directory that only its owner can enter (0700, made so). A socket
// that a dead node left is replaced; one that still answers is CodeDirInUse. The caller holds the lock of dir, so that
// no two nodes replace each other's sockets. Connections of other users are closed unanswered.
func Listen(dir string) (net.Listener, error) {
	path := SocketPath(dir)
	home := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err != nil || abs != home {
		if err := private(filepath.Dir(home)); err != nil { // ours below a shared directory such as /tmp
			return nil, err
		}
	}
	if err := private(home); err != nil {
		return nil, err
	}
	if Running(dir) {
		return nil, Errorf(CodeDirInUse, `stop it with "muster down", or use another --dir`, "a node already runs in %s", dir)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// Running reports whether a node answers on the socket of dir.
func Running(dir string) bool {
	c, err := net.DialTimeout("unix", SocketPath(dir), probeTimeout)
	return err == nil && c.Close() == nil
}

// private makes dir, and makes it its owner's alone. It refuses a shared directory (the sticky bit) and another's.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return Errorf(CodeUsage, "give the node a directory of its own", "%s is shared with others", dir)
	}
	if info.Mode().Perm() == 0o700 && owned(info) {
		return nil
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return Errorf(CodeUsage, "give the node a directory of its own", "%s belongs to somebody else", dir)
	}
	return nil
}

// mayAsk reports whether a node of the user self answers the user uid: itself, and root, who can do everything anyway. A node
// that root runs answers nobody else.
func mayAsk(uid, self int) bool { return uid == self || uid == 0 }

// mayTell reports whether a client of the user self talks to the node of the user uid: its own, or any if it is root.
func mayTell(uid, self int) bool { return mayAsk(uid, self) || self == 0 }

// A gate is a listener that lets through only connections of the same user (or root), and at most so many at a time.
type gate struct {
	net.Listener
	slots chan struct{} // one token per open connection
	done  chan struct{}
	once  sync.Once
}

func newGate(ln net.Listener, connections int) *gate {
	return &gate{Listener: ln, slots: make(chan struct{}, connections), done: make(chan struct{})}
}

// Accept waits for a slot, then for a caller of the same user.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case g.slots <- struct{}{}:
	case <-g.done:
		return nil, net.ErrClosed
	}
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			<-g.slots
			return nil, err
		}
		if uid, known := peerUID(c); known && mayAsk(uid, os.Getuid()) {
			return &slotted{Conn: c, slots: g.slots}, nil
		}
		if err := c.Close(); err != nil {
			continue // it is closed as far as we are concerned
		}
	}
}

// Close ends Accept, also one that waits for a slot.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.done) })
	return g.Listener.Close()
}

// slotted gives its slot back when it is closed.
type slotted struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (s *slotted) Close() error {
	s.once.Do(func() { <-s.slots })
	return s.Conn.Close()
}
