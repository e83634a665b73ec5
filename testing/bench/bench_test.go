package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

// journalOf makes a folder with the journal of an agent that logged three lines, the last one number 7.
func journalOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	for seq := 5; seq <= 7; seq++ {
		fmt.Fprintf(&text, `{"seq":%d,"time":"2026-01-01T00:00:00.000000Z","level":"info","type":"INTERNAL","message":"hello"}`+"\n", seq)
	}
	if err := os.WriteFile(filepath.Join(dir, currentJournal), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThePreparedJournalGoesOnWhereTheAgentStopped(t *testing.T) {
	t.Parallel()
	dir := journalOf(t)
	const lines = 450_000 // more than one file
	if err := prepareJournal(dir, lines); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 || entries[2].Name() != currentJournal {
		t.Fatalf("%v, %v", entries, err)
	}
	tally := newTally(lines)
	next := uint64(5)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != currentJournal && e.Name() != closedName(next) {
			t.Errorf("file %s begins with line %d", e.Name(), next)
		}
		for line := range bytes.Lines(text) {
			var l struct{ Seq uint64 }
			if err := json.Unmarshal(line, &l); err != nil || l.Seq != next {
				t.Fatalf("line %d: %s, %v", next, line, err)
			}
			next++
		}
		tally.add(text, time.Now())
	}
	select {
	case <-tally.all:
	default:
		t.Error("not all lines were found")
	}
	if arrived, back := tally.count(); arrived != lines || back != 0 {
		t.Errorf("%d lines, %d repeated", arrived, back)
	}
}

func TestAJournalThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "garbage": "hello\n"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, currentJournal), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := prepareJournal(dir, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := prepareJournal(t.TempDir(), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
}

func TestLostAndRepeatedLinesAreSeen(t *testing.T) {
	t.Parallel()
	tally := newTally(3)
	at := time.Now()
	tally.add([]byte(`[{"message":"`+marker+`0"},{"message":"`+marker+`2"},{"message":"other"}]`), at)
	tally.add([]byte(`[{"message":"`+marker+`2"},{"message":"`+marker+`9"},{"message":"`+marker+`x"},{"message":"`+marker), at)
	if arrived, back := tally.count(); arrived != 2 || back != 1 {
		t.Errorf("%d arrived, %d repeated", arrived, back)
	}
	rows := logRows(3, tally, at, peaks{})
	if r := rows[1]; r.Value != 2 || r.Verdict() != measure.Fail {
		t.Errorf("%+v", r)
	}
}

func TestMemoryThatGrowsWithTheBacklogFails(t *testing.T) {
	t.Parallel()
	tally := newTally(1)
	tally.add([]byte(marker+`0"`), time.Now().Add(time.Second))
	verdict := func(p peaks) string {
		rows := logRows(1, tally, time.Now(), p)
		return rows[len(rows)-1].Verdict()
	}
	for want, p := range map[string]peaks{
		measure.Pass:    {halves: [2]uint64{20 << 20, 22 << 20}},
		measure.Fail:    {halves: [2]uint64{20 << 20, 40 << 20}},
		measure.Skipped: {missing: measure.ErrNoProc},
	} {
		if got := verdict(p); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
}

func TestAStageCleansUpAfterAFailure(t *testing.T) {
	t.Parallel()
	var order []string
	dir := ""
	rows, err := play(t.Context(), "one", t.TempDir(), measure.Limits{}, func(s *stage) []measure.Row {
		s.Cleanup(func() { order = append(order, "first") })
		s.Cleanup(func() { order = append(order, "second") })
		dir = s.TempDir()
		s.Fatalf("nothing works: %w", os.ErrClosed)
		return []measure.Row{{}}
	})
	if !errors.Is(err, os.ErrClosed) || rows != nil || strings.Join(order, " ") != "second first" {
		t.Errorf("%v, %v, %v", rows, err, order)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}

func TestTheOptionsAreChecked(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-short", "-run", "idle|logs", "--json", "out.json"})
	if err != nil || !o.short || o.json != "out.json" || !o.rows.MatchString("idle") || o.rows.MatchString("size") {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range [][]string{{"-run", "("}, {"all"}, {"-fast"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestTheQuickGroupsAreMeasuredOnTheBuiltPrograms(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	o, err := parse([]string{"-short", "-run", "size|start|fleet", "-data", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	report, err := measureAll(t.Context(), o)
	if err != nil || len(report.Rows) < 8 {
		t.Fatalf("%d rows, %v", len(report.Rows), err)
	}
	for _, r := range report.Rows {
		if r.Missing == "" && r.Value <= 0 {
			t.Errorf("nothing was measured: %+v", r)
		}
	}
}
