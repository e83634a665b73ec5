package launcher

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/upgrade"
	"oibus/platform/task"
)

// noticing is an upgrader that only watches.
func noticing(t *testing.T, dir string) *upgrader {
	t.Helper()
	u := &upgrader{watcher: &upgrade.Watcher{DataDir: dir}, log: slog.New(slog.DiscardHandler), events: make(chan struct{}, 1)}
	tasks := task.New(t.Context(), nil)
	tasks.Go("notice", u.notice)
	t.Cleanup(func() {
		if err := tasks.StopAndWait(10 * time.Second); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return u
}

func TestWhatHappensInTheFolderIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := noticing(t, dir)
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	again := time.NewTicker(10 * time.Millisecond) // until the watch is there
	defer again.Stop()
	for {
		select {
		case <-u.events:
			return
		case <-again.C:
			if _, err := os.Stat(handover.Dir(dir)); err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(handover.Dir(dir), "request.json"), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		case <-limit.C:
			t.Fatal("nothing is noticed")
		}
	}
}

func TestAFolderThatCannotBeWatchedIsNoReasonToEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(handover.Dir(dir), []byte("a file where the folder should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	u := noticing(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := u.watchFolder(ctx); err == nil {
		t.Error("it should say why it cannot be watched")
	}
}
