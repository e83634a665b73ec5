package harness

import (
	"archive/zip"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/launcher/release"
	"oibus/platform"
)

// programs of a package, by their source.
func programs() map[string]string {
	system := platform.Platform()
	return map[string]string{release.LauncherPath(system): "./launcher/cmd/oibus-launcher", release.AgentPath(system): "./agent/cmd/oibus"}
}

// BuildVersion builds launcher and agent so that they are of a version, and returns their folder, laid out as a package.
func BuildVersion(t testing.TB, version string) string {
	t.Helper()
	dir := t.TempDir()
	for name, source := range programs() {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X oibus/platform.Version="+version, "-o", filepath.Join(dir, filepath.FromSlash(name)), source)
		cmd.Dir, cmd.Env = Root(t), append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	return dir
}

// BuiltVersion lays out the programs under test as a package.
func BuiltVersion(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name := range programs() {
		text, err := os.ReadFile(Program(t, strings.TrimSuffix(path.Base(name), ".exe")))
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755)
		}
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// BreakVersion makes programs that say their version and fail at everything else.
func BreakVersion(t testing.TB, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in *--version*) echo 'OIBus version: " + version + "';; *) echo 'it cannot work' >&2; exit 1;; esac\n"
	for name := range programs() {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Package makes the upgrade package of a version from the programs in a folder, with padding that cannot be compressed,
// and returns its path.
func Package(t testing.TB, version, dir string, padding int64) string {
	t.Helper()
	var sources []release.Source
	for name := range programs() {
		sources = append(sources, release.FileSource(name, filepath.Join(dir, filepath.FromSlash(name)), true))
	}
	if padding > 0 {
		sources = append(sources, release.Source{Path: "padding", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{7}), padding)), nil
		}})
	}
	file := filepath.Join(t.TempDir(), release.FileName(version, platform.Platform(), platform.Architecture()))
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	m := release.Manifest{Version: version, Platform: platform.Platform(), Architecture: platform.Architecture(), State: release.StateLevels{MinReadable: 1, Written: 1}, Created: time.Now()}
	if _, err := release.Write(t.Context(), f, m, sources, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// BarePackage is Package as other tools make it: without a manifest, and with the padding stored as it is, so that a very
// large one is there in seconds.
func BarePackage(t testing.TB, version, dir string, padding int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), release.FileName(version, platform.Platform(), platform.Architecture()))
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name := range programs() {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil {
			err = store(z, name, int64(len(text)), func() io.Reader { return bytes.NewReader(text) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err = store(z, "padding", padding, func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{7}), padding) })
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// store adds a file that is not compressed, with its size and checksum before its content.
func store(z *zip.Writer, name string, size int64, content func() io.Reader) error {
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, content()); err != nil {
		return err
	}
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: sum.Sum32(), CompressedSize64: uint64(size), UncompressedSize64: uint64(size)})
	if err == nil {
		_, err = io.Copy(w, content())
	}
	return err
}
