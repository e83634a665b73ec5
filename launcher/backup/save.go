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

// means is how the file system can save a file.
type means struct{ clone, link bool }

// ShortageError says that there is not enough room for a backup.
type ShortageError struct{ Need, Free uint64 }

func (e *ShortageError) Error() string {
	return fmt.Sprintf("there is not enough room for a backup of the data folder: it needs %s, %s are free, %s are missing (%s of them are kept for the agent)",
		size(e.Need), size(e.Free), size(e.Need-e.Free), size(spare))
}

func size(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }

// Prepare saves the bulk, while the agent may run. It says how much room is missing before it takes any. It can be
// called again after an interruption.
func (b *Backup) Prepare(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(b.dir, savedFolder), folderPerm); err != nil {
		return fmt.Errorf("cannot create a backup: %w", err)
	}
	b.tryMeans()
	err := b.checkSpace(ctx)
	if err == nil {
		err = b.save(ctx, true)
	}
	if err == nil {
		err = b.disk.Flush(b.dir)
	}
	if err != nil {
		return fmt.Errorf("cannot save the data folder: %w", err)
	}
	return nil
}

// Complete makes the backup what the data folder is now, while no agent runs.
func (b *Backup) Complete(ctx context.Context) error {
	b.tryMeans()
	err := b.save(ctx, false)
	if err == nil {
		err = b.forget(ctx)
	}
	for _, top := range content {
		if err == nil && b.scope.has(top) {
			err = b.matchTop(ctx, top)
		}
	}
	if err == nil {
		err = b.disk.Flush(b.dir)
	}
	if err == nil {
		err = platform.SyncDir(filepath.Dir(b.dir))
	}
	if err != nil {
		return fmt.Errorf("cannot save the data folder: %w", err)
	}
	return nil
}

// tryMeans finds out what the file system can do.
func (b *Backup) tryMeans() {
	probe, name := filepath.Join(b.dir, "probe"), filepath.Join(b.dir, "probe.link")
	_ = errors.Join(os.Remove(probe), os.Remove(name)) // left by a crash, or not there
	b.means = means{}
	if os.WriteFile(probe, []byte("probe"), 0o600) == nil {
		b.means.link = b.disk.Link(probe, name) == nil
		_ = os.Remove(name)
		b.means.clone = b.clone(probe, name) == nil
	}
	_ = errors.Join(os.Remove(probe), os.Remove(name))
}

// checkSpace compares what must be copied with what is free.
func (b *Backup) checkSpace(ctx context.Context) error {
	need := uint64(spare)
	err := b.walk(ctx, b.data, func(path string, info fs.FileInfo) error {
		if info.Mode().IsRegular() && !b.means.clone && !(b.means.link && mayLink(path)) {
			if saved, err := os.Lstat(b.saved(path)); err != nil || stale(info, saved) {
				need += uint64(info.Size())
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	free, err := b.disk.Free(b.dir)
	if err == nil && free < need {
		return &ShortageError{Need: need, Free: free}
	}
	return err
}

// save saves what is not saved yet, but for content after the agent has stopped. While the agent runs, files come and go, and one that was changed a moment ago is
// left for later: it may change again without its time telling.
func (b *Backup) save(ctx context.Context, live bool) error {
	begin, flushed := b.now(), 0
	return b.walk(ctx, b.data, func(path string, info fs.FileInfo) error {
		if !live && isContent(path) {
			return skip(fs.FileInfoToDirEntry(info)) // see match
		}
		if live && info.Mode().IsRegular() && begin.Sub(info.ModTime()) < racy {
			return nil
		}
		err := b.saveOne(path, info)
		if live && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if done := b.Stats.files(); live && err == nil && done-flushed >= flushEvery {
			flushed = done
			err = b.disk.Flush(b.dir)
		}
		return err
	})
}

func (s Stats) files() int { return s.Linked + s.Cloned + s.Copied }

func (b *Backup) saveOne(path string, info fs.FileInfo) error {
	saved, err := os.Lstat(b.saved(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case saved.Mode().Type() == info.Mode().Type() && (info.IsDir() || info.Mode().IsRegular() && !stale(info, saved)):
		return nil
	default:
		if err := removeAll(b.saved(path)); err != nil {
			return err
		}
	}
	switch {
	case info.IsDir():
		return os.Mkdir(b.saved(path), info.Mode().Perm()|folderPerm)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(b.original(path))
		if err != nil {
			return err
		}
		return os.Symlink(target, b.saved(path))
	case info.Mode().IsRegular():
		return b.saveFile(path, info)
	}
	return nil // sockets and the like have no content
}

// saveFile saves a file by the cheapest means that is safe.
func (b *Backup) saveFile(path string, info fs.FileInfo) error {
	from, to := b.original(path), b.saved(path)
	if b.means.link && mayLink(path) {
		err := b.disk.Link(from, to)
		if err == nil {
			b.Stats.Linked++
		}
		if !errors.Is(err, platform.ErrNoLink) {
			return err
		}
	}
	if b.means.clone {
		err := b.clone(from, to)
		if err == nil {
			b.Stats.Cloned++
			return likeOriginal(to, info)
		}
		if !errors.Is(err, platform.ErrNoClone) {
			return err
		}
	}
	n, err := b.copy(from, to)
	if err != nil {
		return err
	}
	b.Stats.Copied++
	b.Stats.CopiedBytes += n
	return likeOriginal(to, info)
}

// likeOriginal gives a copy the mode and time of the original, by which a later change is noticed.
func likeOriginal(to string, info fs.FileInfo) error {
	return errors.Join(os.Chtimes(to, info.ModTime(), info.ModTime()), os.Chmod(to, info.Mode().Perm()))
}

func (b *Backup) clone(from, to string) error {
	return withFiles(from, to, func(in, out *os.File) error { return b.disk.Clone(out, in) })
}

func (b *Backup) copy(from, to string) (n int64, err error) {
	err = withFiles(from, to, func(in, out *os.File) error {
		if n, err = b.disk.Copy(out, in); err != nil {
			return err
		}
		return platform.FlushWritten(out)
	})
	return n, err
}

// withFiles opens from and makes the new file to, which is removed again when do fails.
func withFiles(from, to string, do func(in, out *os.File) error) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	err = errors.Join(do(in, out), out.Close(), in.Close())
	if err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// forget removes from the backup what the data folder, but for content, does not have any more.
func (b *Backup) forget(ctx context.Context) error {
	root := filepath.Join(b.dir, savedFolder)
	return filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
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
		if isContent(filepath.ToSlash(rel)) {
			return skip(d)
		}
		_, err = os.Lstat(filepath.Join(b.data, rel))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := removeAll(full); err != nil {
			return err
		}
		return skip(d)
	})
}
