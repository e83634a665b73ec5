package sql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/mysql"
	"oibus/agent/south/postgresql"
	"oibus/agent/south/sqlite"
	"oibus/testing/harness"
	"oibus/testing/peers/sql"
)

const password = sql.Password

// source is a database to read from.
type source struct {
	kind     string
	settings map[string]any
	server   *sql.Server // nil for a file

	// For everything but reading.
	run func(ctx context.Context, statement string, args ...any) error
	ask func(ctx context.Context, query string) (n int64, err error)
}

var types = map[string]south.Type{"sqlite": sqlite.Type, "postgresql": postgresql.Type, "mysql": mysql.Type}

func (s *source) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if err := s.run(t.Context(), statement, args...); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

func (s *source) number(t testing.TB, query string) int64 {
	t.Helper()
	n, err := s.ask(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// open opens a database by a driver of the standard library.
func (s *source) open(t testing.TB, driver, dsn string) {
	t.Helper()
	db, err := stdsql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.run = func(ctx context.Context, statement string, args ...any) error {
		_, err := db.ExecContext(ctx, statement, args...)
		return err
	}
	s.ask = func(ctx context.Context, query string) (n int64, err error) {
		return n, db.QueryRowContext(ctx, query).Scan(&n)
	}
	s.ready(t)
}

// openPostgres is open for PostgreSQL, with a connection for each statement.
func (s *source) openPostgres(t testing.TB, dsn string) {
	t.Helper()
	with := func(ctx context.Context, f func(c *pgx.Conn) error) error {
		c, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer c.Close(context.WithoutCancel(ctx))
		return f(c)
	}
	s.run = func(ctx context.Context, statement string, args ...any) error {
		return with(ctx, func(c *pgx.Conn) error { _, err := c.Exec(ctx, statement, args...); return err })
	}
	s.ask = func(ctx context.Context, query string) (n int64, err error) {
		err = with(ctx, func(c *pgx.Conn) error { return c.QueryRow(ctx, query).Scan(&n) })
		return n, err
	}
	s.ready(t)
}

func (s *source) ready(t testing.TB) {
	t.Helper()
	harness.Until(t, time.Minute, s.kind+" takes statements", func() bool { _, err := s.ask(t.Context(), "SELECT 1"); return err == nil })
}

func newPostgreSQL(t testing.TB) *source {
	t.Helper()
	server := sql.StartPostgreSQL(t)
	s := &source{kind: "postgresql", server: server, settings: map[string]any{"host": "127.0.0.1", "port": server.Port, "sslMode": false, "database": "postgres",
		"connectionTimeout": 5000, "requestTimeout": 60000, "username": sql.User, "password": password}}
	s.openPostgres(t, fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=postgres sslmode=disable", server.Port, sql.User, password))
	return s
}

func newMariaDB(t testing.TB) *source {
	t.Helper()
	server := sql.StartMariaDB(t)
	s := &source{kind: "mysql", server: server, settings: map[string]any{"host": "127.0.0.1", "port": server.Port, "connectionTimeout": 5000,
		"database": sql.Database, "username": sql.User, "password": password}}
	s.open(t, "mysql", "root@tcp("+server.Address()+")/mysql")
	s.exec(t, "CREATE DATABASE plant CHARACTER SET utf8mb4")
	s.exec(t, "CREATE USER 'oibus'@'127.0.0.1' IDENTIFIED BY '"+password+"'")
	s.exec(t, "GRANT ALL ON plant.* TO 'oibus'@'127.0.0.1'")
	s.open(t, "mysql", "root@tcp("+server.Address()+")/plant?time_zone=%27%2B00:00%27")
	return s
}

func newSQLite(t testing.TB) *source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plant.db")
	s := &source{kind: "sqlite", settings: map[string]any{"databasePath": path}}
	s.open(t, "sqlite", path)
	return s
}

// with is a copy of the settings with some changed.
func (s *source) with(changes map[string]any) map[string]any {
	settings := map[string]any{}
	for _, from := range []map[string]any{s.settings, changes} {
		for k, v := range from {
			settings[k] = v
		}
	}
	return settings
}

func build(t testing.TB, kind string, settings map[string]any) south.Connector {
	t.Helper()
	c, err := types[kind].New(south.Env{Env: environment(t.TempDir(), kind, settings)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func environment(temp, kind string, settings map[string]any) connector.Env {
	raw, err := json.Marshal(settings)
	if err != nil {
		panic(err) // they are plain values
	}
	return connector.Env{ID: "s", Name: "S", Type: kind, Settings: raw, Log: slog.New(slog.DiscardHandler), TempDir: temp, Host: connector.Host{Now: time.Now}}
}

func itemSettings(query string, fields ...map[string]any) json.RawMessage {
	raw, err := json.Marshal(map[string]any{"query": query, "requestTimeout": 60000, "dateTimeFields": fields, "serialization": map[string]any{
		"type": "csv", "filename": "@ItemName.csv", "delimiter": "SEMI_COLON", "compression": false,
		"outputTimestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "outputTimezone": "UTC"}})
	if err != nil {
		panic(err) // they are plain values
	}
	return raw
}

// lines is a result without its header.
func lines(c content.Content) ([]string, error) {
	r, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return strings.Split(string(raw), "\r\n")[1:], nil
}

// window reads one window.
func window(t testing.TB, c south.Connector, settings json.RawMessage, w interval.Window) (found []string, r south.WindowResult, err error) {
	t.Helper()
	emit := func(_ context.Context, c content.Content, _ []south.Item) error {
		var err error
		found, err = lines(c)
		return err
	}
	r, err = c.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{{ID: "i", Name: "i", Settings: settings}}, Window: w, Emit: emit})
	return found, r, err
}

// one tests an item, and returns what it read with | for the ends of rows.
func one(t testing.TB, c south.Connector, settings json.RawMessage) (string, error) {
	t.Helper()
	r, err := c.TestItem(t.Context(), south.TestRequest{Item: south.Item{ID: "i", Name: "i", Settings: settings}})
	if err != nil {
		return "", err
	}
	found, err := lines(r.Content)
	return strings.Join(found, "|"), err
}
