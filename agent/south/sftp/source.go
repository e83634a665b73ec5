package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"oibus/agent/connector/sftp"
	"oibus/agent/south/folderscanner/scan"
)

// source is a folder of the server.
type source struct {
	client    *sftp.Client
	dir       string
	downloads *scan.Downloads
}

func (s *source) path(name string) string { return path.Join(s.dir, name) }

// failed says what an error of the server was about, and whether it is the end of the connection.
func (s *source) failed(err error, what, path string) error {
	switch {
	case err == nil || errors.Is(err, scan.ErrChanged):
		return err
	case s.client.Lost(err):
		return &scan.LostError{Err: err}
	}
	return fmt.Errorf("cannot %s %s: %w", what, path, err)
}

// List reads a folder, sorted by name. Links and everything that is no regular file are of another kind.
func (s *source) List(ctx context.Context, sub string, _ func(string) (bool, error)) ([]scan.Entry, error) {
	path := s.path(sub)
	found, err := s.client.List(ctx, path)
	if err != nil {
		return nil, s.failed(err, "list", path)
	}
	entries := make([]scan.Entry, 0, len(found))
	for _, info := range found {
		if name := info.Name(); name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			continue // no server says that in earnest
		}
		entries = append(entries, entry(info))
	}
	slices.SortFunc(entries, func(a, b scan.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

func entry(info os.FileInfo) scan.Entry {
	e := scan.Entry{Name: info.Name(), Size: info.Size(), Modified: info.ModTime()}
	switch {
	case info.IsDir():
		e.Kind = scan.Directory
	case info.Mode().IsRegular():
		e.Kind = scan.Regular
	}
	return e
}

// Of fetching: small files are fetched several at once, which makes up for the time that questions and answers take.
const (
	smallFile   = 256 << 10
	smallAtOnce = 8
)

// AtOnce is how many files like f are fetched at once.
func (s *source) AtOnce(f scan.File) int {
	if f.Size <= smallFile {
		return smallAtOnce
	}
	return 1
}

// Fetch copies a file. It is the one that was listed, or not sent.
func (s *source) Fetch(ctx context.Context, f scan.File) (local scan.Local, _ scan.File, err error) {
	path := s.path(f.Name)
	get := func(ctx context.Context, offset int64, w io.Writer) error {
		return passGone(s.client.Get(ctx, path, offset, f.Size, w))
	}
	local.Copy = true
	if f.Size <= smallFile {
		local.Path, err = s.downloads.FetchSmall(ctx, f.Size, get)
	} else {
		local.Keep = true
		local.Path, err = s.downloads.Fetch(ctx, fmt.Sprintf("%s\n%d\n%d", path, f.Size, f.Modified.UnixNano()), f.Size, get)
	}
	if err == nil {
		if err = passGone(s.Unchanged(ctx, f)); err != nil && !local.Keep {
			err = errors.Join(err, os.Remove(local.Path))
		}
	}
	return local, f, s.failed(err, "fetch", path)
}

// passGone passes over a file that the server does not have any more.
func passGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return scan.ErrPassed
	}
	return err
}

// Unchanged compares a file with the one that was listed.
func (s *source) Unchanged(ctx context.Context, f scan.File) error {
	path := s.path(f.Name)
	info, err := s.client.Lstat(ctx, path)
	if err != nil {
		return s.failed(err, "look at", path)
	}
	if now := entry(info); now.Kind != f.Kind || now.Size != f.Size || !now.Modified.Equal(f.Modified) {
		return scan.ErrChanged
	}
	return nil
}

// Remove deletes a file.
func (s *source) Remove(ctx context.Context, f scan.File) error {
	path := s.path(f.Name)
	return s.failed(s.client.Remove(ctx, path), "remove", path)
}
