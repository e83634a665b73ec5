package launcher

import (
	"errors"
	"io"
	"log/slog"
	"oibus/launcher/upgrade"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestTheJournalIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, err := openJournal(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	j.update(func(r *record) { r.Phase, r.Mark, r.Agent = upgrade.Idle, "m", &agentRecord{Version: "3.9.0", PID: 7} })
	j.update(func(r *record) { r.Restarts = 2 })
	again, err := openJournal(dir, quiet())
	if err != nil || again.now.Mark != "m" || again.now.Restarts != 2 || again.now.Agent == nil || again.now.Agent.PID != 7 {
		t.Fatalf("got %+v, %v", again.now, err)
	}
}

func TestABadJournalIsPutAsideAndTheOneBeforeIsUsed(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty": "", "zeros": strings.Repeat("\x00", 100), "truncated": `{"level":1,"phase":"id`, "garbage": "\xff\xfe", "another type": `[]`, "no level": `{}`,
	} {
		dir := t.TempDir()
		j, err := openJournal(dir, quiet())
		if err != nil {
			t.Fatal(err)
		}
		j.update(func(r *record) { r.Mark = "first" })
		j.update(func(r *record) { r.Mark = "second" })
		if err := os.WriteFile(j.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		again, err := openJournal(dir, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || again.now.Mark != "first" {
			t.Errorf("%s: got %+v, %v", name, again.now, err)
		}
		aside, err := filepath.Glob(filepath.Join(dir, "launcher.json.corrupt-*"))
		if err != nil || len(aside) != 1 || !strings.Contains(log.String(), "corrupt-") {
			t.Errorf("%s: the bad file should be kept and reported, got %q, %v, log %q", name, aside, err, log.String())
		}
	}
}

func TestAJournalOfANewerLauncherIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte(`{"level":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(dir, quiet()); !errors.Is(err, errNewerJournal) {
		t.Fatalf("got %v", err)
	}
	if got := exitCode(errNewerJournal); got != 4 {
		t.Errorf("the exit code should be 4, got %d", got)
	}
}

func TestAJournalThatCannotBeWrittenIsReportedAndWrittenLater(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	j := &journal{path: filepath.Join(t.TempDir(), "missing", journalName), log: slog.New(slog.NewTextHandler(&log, nil))}
	j.update(func(r *record) { r.Mark = "m" })
	if j.now.Mark != "m" || !strings.Contains(log.String(), "cannot record") {
		t.Fatalf("got %+v, log %q", j.now, log.String())
	}
	if err := os.Mkdir(filepath.Dir(j.path), 0o700); err != nil {
		t.Fatal(err)
	}
	j.catchUp(time.Now())
	if _, err := os.Stat(j.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is not tried at once: %v", err)
	}
	j.catchUp(time.Now().Add(2 * catchUpEvery))
	if r, err := readRecord(j.path); err != nil || r.Mark != "m" || j.behind {
		t.Errorf("got %+v, %v", r, err)
	}
}

func FuzzDecodeRecordTakesAnything(f *testing.F) {
	f.Add([]byte(`{"level":1,"phase":"idle","agent":{"pid":1}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := decodeRecord(text); err == nil && r.Level != journalLevel {
			t.Fatalf("accepted level %d", r.Level)
		}
	})
}
