package takeover

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/command"
	"oibus/agent/secret"
	"oibus/agent/store"
)

// writing opens a database of the reference on one connection that stays open, as an OIBus does, and executes statements.
func writing(t *testing.T, dir, file string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(dir, file)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // with a transaction that did not end
	for _, s := range statements {
		if _, err := c.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

// snapshot is a copy of a folder as it is now, such as after the power failed.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func TestADatabaseThatIsBeingWrittenIsRefused(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	writing(t, from, configFile, "BEGIN EXCLUSIVE")
	before := sums(t, from)
	_, err := Run(t.Context(), Options{From: from, To: to})
	if err == nil || !strings.Contains(err.Error(), "another program is writing") {
		t.Errorf("got %v", err)
	}
	same(t, "the source", before, sums(t, from))
	if len(sums(t, to)) > 1 { // the lock
		t.Errorf("there is %v", sums(t, to))
	}
}

func TestWhatIsOnlyInTheLogOfWritesComesOver(t *testing.T) {
	t.Parallel()
	live, to := fixture(t), t.TempDir()
	writing(t, live, configFile, "PRAGMA journal_mode = WAL", "PRAGMA wal_autocheckpoint = 0", "VACUUM", "UPDATE engines SET name = 'only in the log'")
	from := snapshot(t, live)
	before := sums(t, from)
	r, err := Run(t.Context(), Options{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Lines[0].Note, "only in the log") {
		t.Errorf("%+v", r.Lines)
	}
	same(t, "the source", before, sums(t, from))
}

func TestATransactionThatThePowerInterruptedIsTakenBackInTheCopy(t *testing.T) {
	t.Parallel()
	live, to := fixture(t), t.TempDir()
	// A cache of two pages makes SQLite write into the database before the end of the transaction.
	writing(t, live, configFile, "PRAGMA cache_size = 2", "BEGIN", "UPDATE engines SET name = 'half'", "UPDATE transformers SET custom_manifest = hex(zeroblob(20000))",
		"UPDATE users SET first_name = hex(zeroblob(20000))")
	from := snapshot(t, live)
	whole, err := os.ReadFile(filepath.Join(fixture(t), configFile))
	must(t, err)
	torn, err := os.ReadFile(filepath.Join(from, configFile))
	must(t, err)
	if string(whole) == string(torn) || !exists(filepath.Join(from, configFile+"-journal")) {
		t.Fatal("the transaction has written nothing yet")
	}
	before := sums(t, from)
	r, err := Run(t.Context(), Options{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.Lines[0].Note, "half") {
		t.Errorf("half a transaction came over: %+v", r.Lines)
	}
	same(t, "the source", before, sums(t, from))
}

func TestCommandsThatTheCloudKnowsNoEndOfComeOver(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	const insert = `INSERT INTO commands (id, type, status, ack, created_at, updated_at, retrieved_date, completed_date, result, command_content, target_version, south_connector_id) VALUES `
	must(t, change(from, configFile,
		insert+`('c1', 'restart-engine', 'RETRIEVED', 0, '2026-11-22T20:00:00.000Z', '2026-11-22T20:00:00.000Z', '2026-11-22T20:00:01.000Z', NULL, NULL, NULL, 'v3.8.0', NULL)`,
		insert+`('c2', 'update-south', 'ERRORED', 0, '2026-11-22T20:00:02.000Z', '2026-11-22T20:00:02.000Z', '2026-11-22T20:00:03.000Z', '2026-11-22T20:00:04.000Z', 'no', '{"a":"b"}', 'v3.8.0', '8PdOSI')`,
		insert+`('c3', 'restart-engine', 'COMPLETED', 1, '2026-11-22T20:00:02.000Z', '2026-11-22T20:00:02.000Z', '2026-11-22T20:00:03.000Z', '2026-11-22T20:00:04.000Z', 'ok', NULL, 'v3.8.0', NULL)`))
	r, err := Run(t.Context(), Options{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Lines {
		if l.What == "commands not yet confirmed" && l.Count != 2 {
			t.Errorf("%+v", l)
		}
	}
	st, err := store.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]command.Stored{}
	journal, err := command.JournalIn(st)(func(record []byte) error {
		var e struct{ Command *command.Stored }
		if err := json.Unmarshal(record, &e); err != nil || e.Command == nil {
			return err
		}
		got[e.Command.ID] = *e.Command
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, journal.Close())
	if len(got) != 2 || got["c1"].Status != command.Retrieved || got["c2"].Status != command.Errored || got["c2"].Ack {
		t.Errorf("%+v", got)
	}
	keys, err := secret.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	c := got["c2"]
	content, err := keys.Open(c.Sealed)
	if err != nil || content != `{"a":"b"}` || c.Fields["commandContent"] != nil || string(c.Fields["southConnectorId"]) != `"8PdOSI"` || c.Result == nil || *c.Result != "no" {
		t.Errorf("%+v, %q, %v", c, content, err)
	}
}
