package platform

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// On Windows a file that somebody has open, a virus scanner for example, cannot be replaced for that time, and one that
// is being replaced cannot be opened. Both are over in a moment.
const (
	inUseLimit = 2 * time.Second
	inUsePause = 5 * time.Millisecond
)

// OpenShared opens a file for reading that others may replace or remove meanwhile.
func OpenShared(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var handle windows.Handle
	err = whileInUse(func() error {
		var err error
		handle, err = windows.CreateFile(name, windows.GENERIC_READ,
			windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
			windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// rename gives the file at path a new name, in the place of the file that has it.
func rename(path, to string) error {
	return whileInUse(func() error { return os.Rename(path, to) })
}

// whileInUse does something again as long as it fails because a file is in use.
func whileInUse(do func() error) error {
	for begin := time.Now(); ; <-time.After(inUsePause) {
		err := do()
		inUse := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
			errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !inUse || time.Since(begin) > inUseLimit {
			return err
		}
	}
}
