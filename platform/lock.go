package platform

import (
	"errors"
	"fmt"
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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot lock %q: %w", path, err), f.Close())
	}
	return f.Close, nil
}
