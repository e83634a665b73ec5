package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// appended is how much of the state is a log that grows in place, which must be copied or cloned.
const appended = 16 << 20

// mounted is a file system of its own in a file, which takes only the room that is written to.
type mounted struct {
	image string
	dir   string
	ready bool
}

// mountVolume makes and mounts one. The error says why that cannot be done here.
func (s *stage) mountVolume(kind string, bytes int64) (*mounted, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root mounts a file system")
	}
	mkfs, err := exec.LookPath("mkfs." + kind)
	if err != nil {
		return nil, fmt.Errorf("there is no mkfs.%s", kind)
	}
	folder := s.TempDir()
	v := &mounted{image: filepath.Join(folder, "image"), dir: filepath.Join(folder, "disk")}
	f, err := os.Create(v.image)
	if err == nil {
		err = errors.Join(f.Truncate(bytes), f.Close(), os.Mkdir(v.dir, 0o755))
	}
	s.must(err)
	options := map[string][]string{"ext4": {"-q", "-F", "-m", "0"}, "xfs": {"-q", "-f"}}[kind]
	if text, err := exec.CommandContext(s.context, mkfs, append(options, v.image)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cannot make a file system: %w, %s", err, text)
	}
	if text, err := exec.CommandContext(s.context, "mount", "-o", "loop", v.image, v.dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("no %s can be mounted here: %w, %s", kind, err, text)
	}
	v.ready = true
	s.Cleanup(v.unmount)
	return v, nil
}

// unmount gives the room back. A process that has just ended may still have a file open.
func (v *mounted) unmount() {
	for try := 0; v.ready && try < 500; try++ {
		if unix.Unmount(v.dir, 0) == nil {
			v.ready = false
			_ = os.Remove(v.image) // otherwise it goes with the folder around it
			return
		}
		<-time.After(10 * time.Millisecond) // also when everything is being ended
	}
}

// used is how many bytes are in use.
func (v *mounted) used() uint64 {
	var stat unix.Statfs_t
	if unix.Statfs(v.dir, &stat) != nil {
		return 0
	}
	return (stat.Blocks - stat.Bfree) * uint64(stat.Bsize)
}

// fillWith makes the cache of a north that has not been sent for long, and a log of state, and returns how many files
// this disk links and how many MB it copies in a second.
func (s *stage) fillWith(dir string, l load) (links, copies float64) {
	blobs := filepath.Join(dir, "cache", "bench-north", "blobs")
	s.must(os.MkdirAll(blobs, 0o700))
	each := l.bytes / int64(l.files)
	old := time.Now().Add(-time.Hour)
	for i := range l.files {
		f, err := os.OpenFile(filepath.Join(blobs, fmt.Sprintf("%016x", i)), os.O_CREATE|os.O_WRONLY, 0o600)
		s.must(err)
		s.must(errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, each), f.Close(), os.Chtimes(f.Name(), old, old)))
	}
	s.must(os.MkdirAll(filepath.Join(dir, "state"), 0o700))
	log := filepath.Join(dir, "state", "bench.log")
	s.must(os.WriteFile(log, make([]byte, appended), 0o600))
	s.must(os.Chtimes(log, old, old))
	return s.linkSpeed(blobs, dir), s.copySpeed(log, dir)
}

func (s *stage) linkSpeed(blobs, dir string) float64 {
	const files = 1000
	to := filepath.Join(dir, "links")
	s.must(os.Mkdir(to, 0o700))
	begin := time.Now()
	for i := range files {
		name := fmt.Sprintf("%016x", i)
		s.must(os.Link(filepath.Join(blobs, name), filepath.Join(to, name)))
	}
	took := time.Since(begin)
	s.must(os.RemoveAll(to))
	return files / took.Seconds()
}

func (s *stage) copySpeed(from, dir string) float64 {
	to := filepath.Join(dir, "copy")
	begin := time.Now()
	text, err := os.ReadFile(from)
	s.must(err)
	f, err := os.Create(to)
	s.must(err)
	_, err = f.Write(text)
	s.must(errors.Join(err, f.Sync(), f.Close()))
	took := time.Since(begin)
	s.must(os.Remove(to))
	return float64(len(text)) / megabyte / took.Seconds()
}
