package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
	"oibus/testing/peers/sql"
)

// sqlMemory is what an agent may grow by while it reads a result of any length, in MB.
const sqlMemory = 48

// base is a database with a table of measurements of the last hour, and how its own client writes that to a file.
type base struct {
	kind     string
	settings map[string]any
	field    map[string]any // of the column ts
	client   []string       // what it is started with
	env      []string
	fill     string // the statements that make the table
	copy     []string
	toFile   bool // copy names the file itself, at %s; otherwise it is the output
	name     string
}

// selected are the columns that are read.
const selected = "SELECT n, ts, name, value FROM bench"

// databases measures how fast results of queries become files in the cache, beside the databases' own clients.
func databases(s *stage, n size) []measure.Row {
	rows := n.values * 2
	all := append(s.sqliteBase(rows), s.postgresBase(rows)...)
	all = append(all, s.mariaBase(rows)...)
	var result []measure.Row
	for _, b := range all {
		result = append(result, s.base(b, rows)...)
	}
	return result
}

func lacks(names ...string) bool {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return true
		}
	}
	return false
}

// span is over how much of the last hour the rows are spread.
const span = 50 * time.Minute

func (s *stage) sqliteBase(rows int) []base {
	if lacks("sqlite3") {
		return nil
	}
	path := filepath.Join(s.TempDir(), "bench.db")
	from := time.Now().Add(-span - 2*time.Minute).UnixMilli()
	step := float64(span.Milliseconds()) / float64(rows)
	return []base{{
		kind: "sqlite", name: "sqlite3 -csv", settings: map[string]any{"databasePath": path},
		field:  map[string]any{"fieldName": "ts", "useAsReference": true, "type": "unix-epoch-ms"},
		client: []string{"sqlite3", path},
		fill: fmt.Sprintf("CREATE TABLE bench (n INTEGER, ts INTEGER, name TEXT, value REAL); INSERT INTO bench WITH RECURSIVE s(i) AS "+
			"(SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i, %d + CAST(i * %f AS INTEGER), 'point ' || (i %% 1000), i / 7.0 FROM s;", rows, from, step),
		copy: []string{"sqlite3", "-csv", path, selected},
	}}
}

func (s *stage) postgresBase(rows int) []base {
	initdb, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if lacks("psql", "setpriv") || err != nil || len(initdb) == 0 {
		return nil
	}
	server := sql.StartPostgreSQL(s)
	client := []string{"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", strconv.Itoa(server.Port), "-U", sql.User, "-d", "postgres"}
	return []base{{
		kind: "postgresql", name: `psql \copy`,
		settings: map[string]any{"host": "127.0.0.1", "port": server.Port, "sslMode": false, "database": "postgres", "connectionTimeout": 10000,
			"requestTimeout": 3600000, "username": sql.User, "password": sql.Password},
		field:  map[string]any{"fieldName": "ts", "useAsReference": true, "type": "timestamptz"},
		client: client, env: []string{"PGPASSWORD=" + sql.Password},
		fill: fmt.Sprintf("CREATE TABLE bench AS SELECT i AS n, now() - interval '%d seconds' + i * interval '%d seconds' / %d AS ts, 'point ' || (i %% 1000) AS name, i / 7.0::float8 AS value FROM generate_series(1, %d) AS t(i);",
			int((span + 2*time.Minute).Seconds()), int(span.Seconds()), rows, rows),
		copy: append(client, "-c", `\copy (`+selected+`) to '%s' csv`), toFile: true,
	}}
}

func (s *stage) mariaBase(rows int) []base {
	if lacks("mariadb", "mariadb-install-db", "setpriv") {
		return nil
	}
	server := sql.StartMariaDB(s)
	client := []string{"mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(server.Port), "-u", "root"}
	return []base{{
		kind: "mysql", name: "mariadb -B -q",
		settings: map[string]any{"host": "127.0.0.1", "port": server.Port, "database": sql.Database, "connectionTimeout": 10000, "username": sql.User, "password": sql.Password},
		field:    map[string]any{"fieldName": "ts", "useAsReference": true, "type": "date-time", "timezone": "UTC"},
		client:   client,
		fill: fmt.Sprintf("CREATE DATABASE %[1]s; CREATE USER '%[2]s'@'127.0.0.1' IDENTIFIED BY '%[3]s'; GRANT ALL ON %[1]s.* TO '%[2]s'@'127.0.0.1'; USE %[1]s; "+
			"CREATE TABLE bench (n INT, ts DATETIME(3), name VARCHAR(20), value DOUBLE); INSERT INTO bench SELECT seq, UTC_TIMESTAMP(3) - INTERVAL %[4]d SECOND + "+
			"INTERVAL seq * %[5]d / %[6]d SECOND, CONCAT('point ', seq %% 1000), seq / 7.0 FROM seq_1_to_%[6]d;",
			sql.Database, sql.User, sql.Password, int((span + 2*time.Minute).Seconds()), int(span.Seconds()), rows),
		copy: append(client, "-B", "-q", "-N", "-e", selected, sql.Database),
	}}
}

func (b *base) command(ctx context.Context, words []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(os.Environ(), b.env...)
	return cmd
}

// base fills one database, and has it read by its client and by an agent.
func (s *stage) base(b base, rows int) []measure.Row {
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	fill := b.command(ctx, b.client)
	fill.Stdin = strings.NewReader(b.fill)
	if out, err := fill.CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", b.kind, err, out)
	}
	own, ownCPU := s.ownClient(ctx, &b)
	took, size, cpu, grown := s.readByAgent(ctx, &b, rows)
	million := float64(rows) / 1e6
	group := fmt.Sprintf("%s rows of %s in one result, read into the cache as CSV", measure.Number(float64(rows)), b.kind)
	return []measure.Row{
		{Group: group, Name: "the agent", Value: float64(rows) / took.Seconds(), Unit: "rows/s", Detail: fmt.Sprintf("%s MB/s", measure.Number(float64(size)/mebibyte/took.Seconds()))},
		{Group: group, Name: b.name, Value: float64(rows) / own.Seconds(), Unit: "rows/s", Detail: fmt.Sprintf("into a file; %s s of processor time a million rows", measure.Number(ownCPU.Seconds()/million))},
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / million, Unit: "s", Detail: "a million rows"},
		measure.Row{Group: group, Name: "resident memory grows by", Value: float64(grown) / mebibyte, Unit: "MB"}.AtMost(sqlMemory),
	}
}

// ownClient is how long the client of the database takes to write the rows to a file.
func (s *stage) ownClient(ctx context.Context, b *base) (took, cpu time.Duration) {
	path := filepath.Join(s.TempDir(), "copy")
	words := append([]string(nil), b.copy...)
	if b.toFile {
		words[len(words)-1] = fmt.Sprintf(words[len(words)-1], path)
	}
	cmd := b.command(ctx, words)
	if !b.toFile {
		out, err := os.Create(path)
		s.must(err)
		defer out.Close()
		cmd.Stdout = out
	}
	start := time.Now()
	s.must(cmd.Run())
	return time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// readByAgent is how long an agent takes from the beginning of the query until its result is durable in the cache.
func (s *stage) readByAgent(ctx context.Context, b *base, rows int) (took time.Duration, size int64, cpu time.Duration, grown uint64) {
	p := &plant{s: s, a: harness.Start(s, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})}
	out := s.TempDir()
	every := p.find("/api/scan-modes", "name", "Every second")
	s.must(p.a.JSON(ctx, "POST", "/api/north", map[string]any{"name": "files", "type": "file-writer", "description": "", "enabled": true,
		"settings": map[string]any{"outputFolder": out, "prefix": "", "suffix": ""}, "transformers": []any{},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": every, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}}}, &struct{}{}))
	p.settle()
	before, err := measure.MemoryOf(p.a.PID())
	s.must(err)
	settings := map[string]any{"query": selected + " WHERE ts > @StartTime AND ts <= @EndTime", "dateTimeFields": []any{b.field},
		"serialization": map[string]any{"type": "csv", "filename": "bench.csv", "delimiter": "COMMA", "compression": false,
			"outputTimestampFormat": "yyyy-MM-dd HH:mm:ss.SSS", "outputTimezone": "UTC"}}
	if b.kind == "mysql" { // where each item has its own
		settings["requestTimeout"] = 3600000
	}
	var most uint64
	cpu, most = p.usage(func() {
		var made struct{ ID string }
		s.must(p.a.JSON(ctx, "POST", "/api/south", map[string]any{"name": "database", "type": b.kind, "description": "", "enabled": true, "settings": b.settings, "groups": []any{},
			"items": []any{map[string]any{"id": nil, "name": "bench", "enabled": true, "settings": settings, "scanModeId": every, "scanModeName": nil, "groupId": nil,
				"groupName": nil, "syncWithGroup": false, "maxReadInterval": 3600, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest"}}}, &made))
		took, size = s.temporary(ctx, filepath.Join(p.a.Dir, "tmp", "south-"+made.ID))
	})
	p.a.Stop()
	return took, size, cpu, most - min(most, before.Resident)
}

// temporary measures for how long a South has its result in its temporary folder: from the beginning of the query until it
// is durable elsewhere.
func (s *stage) temporary(ctx context.Context, dir string) (took time.Duration, size int64) {
	var start time.Time
	if !harness.UntilDone(ctx, func() bool {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) == 0 {
			if !start.IsZero() {
				took = time.Since(start)
			}
			return !start.IsZero() && size > 0
		}
		if start.IsZero() {
			start = time.Now()
		}
		if info, err := entries[0].Info(); err == nil {
			size = max(size, info.Size())
		}
		return false
	}) {
		s.Fatalf("nothing was read")
	}
	return took, size
}
