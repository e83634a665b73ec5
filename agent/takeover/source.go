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

// open copies a database and opens the copy.
func (s *Source) open(ctx context.Context, name string) (*sql.DB, error) {
	from, to := filepath.Join(s.Dir, filepath.FromSlash(name)), filepath.Join(s.temp, filepath.Base(name))
	for _, suffix := range []string{"", "-wal"} {
		err := copyFile(from+suffix, to+suffix)
		if suffix != "" && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the database of the other OIBus: %w", err)
		}
	}
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(to))
	if err != nil {
		return nil, fmt.Errorf("cannot open a copy of %q: %w", from, err)
	}
	db.SetMaxOpenConns(1)
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil || verdict != "ok" {
		return nil, errors.Join(fmt.Errorf("the database %q is damaged: %s", from, strings.TrimSpace(verdict)), err, db.Close())
	}
	return db, nil
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
