package takeover

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// change executes statements on a database of the reference, as another version, or somebody, may have.
func change(dir, file string, statements ...string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(dir, file)))
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, failed := db.Exec(s); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return errors.Join(err, db.Close())
}

func otherKey(dir string) error {
	return change(dir, cryptoFile, `UPDATE crypto SET security_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='`)
}

func newer(dir string) error {
	return change(dir, configFile, `INSERT INTO migrations (name, batch, migration_time) VALUES ('v4.0.0.js', 2, 1)`, `UPDATE engines SET oibus_version = '4.0.1'`)
}

func older(dir string) error {
	return change(dir, configFile, `DELETE FROM migrations WHERE name >= 'v3.8'`, `UPDATE engines SET oibus_version = '3.7.11'`)
}

// cutOff leaves of a database, and of its log of writes, the first half.
func cutOff(path string) error {
	var all error
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err == nil {
			err = os.Truncate(name, info.Size()/2+100)
		}
		if !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func TestASiteForWhichThereIsNoRoomIsRefusedBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file without blocks needs more than its length here")
	}
	from, to := fixture(t), filepath.Join(t.TempDir(), "data")
	const huge = 4 << 40
	waits(t, from, "cache/"+site, "huge", "huge.bin", "", huge)
	if err := os.Truncate(filepath.Join(from, "cache", site, "content", "huge"), huge); err != nil {
		t.Skip("this disk has no files of that length: ", err)
	}
	r, err := Run(t.Context(), Options{From: from, To: to, DryRun: true})
	must(t, err)
	if said := fmt.Sprint(r.Changes); !strings.Contains(said, "nothing comes over") || !strings.Contains(said, "MB are missing on the disk") {
		t.Errorf("a dry run says %s", said)
	}
	_, err = Run(t.Context(), Options{From: from, To: to})
	if err == nil || !strings.Contains(err.Error(), "the contents of the caches have 4194304 MB, and 64 MB must stay free") {
		t.Errorf("got %v", err)
	}
	for path := range sums(t, to) {
		if filepath.Dir(path) != to {
			t.Errorf("%s is left in the target", path)
		}
	}
}
