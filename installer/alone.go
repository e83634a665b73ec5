package installer

import (
	"errors"
	"fmt"
	"path/filepath"

	"oibus/platform"
)

// alone does what changes services or instances while no other oibus-installer does that: in the middle of a switch another
// one would take it up, or undo it. The lock goes with this process, also when it is killed. Who is no administrator changes
// none of that, and is told so by what is done.
func alone(m machine, doing string, do func() (answer, error)) (a answer, err error) {
	if m.Administrator() != nil {
		return do()
	}
	path := m.Folders().Lock
	if err := m.ProtectFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	release, other, err := platform.LockFor(path, doing)
	if errors.Is(err, platform.ErrLocked) {
		if other != "" {
			other = " (" + other + ")"
		}
		return nil, fmt.Errorf("another oibus-installer is at work%s: wait until it has ended", other)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return do()
}
