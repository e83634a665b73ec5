package release

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"oibus/platform"
)

func TestAChangedReleaseIsNotStarted(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"changed file":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("apache"), 0o600) }, `entry "LICENSE" was changed: its SHA-256 is`},
		"longer file":    {func(dir string) error { return os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("Apache 2"), 0o600) }, `entry "LICENSE" has 8 bytes, the manifest says 6`},
		"truncated":      {func(dir string) error { return os.Truncate(filepath.Join(dir, "binaries", "oibus"), 0) }, `entry "binaries/oibus" has 0 bytes`},
		"missing file":   {func(dir string) error { return os.Remove(filepath.Join(dir, "oibus-launcher")) }, `entry "oibus-launcher" is missing`},
		"missing folder": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "doc")) }, `entry "doc/a/empty.html" is missing`},
		"library beside": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "binaries", "version.dll"), nil, 0o600) }, `entry "binaries/version.dll" is not in the manifest`},
		"folder beside":  {func(dir string) error { return os.Mkdir(filepath.Join(dir, "x"), 0o700) }, `entry "x" is not in the manifest`},
		"folder as file": {func(dir string) error {
			return replace(dir, "LICENSE", func(p string) error { return os.Mkdir(p, 0o700) })
		}, `entry "LICENSE" is not a plain file`},
		"no manifest":      {func(dir string) error { return os.Remove(filepath.Join(dir, ManifestName)) }, `entry "manifest.json" is missing`},
		"empty manifest":   {func(dir string) error { return os.Truncate(filepath.Join(dir, ManifestName), 0) }, `entry "manifest.json" cannot be read`},
		"no folder at all": {os.RemoveAll, `entry "manifest.json" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := unpacked(t, data)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			_, err := VerifyTree(t.Context(), dir)
			wantRefused(t, err, c.want)
		})
	}
}

func replace(dir, name string, with func(path string) error) error {
	path := filepath.Join(dir, name)
	return errors.Join(os.Remove(path), with(path))
}

func TestALinkIsNoFileOfARelease(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, build(t, base(), contents(), nil))
	elsewhere := filepath.Join(t.TempDir(), "LICENSE")
	if err := os.Rename(filepath.Join(dir, "LICENSE"), elsewhere); err != nil {
		t.Fatal(err)
	}
	err := os.Symlink(elsewhere, filepath.Join(dir, "LICENSE"))
	if _, there := os.Lstat(filepath.Join(dir, "LICENSE")); err != nil || there != nil {
		t.Skipf("no symbolic links here: %v", errors.Join(err, there))
	}
	_, err = VerifyTree(t.Context(), dir)
	wantRefused(t, err, `entry "LICENSE" is not a plain file`)
}

func TestALostExecuteBitIsFound(t *testing.T) {
	t.Parallel()
	if platform.Platform() == Windows {
		t.Skip("Windows has no such mode")
	}
	dir := unpacked(t, build(t, base(), contents(), nil))
	if err := os.Chmod(filepath.Join(dir, "binaries", "oibus"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := VerifyTree(t.Context(), dir)
	wantRefused(t, err, `entry "binaries/oibus" is not executable (mode 644)`)
}

func TestVerifyTreeCanBeStopped(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, build(t, base(), contents(), nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var refused *RefusedError
	if _, err := VerifyTree(ctx, dir); !errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestAReleaseWithoutAManifestIsAdoptedUnderItsVersion(t *testing.T) {
	t.Parallel()
	dir := unpacked(t, archive(bare(t)))
	final := filepath.Join(filepath.Dir(dir), "4.0.0")
	if err := Adopt(t.Context(), dir, final, "not a version"); err == nil {
		t.Error("adopted without a version")
	}
	if err := os.Mkdir(final, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Adopt(t.Context(), dir, final, "v4.0.0"); !errors.Is(err, fs.ErrExist) { // as after a crash, the version is set
		t.Errorf("got %v", err)
	}
	if err := os.Remove(final); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, Adopt(t.Context(), dir, final, "4.0.1"), "it says that it is version 4.0.0, its program says 4.0.1")
	if err := Adopt(t.Context(), dir, final, "v4.0.0"); err != nil {
		t.Fatal(err)
	}
	if m, err := VerifyTree(t.Context(), final); err != nil || m.Version != "4.0.0" {
		t.Errorf("version %q, %v", m.Version, err)
	}
}
