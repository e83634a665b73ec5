// Package backup saves a data folder before an upgrade and puts it back after one that failed. It promises that a
// finished backup holds the folder as it was at one moment while no agent ran; that putting it back can be interrupted
// by a kill or a power cut and done again, and needs no space; and that content which was collected meanwhile is never
// lost. It guards against backups that fill the disk, that take minutes while the site stands still, and that give
// back a mixture of old and new.
//
// A file is saved by the cheapest means that is safe: a clone where the file system has them, a second name (hard
// link) for files that nobody changes in place, a copy for the rest. The bulk is saved while the agent runs; what
// changed since is saved once it has stopped.
//
// # Putting back
//
// State, secrets and everything else but content become exactly what they were: files that appeared are removed, files
// that changed or disappeared are put back.
//
// Content (cache, error, archive) is never mixed: each folder in them, which is what one connector has collected, is as
// a whole as it was or as it is now. What Restore is told decides:
//
//   - KeepContent, for a version that reads what the new one wrote: everything stays as it is now. What was collected
//     meanwhile is there, what was sent meanwhile is not sent again. Only a folder that is gone is put back: its
//     connector, which is state, is there again, too.
//   - RestoreContent, for one that does not: the folders become what they were, and those that are there now are kept
//     in the folder rescued.
//
// Content may be linked, since the files of a cache are written once, or only appended to by the process that made
// them, or replaced by renaming a new one over them: no version changes what another one wrote. Those of which the name
// has no extension are written once, and not replaced either.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"oibus/platform"
)

const (
	// Folder is where backups lie in the data folder.
	Folder = "backup"
	// RescuedFolder is where content goes that cannot stay where it was.
	RescuedFolder = "rescued"

	savedFolder = "data"     // in the folder of a backup: what was saved
	clearedMark = "cleared"  // in the folder of a backup: what appeared meanwhile has been removed
	contentMark = "-content" // in the folder of a backup, behind a rule: what is done with content was decided

	folderPerm = 0o700

	// spare is what a backup leaves free on the disk for the agent.
	spare = 64 << 20

	// flushEvery is how many files are saved or removed beside a running agent before the disk may write them down: a
	// file system that has to write tens of thousands at once makes the agent wait for seconds.
	flushEvery = 500

	// racy is how old a change must be for the time of a file to tell the next one apart.
	racy = 2 * time.Second
)

// Content says what Restore does with content.
type Content string

// What can be done with content.
const (
	KeepContent    Content = "keep"
	RestoreContent Content = "restore"
)

// Backup is the backup of one upgrade.
type Backup struct {
	data  string // the data folder
	dir   string // of this backup
	scope Scope
	disk  disk
	now   func() time.Time

	means means
	Stats Stats
}

// Stats says what was done.
type Stats struct {
	Linked, Cloned, Copied int
	CopiedBytes            int64
}

// disk is what a backup does to the file system that can fail for lack of room. Tests make it fail.
type disk interface {
	Link(path, to string) error
	Clone(to, from *os.File) error
	Copy(to io.Writer, from io.Reader) (int64, error)
	Flush(dir string) error
	Free(dir string) (uint64, error)
}

type realDisk struct{}

func (realDisk) Link(path, to string) error    { return platform.LinkFile(path, to) }
func (realDisk) Clone(to, from *os.File) error { return platform.CloneFile(to, from) }
func (realDisk) Copy(to io.Writer, from io.Reader) (int64, error) {
	return io.Copy(to, from)
}
func (realDisk) Flush(dir string) error { return platform.FlushTree(dir) }
func (realDisk) Free(dir string) (uint64, error) {
	free, _, err := platform.DiskFree(dir)
	return free, err
}

// New is the backup of dataDir with the name id, there or not.
func New(dataDir, id string, scope Scope) *Backup {
	return &Backup{data: dataDir, dir: filepath.Join(dataDir, Folder, id), scope: scope, disk: realDisk{}, now: time.Now}
}

func (b *Backup) saved(path string) string {
	return filepath.Join(b.dir, savedFolder, filepath.FromSlash(path))
}
func (b *Backup) original(path string) string { return filepath.Join(b.data, filepath.FromSlash(path)) }

// Discard removes the backup. It can be called again.
func (b *Backup) Discard() error {
	if _, err := os.Lstat(b.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	b.thin()
	if err := removeAll(b.dir); err != nil {
		return fmt.Errorf("cannot remove a backup: %w", err)
	}
	return nil
}

// thin removes the files of the backup little by little. What it cannot remove, or flush, is left to the end.
func (b *Backup) thin() {
	removed := 0
	_ = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if removed++; removed%flushEvery == 0 {
			_ = b.disk.Flush(filepath.Dir(b.dir))
		}
		return os.Remove(path)
	})
}

// removeAll is os.RemoveAll for trees with folders that their owner may not write.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walked := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, folderPerm)
		}
		return err
	})
	return errors.Join(walked, os.RemoveAll(dir))
}

// walk calls visit for each file and folder of the scope below root, a folder before what is in it. Names that
// disappear meanwhile are left out. visit returns fs.SkipDir not to enter a folder.
func (b *Backup) walk(ctx context.Context, root string, visit func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, fs.ErrNotExist) && full != root {
			return nil
		}
		if err != nil || full == root {
			return err
		}
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(rel)
		if !b.scope.has(path) {
			return skip(d)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return skip(d)
		}
		if err != nil {
			return err
		}
		return visit(path, info)
	})
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// stale says whether the saved file is not, or may not be, the original any more.
func stale(original, saved fs.FileInfo) bool {
	return !os.SameFile(original, saved) &&
		(original.Size() != saved.Size() || !original.ModTime().Equal(saved.ModTime()) || original.Mode() != saved.Mode())
}
