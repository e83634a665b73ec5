package sql_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/testing/harness"
)

// sweep says whether everything is to be tried, which takes minutes.
func sweep() bool { return os.Getenv("OIBUS_SWEEP") == "1" }

func TestSQLite(t *testing.T) {
	t.Parallel()
	s := newSQLite(t)
	t.Run("dates", s.allDates)
	t.Run("reader killed", s.readerKilled)
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	s := newPostgreSQL(t)
	t.Run("values", func(t *testing.T) {
		s.values(t, map[string]string{
			`SELECT 1::smallint, 2::int, 9007199254740993::bigint, 1.50::numeric, 1.5::float8, 1.1::real, 1e20::float8, 'NaN'::float8, true, false, NULL::int`:      `1;2;9007199254740993;1.50;1.5;1.1;100000000000000000000;NaN;true;false;`,
			`SELECT 'é;"x"', E'a\nb', ' c', '', '\x6162'::bytea, '{"a":1}'::jsonb, ARRAY[1,NULL,3], ARRAY['a,b','NULL'], '{{1,2},{3,4}}'::int[], '1 day'::interval`: "\"é;\"\"x\"\"\";\"a\nb\";\" c\";;ab;\"{\"\"a\"\": 1}\";1,,3;a,b,NULL;1,2,3,4;1 day",
			`SELECT '2024-01-15 10:00:00.123456+02'::timestamptz, 'infinity'::timestamptz, '0044-03-15 BC'::date, uuid '00000000-0000-0000-0000-00000000000a'`:      "2024-01-15T08:00:00.123Z;infinity;0044-03-15 BC;00000000-0000-0000-0000-00000000000a",
			`SELECT @EndTime::timestamptz >= @StartTime::timestamptz, @StartTime::text LIKE '2%', '@StartTime' -- @StartTime`:                                       "true;true;@StartTime",
			`SELECT 1 WHERE false`: "",
		})
	})
	t.Run("test", func(t *testing.T) { s.connection(t, "PostgreSQL ") })
	t.Run("refusals", func(t *testing.T) {
		s.refusals(t, map[string]map[string]any{
			`Please check username and password. password authentication failed for user "oibus"`: {"password": "wrong" + password},
			`Please check username and password. password authentication failed for user "who"`:   {"username": "who"},
			`Database "nope" does not exist. database "nope" does not exist`:                      {"database": "nope"},
			`Please check host and port. getaddrinfo ENOTFOUND nohost.invalid`:                    {"host": "nohost.invalid"},
			`Unexpected error. server refused TLS connection`:                                     {"sslMode": true},
		})
	})
	t.Run("read only", func(t *testing.T) {
		s.readOnly(t, "cannot execute INSERT in a read-only transaction", "INSERT INTO w VALUES (1) RETURNING n")
	})
	t.Run("cancelled", func(t *testing.T) {
		s.cancelled(t, "SELECT pg_sleep(60)", "SELECT COUNT(*) FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE 'SELECT pg_sleep%'")
		s.cancelled(t, "SELECT a, repeat('x', 1000) FROM generate_series(1, 10000) AS a, generate_series(1, 10000) AS b", "SELECT COUNT(*) FROM pg_stat_activity WHERE state <> 'idle' AND query LIKE 'SELECT a, repeat%'")
	})
	t.Run("nothing left open", func(t *testing.T) {
		s.nothingOpen(t, "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'OIBus'")
	})
	t.Run("dates", s.allDates)
	t.Run("reader killed", s.readerKilled)
	t.Run("server killed", s.serverKilled)
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	s := newMariaDB(t)
	t.Run("values", func(t *testing.T) {
		s.exec(t, "CREATE TABLE v (a BIGINT UNSIGNED, b DECIMAL(10,2), c FLOAT, d DOUBLE, e BOOLEAN, f DATE, g DATETIME(6), h TIMESTAMP NULL, i TIME, j YEAR, k BLOB, l VARCHAR(20))")
		s.exec(t, "SET SESSION sql_mode = ''")
		s.exec(t, "INSERT INTO v VALUES (18446744073709551615, 1.50, 1.1, 1e20, TRUE, '2024-01-15', '2024-01-15 10:00:00.123456', '2024-01-15 10:00:00', '10:00:00', 2024, 'ab', 'é;\"x\"')")
		s.exec(t, "INSERT IGNORE INTO v (f, g) VALUES ('0000-00-00', '0000-00-00')")
		all := `18446744073709551615;1.50;1.1;100000000000000000000;1;2024-01-15T00:00:00.000Z;2024-01-15T10:00:00.123Z;2024-01-15T10:00:00.000Z;10:00:00;2024;ab;"é;""x"""`
		s.values(t, map[string]string{
			"SELECT * FROM v WHERE a > 0": all,
			"SELECT * FROM v WHERE a > 0 AND @StartTime <= @EndTime AND 'it\\'s @StartTime' <> \"@EndTime\" # @StartTime": all,
			"SELECT f, h FROM v WHERE f = 0": "0000-00-00;",
		})
	})
	t.Run("test", func(t *testing.T) { s.connection(t, "MariaDB") })
	t.Run("refusals", func(t *testing.T) {
		s.refusals(t, map[string]map[string]any{
			`Please check username and password. Access denied for user 'oibus'@'127.0.0.1' (using password: YES)`:                {"password": "wrong" + password},
			`User "oibus" does not have access to database "nope". Access denied for user 'oibus'@'127.0.0.1' to database 'nope'`: {"database": "nope"},
			`Please check host and port. getaddrinfo ENOTFOUND nohost.invalid`:                                                    {"host": "nohost.invalid"},
		})
	})
	t.Run("read only", func(t *testing.T) {
		s.readOnly(t, "Cannot execute statement in a READ ONLY transaction", "INSERT INTO w VALUES (1)")
	})
	t.Run("cancelled", func(t *testing.T) {
		s.cancelled(t, "SELECT SLEEP(60)", "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
		s.cancelled(t, "SELECT seq, REPEAT('x', 1000) FROM plant.seq_1_to_100000000", "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT seq, REPEAT%'")
	})
	t.Run("nothing left open", func(t *testing.T) {
		s.nothingOpen(t, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'oibus'")
	})
	t.Run("dates", s.allDates)
	t.Run("reader killed", s.readerKilled)
	t.Run("server killed", s.serverKilled)
}

// values wants what queries return, as rows with | between them.
func (s *source) values(t *testing.T, want map[string]string) {
	c := build(t, s.kind, s.settings)
	for query, want := range want {
		if got, err := one(t, c, itemSettings(query)); err != nil || got != want {
			t.Errorf("%s:\n%q, error %v, want\n%q", query, got, err, want)
		}
	}
	_, err := one(t, c, itemSettings("SELECT * FROM nope"))
	texts := map[string]string{"postgresql": `relation "nope" does not exist`, "mysql": "Table 'plant.nope' doesn't exist"}
	if fmt.Sprint(err) != texts[s.kind] {
		t.Errorf("error %v", err)
	}
	_, err = one(t, c, itemSettings("SELECT 'x' AS ts", map[string]any{"fieldName": "ts", "type": "unix-epoch"}))
	if err == nil || !strings.Contains(err.Error(), `The value must be a number or numeric string for type "unix-epoch": "x"`) {
		t.Errorf("error %v", err)
	}
}

// connection tests the connection to a database without and with tables.
func (s *source) connection(t *testing.T, version string) {
	c := build(t, s.kind, s.settings)
	s.exec(t, "DROP TABLE IF EXISTS v")
	if _, err := c.Test(t.Context()); fmt.Sprint(err) != fmt.Sprintf("Database %q has no tables", s.settings["database"]) {
		t.Errorf("error %v", err)
	}
	s.exec(t, "CREATE TABLE w (n int)")
	r, err := c.Test(t.Context())
	if err != nil || len(r.Items) != 2 || !strings.Contains(r.Items[0].Value, version) || r.Items[1].Key != "Tables" || r.Items[1].Value != "1" {
		t.Errorf("%v, error %v", r, err)
	}
}

// refusals wants the texts of tests of changed settings, none of which holds the password.
func (s *source) refusals(t *testing.T, want map[string]map[string]any) {
	want["Please check host and port. connect ECONNREFUSED 127.0.0.1:1"] = map[string]any{"port": 1}
	for text, change := range want {
		_, err := build(t, s.kind, s.with(change)).Test(t.Context())
		if fmt.Sprint(err) != text {
			t.Errorf("%v: %v, want %s", change, err, text)
		}
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("%v: the password is shown", change)
		}
	}
}

func (s *source) readOnly(t *testing.T, want, statement string) {
	if _, err := one(t, build(t, s.kind, s.settings), itemSettings(statement)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if n := s.number(t, "SELECT COUNT(*) FROM w"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// cancelled wants a query to end on the server at its time limit, and when the agent stops. running counts it there.
func (s *source) cancelled(t *testing.T, query, running string) {
	limit := 300
	settings := itemSettings(query)
	var item map[string]any
	if err := json.Unmarshal(settings, &item); err != nil {
		t.Fatal(err)
	}
	item["requestTimeout"] = limit
	short, err := json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = window(t, build(t, s.kind, s.with(map[string]any{"requestTimeout": limit})), short, interval.Window{})
	if want := "the query took longer than 300 ms and was cancelled"; fmt.Sprint(err) != want {
		t.Errorf("error %v", err)
	}
	over := func() bool { n, err := s.ask(t.Context(), running); return err == nil && n == 0 }
	harness.Until(t, 10*time.Second, "the query has ended at its time limit", over)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(300*time.Millisecond, cancel)
	c := build(t, s.kind, s.settings)
	_, err = c.(south.Historian).ReadWindow(ctx, south.WindowQuery{Items: []south.Item{{ID: "i", Name: "i", Settings: settings}}})
	if !errors.Is(err, context.Canceled) || err.Error() != "cancelled" {
		t.Errorf("error %v", err)
	}
	harness.Until(t, 10*time.Second, "the query has ended with the agent", over)
}

// nothingOpen wants tests to leave no session behind, whether they succeed or fail.
func (s *source) nothingOpen(t *testing.T, sessions string) {
	c := build(t, s.kind, s.settings)
	_, first := c.Test(t.Context())
	_, second := one(t, c, itemSettings("SELECT 1"))
	_, third := one(t, c, itemSettings("SELECT * FROM nope"))
	if first != nil || second != nil || third == nil {
		t.Error(first, second, third)
	}
	harness.Until(t, 10*time.Second, "all sessions have ended", func() bool { n, err := s.ask(t.Context(), sessions); return err == nil && n == 0 })
}
