package conformance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver of the source
)

// The source of the recordings is a table of hourly values. Its rows were put in once more before the tests of history
// queries, and once more before the run of one: the recorded results show each row so many times.
const (
	sourceFile = "src.db"
	sourceRows = 48 // from the first hour of 2024 on

	copiesForHistoryTests = 2
	copiesForHistoryRuns  = 3
)

// historyArrangements are what was done in between the recordings about history queries.
var historyArrangements = map[string]func(p *Plant) error{
	"test-history-query-south-item": func(p *Plant) error { return p.fillSource(copiesForHistoryTests) },
	"update-history-query-status":   func(p *Plant) error { return p.fillSource(copiesForHistoryRuns) },
	"search-history-cache-content":  (*Plant).learnHistoryCache,
}

// fillSource puts the rows into the source until it holds so many copies of each.
func (p *Plant) fillSource(copies int) (err error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(p.work, sourceFile))+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return fmt.Errorf("cannot open the source: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS t (ts TEXT, point TEXT, value REAL)"); err != nil {
		return fmt.Errorf("cannot make the source: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("cannot fill the source: %w", err)
	}
	for ; p.copies < copies; p.copies++ {
		for i := range sourceRows {
			at := time.Date(2024, 1, 1, i, 0, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (?, ?, ?)", at, fmt.Sprintf("P%d", i%3), 1.5*float64(i)); err != nil {
				return errors.Join(fmt.Errorf("cannot fill the source: %w", err), tx.Rollback())
			}
		}
	}
	return tx.Commit()
}
