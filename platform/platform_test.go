package platform

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteFileReplacesTheContentAndLeavesNoOtherFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "engine.json")
	for _, content := range []string{"first", "second, longer", ""} {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Fatalf("read %q, %v; wrote %q", got, err, content)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files in the folder, %v", len(entries), err)
	}
}

func TestWriteFileThatFailsKeepsTheOldContentAndNamesTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "engine.json")
	if err := WriteFile(path, nil, 0o600); err == nil || !strings.Contains(err.Error(), "engine.json") {
		t.Fatalf("got %v", err)
	}
}

func TestCleanTempRemovesOnlyUnfinishedFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a.json", "a.json.123" + tempSuffix} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := CleanTemp(dir); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 1 || filepath.Base(left[0]) != "a.json" {
		t.Fatalf("left %v", left)
	}
}

func TestALockedFolderIsRefusedUntilReleased(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockDir(dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = LockDir(dir)
	if err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMeetsALockIsToldWhatItIsHeldFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	for _, work := range []string{"switching from a folder with a long name", "importing"} {
		release, _, err := LockFor(path, work)
		if err != nil {
			t.Fatal(err)
		}
		if _, other, err := LockFor(path, "something else"); !errors.Is(err, ErrLocked) || other != work {
			t.Errorf("%q, %v", other, err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASealedKeyComesBack(t *testing.T) {
	t.Parallel()
	sealed, err := Seal([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unseal(sealed)
	if err != nil || string(got) != "0123456789abcdef" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestTheMachineTellsItsFacts(t *testing.T) {
	t.Parallel()
	if MemoryRSS() == 0 {
		t.Error("no resident memory")
	}
	if available, total := MemoryTotal(); available == 0 || total < available {
		t.Errorf("memory %d of %d", available, total)
	}
	if free, total, err := DiskFree(t.TempDir()); err != nil || free == 0 || total < free {
		t.Errorf("disk %d of %d, %v", free, total, err)
	}
	if _, _, err := DiskFree(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("the free space of a missing folder should be an error")
	}
	if s := OperatingSystem(); len(strings.Fields(s)) != 2 {
		t.Errorf("operating system %q is not a name and a release", s)
	}
}

func TestWriteFileKeepingNeverLeavesThePathWithoutAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, previous := filepath.Join(dir, "engine.json"), filepath.Join(dir, "engine.json.previous")
	for i, content := range []string{"first", "second", "third"} {
		if err := WriteFileKeeping(path, previous, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(previous)
		if want := []string{"", "first", "second"}[i]; string(got) != want || (err == nil) != (want != "") {
			t.Fatalf("after %q the previous one is %q, %v", content, got, err)
		}
	}
	if kept, err := keep(filepath.Join(dir, "missing"), previous); kept || err != nil {
		t.Fatalf("kept %v of a missing file, %v", kept, err)
	}
	if err := putBack(path, previous, true); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "second" {
		t.Fatalf("put back %q, %v", got, err)
	}
}
