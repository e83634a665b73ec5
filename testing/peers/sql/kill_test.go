package sql_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
)

// A long read is one of many rows over many windows of an hour.
const longHours = 24

func longRows() int {
	if sweep() {
		return 2_400_000
	}
	return 96_000
}

var longStart = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// long fills a table, once, and is an order to read it.
func (s *source) long(t *testing.T) *order {
	t.Helper()
	rows := longRows()
	step := int(longHours*time.Hour/time.Millisecond) / rows
	if _, err := s.ask(t.Context(), "SELECT COUNT(*) FROM long_table"); err != nil {
		s.exec(t, "CREATE TABLE long_table (n int, ts bigint)")
		from := map[string]string{
			"postgresql": "SELECT i, %d + i::bigint * %d FROM generate_series(1, %d) AS t(i)",
			"mysql":      "SELECT seq, %d + seq * %d FROM seq_1_to_%d",
			"sqlite":     "SELECT i, %d + i * %d FROM (WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s)",
		}[s.kind]
		s.exec(t, "INSERT INTO long_table "+fmt.Sprintf(from, longStart.UnixMilli(), step, rows))
		s.exec(t, "CREATE INDEX long_index ON long_table (ts)")
	}
	field := map[string]any{"fieldName": "ts", "useAsReference": true, "type": "unix-epoch-ms"}
	return &order{Kind: s.kind, Settings: s.settings, Dir: t.TempDir(), MaxRead: 3600,
		Nows:  []time.Time{longStart.Add(time.Hour), longStart.Add(longHours * time.Hour)},
		Items: map[string]json.RawMessage{"long": itemSettings("SELECT n, ts FROM long_table WHERE ts > @StartTime AND ts <= @EndTime ORDER BY ts", field)}}
}

// after waits until some contents have arrived.
func (o *order) after(t *testing.T, n int) {
	t.Helper()
	harness.Until(t, time.Minute, fmt.Sprintf("%d contents have arrived", n), func() bool {
		raw, err := os.ReadFile(o.north())
		return err == nil && strings.Count(string(raw), "\n") >= n
	})
}

// complete wants every row, and those of at most again windows twice.
func (o *order) complete(t *testing.T, again int) {
	t.Helper()
	seen, repeated := map[string]time.Time{}, map[time.Time]bool{}
	for _, one := range o.arrived(t) {
		for _, row := range one.Rows {
			n, _, _ := strings.Cut(row, ";")
			if before, ok := seen[n]; ok {
				if !before.Equal(one.Start) {
					t.Fatalf("row %s came in the windows from %s and from %s", n, before, one.Start)
				}
				repeated[one.Start] = true
			}
			seen[n] = one.Start
		}
	}
	if len(seen) != longRows() {
		t.Errorf("%d rows have arrived of %d", len(seen), longRows())
	}
	if len(repeated) > again {
		t.Errorf("%d windows came twice", len(repeated))
	}
}

// readerKilled kills the reader again and again. A window may come twice, when it was killed between the durable
// delivery and the durable memory of it; nothing may be missing.
func (s *source) readerKilled(t *testing.T) {
	o := s.long(t)
	kills := 0
	for i, moment := range []int{1, 5, 9, 20} {
		if !sweep() && i%2 == 0 {
			continue
		}
		cmd := o.start(t)
		o.after(t, moment)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		kills++
	}
	finish(t, o.start(t))
	o.complete(t, kills)
}

// serverKilled kills the server in the middle of a long read, and restarts it.
func (s *source) serverKilled(t *testing.T) {
	o := s.long(t)
	cmd := o.start(t)
	for _, moment := range []int{2, 10} {
		o.after(t, moment)
		s.server.Kill()
		harness.Until(t, time.Minute, "all processes of the server have ended", func() bool { return !used(s.server.Data) })
		s.server.Restart()
		if !sweep() {
			break
		}
	}
	finish(t, cmd)
	o.complete(t, 0)
}

// used says whether a process works in a folder.
func used(dir string) bool {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return false
	}
	for _, link := range links {
		if where, err := os.Readlink(link); err == nil && strings.HasPrefix(where, dir) {
			return true
		}
	}
	return false
}
