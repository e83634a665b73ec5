package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
	"oibus/platform/task"
)

const (
	mostFolders = 100_000 // that are looked into: links of another machine may lead in circles
	deepest     = 100
	longestRest = 2 * time.Second
)

// listing is what was found in the folder.
type listing struct {
	at         time.Time
	candidates []File          // that match and are old enough, in order
	names      map[string]bool // of all files
	partial    map[string]bool // sub-folders that could not be read
	flat       bool            // sub-folders were not looked at
	folders    int
}

// list finds the files of the folder. A sub-folder that cannot be read holds up no other.
func (s *Scanner) list(ctx context.Context) (*listing, error) {
	l := &listing{at: s.Now(), names: map[string]bool{}, partial: map[string]bool{}, flat: !bool(s.Item.Recursive)}
	if err := s.walk(ctx, l, ""); err != nil {
		return nil, err
	}
	return l, nil
}

func (s *Scanner) walk(ctx context.Context, l *listing, sub string) error {
	if l.folders++; l.folders > mostFolders || strings.Count(sub, "/") > deepest {
		return errors.New("the folder has too many sub-folders")
	}
	entries, err := s.Folder.List(ctx, sub, func(name string) (bool, error) { return s.matches(join(sub, name)) })
	if err != nil {
		return s.unreadable(ctx, l, sub, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := File{Name: join(sub, e.Name), Entry: e}
		switch {
		case e.Kind == Directory && !l.flat:
			err = s.walk(ctx, l, f.Name)
		case e.Kind == Regular:
			l.names[f.Name] = true
			err = s.consider(ctx, l, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unreadable is the error of a folder that cannot be listed, nil for a sub-folder that holds up no other.
func (s *Scanner) unreadable(ctx context.Context, l *listing, sub string, err error) error {
	var lost *LostError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case sub == "" || errors.As(err, &lost):
		return err
	}
	l.partial[sub] = true
	if !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn(fmt.Sprintf("Cannot read sub-folder: %s", err))
	}
	return nil
}

func join(sub, name string) string {
	if sub == "" {
		return name
	}
	return sub + "/" + name
}

func (s *Scanner) matches(name string) (bool, error) { return s.Item.match.Matches(s.Match(name)) }

func (s *Scanner) consider(ctx context.Context, l *listing, f File) error {
	matches, err := s.matches(f.Name)
	if err != nil || !matches || !s.wanted(f) {
		return err
	}
	rests, err := s.oldEnough(ctx, f)
	if rests {
		l.candidates = append(l.candidates, f)
	}
	return err
}

// oldEnough asks for the exact time of a file when that of the listing does not decide.
func (s *Scanner) oldEnough(ctx context.Context, f File) (bool, error) {
	now := s.Now()
	dater, ok := s.Folder.(Dater)
	if !ok || !f.Rough || s.Item.oldEnough(f.Modified.Add(roughly), now) {
		return s.Item.oldEnough(f.Modified, now), nil
	}
	exact, err := dater.Modified(ctx, f)
	if err != nil {
		return false, s.single(ctx, f, passGone(err))
	}
	return s.Item.oldEnough(exact, now), nil
}

// wanted says whether a file that is old enough has to be sent, or at least deleted.
func (s *Scanner) wanted(f File) bool {
	if !bool(s.Item.PreserveFiles) || bool(s.Item.IgnoreModifiedDate) {
		return true
	}
	return s.memory.isNew(f)
}

// rest waits until the files that the listing shows would have changed if somebody was writing to them. Fetch then compares
// them with the listing.
func (s *Scanner) rest(ctx context.Context, l *listing) error {
	if !s.Rest || len(l.candidates) == 0 {
		return nil
	}
	return task.Sleep(ctx, min(s.Item.minAge(), longestRest)-s.Now().Sub(l.at))
}

// Try lists what an item would find, as values, whether it was sent before or not. Unless sub-folders are read, those
// that match are listed too.
func (s *Scanner) Try(ctx context.Context, item south.Item) (content.Content, error) {
	l := &listing{flat: !bool(s.Item.Recursive), partial: map[string]bool{}}
	values, err := s.try(ctx, l, "", item.Name, nil)
	return content.FromTimeValues(values), err
}

func (s *Scanner) try(ctx context.Context, l *listing, sub, point string, values []content.TimeValue) ([]content.TimeValue, error) {
	if l.folders++; l.folders > mostFolders || strings.Count(sub, "/") > deepest {
		return nil, errors.New("the folder has too many sub-folders")
	}
	entries, err := s.Folder.List(ctx, sub, func(name string) (bool, error) { return s.matches(join(sub, name)) })
	if err != nil {
		return values, s.unreadable(ctx, l, sub, err)
	}
	for _, e := range entries {
		f := File{Name: join(sub, e.Name), Entry: e}
		if e.Kind == Directory && !l.flat {
			if values, err = s.try(ctx, l, f.Name, point, values); err != nil {
				return nil, err
			}
			continue
		}
		matches, err := s.matches(f.Name)
		if err != nil {
			return nil, err
		}
		if matches {
			matches, err = s.oldEnough(ctx, f)
		}
		if err != nil {
			return nil, err
		}
		if matches {
			values = append(values, content.TimeValue{PointID: point, Timestamp: entity.Milli(f.Modified), Data: content.TextData(f.Name)})
		}
	}
	return values, nil
}
