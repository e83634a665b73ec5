package platform

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CloneFile makes the empty file to share the content of from, at once and without taking space, until one of them is
// written. Where the file system cannot, the error is ErrNoClone.
func CloneFile(to, from *os.File) error {
	err := unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
	for _, no := range []error{unix.EOPNOTSUPP, unix.ENOTTY, unix.EXDEV, unix.EINVAL, unix.ENOSYS, unix.EPERM} {
		if errors.Is(err, no) {
			return ErrNoClone
		}
	}
	if err != nil {
		return fmt.Errorf("cannot clone %q: %w", from.Name(), err)
	}
	return nil
}
