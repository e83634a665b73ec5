package platform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// tempSuffix ends the names of files being written. A crash can leave one behind: CleanTemp removes it.
const tempSuffix = ".oibus-tmp"

// WriteFile replaces path with data, all or nothing: after a crash or power cut at any moment, path holds either the
// old content or the new one, and once WriteFile has returned nil it is the new one. The file is written under
// another name in the same folder, flushed, renamed, and the folder is flushed.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	tmp, err := writeTemp(path, data, perm)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	if err := rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("cannot replace %q: %w", path, err), removeIfThere(tmp))
	}
	return SyncDir(filepath.Dir(path))
}

// WriteFileKeeping is WriteFile, but what path held is kept under the name previous, in the same folder. There is no
// moment without a whole file at path, and when an error is returned path holds what it held before.
func WriteFileKeeping(path, previous string, data []byte, perm os.FileMode) error {
	tmp, err := writeTemp(path, data, perm)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", path, err)
	}
	kept, err := keep(path, previous)
	if err == nil {
		err = rename(tmp, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot replace %q: %w", path, err), removeIfThere(tmp))
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return errors.Join(err, putBack(path, previous, kept))
	}
	return nil
}

// keep gives the file at path a second name, and says whether there was one. What cannot be replaced under that name, a
// folder, is put aside.
func keep(path, previous string) (kept bool, err error) {
	tmp := previous + tempSuffix
	if err := removeIfThere(tmp); err != nil {
		return false, err
	}
	err = os.Link(path, tmp)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil { // a file system without hard links
		if err := copyFile(path, tmp); err != nil {
			return false, err
		}
	}
	if info, err := os.Lstat(previous); err == nil && info.IsDir() {
		if err := os.Rename(previous, previous+".corrupt-"+time.Now().UTC().Format("20060102T150405.000000000Z")); err != nil {
			return false, errors.Join(err, removeIfThere(tmp))
		}
	}
	if err := rename(tmp, previous); err != nil {
		return false, errors.Join(err, removeIfThere(tmp))
	}
	return true, nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func putBack(path, previous string, kept bool) error {
	if !kept {
		return removeIfThere(path)
	}
	if err := rename(previous, path); err != nil {
		return fmt.Errorf("cannot put back %q: %w", path, err)
	}
	return nil
}

func writeTemp(path string, data []byte, perm os.FileMode) (tmp string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tempSuffix)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeIfThere(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// CleanTemp removes from dir the unfinished files that a crash during WriteFile left there.
func CleanTemp(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
	if err != nil {
		return fmt.Errorf("cannot look for unfinished files in %q: %w", dir, err)
	}
	for _, path := range left {
		err = errors.Join(err, removeIfThere(path))
	}
	return err
}
