package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/platform"
)

// The reserve is a file that holds room on the disk for the time when it is full: then it is given up, so that the
// state can still be written and the site stays manageable.
const (
	reserveName = "reserve"
	reserveSize = 8 << 20  // a thousand commands with their results
	reserveFrom = 64 << 20 // free space from which the reserve is made
)

// Replenish makes the reserve again when it was given up and there is room. Call it from time to time.
func (s *Store) Replenish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, reserveName)
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		return nil
	}
	free, _, err := platform.DiskFree(s.dir)
	if err != nil || free < reserveFrom {
		return err
	}
	// Random bytes: a file system that compresses would keep no room for zeros.
	data := make([]byte, reserveSize)
	rand.Read(data)
	if err := os.WriteFile(path, data, filePerm); err != nil {
		return errors.Join(fmt.Errorf("cannot keep room for a full disk: %w", err), os.RemoveAll(path))
	}
	return nil
}

// giveUpReserve frees the room of the reserve, and says whether there was any.
func (s *Store) giveUpReserve() bool {
	return os.Remove(filepath.Join(s.dir, reserveName)) == nil
}

// HasReserve says whether the reserve is there: when it is not, the disk is or was full.
func (s *Store) HasReserve() bool {
	_, err := os.Stat(filepath.Join(s.dir, reserveName))
	return !errors.Is(err, fs.ErrNotExist)
}

// withRoom runs write, and again after giving up the reserve when the disk is full.
func (s *Store) withRoom(write func() error) error {
	err := write()
	if platform.IsDiskFull(err) && s.giveUpReserve() {
		return write()
	}
	return err
}
