package ftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"oibus/agent/south/folderscanner/scan"
)

// unknownSize is the size of a file of which the server does not tell it.
const unknownSize = -1

// source is a folder of the server.
type source struct {
	session   *session
	dir       string
	downloads *scan.Downloads
}

func (s *source) path(name string) string { return path.Join(s.dir, name) }

// failed says what an error of the server was about, and whether it is the end of the connection.
func (s *source) failed(err error, what, path string) error {
	switch {
	case err == nil || errors.Is(err, scan.ErrChanged):
		return err
	case s.session.broken:
		return &scan.LostError{Err: err}
	}
	return fmt.Errorf("cannot %s %s: %w", what, path, err)
}

// List reads a folder, sorted by name. Links and everything that is no regular file are of another kind.
func (s *source) List(ctx context.Context, sub string, _ func(string) (bool, error)) ([]scan.Entry, error) {
	path := s.path(sub)
	found, err := s.session.list(ctx, path)
	if err != nil {
		return nil, s.failed(err, "list", path)
	}
	entries := make([]scan.Entry, 0, len(found))
	for _, e := range found {
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00\r\n") {
			continue // the folder itself, the one above, or what no server says in earnest
		}
		entries = append(entries, s.entry(e))
	}
	slices.SortFunc(entries, func(a, b scan.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(entries, func(a, b scan.Entry) bool { return a.Name == b.Name }), nil
}

// entry is what a listing says. The times of LIST lack their zone, and their seconds.
func (s *source) entry(e *ftp.Entry) scan.Entry {
	entry := scan.Entry{Name: e.Name, Size: int64(min(e.Size, 1<<62)), Modified: e.Time, Rough: !s.session.conn.IsTimePreciseInList()}
	switch e.Type {
	case ftp.EntryTypeFile:
		entry.Kind = scan.Regular
	case ftp.EntryTypeFolder:
		entry.Kind = scan.Directory
	}
	return entry
}

// Modified is when a file was modified: as the listing says when the server cannot tell it more exactly.
func (s *source) Modified(ctx context.Context, f scan.File) (time.Time, error) {
	if !s.session.times {
		return f.Modified, nil
	}
	path := s.path(f.Name)
	at, err := s.session.modified(ctx, path)
	return at, s.failed(err, "look at", path)
}

// seen is what the server tells of a file now.
type seen struct {
	size     int64
	modified time.Time
}

// Fetch copies a file. It is the one that was listed, or not sent.
func (s *source) Fetch(ctx context.Context, f scan.File) (scan.Local, scan.File, error) {
	path := s.path(f.Name)
	before, err := s.before(ctx, f)
	if err != nil {
		return scan.Local{}, f, s.failed(err, "look at", path)
	}
	f.Info = before
	identity := fmt.Sprintf("%s\n%d\n%d", path, before.size, before.modified.UnixNano())
	if before.modified.IsZero() { // too little to go on with a transfer that was cut: begin anew
		identity += "\n" + time.Now().String()
	}
	copied, err := s.downloads.Fetch(ctx, identity, before.size, func(ctx context.Context, offset int64, w io.Writer) error {
		return s.session.get(ctx, path, offset, w)
	})
	if err == nil {
		err = s.Unchanged(ctx, f)
	}
	return scan.Local{Path: copied, Copy: true, Keep: true}, f, s.failed(err, "fetch", path)
}

// before is what the server tells of a file before it is fetched: what it listed, when it lists exactly.
func (s *source) before(ctx context.Context, f scan.File) (seen, error) {
	if !f.Rough && f.Size > 0 {
		return seen{f.Size, f.Modified}, nil
	}
	size, modified, err := s.session.stat(ctx, s.path(f.Name))
	switch {
	case err != nil:
		return seen{}, err
	case size == unknownSize:
		size = f.Size
	case size != f.Size:
		return seen{}, scan.ErrChanged
	}
	return seen{size, modified}, nil
}

// Unchanged compares a file with what it was before.
func (s *source) Unchanged(ctx context.Context, f scan.File) error {
	path := s.path(f.Name)
	size, modified, err := s.session.stat(ctx, path)
	if err != nil {
		return s.failed(err, "look at", path)
	}
	was, ok := f.Info.(seen)
	if !ok || size != unknownSize && size != was.size || !modified.Equal(was.modified) {
		return scan.ErrChanged
	}
	return nil
}

// Remove deletes a file.
func (s *source) Remove(ctx context.Context, f scan.File) error {
	path := s.path(f.Name)
	return s.failed(s.session.remove(ctx, path), "remove", path)
}
