package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNamesOfContentsAreSplitAsByTheReference(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"report.csv": {"report", ".csv"}, "x.tar.gz": {"x.tar", ".gz"}, ".hid": {".hid", ""}, "a/b/c.json": {"c", ".json"},
		`..\..\x.csv`: {"x", ".csv"}, "none": {"none", ""}, "": {"", ""}, "dir/": {"", ""}, "x.": {"x", "."},
	} {
		if base, ext := Split(name); base != want[0] || ext != want[1] {
			t.Errorf("%q: got %q, %q", name, base, ext)
		}
	}
}

func TestNoNameLeadsOutOfItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"../x", "a/../../x", "/etc/passwd/..//../../x"} {
		if path, err := Inside(dir, name); err == nil && !strings.HasPrefix(path, dir+string(filepath.Separator)) {
			t.Errorf("%q: got %q", name, path)
		}
	}
	for name, want := range map[string]string{"x.csv": "x.csv", "sub/x.csv": "sub/x.csv", "": "content", "..": "content", "a\x00b": "a_b"} {
		if path, err := Inside(dir, name); err != nil || path != filepath.Join(dir, filepath.FromSlash(want)) {
			t.Errorf("%q: got %q, %v", name, path, err)
		}
	}
}

func TestErrorsHaveTheWordsOfTheReference(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nope")
	_, err := os.Stat(path)
	err = Fail(err, "access", path)
	if want := "ENOENT: no such file or directory, access '" + path + "'"; err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	other := errors.New("other")
	if Fail(other, "open", path) != other || Fail(nil, "open", path) != nil {
		t.Error("an unknown error was changed")
	}
}

func TestWhatTheUnitForbidsIsToldWithTheRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		path  string
		under bool
		want  string
	}{
		"a folder that may only be read": {&fs.PathError{Err: syscall.EROFS}, "/srv/exchange/a", true, "ReadWritePaths="},
		"a home folder":                  {&fs.PathError{Err: syscall.EACCES}, "/home/ops/in", true, "ProtectHome="},
		"the home folders themselves":    {&fs.PathError{Err: syscall.EACCES}, "/home", true, "ProtectHome="},
		"rights of a folder":             {&fs.PathError{Err: syscall.EACCES}, "/homework/in", true, ""},
		"a disk that is read-only":       {&fs.PathError{Err: syscall.EROFS}, "/srv/exchange/a", false, ""},
		"no such folder":                 {fs.ErrNotExist, "/home/ops/in", true, ""},
	} {
		if got := remedy(c.err, c.path, c.under); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestStampsAreThoseOfFileNames(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 15, 11, 0, 0, 7_000_000, time.FixedZone("", 3600))
	if got := Stamp(at); got != "2024_01_15_10_00_00_007" {
		t.Errorf("got %s", got)
	}
}

func TestOnlyPathsOnSharesNeedOne(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		`\\srv\data\in`: `\\srv\data`, `//srv/data/in/x`: `\\srv\data`, `\\srv`: "", `C:\x`: "", "/srv/in": "", `\\?\C:\x`: "", `\\.\pipe\x`: "", `\\srv\`: "",
	} {
		if got := shareOf(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if err := new(Share).Open(`\\srv\data`); err != nil {
		t.Errorf("without a user name: %v", err)
	}
	if err := (&Share{Username: "u"}).Open("/srv"); err != nil {
		t.Errorf("no share: %v", err)
	}
}

func TestAShareIsClosedByTheLastOneThatUsesIt(t *testing.T) {
	t.Parallel()
	const root = `\\127.0.0.1\oibus-counted`
	users := func() int {
		shares.Lock()
		defer shares.Unlock()
		return shares.users[root]
	}
	var first, second Share
	first.hold(root)
	first.hold(root) // opened again by the same connector
	second.hold(`\\127.0.0.1\OIBUS-counted`)
	if users() != 2 {
		t.Errorf("%d users", users())
	}
	for want, s := range []*Share{&second, &first} {
		if err := s.Close(); err != nil || users() != 1-want {
			t.Errorf("%v, %d users", err, users())
		}
	}
	if err := first.Close(); err != nil || users() != 0 {
		t.Errorf("closed twice: %v, %d users", err, users())
	}
}

func FuzzInside(f *testing.F) {
	f.Add("../x")
	f.Add(`..\..\x`)
	f.Add("a/b/../../../c")
	f.Add("CON.csv")
	f.Fuzz(func(t *testing.T, name string) {
		dir := filepath.Join(os.TempDir(), "folder")
		base, ext := Split(name)
		path, err := Inside(dir, base+ext)
		if err != nil || filepath.Dir(path) != dir {
			t.Errorf("%q: got %q, %v", name, path, err)
		}
		if path, err := Inside(dir, name); err == nil && !strings.HasPrefix(path, dir+string(filepath.Separator)) {
			t.Errorf("%q: got %q", name, path)
		}
	})
}
