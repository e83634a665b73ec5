package fault

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// volume is a file system of a kind, in a file, of which the power can be cut.
type volume struct {
	disk
	kind string
}

// newVolume makes and mounts a file system, ext4 or xfs. The test is skipped where that is not possible.
func newVolume(t *testing.T, kind string, megabytes int64) *volume {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a file system")
	}
	mkfs, err := exec.LookPath("mkfs." + kind)
	if err != nil {
		t.Skipf("there is no mkfs.%s", kind)
	}
	folder := t.TempDir()
	v := &volume{kind: kind, disk: disk{t: t, image: filepath.Join(folder, "disk.img"), dir: filepath.Join(folder, "disk")}}
	f, err := os.Create(v.image)
	if err == nil {
		err = errors.Join(f.Truncate(megabytes<<20), f.Close(), os.Mkdir(v.dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	options := map[string][]string{"ext4": {"-q", "-F", "-m", "0"}, "xfs": {"-q", "-f", "-m", "reflink=1"}}[kind]
	if text, err := exec.CommandContext(t.Context(), mkfs, append(options, v.image)...).CombinedOutput(); err != nil {
		t.Fatalf("cannot make a file system: %v\n%s", err, text)
	}
	if text, err := v.tryMount(); err != nil {
		t.Skipf("no %s can be mounted here: %v, %s", kind, err, text)
	}
	v.ready = true
	t.Cleanup(v.unmount)
	return v
}

// comeBack mounts the file system after a cut of power. Where somebody else has come by a view of all mounts meanwhile,
// as a container does, the one that was cut stays mounted for him, and the kernel would give that one back: then a copy
// of the disk is mounted.
func (v *volume) comeBack() {
	v.t.Helper()
	v.unmount()
	v.mount()
	probe := filepath.Join(v.dir, "probe")
	if os.WriteFile(probe, nil, 0o600) == nil && os.Remove(probe) == nil {
		return
	}
	v.unmount()
	from := v.image
	v.image += "-copy"
	text, err := exec.CommandContext(v.t.Context(), "cp", "--sparse=always", from, v.image).CombinedOutput()
	if err == nil && v.kind == "xfs" {
		text, err = exec.CommandContext(v.t.Context(), "mount", "-o", "loop,nouuid", v.image, v.dir).CombinedOutput()
	} else if err == nil {
		text, err = v.tryMount()
	}
	if err != nil {
		v.t.Fatalf("cannot mount a copy of the disk: %v\n%s", err, text)
	}
	v.ready = true
}

// spaceFor leaves so many bytes free, and returns what gives the rest back.
func (v *volume) spaceFor(bytes int64) (free func()) {
	v.t.Helper()
	path := filepath.Join(v.dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		v.t.Fatal(err)
	}
	var stat unix.Statfs_t
	err = unix.Fstatfs(int(f.Fd()), &stat)
	if size := int64(stat.Bavail)*stat.Bsize - bytes; err == nil && size > 0 {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	}
	if err := errors.Join(err, f.Close()); err != nil && !errors.Is(err, unix.ENOSPC) {
		v.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			v.t.Error(err)
		}
	}
}

// immutableFlag is FS_IMMUTABLE_FL of the kernel.
const immutableFlag = 0x10

// immutable makes a file one that nobody can change, replace or remove, until the result is called.
func immutable(t *testing.T, path string) (free func()) {
	t.Helper()
	set := func(on bool) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if err == nil {
			flags &^= immutableFlag
			if on {
				flags |= immutableFlag
			}
			err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags)
		}
		return errors.Join(err, f.Close())
	}
	if err := set(true); err != nil {
		t.Skipf("no file can be made immutable here: %v", err)
	}
	return func() {
		if err := set(false); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}
