package platform

import (
	"errors"

	"golang.org/x/sys/unix"
)

// IsDiskFull says whether err is that of a disk, or of a quota, without room.
func IsDiskFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
