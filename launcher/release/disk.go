package release

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"oibus/platform"
)

// disk is what unpacking does to the file system. Tests make each of its steps fail.
type disk interface {
	MkdirTemp(dir, pattern string) (string, error)
	Mkdir(path string) error
	Create(path string, perm fs.FileMode) (file, error)
	SyncDir(path string) error
	Rename(from, to string) error
	RemoveAll(path string) error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// The modes of an unpacked release, whatever the umask: its owner may replace it, everybody may run it.
const (
	folderMode  = 0o755
	programMode = 0o755
	fileMode    = 0o644
)

type realDisk struct{}

func (realDisk) MkdirTemp(dir, pattern string) (string, error) {
	path, err := os.MkdirTemp(dir, pattern)
	if err == nil {
		err = os.Chmod(path, folderMode)
	}
	return path, err
}

func (realDisk) Mkdir(path string) error {
	return errors.Join(os.Mkdir(path, folderMode), os.Chmod(path, folderMode))
}

func (realDisk) Create(path string, perm fs.FileMode) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(perm); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (realDisk) SyncDir(path string) error    { return platform.SyncDir(path) }
func (realDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) RemoveAll(path string) error  { return os.RemoveAll(path) }

// A virus scanner that looks at a program just written keeps Windows from renaming the folder around it for a moment.
const (
	renameWait  = 100 * time.Millisecond
	renameLimit = 10 * time.Second
)

// renameFolder gives a folder its final name, where nothing may be yet.
func renameFolder(ctx context.Context, d disk, from, to string) error {
	ctx, cancel := context.WithTimeout(ctx, renameLimit)
	defer cancel()
	for {
		if err := checkAbsent(to); err != nil {
			return err
		}
		err := d.Rename(from, to)
		if !errors.Is(err, fs.ErrPermission) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(renameWait):
		}
	}
}

// checkAbsent is fs.ErrExist with the path unless there is nothing at path.
func checkAbsent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return err
}
