package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
)

// A cache can hold 100,000 files and more. While the service stands still, they are compared by their names alone where
// that says enough, and not looked at one by one.

// matchTop makes what is saved of a folder of content what the folder is now.
func (b *Backup) matchTop(ctx context.Context, top string) error {
	info, err := os.Lstat(b.original(top))
	if errors.Is(err, fs.ErrNotExist) {
		return removeAll(b.saved(top))
	}
	if err == nil {
		err = b.saveOne(top, info)
	}
	if err == nil && info.IsDir() {
		err = b.match(ctx, top)
	}
	return err
}

// match does the same for a folder in it, of which the saved one is there.
func (b *Backup) match(ctx context.Context, dir string) error {
	now, err := entries(b.original(dir))
	if err != nil {
		return err
	}
	saved, err := entries(b.saved(dir))
	if err != nil {
		return err
	}
	for name := range saved {
		if _, there := now[name]; !there {
			if err := removeAll(b.saved(path.Join(dir, name))); err != nil {
				return err
			}
		}
	}
	for name, e := range now {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		before, there := saved[name]
		if there && before.Type() == e.Type() && b.same(path.Join(dir, name), e) {
			continue
		}
		if err := b.matchOne(ctx, path.Join(dir, name), e); err != nil {
			return err
		}
	}
	return nil
}

func (b *Backup) matchOne(ctx context.Context, name string, e fs.DirEntry) error {
	if !b.scope.has(name) {
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = b.saveOne(name, info)
	}
	if err == nil && e.IsDir() {
		err = b.match(ctx, name)
	}
	return err
}

// same says whether a file that is saved under its name is the same for that reason alone: one without an extension is
// written once, and a second name, other than a copy, is never half of one.
func (b *Backup) same(name string, e fs.DirEntry) bool {
	return e.Type().IsRegular() && path.Ext(name) == "" && b.means.link && mayLink(name)
}

// entries are those of a folder, by name.
func entries(dir string) (map[string]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	list, err := f.ReadDir(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	all := make(map[string]fs.DirEntry, len(list))
	for _, e := range list {
		all[e.Name()] = e
	}
	return all, nil
}
