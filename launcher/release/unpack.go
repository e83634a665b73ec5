package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"oibus/platform/task"
)

// unfinishedPrefix begins the names of folders that are being unpacked. A crash can leave one behind:
// CleanUnfinished removes it.
const unfinishedPrefix = "unpacking-"

// Unpack writes the verified release to the folder dest, which must not exist, while the folder around it must. It is
// written beside dest, flushed to the disk, and renamed: after a crash or power cut at any moment dest is there and
// complete, or not there. An error leaves nothing behind, if the disk lets it; dest that is there already is
// fs.ErrExist.
func (p *Package) Unpack(ctx context.Context, dest string) error {
	if p.proven == nil {
		return p.wrap(errors.New("it must be verified before it is unpacked"))
	}
	if err := checkAbsent(dest); err != nil {
		return p.wrap(fmt.Errorf("cannot unpack: %w", err))
	}
	tmp, err := p.disk.MkdirTemp(filepath.Dir(dest), unfinishedPrefix+"*")
	if err != nil {
		return p.wrap(fmt.Errorf("cannot unpack: %w", err))
	}
	err = p.unpackAll(ctx, tmp)
	if err == nil {
		err = finish(ctx, p.disk, tmp, dest)
	}
	if err != nil {
		return p.wrap(errors.Join(fmt.Errorf("cannot unpack: %w", err), p.disk.RemoveAll(tmp)))
	}
	return nil
}

// finish gives a complete folder its final name for good.
func finish(ctx context.Context, d disk, tmp, dest string) error {
	if err := renameFolder(ctx, d, tmp, dest); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(dest))
}

func (p *Package) unpackAll(ctx context.Context, dir string) error {
	m := p.proven.Manifest
	folders := foldersOf(m)
	for _, folder := range folders {
		if err := p.disk.Mkdir(filepath.Join(dir, filepath.FromSlash(folder))); err != nil {
			return err
		}
	}
	for _, f := range m.Files {
		if err := p.unpackFile(ctx, dir, f); err != nil {
			return err
		}
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	if err := p.write(filepath.Join(dir, ManifestName), strings.NewReader(string(text)), false); err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := p.disk.SyncDir(filepath.Join(dir, filepath.FromSlash(folder))); err != nil {
			return err
		}
	}
	return p.disk.SyncDir(dir)
}

// foldersOf lists the folders of a release, each after the one around it.
func foldersOf(m Manifest) []string {
	var folders []string
	for _, f := range m.Files {
		for i := range len(f.Path) {
			if f.Path[i] == '/' {
				folders = append(folders, f.Path[:i])
			}
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// unpackFile writes one file and makes sure that it is the one that Verify saw.
func (p *Package) unpackFile(ctx context.Context, dir string, f File) error {
	h := sha256.New()
	content := io.TeeReader(task.Reader(ctx, p.entry(f.Path).open(p.r)), h)
	if err := p.write(filepath.Join(dir, filepath.FromSlash(f.Path)), content, f.Executable); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.SHA256 {
		return refuse(f.Path, "was changed while the package was open: its SHA-256 is %s, it was %s", sum, f.SHA256)
	}
	return nil
}

// write makes a new file, flushed to the disk.
func (p *Package) write(path string, content io.Reader, executable bool) error {
	perm := fs.FileMode(fileMode)
	if executable {
		perm = programMode
	}
	out, err := p.disk.Create(path, perm)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{out}, content, make([]byte, copyBuffer))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// onlyWriter hides the shortcuts of io.CopyBuffer, which would not use the given buffer.
type onlyWriter struct{ io.Writer }
