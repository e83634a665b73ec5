package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"oibus/launcher/handover"
	"oibus/platform"
)

const (
	// spare is what stays free on the disk for the agent, as the launcher keeps it.
	spare = 64 << 20
	// unpacked is how many times larger than packed a release is taken for, until it is there: programs shrink to a
	// third, the rest hardly.
	unpacked = 2
)

// ShortageError says that there is not enough room for an upgrade. Sizes are in bytes.
type ShortageError struct {
	Folder                   string
	Download, Unpack, Backup uint64
	Free                     uint64
}

func (e *ShortageError) need() uint64 { return e.Download + e.Unpack + e.Backup + spare }

func (e *ShortageError) Error() string {
	return fmt.Sprintf("there is not enough room in %s: it needs %s (download %s, unpacking %s, backup %s, %s stay free for OIBus), %s are free, %s are missing",
		e.Folder, megabytes(e.need()), megabytes(e.Download), megabytes(e.Unpack), megabytes(e.Backup), megabytes(spare), megabytes(e.Free), megabytes(e.need()-e.Free))
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }

// checkRoom says what is missing for the rest of the download and what comes after it.
func (s *Service) checkRoom(ctx context.Context, p *partial) error {
	e := &ShortageError{}
	if p.Size >= 0 {
		e.Download, e.Unpack = uint64(p.Size-p.at), unpacked*uint64(p.Size)
	}
	return s.compare(ctx, e)
}

// checkUnpacking is checkRoom once it is known how large the release is.
func (s *Service) checkUnpacking(ctx context.Context, size int64) error {
	return s.compare(ctx, &ShortageError{Unpack: uint64(size)})
}

func (s *Service) compare(ctx context.Context, e *ShortageError) error {
	e.Folder = s.o.DataDir
	var err error
	if e.Backup, err = s.backupSize(ctx); err != nil {
		return fmt.Errorf("cannot tell how much room a backup takes: %w", err)
	}
	if e.Free, err = s.o.disk.Free(s.o.DataDir); err != nil {
		return fmt.Errorf("cannot tell how much room is free: %w", err)
	}
	if e.Free < e.need() {
		return e
	}
	return nil
}

// checkSpare ends a download before it takes the room that the agent needs itself.
func (s *Service) checkSpare(p *partial) error {
	free, err := s.o.disk.Free(s.o.DataDir)
	if err != nil || free >= spare {
		return nil // the check before and the write itself find out what this one cannot
	}
	e := &ShortageError{Folder: s.o.DataDir, Free: free}
	if p.Size > p.at {
		e.Download = uint64(p.Size - p.at)
	}
	return e
}

// writeFailure says how much is missing when the disk is full.
func (s *Service) writeFailure(p *partial, err error) error {
	if !platform.IsDiskFull(err) {
		return fmt.Errorf("cannot write the download: %w", err)
	}
	free, freeErr := s.o.disk.Free(s.o.DataDir)
	if freeErr != nil {
		return errors.Join(err, freeErr)
	}
	e := &ShortageError{Folder: s.o.DataDir, Free: min(free, spare)}
	if p.Size > p.at {
		e.Download = uint64(p.Size - p.at)
	}
	return errors.Join(e, err)
}

// Folders that a backup leaves out, and those whose files it only links (launcher/backup).
var (
	leftOut = []string{handover.Folder, "logs", "versions", "backup", "rescued"}
	linked  = []string{"cache", "error", "archive"}
)

// backupSize estimates what a backup copies. The launcher finds out for sure what it can link.
func (s *Service) backupSize(ctx context.Context) (total uint64, err error) {
	root := s.o.DataDir
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, fs.ErrNotExist) && path != root || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil || path == root {
			return err
		}
		if d.IsDir() && filepath.Dir(path) == filepath.Clean(root) && skipped(d.Name()) {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			total += uint64(info.Size())
		}
		return nil
	})
	return total, err
}

func skipped(name string) bool {
	for _, list := range [][]string{leftOut, linked} {
		for _, n := range list {
			if strings.EqualFold(n, name) {
				return true
			}
		}
	}
	return false
}
