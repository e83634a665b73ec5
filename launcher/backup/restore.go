package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/platform"
)

// Restore puts back what was saved, while no agent runs. The saved files are moved, so that it needs no room. After an
// error or an interruption it can be called again, and goes on. What cannot be put back does not keep the rest from
// being: the error names it.
func (b *Backup) Restore(ctx context.Context) error {
	if _, err := os.Lstat(filepath.Join(b.dir, savedFolder)); err != nil {
		return fmt.Errorf("cannot restore the data folder: %w", err)
	}
	err := b.clear(ctx)
	if err == nil {
		err = b.putBack(ctx)
	}
	if err == nil {
		err = b.disk.Flush(b.data)
	}
	if err != nil {
		return fmt.Errorf("cannot restore the data folder: %w", err)
	}
	return nil
}

// clear removes what appeared since the backup. It is done once: later the saved files are moved away one by one, and
// what is back would look as if it had appeared.
func (b *Backup) clear(ctx context.Context) error {
	mark := filepath.Join(b.dir, clearedMark)
	if _, err := os.Lstat(mark); err == nil {
		return nil
	}
	var folders []string
	err := b.walk(ctx, b.data, func(path string, info fs.FileInfo) error {
		if isContent(path) {
			return skip(fs.FileInfoToDirEntry(info))
		}
		saved, err := os.Lstat(b.saved(path))
		appeared := errors.Is(err, fs.ErrNotExist)
		switch {
		case err != nil && !appeared:
			return err
		case info.IsDir() && appeared:
			folders = append(folders, path)
		case info.IsDir() && !saved.IsDir():
			return fs.SkipDir // replaced as a whole later
		case !info.IsDir() && (appeared || saved.IsDir()):
			return os.Remove(b.original(path))
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		// A folder that still holds something holds what is not in the scope.
		_ = os.Remove(b.original(folders[i]))
	}
	if err != nil {
		return err
	}
	return platform.WriteFile(mark, nil, 0o600)
}

// putBack moves the saved files to where they belong.
func (b *Backup) putBack(ctx context.Context) error {
	root := filepath.Join(b.dir, savedFolder)
	var failed error
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || full == root {
			return err
		}
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			err = b.putBackOne(filepath.ToSlash(rel), info)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			return skip(d)
		}
		return nil
	})
	return errors.Join(err, failed)
}

func (b *Backup) putBackOne(path string, saved fs.FileInfo) error {
	now, err := os.Lstat(b.original(path))
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if there && now.IsDir() != saved.IsDir() {
		if err := b.setAside(path); err != nil {
			return err
		}
		there = false
	}
	switch {
	case saved.IsDir() && there:
		return nil
	case saved.IsDir():
		return os.Mkdir(b.original(path), saved.Mode().Perm())
	case there && os.SameFile(now, saved):
		return os.Remove(b.saved(path)) // a rename between two names of one file would do nothing
	case there && isContent(path):
		if keep, err := b.merge(path, now, saved); keep || err != nil {
			return err
		}
	}
	return os.Rename(b.saved(path), b.original(path))
}

// merge decides between two contents of one file. The newer one is kept if it holds the older; else it is set aside.
func (b *Backup) merge(path string, now, saved fs.FileInfo) (keep bool, err error) {
	if now.Mode().IsRegular() && saved.Mode().IsRegular() && now.Size() >= saved.Size() {
		grown, err := beginsWith(b.original(path), b.saved(path))
		if err != nil {
			return false, err
		}
		if grown {
			return true, os.Remove(b.saved(path))
		}
	}
	return false, b.setAside(path)
}

// setAside makes room where something else is to be put back. Content is kept.
func (b *Backup) setAside(path string) error {
	if !isContent(path) {
		return removeAll(b.original(path))
	}
	to := filepath.Join(b.data, RescuedFolder, filepath.Base(b.dir), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(to), folderPerm); err != nil {
		return err
	}
	return os.Rename(b.original(path), to)
}

// beginsWith says whether the file at path begins with all that the other one holds.
func beginsWith(path, other string) (begins bool, err error) {
	a, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	o, err := os.Open(other)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	const chunk = 64 << 10
	long, short := bufio.NewReaderSize(a, chunk), bufio.NewReaderSize(o, chunk)
	want, got := make([]byte, chunk), make([]byte, chunk)
	for {
		n, err := io.ReadFull(short, want)
		if n == 0 && errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return false, err
		}
		if _, err := io.ReadFull(long, got[:n]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return false, nil
			}
			return false, err
		}
		if !bytes.Equal(want[:n], got[:n]) {
			return false, nil
		}
	}
}
