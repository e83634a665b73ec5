package platform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("cannot replace %q: %w", path, err), removeIfThere(tmp))
	}
	return SyncDir(filepath.Dir(path))
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
