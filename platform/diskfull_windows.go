package platform

import (
	"errors"

	"golang.org/x/sys/windows"
)

// IsDiskFull says whether err is that of a disk, or of a quota, without room.
func IsDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) || errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
