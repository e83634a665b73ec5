// Package scan is what the Souths that send the files of a folder have in common, wherever the folder is
// (protocol/data-plane.md, sections 5.1 to 5.3): which files are sent, in which order, and what becomes of them. It
// promises that a file is deleted, or remembered as sent, only after what was sent is durable wherever it goes, that a
// file which changes meanwhile is sent again, that at most one file is sent twice after a crash, and that a file which
// cannot be sent holds up no other. It guards against files that are still being written, folders with very many files,
// folders that are away for a while, and expressions that would take for ever.
package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/south"
)

const megabyte = 1 << 20

// Item are the settings of an item.
type Item struct {
	RemoteFolder       string         `json:"remoteFolder"` // of another machine
	Regex              string         `json:"regex"`
	MinAge             setting.Number `json:"minAge"` // ms
	PreserveFiles      setting.Flag   `json:"preserveFiles"`
	IgnoreModifiedDate setting.Flag   `json:"ignoreModifiedDate"`
	MaxFiles           setting.Number `json:"maxFiles"`
	MaxSize            setting.Number `json:"maxSize"` // MB
	Recursive          setting.Flag   `json:"recursive"`

	match *folder.Pattern
}

// Decode reads the settings of an item.
func Decode(i south.Item) (item *Item, err error) {
	item = &Item{}
	if err := setting.Decode(i.Settings, item); err != nil {
		return nil, err
	}
	item.match, err = folder.Compile(item.Regex)
	return item, err
}

func (i *Item) minAge() time.Duration { return i.MinAge.Duration(time.Millisecond) }

func (i *Item) oldEnough(modified, now time.Time) bool { return !modified.Add(i.minAge()).After(now) }

// Errors by which a Folder tells what is the matter with one file.
var (
	// ErrChanged is a file that somebody wrote to while it was read.
	ErrChanged = errors.New("it changed while it was read: it is sent again when it rests")
	// ErrPassed is a file that is not to be sent now, which is nothing to tell anybody.
	ErrPassed = errors.New("the file is not sent now")
)

// LostError says that the folder cannot be reached any more: nothing else of it is tried.
type LostError struct{ Err error }

func (e *LostError) Error() string { return e.Err.Error() }
func (e *LostError) Unwrap() error { return e.Err }

// Folder is where the files are. Names are relative, with slashes. An error of a method concerns the one file, unless it
// is a LostError.
type Folder interface {
	// List returns what is in a sub-folder, "" for the folder itself, in the order in which it is to be sent. Size and
	// time are needed only of files that are wanted.
	List(ctx context.Context, sub string, wanted func(name string) (bool, error)) ([]Entry, error)
	// Fetch makes a file readable, and returns it as it is now. An error of ErrPassed passes it over.
	Fetch(ctx context.Context, f File) (Local, File, error)
	// Unchanged is ErrChanged when a file is not what it was, and fs.ErrNotExist when it is gone.
	Unchanged(ctx context.Context, f File) error
	// Remove deletes a file. It is no error when it is gone.
	Remove(ctx context.Context, f File) error
}

// Dater is a Folder whose listing tells times only roughly, but which can tell them exactly one by one.
type Dater interface {
	Modified(ctx context.Context, f File) (time.Time, error)
}

// Entry is what a listing says of something in a folder.
type Entry struct {
	Name     string // without the folder
	Kind     Kind
	Size     int64
	Modified time.Time
	Rough    bool // Modified may be wrong by up to roughly
	Info     any  // the Folder's own
}

// roughly is how wrong the time of a listing can be: that of another time zone, without seconds, and summer time.
const roughly = 26 * time.Hour

// Kind says what an Entry is.
type Kind int

// Kinds of entries. Links and other special things are passed over.
const (
	Other Kind = iota
	Regular
	Directory
)

// File is a file of a Folder.
type File struct {
	Name string // relative, with slashes
	Entry
}

// Local is where a file can be read on this machine.
type Local struct {
	Path string
	Copy bool // it is a copy of its own, which nobody else writes to; it is deleted once it was sent
	Keep bool // a copy that was not sent is kept: the Folder knows how to use it the next time
}

// Scanner scans.
type Scanner struct {
	Folder   Folder
	Item     *Item
	Log      *slog.Logger
	Now      func() time.Time
	Temp     string // a folder of its own
	Compress bool
	// Match is the part of the name that is matched, and Called how the content is called.
	Match, Called func(name string) string
	// Rest looks twice at what seems old enough: another machine's clock may be wrong.
	Rest bool

	items    []south.Item
	emit     south.Emit
	memory   *memory
	failures []error // of single files, which hold up no other
}

// Read sends what is new, until a limit is reached. last are the files remembered, nil when nothing changed.
func (s *Scanner) Read(ctx context.Context, q south.DirectQuery, item south.Item) (last json.RawMessage, err error) {
	s.items, s.emit, s.memory = []south.Item{item}, q.Emit, remembered(q.Memory)
	err = s.do(ctx)
	return s.memory.shown(), err
}

func (s *Scanner) do(ctx context.Context) error {
	l, err := s.list(ctx)
	if err != nil {
		return err
	}
	if err := s.rest(ctx, l); err != nil {
		return err
	}
	if err := s.sendAll(ctx, l.candidates); err != nil {
		return err
	}
	if err := s.memory.prune(l); err != nil {
		return err
	}
	if n := len(s.failures); n > 0 {
		return fmt.Errorf("cannot send %d of %d files, the first: %w", n, len(l.candidates), s.failures[0])
	}
	return nil
}

// take sends one file and does with it what comes after. Its error ends the scan; what concerns this file only is kept
// in failures.
func (s *Scanner) take(ctx context.Context, r result) (taken bool, err error) {
	switch {
	case r.remove:
		return false, s.remove(ctx, r.file)
	case r.err != nil:
		return false, s.single(ctx, r.file, r.err)
	}
	if sent, err := s.send(ctx, r.local, r.file); err != nil || !sent {
		r.local.drop()
		return false, err
	}
	if r.local.Copy {
		defer os.Remove(r.local.Path)
	}
	return true, s.finish(ctx, r.local, r.file)
}

// single returns an error that ends the scan, and keeps one that concerns one file only.
func (s *Scanner) single(ctx context.Context, f File, err error) error {
	var lost *LostError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &lost):
		return fmt.Errorf("%q: %w", f.Name, err)
	case errors.Is(err, ErrPassed):
	default:
		s.failures = append(s.failures, fmt.Errorf("%q: %w", f.Name, err))
	}
	return nil
}

// send hands on a file, compressed or not. It is false for a file that cannot be read now.
func (s *Scanner) send(ctx context.Context, local Local, f File) (sent bool, err error) {
	path, name := local.Path, s.Called(f.Name)
	if s.Compress {
		compressed, err := compress(ctx, path, s.Temp)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			s.Log.Error(fmt.Sprintf("Error compressing file %q: %s. Sending it raw instead.", f.Name, err))
		default:
			defer os.Remove(compressed)
			path, name = compressed, name+".gz"
		}
		if !local.Copy {
			if err := s.Folder.Unchanged(ctx, f); err != nil {
				return false, s.single(ctx, f, passGone(err))
			}
		}
	}
	file, err := content.FromFile(path, name)
	if err != nil {
		return false, s.single(ctx, f, err)
	}
	if err := s.emit(ctx, file, s.items); err != nil {
		return false, fmt.Errorf("file %q was not taken: %w", f.Name, err)
	}
	return true, nil
}

func passGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrPassed
	}
	return err
}

// finish remembers or deletes a file that is durable wherever it goes.
func (s *Scanner) finish(ctx context.Context, local Local, f File) error {
	preserve := bool(s.Item.PreserveFiles)
	if !local.Copy || !preserve {
		if err := s.Folder.Unchanged(ctx, f); err != nil {
			return s.changed(f, err)
		}
	}
	if preserve {
		return s.memory.remember(f)
	}
	return s.remove(ctx, f)
}

// changed is about a file that is not any more what was sent: gone, or sent again by its new date.
func (s *Scanner) changed(f File, err error) error {
	var lost *LostError
	switch {
	case errors.As(err, &lost):
		return err
	case errors.Is(err, fs.ErrNotExist):
	default:
		s.Log.Warn(fmt.Sprintf("File %q: %s", f.Name, err))
	}
	return nil
}

// remove deletes a file that was sent. One that cannot be deleted is remembered, so that it is not sent at every scan.
func (s *Scanner) remove(ctx context.Context, f File) error {
	err := s.Folder.Remove(ctx, f)
	if err == nil {
		return nil
	}
	var lost *LostError
	if !s.memory.undeleted(f) && !errors.As(err, &lost) {
		s.Log.Error(fmt.Sprintf("Error while removing file: %s. It was sent and stays in the folder", err))
	}
	if noted := s.memory.rememberUndeleted(f); noted != nil {
		return noted
	}
	if errors.As(err, &lost) {
		return err
	}
	return nil
}
