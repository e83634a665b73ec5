package folderscanner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/agent/connector/folder"
)

// candidate is a file that may be sent.
type candidate struct {
	name string // relative, with slashes
	info fs.FileInfo
}

// listing is what was found in the folder.
type listing struct {
	candidates []candidate     // that match and are old enough, in order
	names      map[string]bool // of all files
	partial    map[string]bool // sub-folders that could not be read
	flat       bool            // sub-folders were not looked at
}

// list finds the files of the folder. Links and everything that is no regular file are passed over, and a sub-folder
// that cannot be read holds up no other.
func (s *scan) list(ctx context.Context) (*listing, error) {
	l := &listing{names: map[string]bool{}, partial: map[string]bool{}, flat: !bool(s.item.Recursive)}
	if err := s.walk(ctx, l, ""); err != nil {
		return nil, err
	}
	return l, nil
}

func (s *scan) walk(ctx context.Context, l *listing, sub string) error {
	path := filepath.Join(s.folder, filepath.FromSlash(sub))
	entries, err := os.ReadDir(path)
	if err != nil && sub == "" {
		return folder.Fail(err, "scandir", path)
	}
	if err != nil {
		l.partial[sub] = true
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn(fmt.Sprintf("Cannot read sub-folder: %s", folder.Fail(err, "scandir", path)))
		}
		return nil
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := e.Name()
		if sub != "" {
			name = sub + "/" + name
		}
		switch {
		case e.IsDir() && bool(s.item.Recursive):
			err = s.walk(ctx, l, name)
		case e.Type().IsRegular():
			l.names[name] = true
			err = s.consider(l, name, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) consider(l *listing, name string, e fs.DirEntry) error {
	matches, err := s.match.matches(filepath.FromSlash(name))
	if err != nil || !matches {
		return err
	}
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() { // gone since it was listed, or replaced
		return nil
	}
	if s.item.oldEnough(info.ModTime(), s.now()) && s.wanted(name, info) {
		l.candidates = append(l.candidates, candidate{name, info})
	}
	return nil
}

// wanted says whether a file that is old enough has to be sent, or at least deleted.
func (s *scan) wanted(name string, info fs.FileInfo) bool {
	if !bool(s.item.PreserveFiles) || bool(s.item.IgnoreModifiedDate) {
		return true
	}
	sent, ok := s.memory.sent(name)
	return !ok || info.ModTime().After(sent)
}
