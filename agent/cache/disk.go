package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/platform"
)

// disk is the file system as the cache uses it, so that tests can make each step fail or be forgotten.
type disk interface {
	MkdirAll(dir string) error
	Create(path string) (file, error) // the file must not exist
	Open(path string) (file, error)   // for reading
	Size(path string) (int64, error)
	List(dir string) ([]string, error) // names of regular files, sorted
	Rename(from, to string) error
	Remove(path string) error // a missing file is no error
	SyncDir(dir string) error
	Free(dir string) (uint64, error)
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

const (
	dirPerm  = 0o700
	filePerm = 0o600
)

// realDisk is that of the machine.
type realDisk struct{}

func (realDisk) MkdirAll(dir string) error { return os.MkdirAll(dir, dirPerm) }

func (realDisk) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (realDisk) Open(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (realDisk) Size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (realDisk) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (realDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (realDisk) Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (realDisk) SyncDir(dir string) error { return platform.SyncDir(dir) }

func (realDisk) Free(dir string) (uint64, error) {
	free, _, err := platform.DiskFree(dir)
	return free, err
}

const tempSuffix = ".tmp"

// stage writes data under a temporary name next to path and flushes it, ready to be renamed.
func stage(d disk, path string, data []byte) (temp string, err error) {
	temp = path + tempSuffix
	if err := d.Remove(temp); err != nil { // of an earlier attempt
		return "", err
	}
	f, err := d.Create(temp)
	if err != nil {
		return "", err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, d.Remove(temp))
	}
	return temp, nil
}

// replace makes data the content of path, all or nothing. The folder is not flushed.
func replace(d disk, path string, data []byte) error {
	temp, err := stage(d, path, data)
	if err == nil {
		err = d.Rename(temp, path)
	}
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", filepath.Base(path), err)
	}
	return nil
}

// readFull reads len(p) bytes at offset; less is an error.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
