package platform

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// FlushTree makes everything written below dir last through a power cut, with one call for the whole file system
// instead of one a file.
func FlushTree(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot flush %q: %w", dir, err)
	}
	return nil
}

// FlushWritten has nothing to do on Linux, where FlushTree makes all files last.
func FlushWritten(*os.File) error { return nil }
