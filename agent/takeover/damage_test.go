package takeover

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
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
