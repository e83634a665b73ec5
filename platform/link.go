package platform

import (
	"errors"
	"io/fs"
	"os"
)

// ErrNoLink says that a file cannot get a second name there: copy it.
var ErrNoLink = errors.New("the file system cannot link files")

// LinkFile gives the file at path the second name to. Errors of the disk that a copy would meet too, and those of a
// name that is there already, are as they are; any other is ErrNoLink.
func LinkFile(path, to string) error {
	err := os.Link(path, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || IsDiskFull(err) {
		return err
	}
	return ErrNoLink
}
