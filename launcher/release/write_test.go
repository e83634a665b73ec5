package release

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOtherReadersUnderstandThePackage(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if z.File[0].Name != ManifestName || len(z.File) != len(contents())+1 {
		t.Errorf("%d files, the first is %s", len(z.File), z.File[0].Name)
	}
	for _, f := range z.File {
		if f.Flags&flagDescriptor != 0 || !f.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) || (f.Mode() == programMode) != isProgram(f.Name) {
			t.Errorf("%s: flags %x, time %s, mode %o", f.Name, f.Flags, f.Modified, f.Mode())
		}
	}
}

func TestPackagesOfOtherToolsAreRead(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("binaries/"); err != nil {
		t.Fatal(err)
	}
	for name, content := range contents() { // packed as a stream: sizes follow the data, no mode, no time
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.SetComment("made elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	accept(t, b.Bytes(), machine())
}

func TestAPackageThatMachinesWouldRefuseIsNotMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m     Manifest
		files map[string]string
		want  string
	}{
		"no version":   {func() Manifest { m := base(); m.Version = ""; return m }(), contents(), "the version is missing"},
		"bad version":  {func() Manifest { m := base(); m.Version = "x"; return m }(), contents(), "is not a version"},
		"no launcher":  {base(), without("oibus-launcher"), `entry "oibus-launcher" is missing`},
		"bad name":     {base(), with("aux.txt", ""), "Windows device"},
		"manifest":     {base(), with(ManifestName, "{}"), "is there twice"},
		"case clash":   {base(), with("license", ""), "only in upper and lower case"},
		"no platform":  {Manifest{Version: "1.0.0"}, contents(), "which is not known"},
		"bad levels":   {func() Manifest { m := base(); m.State = StateLevels{Written: 1}; return m }(), contents(), "impossible state levels"},
		"for no state": {func() Manifest { m := base(); m.State = StateLevels{MinReadable: -1}; return m }(), contents(), "impossible state levels"},
	} {
		var b bytes.Buffer
		_, err := Write(t.Context(), &b, c.m, sources(c.files), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() != 0 {
			t.Errorf("%s: %d bytes, %v", name, b.Len(), err)
		}
	}
}

func TestASourceThatFailsOrChangesFailsThePackage(t *testing.T) {
	t.Parallel()
	opened := 0
	changing := Source{Path: "x", Open: func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(strings.NewReader(strings.Repeat("x", opened))), nil
	}}
	_, err := Write(t.Context(), io.Discard, base(), append(sources(contents()), changing), nil)
	if err == nil || !strings.Contains(err.Error(), `cannot pack "x": it changed meanwhile`) {
		t.Errorf("got %v", err)
	}
	missing := FileSource("x", "missing", false)
	if _, err := Write(t.Context(), io.Discard, base(), append(sources(contents()), missing), nil); err == nil || !strings.Contains(err.Error(), `cannot pack "x"`) {
		t.Errorf("got %v", err)
	}
}

func TestADiskThatFillsUpFailsThePackage(t *testing.T) {
	t.Parallel()
	size := len(build(t, base(), contents(), nil))
	for left := 0; left < size; left += 97 {
		if _, err := Write(t.Context(), &fullDisk{left}, base(), sources(contents()), nil); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("with space for %d of %d bytes: %v", left, size, err)
		}
	}
}

type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

func TestAPackageWithoutAManifestIsSignedWithWhatItLacks(t *testing.T) {
	t.Parallel()
	key := releaseKey(t)
	p, err := openBytes(archive(bare(t)), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := p.Sign(t.Context(), &b, base(), key); err == nil {
		t.Error("a package that was not verified is signed")
	}
	if _, err := p.Verify(t.Context(), machine()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(t.Context(), &b, Manifest{Platform: Linux, Architecture: X64}, key); err == nil {
		t.Error("a package without a version is signed")
	}
	b.Reset()
	if _, err := p.Sign(t.Context(), &b, base(), key); err != nil {
		t.Fatal(err)
	}
	_, r := accept(t, b.Bytes(), machine(key.Public()))
	if r.Manifest.Version != "3.9.0" || r.Signer.KeyID != key.Public().ID() {
		t.Errorf("%+v", r)
	}
}
