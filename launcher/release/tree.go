package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oibus/platform"
)

// VerifyTree compares an unpacked release with its manifest: each file is there, unchanged and executable if it shall
// be, and there is nothing else, no file that Windows would load into a program beside it. Call it before a version is
// started. It does not ask who made the release: Manifest.Prove does. What is wrong with the files is a *RefusedError.
func VerifyTree(ctx context.Context, dir string) (Manifest, error) {
	m, err := readTree(dir)
	if err == nil {
		err = checkTreeNames(dir, m)
	}
	for i := 0; err == nil && i < len(m.Files); i++ {
		err = checkTreeFile(ctx, dir, m.Files[i])
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("release in %q: %w", dir, err)
	}
	return m, nil
}

func readTree(dir string) (Manifest, error) {
	l := DefaultLimits()
	text, err := readSmall(filepath.Join(dir, ManifestName), l.ManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, refuse(ManifestName, "is missing")
	}
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(text, l)
}

// checkTreeNames refuses what is not in the manifest, and what is neither a file nor a folder.
func checkTreeNames(dir string, m Manifest) error {
	known := map[string]bool{ManifestName: false}
	for _, folder := range foldersOf(m) {
		known[folder] = true
	}
	for _, f := range m.Files {
		known[f.Path] = false
	}
	return fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		folder, there := known[path]
		if !there {
			return refuse(path, "is not in the manifest")
		}
		if folder != d.IsDir() || !folder && !d.Type().IsRegular() {
			return refuse(path, "is not a plain file or folder, as the manifest says")
		}
		return nil
	})
}

func checkTreeFile(ctx context.Context, dir string, want File) (err error) {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(want.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(want.Path, "is missing")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() != want.Size:
		return refuse(want.Path, "has %d bytes, the manifest says %d", info.Size(), want.Size)
	case want.Executable && info.Mode()&0o111 == 0 && platform.Platform() != Windows: // which has no such mode
		return refuse(want.Path, "is not executable (mode %o)", info.Mode().Perm())
	}
	sum, _, err := hashContent(ctx, f)
	if err == nil && sum != want.SHA256 {
		err = refuse(want.Path, "was changed: its SHA-256 is %s, the manifest says %s", sum, want.SHA256)
	}
	return err
}

// Adopt gives an unpacked release that came without a manifest its version, as its program answered, and moves it to
// the folder final beside it, which must not exist. After a crash it can be called again. A release that says itself
// which version it is must say the same.
func Adopt(ctx context.Context, dir, final, version string) error {
	v, err := ParseVersion(version)
	if err != nil {
		return err
	}
	m, err := readTree(dir)
	if err == nil {
		err = m.adopt(dir, v)
	}
	if err == nil {
		err = finish(ctx, realDisk{}, dir, final)
	}
	if err != nil {
		return fmt.Errorf("release in %q: %w", dir, err)
	}
	return nil
}

func (m Manifest) adopt(dir string, v Version) error {
	if m.Version == v.String() {
		return nil
	}
	if m.Version != "" {
		return refuse("", "it says that it is version %s, its program says %s", m.Version, v)
	}
	m.Version = v.String()
	if err := m.seal(); err != nil {
		return err
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	return platform.WriteFile(filepath.Join(dir, ManifestName), text, fileMode)
}

// CleanUnfinished removes from the folder dir what a crash during Unpack left there.
func CleanUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), unfinishedPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot remove unfinished releases: %w", err)
	}
	return nil
}
