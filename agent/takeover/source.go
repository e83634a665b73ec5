// Package takeover brings a site of the reference over: it reads the data folder of an OIBus 3.8 and makes of it the data
// folder of this agent, with the same ids, so that the cloud recognises everything, and with the secrets sealed anew. It
// promises that the source is never changed, that an import is either whole or not there, and that everything that
// changes on the way, or cannot come, is said. It guards against the site that is half moved.
package takeover

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the databases of the reference
)

// Source is the data folder of the reference, of whose databases there are copies.
type Source struct {
	Dir     string
	Version string // of the agent that wrote it
	config  *sql.DB
	track   *sql.DB // nil when nothing was tracked
	cipher  cipher
	temp    string
}

// files of the databases, in the data folder.
const (
	configFile = "oibus.db"
	cryptoFile = "crypto.db"
	trackFile  = "cache/cache.db"
)

// OpenSource copies the databases of dir with what is still in their write-ahead logs, and checks that they are whole and
// of a version that is known.
func OpenSource(ctx context.Context, dir, temp string) (s *Source, err error) {
	s = &Source{Dir: dir, temp: temp}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.config, err = s.open(ctx, configFile); err != nil {
		return s, err
	}
	crypto, err := s.open(ctx, cryptoFile)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, crypto.Close()) }()
	if s.cipher, err = readCipher(ctx, crypto); err != nil {
		return s, fmt.Errorf("cannot read the key in %q: %w", filepath.Join(dir, cryptoFile), err)
	}
	if _, err := os.Stat(filepath.Join(dir, trackFile)); err == nil {
		if s.track, err = s.open(ctx, trackFile); err != nil {
			return s, err
		}
	}
	return s, s.check(ctx)
}

// copies is how often a database is copied before it counts as damaged: one that an OIBus writes meanwhile may be caught
// in the middle, which a dry run may meet.
const copies = 3

// open copies a database and opens the copy.
func (s *Source) open(ctx context.Context, name string) (db *sql.DB, err error) {
	from, to := filepath.Join(s.Dir, filepath.FromSlash(name)), filepath.Join(s.temp, filepath.Base(name))
	for range copies {
		if err := copyDatabase(ctx, from, to); err != nil {
			return nil, fmt.Errorf("cannot read the database of the other OIBus: %w", err)
		}
		if db, err = openCopy(ctx, to); err == nil {
			return db, nil
		}
	}
	return nil, fmt.Errorf("the database %q is damaged: %w", from, err)
}

func openCopy(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	if err == nil && verdict != "ok" {
		err = errors.New(strings.TrimSpace(verdict))
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// beside are the ends of the names of what belongs to a database: what is not yet in it, and what must be taken back
// because a transaction was interrupted.
var beside = []string{"-wal", "-journal"}

// copyDatabase copies a database with what belongs to it. It waits for a writer, and keeps others from writing meanwhile.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	release, err := holdStill(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	for _, suffix := range beside {
		err := os.Remove(to + suffix)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			err = copyFile(from+suffix, to+suffix)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return copyFile(from, to)
}

// lockWait is how long to wait for a program that writes.
const lockWait = "5000" // ms

// holdStill takes a lock for reading, which changes nothing. A database with a log of writes, or with an interrupted
// transaction, cannot be locked without being changed: its copy is looked at more closely by SQLite itself.
func holdStill(ctx context.Context, path string) (release func() error, err error) {
	nothing := func() error { return nil }
	if quiet, err := lockable(path); err != nil || !quiet {
		return nothing, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?mode=ro&_pragma=busy_timeout("+lockWait+")")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		var n int
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "SQLITE_BUSY"):
		return nil, errors.Join(fmt.Errorf("another program is writing to %q: stop that OIBus first", path), db.Close())
	case err != nil: // what is wrong with it shows in the copy
		return db.Close, nil
	}
	return func() error { return errors.Join(tx.Rollback(), db.Close()) }, nil
}

// lockable says whether a database is of the kind that a reader can lock.
func lockable(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	header := make([]byte, 20)
	_, err = io.ReadFull(f, header)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, nil // too short for a database, which shows in the copy
	}
	for _, suffix := range beside {
		if _, err := os.Stat(path + suffix); !errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
	}
	const journal = 1 // the format that is not written through a log, in the bytes 18 and 19
	return header[18] == journal && header[19] == journal, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Migrations of the reference's database, as its table "migrations" names them.
const (
	oldestMigration = "v3.8.0" // before, souths and norths are bound in another way
	newestMigration = "v3.9.0_2"
)

// check says whether the structure of the database is one that is known.
func (s *Source) check(ctx context.Context) error {
	names, err := s.rows(ctx, s.config, "migrations", "id")
	if err != nil {
		return fmt.Errorf("%q is no database of OIBus: %w", filepath.Join(s.Dir, configFile), err)
	}
	newest := ""
	for _, r := range names {
		if name := strings.TrimSuffix(r.text("name"), ".js"); compareVersions(name, newest) > 0 {
			newest = name
		}
	}
	engines, err := s.rows(ctx, s.config, "engines", "")
	if err != nil || len(engines) != 1 {
		return errors.Join(fmt.Errorf("the database has %d engines, not one", len(engines)), err)
	}
	s.Version = engines[0].text("oibus_version")
	switch {
	case compareVersions(newest, oldestMigration) < 0:
		return fmt.Errorf("the data are of OIBus %s, with the database of %s: update that OIBus to 3.8 first", s.Version, strings.TrimPrefix(newest, "v"))
	case compareVersions(newest, newestMigration) > 0:
		return fmt.Errorf("the data are of OIBus %s, with the database of %s: this OIBus knows it up to %s, take a newer one", s.Version,
			strings.TrimPrefix(newest, "v"), strings.TrimPrefix(newestMigration, "v"))
	}
	return nil
}

// compareVersions compares names such as v3.8.0_1.
func compareVersions(a, b string) int {
	x, y := numbers(a), numbers(b)
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m = x[i]
		}
		if i < len(y) {
			n = y[i]
		}
		if m != n {
			return m - n
		}
	}
	return 0
}

// numbers are those of a version, up to the first part that is none.
func numbers(version string) (list []int) {
	parts := strings.FieldsFunc(strings.TrimPrefix(version, "v"), func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	for _, part := range parts {
		n := 0
		for _, r := range part {
			if r < '0' || r > '9' || n > 1e6 {
				return list
			}
			n = 10*n + int(r-'0')
		}
		list = append(list, n)
	}
	return list
}

// Close removes the copies.
func (s *Source) Close() error {
	var err error
	for _, db := range []*sql.DB{s.config, s.track} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return errors.Join(err, os.RemoveAll(s.temp))
}
