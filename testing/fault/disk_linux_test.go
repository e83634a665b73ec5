package fault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"oibus/testing/harness"
)

// disk is a file system of its own, in a file.
type disk struct {
	t     *testing.T
	image string
	dir   string // where it is mounted
	ready bool
}

// newDisk makes and mounts an ext4 file system. The test is skipped where that is not allowed.
func newDisk(t *testing.T, megabytes int64) *disk {
	t.Helper()
	harness.Program(t, "oibus")
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a file system")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		t.Skip("there is no mkfs.ext4")
	}
	folder := t.TempDir()
	d := &disk{t: t, image: filepath.Join(folder, "disk.img"), dir: filepath.Join(folder, "disk")}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(megabytes<<20), f.Close(), os.Mkdir(d.dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-F", "-m", "0", d.image).CombinedOutput(); err != nil {
		t.Fatalf("cannot make a file system: %v\n%s", err, text)
	}
	if text, err := d.tryMount(); err != nil {
		t.Skipf("no file system can be mounted here: %v, %s", err, text)
	}
	d.ready = true
	t.Cleanup(d.unmount)
	return d
}

func (d *disk) tryMount() (output []byte, err error) {
	return exec.CommandContext(d.t.Context(), "mount", "-o", "loop", d.image, d.dir).CombinedOutput()
}

func (d *disk) mount() {
	d.t.Helper()
	if text, err := d.tryMount(); err != nil {
		d.t.Fatalf("cannot mount: %v\n%s", err, text)
	}
	d.ready = true
}

// unmount is tried again while a process that was killed still has a file open.
func (d *disk) unmount() {
	d.t.Helper()
	if !d.ready {
		return
	}
	var err error
	for range 500 {
		if err = unix.Unmount(d.dir, 0); err == nil {
			d.ready = false
			return
		}
		pause(10 * time.Millisecond)
	}
	d.t.Errorf("cannot unmount %s: %v", d.dir, err)
	if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
		d.t.Errorf("nor detach it: %v", err)
	}
	d.ready = false
}

// shutdownWithoutFlush is the request to stop a file system as the loss of power does: what is not on the disk is lost.
const (
	shutdownRequest      = 0x8004587d
	shutdownWithoutFlush = 2
)

// cutPower stops the file system at once. From then on every access fails, until it is mounted again.
func (d *disk) cutPower() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), shutdownRequest, shutdownWithoutFlush)
	if err := errors.Join(err, f.Close()); err != nil {
		d.t.Fatalf("cannot cut the power: %v", err)
	}
}

// fill takes all the room there is, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// fillFiles takes all the files that a file system can have.
func fillFiles(t *testing.T, dir string) (free func()) {
	t.Helper()
	folder := filepath.Join(dir, "filler")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		err := os.WriteFile(filepath.Join(folder, fmt.Sprint(n)), nil, 0o600)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}
}
