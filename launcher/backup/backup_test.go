package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/platform"
)

func TestAPatternMeansWhatItMeansToTheReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, separator string
		in, out            []string
	}{
		{"", "/", []string{"state", "cache", "cache/a/b", "certs/own.pem", "oibus.db"}, []string{"logs", "logs/x", "update/a.zip", "versions", "backup/1", "oibus.lock", "launcher.json", "launcher.json.previous", "cache/x.123.oibus-tmp", "rescued/1"}},
		{"cache/*", "/", []string{"cache", "cache/cache.db", "cache/a/b", "state", "state/engine.json", "secrets/data.key"}, []string{"oibus.db", "certs", "error", "archive", "logs"}},
		{"cache/*", `\`, []string{"cache", "cache/cache.db"}, []string{"certs"}},
		{".*", "/", []string{"certs/a", "oibus.db", "archive"}, []string{"logs", "backup", "versions"}},
		{"*", "/", []string{"certs", "cache"}, []string{"logs"}}, // not an expression: everything
		{"^cache", "/", []string{"state"}, []string{"cache", "certs"}},
		{"^/cache", "/", []string{"cache", "cache/a"}, []string{"certs"}},
		{"^/cache$", "/", []string{"cache"}, []string{"cache/a"}},
		{`^\\cache`, `\`, []string{"cache", "cache/a"}, []string{"certs"}},
		{"/a/b$", "/", []string{"a/b"}, []string{"a", "a/b/c"}}, // a is not entered, so a/b is not found either
		{"ERROR", "/", nil, []string{"error"}},
		{"(?=x)", "/", []string{"certs"}, nil}, // the reference understands it, we do not: everything
	} {
		s, err := newScope(c.pattern, c.separator, nil)
		if invalid := c.pattern == "*" || c.pattern == "(?=x)"; invalid != (err != nil) {
			t.Errorf("%q: got error %v", c.pattern, err)
		}
		for _, path := range c.in {
			if !s.has(path) {
				t.Errorf("%q on %q should be saved", c.pattern, path)
			}
		}
		for _, path := range c.out {
			if s.has(path) {
				t.Errorf("%q on %q should not be saved", c.pattern, path)
			}
		}
	}
}

func TestProgramsInTheDataFolderAreNoData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := Exclude(dir, filepath.Join(dir, "binaries", "oibus"), filepath.Join(dir, "oibus-launcher"), filepath.Join(t.TempDir(), "other"))
	if want := []string{"binaries", "oibus-launcher"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s, err := NewScope("", got...)
	if err != nil || s.has("binaries") || s.has("oibus-launcher") || !s.has("oibus-launcher2") {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOnlyFilesThatNobodyChangesInPlaceAreLinked(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"cache/n/1.json": true, "error/n/1": true, "archive/x": true, "state/engine.json": true, "state/a/b.json.previous": true,
		"state/tracked.log": false, "cache/n/index.log": false, "cache/cache.db": false, "secrets/data.key": false, "oibus.db": false, "certs/a.pem": false, "state": false,
	} {
		if got := mayLink(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

// folder is a data folder.
type folder struct {
	t   *testing.T
	dir string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	f := folder{t, t.TempDir()}
	for path, text := range map[string]string{
		"state/engine.json": "engine", "state/souths/a.json": "south a", "state/empty.json": "", "state/tracked.log": "1\n",
		"secrets/data.key": "key", "cache/n/1": "one", "cache/n/2": "two", "cache/n/index.log": "1 2 ", "archive/n/0": "zero",
		"certs/own.pem": "certificate", "notes.txt": "of a person", "logs/journal.log": "log", "update/x.zip": "zip",
	} {
		f.write(path, text)
	}
	f.do(os.MkdirAll(f.path("state/norths"), 0o750), os.Chmod(f.path("secrets/data.key"), 0o400), os.Symlink("engine.json", f.path("state/link")))
	return f
}

func (f folder) path(path string) string { return filepath.Join(f.dir, filepath.FromSlash(path)) }

func (f folder) do(errs ...error) {
	f.t.Helper()
	if err := errors.Join(errs...); err != nil {
		f.t.Fatal(err)
	}
}

// write replaces a file by renaming, as the agent writes state.
func (f folder) write(path, text string) {
	f.t.Helper()
	f.do(os.MkdirAll(filepath.Dir(f.path(path)), 0o755), os.WriteFile(f.path(path)+".new", []byte(text), 0o640), os.Rename(f.path(path)+".new", f.path(path)))
	f.age(path)
}

// age makes a file as old as those that an agent does not work on at the moment.
func (f folder) age(path string) {
	f.t.Helper()
	at := time.Now().Add(-time.Hour).Add(time.Duration(rand.IntN(1000)) * time.Millisecond)
	f.do(os.Chtimes(f.path(path), at, at))
}

// grow appends to a file in place.
func (f folder) grow(path, text string) {
	f.t.Helper()
	file, err := os.OpenFile(f.path(path), os.O_APPEND|os.O_WRONLY, 0)
	f.do(err)
	_, err = file.WriteString(text)
	f.do(err, file.Close())
}

func (f folder) tree(tops ...string) map[string]string {
	f.t.Helper()
	all := map[string]string{}
	f.do(filepath.WalkDir(f.dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == f.dir {
			return err
		}
		rel, err := filepath.Rel(f.dir, full)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(rel)
		top, _, _ := strings.Cut(path, "/")
		if top == Folder || len(tops) > 0 && !slices.Contains(tops, top) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var text []byte
		if info.Mode().IsRegular() {
			text, err = os.ReadFile(full)
		}
		all[path] = fmt.Sprintf("%v %q", info.Mode(), text)
		return err
	}))
	return all
}

func expectTree(t *testing.T, got, want map[string]string) {
	t.Helper()
	for path := range want {
		if got[path] != want[path] {
			t.Errorf("%s is %s, want %s", path, got[path], want[path])
		}
	}
	for path := range got {
		if _, there := want[path]; !there {
			t.Errorf("%s is there: %s", path, got[path])
		}
	}
}

func (f folder) backup(pattern string) *Backup {
	f.t.Helper()
	s, err := NewScope(pattern)
	f.do(err)
	return New(f.dir, "b1", s)
}

// trial does to the data what a new version may do.
func (f folder) trial() {
	f.write("state/engine.json", "engine, new")
	f.write("state/sub/deep/new.json", "new")
	f.grow("state/tracked.log", "2\n")
	f.grow("cache/n/index.log", "3 ")
	f.write("cache/n/3", "three")
	f.write("cache/m/1", "of a new connector")
	f.do(os.Remove(f.path("cache/n/1")), os.RemoveAll(f.path("archive/n")), os.RemoveAll(f.path("state/souths")), os.Remove(f.path("notes.txt")))
	if _, err := os.Lstat(f.path("state/link")); err == nil { // Wine makes a symbolic link that it then does not find
		f.do(os.Remove(f.path("state/link")))
	}
	f.write("certs/own.pem", "another certificate")
	f.write("logs/journal.log", "log, longer")
	// What was a folder is a file, and the other way around.
	f.do(os.Remove(f.path("state/norths")), os.Remove(f.path("state/empty.json")))
	f.write("state/norths", "a file")
	f.write("state/empty.json/x", "in a folder")
}

func (f folder) mean(b *Backup, link, clone bool) {
	b.disk = fakeDisk{realDisk{}, link, clone, nil, 1 << 40}
}

// fakeDisk is a disk that lacks means, room or luck.
type fakeDisk struct {
	realDisk
	link, clone bool
	copyError   error
	free        uint64
}

func (d fakeDisk) Link(path, to string) error {
	if !d.link {
		return platform.ErrNoLink
	}
	return d.realDisk.Link(path, to)
}

func (d fakeDisk) Clone(to, from *os.File) error {
	if !d.clone {
		return platform.ErrNoClone
	}
	_, err := io.Copy(to, from) // what a clone is to those who read it
	return err
}

func (d fakeDisk) Copy(to io.Writer, from io.Reader) (int64, error) {
	if d.copyError != nil {
		return 0, d.copyError
	}
	return d.realDisk.Copy(to, from)
}

func (d fakeDisk) Free(string) (uint64, error) { return d.free, nil }

func TestADataFolderIsPutBackAsItWasAndContentStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ link, clone bool }{
		"links": {true, false}, "clones": {false, true}, "both": {true, true}, "copies": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			b := f.backup("")
			f.mean(b, c.link, c.clone)
			f.do(b.Prepare(t.Context()))
			f.write("state/engine.json", "engine, changed since")
			f.write("cache/n/5", "collected since")
			f.do(os.Remove(f.path("cache/n/2")))
			f.do(b.Complete(t.Context()))
			before := f.tree()
			if c.link && b.Stats.Linked == 0 || c.clone && b.Stats.Cloned == 0 || !c.link && !c.clone && b.Stats.Copied == 0 {
				t.Errorf("got %+v", b.Stats)
			}
			f.trial()
			trial := f.tree()
			f.do(b.Restore(t.Context(), KeepContent))
			want := withContent(before, trial)
			expectTree(t, f.tree(), want)
			f.do(b.Restore(t.Context(), KeepContent)) // again, after a crash that forgot it
			expectTree(t, f.tree(), want)
			f.do(b.Discard(), b.Discard())
			if left, err := os.ReadDir(f.path(Folder)); err != nil || len(left) != 0 {
				t.Errorf("got %v, %v", left, err)
			}
		})
	}
}

// withContent is the data folder before, but for content as it is after the trial, and the folders that are gone from
// there as they were.
func withContent(before, trial map[string]string) map[string]string {
	want := maps.Clone(before)
	maps.DeleteFunc(want, func(path, _ string) bool { return isContent(path) && !strings.HasPrefix(path, "archive") })
	for path, text := range trial {
		if isContent(path) || path == "logs/journal.log" {
			want[path] = text
		}
	}
	return want
}

func TestContentOfAnotherFormatIsKeptAsideAndThatOfBeforePutBack(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	b := f.backup("")
	f.do(b.Prepare(t.Context()), b.Complete(t.Context()))
	before := f.tree()
	f.trial()
	trial := f.tree("cache")
	f.do(b.Restore(t.Context(), RestoreContent))
	want := maps.Clone(before)
	want["logs/journal.log"] = f.tree("logs")["logs/journal.log"]
	for path, text := range trial {
		want["rescued/b1/"+path] = text
	}
	for path, text := range f.tree(RescuedFolder) {
		if strings.Count(path, "/") < 2 || path == "rescued/b1/cache" {
			want[path] = text // folders that a backup makes
		}
	}
	expectTree(t, f.tree(), want)
	f.do(b.Restore(t.Context(), KeepContent)) // what was decided first holds
	expectTree(t, f.tree(), want)
}

func TestContentThatAPatternLeavesOutStaysWhereItIs(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	b := f.backup("cert")
	f.do(b.Prepare(t.Context()), b.Complete(t.Context()))
	f.trial()
	trial := f.tree("cache", "error", "archive")
	f.do(b.Restore(t.Context(), RestoreContent))
	expectTree(t, f.tree("cache", "error", "archive"), trial)
}

func TestWhatAPatternLeavesOutIsNotTouched(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	b := f.backup("cache/*")
	f.do(b.Prepare(t.Context()), b.Complete(t.Context()))
	before := f.tree("state", "secrets")
	f.trial()
	outside := f.tree("certs", "notes.txt", "archive")
	f.do(b.Restore(t.Context(), KeepContent))
	expectTree(t, f.tree("state", "secrets"), before)
	expectTree(t, f.tree("certs", "notes.txt", "archive"), outside)
}

// dyingContext is done after so many questions.
type dyingContext struct {
	context.Context
	left *int
}

func (d dyingContext) Err() error {
	if *d.left--; *d.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestABackupThatIsInterruptedAnywhereCanBeGoneOnWith(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	stride := 1
	if platform.Platform() == "windows" {
		stride = 7 // under Wine each step takes its time
	}
	for n := 1; ; n += stride {
		f := newFolder(t)
		s, err := NewScope("")
		f.do(err)
		steps, died := n, 0
		again := func(do func(b *Backup, ctx context.Context) error) {
			b := New(f.dir, "b1", s)
			if do(b, dyingContext{t.Context(), &steps}) != nil {
				died++
				steps = 1 << 30
				f.do(do(New(f.dir, "b1", s), t.Context())) // by the next launcher
			}
		}
		again(func(b *Backup, ctx context.Context) error { return b.Prepare(ctx) })
		again(func(b *Backup, ctx context.Context) error { return b.Complete(ctx) })
		before := f.tree()
		f.trial()
		trial := f.tree()
		again(func(b *Backup, ctx context.Context) error { return b.Restore(ctx, KeepContent) })
		expectTree(t, f.tree(), withContent(before, trial))
		if t.Failed() {
			t.Fatalf("interrupted after %d steps", n)
		}
		if died == 0 {
			return
		}
	}
}

func TestAFullDiskLeavesTheDataAlone(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	before := f.tree()
	b := f.backup("")
	b.disk = fakeDisk{free: spare, link: true}
	var short *ShortageError
	if err := b.Prepare(t.Context()); !errors.As(err, &short) || !strings.Contains(err.Error(), "are missing") {
		t.Errorf("got %v", err)
	}
	b.disk = fakeDisk{free: 1 << 40, copyError: syscall.ENOSPC}
	if err := b.Prepare(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	f.do(b.Discard())
	expectTree(t, f.tree(), before)
}

func TestLinksAndClonesNeedNoRoom(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("cache/n/big", strings.Repeat("x", 1<<20))
	b := f.backup("")
	b.disk = fakeDisk{free: spare + 1<<19, link: true}
	f.do(b.Prepare(t.Context()), b.Discard())
	b = f.backup("")
	b.disk = fakeDisk{free: spare + 1<<19}
	if err := b.Prepare(t.Context()); err == nil {
		t.Error("a copy of it needs more room than there is")
	}
}

func TestWhileTheAgentRunsOnlyWhatRestsIsSaved(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.do(os.WriteFile(f.path("cache/n/now"), []byte("now"), 0o600))
	b := f.backup("")
	f.do(b.Prepare(t.Context()))
	if _, err := os.Lstat(b.saved("cache/n/now")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it may still change: %v", err)
	}
	f.do(b.Complete(t.Context()))
	if got, err := os.ReadFile(b.saved("cache/n/now")); err != nil || string(got) != "now" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWhatChangesBetweenTheTwoPassesIsSavedAsItIsLast(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		f := newFolder(t)
		paths := []string{"state/a.json", "state/b/c.json", "state/d.log", "cache/n/1", "cache/n/7", "certs/x", "top"}
		change := func() {
			for range 5 {
				path := paths[r.IntN(len(paths))]
				switch r.IntN(3) {
				case 0:
					f.write(path, fmt.Sprint(r.IntN(10)))
				case 1:
					f.do(os.RemoveAll(f.path(path)))
				case 2:
					if f.write(path, "x"); strings.HasSuffix(path, ".log") {
						f.grow(path, fmt.Sprint(r.IntN(10)))
					}
				}
			}
		}
		change()
		b := f.backup("")
		f.mean(b, r.IntN(2) == 0, r.IntN(2) == 0)
		f.do(b.Prepare(t.Context()))
		change()
		f.do(b.Complete(t.Context()))
		before := f.tree("state", "certs", "top")
		change()
		f.do(b.Restore(t.Context(), KeepContent))
		expectTree(t, f.tree("state", "certs", "top"), before)
		if t.Failed() {
			return
		}
	}
}

func TestContentThatChangesBetweenTheTwoPassesIsSavedAsItIsLast(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for round := range 10 {
		f := newFolder(t)
		once := 100 // names are not used again
		change := func() {
			for range 8 {
				dir := []string{"cache/n", "cache/n/blobs", "cache/m", "error/n", "archive"}[r.IntN(5)]
				switch r.IntN(6) {
				case 0, 1:
					once++
					f.write(fmt.Sprint(dir, "/", once), fmt.Sprint(once))
				case 2:
					f.do(os.RemoveAll(f.path(fmt.Sprint(dir, "/", 100+r.IntN(once-99)))))
				case 3:
					f.write(dir+"/1.state", fmt.Sprint(r.IntN(1000)))
				case 4:
					f.write(dir+"/1.data", "1")
					f.grow(dir+"/1.data", fmt.Sprint(r.IntN(10)))
				case 5:
					if r.IntN(3) == 0 {
						f.do(os.RemoveAll(f.path(dir)))
					}
				}
			}
		}
		change()
		b := f.backup("")
		f.mean(b, round%2 == 0, r.IntN(2) == 0)
		f.do(b.Prepare(t.Context()))
		change()
		f.do(b.Complete(t.Context()))
		saved := folder{t, filepath.Join(f.dir, Folder, "b1", savedFolder)}
		expectTree(t, saved.tree(content...), f.tree(content...))
		if t.Failed() {
			return
		}
	}
}

func TestRestoringWithoutABackupIsAnError(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	before := f.tree()
	if err := f.backup("").Restore(t.Context(), KeepContent); err == nil {
		t.Error("there is nothing to restore from")
	}
	expectTree(t, f.tree(), before)
}

func FuzzNewScopeTakesAnything(f *testing.F) {
	f.Add("cache/*", "cache/a")
	f.Add("*", "state")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		s, err := NewScope(pattern)
		if err != nil && !s.has("certs") {
			t.Error("a pattern that is not understood saves everything")
		}
		if s.has("logs/" + path) {
			t.Error("logs are never saved")
		}
	})
}
