package platform

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ErrLocked says that another process holds the lock: stop that process first.
var ErrLocked = errors.New("another process is using it")

// lockName is the file in a data folder that the agent using it keeps locked.
const lockName = "oibus.lock"

// LockDir makes this process the only agent on dir until release is called or the process ends. The error of a dir
// that another process holds satisfies errors.Is(err, ErrLocked).
func LockDir(dir string) (release func() error, err error) {
	return LockFile(filepath.Join(dir, lockName))
}

// LockFile is LockDir for a lock file of its own name. The file stays when the lock is released: only the lock counts.
func LockFile(path string) (release func() error, err error) {
	f, err := lockedFile(path)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

func lockedFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock %q: %w", path, err), f.Close())
	}
	return f, nil
}

const (
	// workStart is where a lock file says what it is held for: Windows lets nobody else read the first byte, which is locked.
	workStart = 1
	maxWork   = 1024
)

// LockFor is LockFile for work that others shall know of: of a file that another process holds it says what for, when that
// can be told.
func LockFor(path, work string) (release func() error, other string, err error) {
	f, err := lockedFile(path)
	if errors.Is(err, ErrLocked) {
		return nil, workOf(path), err
	}
	if err != nil {
		return nil, "", err
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(work), workStart) // on a full disk others are told less
	}
	return f.Close, "", nil
}

func workOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, workStart, maxWork))
	if err != nil {
		return ""
	}
	return string(text)
}
