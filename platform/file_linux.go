package platform

import (
	"errors"
	"fmt"
	"os"
)

// SyncDir flushes the entries of dir, so that a file created, renamed or removed in it stays so after a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cannot flush folder %q: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("cannot flush folder %q: %w", dir, err)
	}
	return nil
}
