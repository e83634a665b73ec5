package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/platform"
)

// Restore puts back what was saved, while no agent runs. The saved files are moved, so that it needs no room. After an
// error or an interruption it can be called again, and goes on; what the first call was told of content holds. What
// cannot be put back does not keep the rest from being: the error names it.
func (b *Backup) Restore(ctx context.Context, rule Content) error {
	if _, err := os.Lstat(filepath.Join(b.dir, savedFolder)); err != nil {
		return fmt.Errorf("cannot restore the data folder: %w", err)
	}
	rule, err := b.decide(rule)
	if err == nil {
		err = b.clear(ctx, rule)
	}
	if err == nil {
		err = errors.Join(b.putBack(ctx), b.putBackContent())
	}
	if err == nil {
		err = b.disk.Flush(b.data)
	}
	if err != nil {
		return fmt.Errorf("cannot restore the data folder: %w", err)
	}
	return nil
}

// decide returns what was decided first. The mark is an empty file, for which there is room on a full disk.
func (b *Backup) decide(rule Content) (Content, error) {
	for _, first := range []Content{KeepContent, RestoreContent} {
		_, err := os.Lstat(b.ruleMark(first))
		if err == nil {
			return first, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return rule, platform.WriteFile(b.ruleMark(rule), nil, 0o600)
}

func (b *Backup) ruleMark(rule Content) string { return filepath.Join(b.dir, string(rule)+contentMark) }

// clear removes what appeared since the backup. It is done once: later the saved files are moved away one by one, and
// what is back would look as if it had appeared.
func (b *Backup) clear(ctx context.Context, rule Content) error {
	mark := filepath.Join(b.dir, clearedMark)
	if _, err := os.Lstat(mark); err == nil {
		return nil
	}
	if rule == RestoreContent {
		if err := b.setContentAside(); err != nil {
			return err
		}
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

// putBack moves the saved files, but for content, to where they belong.
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
		if d.IsDir() && isContent(filepath.ToSlash(rel)) {
			return fs.SkipDir
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
		if err := removeAll(b.original(path)); err != nil {
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
	}
	return os.Rename(b.saved(path), b.original(path))
}

// setContentAside moves the folders of content to where they are kept. Those that do not belong to the backup stay.
func (b *Backup) setContentAside() error {
	for _, top := range content {
		paths, err := inFolder(b.data, top)
		if err != nil {
			return err
		}
		for _, path := range paths {
			if !b.scope.has(top) || !b.scope.has(path) {
				continue
			}
			if err := b.setAside(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAside keeps content that cannot stay where it is.
func (b *Backup) setAside(path string) error {
	to := filepath.Join(b.data, RescuedFolder, filepath.Base(b.dir), filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(to), folderPerm); err != nil {
		return err
	}
	return os.Rename(b.original(path), to)
}

// putBackContent moves the folders of content that are not there to where they belong.
func (b *Backup) putBackContent() error {
	var failed error
	for _, top := range content {
		paths, err := inFolder(filepath.Join(b.dir, savedFolder), top)
		if len(paths) > 0 {
			err = errors.Join(err, b.makeFolder(top))
		}
		failed = errors.Join(failed, err)
		for _, path := range paths {
			if _, err := os.Lstat(b.original(path)); errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, os.Rename(b.saved(path), b.original(path)))
			} else if err != nil {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// makeFolder sees to it that there is a folder at path.
func (b *Backup) makeFolder(path string) error {
	info, err := os.Stat(b.original(path))
	if err == nil && !info.IsDir() {
		err = errors.Join(b.setAside(path), fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Mkdir(b.original(path), folderPerm)
	}
	return err
}

// inFolder lists what is in the folder top below root, with paths below root; nothing when there is no such folder.
func inFolder(root, top string) ([]string, error) {
	dir := filepath.Join(root, top)
	if info, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = top + "/" + e.Name()
	}
	return paths, err
}
