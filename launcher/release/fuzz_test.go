package release

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzOpen feeds arbitrary bytes. Whatever they are, they are refused, or unpacked whole into the folder and nowhere
// else, and archive/zip sees the same files in them.
func FuzzOpen(f *testing.F) {
	small := map[string]string{"oibus-launcher": "l", "binaries/oibus": strings.Repeat("a", 100), "LICENSE": ""}
	key := releaseKey(f)
	signed := build(f, base(), small, &key)
	f.Add(signed)
	f.Add(build(f, base(), small, nil))
	f.Add(archive(drop(records(f, signed), ManifestName)))
	for _, c := range hostile {
		f.Add(archive(c.fault(bare(f))))
	}
	l := DefaultLimits()
	l.TotalSize, l.Entries = 4<<20, 100
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := openBytes(data, l)
		if err != nil {
			wantRefused(t, err, "")
			return
		}
		r, err := p.Verify(t.Context(), machine())
		if err != nil {
			wantRefused(t, err, "")
			return
		}
		compareWithZip(t, data, r.Manifest)
		dir := t.TempDir()
		if err := p.Unpack(t.Context(), filepath.Join(dir, "v")); err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyTree(t.Context(), filepath.Join(dir, "v")); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Fatalf("%d files beside the release, %v", len(left), err)
		}
	})
}

// compareWithZip makes sure that two readers do not see two packages.
func compareWithZip(t *testing.T, data []byte, m Manifest) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		t.Fatalf("archive/zip refuses what is accepted here: %v", err)
	}
	for _, f := range m.Files {
		r, err := z.Open(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if sum, _, sumErr := hashContent(t.Context(), bytes.NewReader(content)); errors.Join(err, sumErr, r.Close()) != nil || sum != f.SHA256 {
			t.Fatalf("archive/zip sees other bytes in %s: %v", f.Path, err)
		}
	}
}
