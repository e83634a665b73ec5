package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the databases of the reference

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	// The goals of an import: a site with 100,000 items and 100,000 waiting files moves while somebody waits, on a small box.
	takeoverBudget       = 60  // s
	takeoverMemoryBudget = 400 // MiB
	takeoverLimit        = 4 * time.Minute
	memoryGlance         = 20 * time.Millisecond
)

// takeovers measures `oibus import` of a site of the reference that is large: its database, with very many items in one
// south and as many tracked positions, and a cache with very many files. It is skipped where no data folder of the
// reference is.
func takeovers(s *stage, n size) []measure.Row {
	group := fmt.Sprintf("Import of a site of OIBus 3.8 with %d items and %d cached files", n.cached, n.cached)
	reference, ok := referenceData()
	if !ok {
		return []measure.Row{measure.Row{Group: group, Name: "time", Unit: "s"}.Absent("the data folder of the reference is not here")}
	}
	from := filepath.Join(s.TempDir(), "data")
	s.must(largeSite(reference, from, n.cached))
	dry, _ := s.imported(from, filepath.Join(s.TempDir(), "dry"), "--dry-run")
	took, peak := s.imported(from, filepath.Join(s.TempDir(), "to"))
	rows := []measure.Row{
		measure.Row{Group: group, Name: "dry run", Value: dry.Seconds(), Unit: "s"},
		measure.Row{Group: group, Name: "time", Value: took.Seconds(), Unit: "s", Detail: "durable on disk"}.AtMost(takeoverBudget),
	}
	memory := measure.Row{Group: group, Name: "memory at most", Value: float64(peak) / mebibyte, Unit: "MiB"}
	if peak == 0 {
		return append(rows, memory.Absent("this system does not tell"))
	}
	return append(rows, memory.AtMost(takeoverMemoryBudget))
}

// referenceData is the data folder of the reference beside the module.
func referenceData() (string, bool) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			path := filepath.Join(filepath.Dir(dir), "shared", "reference-data", "data")
			_, err := os.Stat(path)
			return path, err == nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return "", false
}

// imported runs an import and returns how long it took and its memory.
func (s *stage) imported(from, to string, options ...string) (took time.Duration, peak uint64) {
	ctx, cancel := s.within(takeoverLimit)
	defer cancel()
	var said strings.Builder
	cmd := exec.CommandContext(ctx, harness.Program(s, "oibus"), append([]string{"import", "--json", "--from", from, "--config", to}, options...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	begun := time.Now()
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(memoryGlance)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				s.must(fmt.Errorf("%w: %s", err, said.String()))
			}
			return time.Since(begun), peak
		case <-look.C:
			if m, err := measure.MemoryOf(cmd.Process.Pid); err == nil {
				peak = max(peak, m.Peak)
			}
		}
	}
}

// largeSite makes of a data folder of the reference one with that many more items, tracked positions and cached files.
func largeSite(reference, to string, count int) error {
	if err := os.CopyFS(to, os.DirFS(reference)); err != nil {
		return err
	}
	// A south and a north that are there; what is added is like what they have.
	const south, north = "8L2rpv", "7lSRYD"
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		return errors.Join(err, os.Chmod(path, 0o700))
	})
	if err != nil {
		return err
	}
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", count)
	if err := execute(filepath.Join(to, "oibus.db"), `INSERT INTO south_items (id, created_at, updated_at, created_by, updated_by, connector_id, scan_mode_id, name, enabled, settings, max_read_interval, read_delay, sync_with_group)
		`+numbers+`SELECT 'item' || i, created_at, updated_at, created_by, updated_by, connector_id, scan_mode_id, 'item ' || i, 1, settings, max_read_interval, read_delay, 0
		FROM n, (SELECT * FROM south_items WHERE connector_id = '`+south+`' LIMIT 1)`); err != nil {
		return err
	}
	if err := execute(filepath.Join(to, "cache", "cache.db"), `INSERT INTO south_item_cache (south_id, item_id, query_time, value, tracked_instant)
		`+numbers+`SELECT '`+south+`', 'item' || i, '2026-11-22T20:31:48.022Z', NULL, '2026-11-22T20:31:48.022Z' FROM n`); err != nil {
		return err
	}
	folder := filepath.Join(to, "cache", "north-"+north)
	begun := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	for i := range count {
		content := fmt.Sprintf("timestamp,value\n2026-11-22T20:31:48.022Z,%d\n", i)
		metadata, err := json.Marshal(map[string]any{"contentFile": fmt.Sprintf("f%d.csv", i), "contentSize": len(content), "createdAt": begun.Add(time.Duration(i) * time.Millisecond).Format("2006-01-02T15:04:05.000Z"),
			"numberOfElement": 0, "contentType": "any"})
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "content", fmt.Sprintf("file%d", i)), []byte(content), 0o600)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "metadata", fmt.Sprintf("file%d", i)), metadata, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func execute(database, statement string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(database))
	if err != nil {
		return err
	}
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close())
}
