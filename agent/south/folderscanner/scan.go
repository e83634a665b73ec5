package folderscanner

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/agent/connector/folder"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/platform/task"
)

const megabyte = 1 << 20

// scan is one reading of an item.
type scan struct {
	*Scanner
	item   itemSettings
	match  *pattern
	items  []south.Item
	emit   south.Emit
	memory *memory

	failures []error // of single files, which hold up no other
}

// errChanged is a file that somebody wrote to while it was read.
var errChanged = errors.New("it changed while it was read: it is sent again when it rests")

// do sends what is new, until a limit is reached.
func (s *scan) do(ctx context.Context) error {
	l, err := s.list(ctx)
	if err != nil {
		return err
	}
	files, size := int64(0), int64(0)
	maxFiles, maxSize := s.item.MaxFiles.Int(), int64(float64(s.item.MaxSize)*megabyte)
	for _, c := range l.candidates {
		if maxFiles > 0 && files >= maxFiles || maxSize > 0 && files > 0 && size+c.info.Size() > maxSize {
			break
		}
		if maxSize > 0 && c.info.Size() > maxSize {
			s.log.Warn(fmt.Sprintf("File %q is larger than the maximum size of a scan (%d bytes > %d bytes): it is sent alone", c.name, c.info.Size(), maxSize))
		}
		taken, err := s.take(ctx, c)
		if err != nil {
			return err
		}
		if taken {
			files++
			size += c.info.Size()
		}
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
func (s *scan) take(ctx context.Context, c candidate) (taken bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	path := filepath.Join(s.folder, filepath.FromSlash(c.name))
	if !s.item.PreserveFiles {
		if at, ok := s.memory.undeleted(c.name); ok && at.Equal(c.info.ModTime()) {
			return false, s.remove(path, c)
		}
	}
	before, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil || !before.Mode().IsRegular():
		s.failed(c, folder.Fail(err, "lstat", path))
		return false, nil
	case !s.item.oldEnough(before.ModTime(), s.now()):
		return false, nil
	}
	c.info = before
	if sent, err := s.send(ctx, path, c); err != nil || !sent {
		return false, err
	}
	return true, s.finish(path, c)
}

// finish remembers or deletes a file that is durable wherever it goes.
func (s *scan) finish(path string, c candidate) error {
	if err := unchanged(path, c.info); err != nil {
		if errors.Is(err, errChanged) {
			s.log.Warn(fmt.Sprintf("File %q: %s", c.name, err))
		}
		return nil // gone, or sent again by its new date
	}
	if s.item.PreserveFiles {
		return s.memory.remember(c.name, c.info.ModTime())
	}
	return s.remove(path, c)
}

// remove deletes a file that was sent. One that cannot be deleted is remembered, so that it is not sent at every scan.
func (s *scan) remove(path string, c candidate) error {
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, known := s.memory.undeleted(c.name); !known {
		s.log.Error(fmt.Sprintf("Error while removing file: %s. It was sent and stays in the folder", folder.Fail(err, "unlink", path)))
	}
	return s.memory.rememberUndeleted(c.name, c.info.ModTime())
}

// send hands on a file, compressed or not. It is false for a file that cannot be read now.
func (s *scan) send(ctx context.Context, path string, c candidate) (sent bool, err error) {
	if err := readable(path); err != nil {
		s.failed(c, err)
		return false, nil
	}
	source, name := path, c.name
	if s.settings.Compression {
		compressed, err := s.compress(ctx, path)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			s.log.Error(fmt.Sprintf("Error compressing file %q: %s. Sending it raw instead.", c.name, err))
		} else {
			defer os.Remove(compressed)
			source, name = compressed, c.name+".gz"
		}
		if err := unchanged(path, c.info); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.failed(c, err)
			}
			return false, nil
		}
	}
	file, err := content.FromFile(source, name)
	if err != nil {
		s.failed(c, err)
		return false, nil
	}
	if err := s.emit(ctx, file, s.items); err != nil {
		return false, fmt.Errorf("file %q was not taken: %w", c.name, err)
	}
	return true, nil
}

func (s *scan) failed(c candidate, err error) {
	if err == nil {
		err = errors.New("it is no regular file any more")
	}
	s.failures = append(s.failures, fmt.Errorf("%q: %w", c.name, err))
}

// readable says why a file cannot be opened, before anybody else finds out.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return folder.Fail(err, "open", path)
	}
	return f.Close()
}

// unchanged says whether path is still the file that info describes, as it was.
func unchanged(path string, info fs.FileInfo) error {
	now, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime()) || !os.SameFile(now, info) {
		return errChanged
	}
	return nil
}

// compress writes a file gzipped into the connector's own folder.
func (s *scan) compress(ctx context.Context, path string) (compressed string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	compressed = filepath.Join(s.temp, rand.Text()+".gz")
	out, err := os.OpenFile(compressed, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(compressed)
		}
	}()
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(z, task.Reader(ctx, in)); err != nil {
		return "", err
	}
	return compressed, z.Close()
}
