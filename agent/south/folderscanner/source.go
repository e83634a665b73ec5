package folderscanner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"oibus/agent/connector/folder"
	"oibus/agent/south/folderscanner/scan"
)

// source is a local folder.
type source struct {
	dir    string
	oldest func() time.Time // the modification time of the youngest files to send
}

func (s *source) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// List reads a folder. Links and everything that is no regular file are of another kind.
func (s *source) List(_ context.Context, sub string, wanted func(string) (bool, error)) ([]scan.Entry, error) {
	path := s.path(sub)
	found, err := os.ReadDir(path)
	if err != nil {
		return nil, folder.Fail(err, "scandir", path)
	}
	entries := make([]scan.Entry, 0, len(found))
	for _, e := range found {
		entry := scan.Entry{Name: e.Name()}
		switch {
		case e.IsDir():
			entry.Kind = scan.Directory
		case e.Type().IsRegular():
			entry.Kind = scan.Regular
		}
		matches, err := wanted(entry.Name)
		if err != nil {
			return nil, err
		}
		if matches {
			info, err := e.Info()
			if err != nil { // gone since it was listed
				continue
			}
			if entry.Kind == scan.Regular && !info.Mode().IsRegular() { // or replaced
				entry.Kind = scan.Other
			}
			describe(&entry, info)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func describe(e *scan.Entry, info fs.FileInfo) {
	e.Size, e.Modified, e.Info = info.Size(), info.ModTime(), info
}

// Fetch looks whether a file can still be sent. It is read where it is.
func (s *source) Fetch(_ context.Context, f scan.File) (scan.Local, scan.File, error) {
	path := s.path(f.Name)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return scan.Local{}, f, scan.ErrPassed
	case err != nil:
		return scan.Local{}, f, folder.Fail(err, "lstat", path)
	case !info.Mode().IsRegular():
		return scan.Local{}, f, errors.New("it is no regular file any more")
	case info.ModTime().After(s.oldest()):
		return scan.Local{}, f, scan.ErrPassed
	}
	describe(&f.Entry, info)
	opened, err := os.Open(path) // says why it cannot be read before anybody else finds out
	if err != nil {
		return scan.Local{}, f, folder.Fail(err, "open", path)
	}
	return scan.Local{Path: path}, f, opened.Close()
}

// Unchanged says whether a file is still the one that was fetched, as it was.
func (s *source) Unchanged(_ context.Context, f scan.File) error {
	now, err := os.Lstat(s.path(f.Name))
	if err != nil {
		return err
	}
	was, ok := f.Info.(fs.FileInfo)
	if !ok || now.Size() != was.Size() || !now.ModTime().Equal(was.ModTime()) || !os.SameFile(now, was) {
		return scan.ErrChanged
	}
	return nil
}

// Remove deletes a file.
func (s *source) Remove(_ context.Context, f scan.File) error {
	path := s.path(f.Name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return folder.Fail(err, "unlink", path)
	}
	return nil
}
