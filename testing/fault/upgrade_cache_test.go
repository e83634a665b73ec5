package fault

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/launcher/backup"
	"oibus/testing/harness"
)

// A backup saves the files of a cache by a second name, and a rollback leaves the folder of a cache as it is. Both rest
// on what the cache promises of its files; these tests hold it to that.

const cacheID = "north-a"

// useCache does to a cache what an agent does between its start and its stop: it collects, and sends the oldest.
func useCache(t *testing.T, dir string, puts, sends int) (waiting int) {
	t.Helper()
	c, err := cache.Open(dir, cacheID, cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range puts {
		size := 100
		if i%5 == 0 {
			size = 2 << 20 // it gets a file of its own
		}
		if _, err := c.PutBytes(t.Context(), cache.Meta{Kind: content.Any, FileName: fmt.Sprint(i)}, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sends {
		b, err := c.Next(0)
		if err == nil && b != nil {
			err = b.Done(i%2 == 0)
		}
		if err != nil || b == nil {
			t.Fatalf("there is nothing to send: %v", err)
		}
	}
	s := c.Stats()
	if s.Incidents > 0 {
		t.Errorf("%d damages were found in the cache", s.Incidents)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Cached
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// savedCache makes a data folder with a cache, and a backup of it.
func savedCache(t *testing.T) (dir string, b *backup.Backup) {
	t.Helper()
	dir = t.TempDir()
	useCache(t, dir, 20, 3)
	scope, err := backup.NewScope("")
	if err != nil {
		t.Fatal(err)
	}
	b = backup.New(dir, "b", scope)
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	useCache(t, dir, 20, 3) // between the two passes, by the version before
	if err := b.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir, b
}

func TestNoVersionChangesTheFilesOfACacheThatABackupHasLinked(t *testing.T) {
	t.Parallel()
	dir, b := savedCache(t)
	before := files(t, filepath.Join(dir, backup.Folder))
	if b.Stats.Linked == 0 {
		t.Skip("this file system links no files")
	}
	for range 3 {
		useCache(t, dir, 20, 15)
	}
	if after := files(t, filepath.Join(dir, backup.Folder)); !maps.Equal(before, after) {
		for path, text := range before {
			if after[path] != text {
				t.Errorf("%s had %d bytes and has %d, or others", path, len(text), len(after[path]))
			}
		}
	}
}

func TestACacheIsWholeAfterARollbackWhicheverWayItIsTreated(t *testing.T) {
	t.Parallel()
	for rule, want := range map[backup.Content]int{backup.KeepContent: 34 + 20 - 15, backup.RestoreContent: 34} {
		dir, b := savedCache(t)
		useCache(t, dir, 20, 15)
		if err := b.Restore(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		if waiting := useCache(t, dir, 0, 0); waiting != want {
			t.Errorf("%s: %d contents wait, want %d", rule, waiting, want)
		}
	}
}

func TestTheLevelOfTheFormatOfACacheIsNotAboveTheSchemaLevelOfTheState(t *testing.T) {
	t.Parallel()
	// A rollback keeps the caches of a version that has not raised the schema level: see backup.KeepContent.
	level := func(file, name string) int {
		text, err := os.ReadFile(filepath.Join(harness.Root(t), filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`(?m)^const ` + name + ` = (\d+)$`).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no constant %s", file, name)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if format, schema := level("agent/cache/sheet.go", "formatLevel"), level("agent/store/store.go", "SchemaLevel"); format > schema {
		t.Errorf("formatLevel of the cache is %d, SchemaLevel %d: raise both", format, schema)
	}
}
