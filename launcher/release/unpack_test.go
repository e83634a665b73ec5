package release

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"oibus/platform"
)

// unpacked returns the folder of an unpacked release.
func unpacked(t testing.TB, data []byte) string {
	t.Helper()
	p, _ := accept(t, data, machine())
	dir := filepath.Join(t.TempDir(), "3.9.0")
	if err := p.Unpack(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAnUnpackedReleaseIsWhatWasPacked(t *testing.T) {
	t.Parallel()
	key := certifiedKey(t, 1)
	for name, data := range map[string][]byte{
		"signed": build(t, base(), contents(), &key), "unsigned": build(t, base(), contents(), nil), "without manifest": archive(bare(t)),
	} {
		dir := unpacked(t, data)
		for path, want := range contents() {
			got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
			if err != nil || string(got) != want {
				t.Errorf("%s: %s: %d bytes, %v", name, path, len(got), err)
			}
			info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
			if err != nil || platform.Platform() != Windows && (info.Mode() == programMode) != isProgram(path) {
				t.Errorf("%s: %s has mode %o, %v", name, path, info.Mode(), err)
			}
		}
		_, r := accept(t, data, machine())
		m, err := VerifyTree(t.Context(), dir)
		if err != nil || name != "without manifest" && m.Digest() != r.Manifest.Digest() {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
			t.Errorf("%s: %d folders beside, %v", name, len(left), err)
		}
	}
}

func TestTheSignatureIsKeptInTheUnpackedRelease(t *testing.T) {
	t.Parallel()
	root := rootKey(t)
	key := certify(t, root, 4)
	m, err := VerifyTree(t.Context(), unpacked(t, build(t, base(), contents(), &key)))
	if err != nil {
		t.Fatal(err)
	}
	if signer, _, err := m.Prove(machine(root.Public())); err != nil || signer.Serial != 4 {
		t.Errorf("%+v, %v", signer, err)
	}
}

func TestUnpackNeedsAVerifiedPackageAndAFreeName(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	dir := t.TempDir()
	p, err := openBytes(data, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Unpack(t.Context(), filepath.Join(dir, "a")); err == nil || !strings.Contains(err.Error(), "must be verified") {
		t.Errorf("got %v", err)
	}
	p, _ = accept(t, data, machine())
	if err := p.Unpack(t.Context(), dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if err := p.Unpack(t.Context(), filepath.Join(dir, "missing", "a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Unpack(ctx, filepath.Join(dir, "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := p.Verify(ctx, machine()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestAPackageThatChangesWhileOpenIsRefused(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	p, _ := accept(t, data, machine())
	list := records(t, data)
	find(list, "LICENSE").content = "apache"
	r, err := openBytes(archive(list), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p.r, p.entries = r.r, r.entries
	dir := t.TempDir()
	wantRefused(t, p.Unpack(t.Context(), filepath.Join(dir, "a")), `entry "LICENSE" was changed while the package was open`)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// faultyDisk fails at one of its steps. When it is dead, as after a power cut, nothing happens from then on.
type faultyDisk struct {
	realDisk
	steps, failAt int
	fault         error
	dead          bool
}

func (d *faultyDisk) step() error {
	d.steps++
	if d.steps == d.failAt || d.dead && d.steps > d.failAt {
		return d.fault
	}
	return nil
}

func (d *faultyDisk) MkdirTemp(dir, pattern string) (string, error) {
	if err := d.step(); err != nil {
		return "", err
	}
	return d.realDisk.MkdirTemp(dir, pattern)
}

func (d *faultyDisk) Mkdir(path string) error {
	return errors.Join(d.step(), d.realDisk.Mkdir(path))
}

func (d *faultyDisk) Create(path string, perm fs.FileMode) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.realDisk.Create(path, perm)
	return faultyFile{f, d}, err
}

func (d *faultyDisk) SyncDir(string) error { return d.step() } // no power is cut here: only the order counts

func (d *faultyDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.Rename(from, to)
}

func (d *faultyDisk) RemoveAll(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.RemoveAll(path)
}

type faultyFile struct {
	file
	d *faultyDisk
}

// Write writes half of p before it fails.
func (f faultyFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f faultyFile) Sync() error  { return f.d.step() }
func (f faultyFile) Close() error { return errors.Join(f.file.Close(), f.d.step()) }

func TestAFailureAtAnyStepLeavesTheWholeReleaseOrNone(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	for _, dead := range []bool{false, true} {
		for failAt := 1; ; failAt++ {
			p, _ := accept(t, data, machine())
			d := &faultyDisk{failAt: failAt, dead: dead, fault: syscall.ENOSPC}
			p.disk = d
			around := t.TempDir()
			dest := filepath.Join(around, "3.9.0")
			err := p.Unpack(t.Context(), dest)
			if d.steps < failAt {
				if err != nil || failAt < 30 {
					t.Fatalf("%d steps, %v", d.steps, err)
				}
				break
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("step %d: got %v", failAt, err)
			}
			if _, err := os.Stat(dest); err == nil {
				if _, err := VerifyTree(t.Context(), dest); err != nil {
					t.Fatalf("step %d leaves a half release: %v", failAt, err)
				}
				continue // only the flush of the folder around it failed
			}
			checkRepeat(t, p, around, dead)
		}
	}
}

// checkRepeat makes sure that a failure left nothing, or something that is removed, and that unpacking works the next
// time.
func checkRepeat(t *testing.T, p *Package, around string, dead bool) {
	t.Helper()
	if dead {
		if err := CleanUnfinished(around); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(around); err != nil || len(left) != 0 {
		t.Fatalf("%d folders are left, %v", len(left), err)
	}
	p.disk = &faultyDisk{} // which fails no more
	if err := p.Unpack(t.Context(), filepath.Join(around, "3.9.0")); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatIsInUseForAMomentIsRenamedLater(t *testing.T) {
	t.Parallel()
	p, _ := accept(t, build(t, base(), contents(), nil), machine())
	p.disk = &busyDisk{left: 2}
	if err := p.Unpack(t.Context(), filepath.Join(t.TempDir(), "3.9.0")); err != nil {
		t.Fatal(err)
	}
}

type busyDisk struct {
	realDisk
	left int
}

func (d *busyDisk) Rename(from, to string) error {
	if d.left--; d.left >= 0 {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrPermission}
	}
	return d.realDisk.Rename(from, to)
}

func TestUnfinishedReleasesAreRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"unpacking-1", "unpacking-2/binaries", "3.9.0"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := CleanUnfinished(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "3.9.0" {
		t.Errorf("left %v, %v", left, err)
	}
	if err := CleanUnfinished(filepath.Join(dir, "missing")); err != nil {
		t.Error(err)
	}
}

// bigSource is a file that is large and packs to about half.
func bigSource(path string, size int64) Source {
	return Source{Path: path, Executable: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(&noise{}, size)), nil
	}}
}

// noise is a stream of bytes with four random bits each.
type noise struct{ state uint64 }

func (n *noise) Read(p []byte) (int, error) {
	state := n.state
	for i := range p {
		state = state*6364136223846793005 + 1442695040888963407
		p[i] = byte(state >> 60)
	}
	n.state = state
	return len(p), nil
}

func bigPackage(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "big.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Write(t.Context(), f, base(), []Source{bigSource("oibus-launcher", size/5), bigSource("binaries/oibus", size-size/5)}, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestALargePackageNeedsLittleMemory(t *testing.T) {
	const size = 4 << 20
	list := slices.DeleteFunc(bare(t), func(r *record) bool { return r.name != "oibus-launcher" && r.name != "binaries/oibus" })
	var content strings.Builder
	if _, err := io.CopyN(&content, &noise{}, size); err != nil {
		t.Fatal(err)
	}
	agent := find(list, "binaries/oibus")
	agent.content, agent.level = content.String(), flate.HuffmanOnly // which is fast
	path := filepath.Join(t.TempDir(), "big.zip")
	if err := os.WriteFile(path, archive(list), 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	verifyAndUnpack(t, path, filepath.Join(t.TempDir(), "3.9.0"))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > size/4*3 { // mostly buffers for each file
		t.Errorf("%d bytes were allocated", used)
	}
}

func verifyAndUnpack(t testing.TB, path, dest string) {
	t.Helper()
	p, err := Open(path, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Verify(t.Context(), machine())
	if err == nil {
		err = p.Unpack(t.Context(), dest)
	}
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkVerifyAndUnpack200MB(b *testing.B) {
	const size = 200 << 20
	path, dir := bigPackage(b, size), b.TempDir()
	b.SetBytes(size)
	for b.Loop() {
		dest := filepath.Join(dir, "3.9.0")
		verifyAndUnpack(b, path, dest)
		b.StopTimer()
		if err := os.RemoveAll(dest); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkVerifyTree200MB(b *testing.B) {
	const size = 200 << 20
	dest := filepath.Join(b.TempDir(), "3.9.0")
	verifyAndUnpack(b, bigPackage(b, size), dest)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := VerifyTree(b.Context(), dest); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPackagesAreTheSameWheneverTheyAreMade(t *testing.T) {
	t.Parallel()
	key := certifiedKey(t, 1)
	first := build(t, base(), contents(), &key)
	for range 5 { // the sources come in another order each time
		if !bytes.Equal(build(t, base(), contents(), &key), first) {
			t.Fatal("the packages differ")
		}
	}
	p, _ := accept(t, build(t, base(), contents(), nil), machine())
	var later bytes.Buffer
	if _, err := p.Sign(t.Context(), &later, Manifest{}, key); err != nil || !bytes.Equal(later.Bytes(), first) {
		t.Errorf("signing later makes another package, %v", err)
	}
}
