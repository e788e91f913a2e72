//go:build faults

package faults

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"
)

// A disk is a file system of its own.
type disk struct {
	t     *testing.T
	dir   string // where it is mounted
	image string // of an ext4; empty: a tmpfs
}

// newExt4 makes an ext4 in a file and mounts it.
func newExt4(t *testing.T, mib int64) *disk {
	t.Helper()
	dir := scratch(t)
	d := &disk{t: t, dir: filepath.Join(dir, "mnt"), image: filepath.Join(dir, "image")}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(mib<<20), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	// Without lazy initialisation, which would write in the background, and without space that only root may fill.
	shell(t, "mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image)
	t.Cleanup(d.close)
	d.open()
	return d
}

// newTmpfs mounts a tmpfs.
func newTmpfs(t *testing.T, mib string) *disk {
	t.Helper()
	d := &disk{t: t, dir: filepath.Join(scratch(t), "mnt")}
	d.point()
	shell(t, "mount", "-t", "tmpfs", "-o", "size="+mib+"M", "tmpfs", d.dir)
	t.Cleanup(d.close)
	return d
}

// scratch makes a directory that the run removes.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "disk-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (d *disk) point() {
	d.t.Helper()
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		d.t.Fatal(err)
	}
}

// open mounts the image, and so replays its journal.
func (d *disk) open() {
	d.t.Helper()
	d.point()
	shell(d.t, "mount", "-o", "loop", d.image, d.dir)
}

// close unmounts the disk, whose users are gone.
func (d *disk) close() {
	err := syscall.Unmount(d.dir, 0)
	if errors.Is(err, syscall.EINVAL) { // not mounted now
		return
	}
	if err != nil {
		d.t.Errorf("unmount: %v", err)
	}
}

const all = math.MaxInt // of the space there is

const (
	ext4Shutdown    = 0x8004587d // EXT4_IOC_SHUTDOWN
	shutdownFlush   = 1          // the file system's journal is written out first
	shutdownNoFlush = 2          // what is in memory is lost
)

// cut ends all writing to the disk, as if the power had failed.
func (d *disk) cut(how uint32) {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&how))); e != 0 {
		d.t.Fatalf("shut %s down: %v", d.dir, e)
	}
	if err := f.Close(); err != nil && !errors.Is(err, syscall.EIO) {
		d.t.Fatal(err)
	}
}

// fill takes n bytes of the space there is, or all, and returns what it takes it with.
func (d *disk) fill(n int) *os.File {
	d.t.Helper()
	f, err := os.Create(filepath.Join(d.dir, "ballast"))
	if err != nil {
		d.t.Fatal(err)
	}
	for size := 1 << 20; size > 0 && n > 0; n -= size {
		if _, err := f.Write(make([]byte, min(size, n))); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.ENOSPC) { // delayed allocation finds out now
		d.t.Fatal(err)
	}
	return f
}

// free gives the space back.
func (d *disk) free(f *os.File) {
	d.t.Helper()
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		d.t.Fatal(err)
	}
}

// shell runs a tool.
func shell(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}
