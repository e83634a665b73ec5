package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"

	"oibus/launcher/handover"
)

const (
	// noticePause is the time between two looks that events cause: a package that is being copied makes thousands.
	noticePause = 200 * time.Millisecond
	// noticeAgain is the pause before events are asked for again after they came no more.
	noticeAgain = 30 * time.Second
)

// notice has the folder update looked at as soon as something happens in it, until ctx is done. Events are only a hint:
// where the system has none, or loses some, the folder is still looked at each second.
func (u *upgrader) notice(ctx context.Context) error {
	told := ""
	for ctx.Err() == nil {
		if err := u.watchFolder(ctx); err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			u.log.Warn("no events of the folder update, it is only looked at each second", "error", err)
		}
		idle(ctx, noticeAgain)
	}
	return ctx.Err()
}

// watchFolder passes events on until there are no more.
func (u *upgrader) watchFolder(ctx context.Context) (err error) {
	dir := handover.Dir(u.watcher.DataDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot create the folder %s: %w", handover.Folder, err)
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("cannot watch the folder %s: %w", handover.Folder, err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Add(dir); err != nil {
		return fmt.Errorf("cannot watch the folder %s: %w", handover.Folder, err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("cannot watch the folder %s: %w", handover.Folder, err)
			}
			u.noticed()
		case e, ok := <-w.Events:
			if !ok || e.Name == dir && e.Has(fsnotify.Remove|fsnotify.Rename) {
				return fmt.Errorf("the folder %s is gone", handover.Folder)
			}
			u.noticed()
			idle(ctx, noticePause)
		}
	}
}

func (u *upgrader) noticed() {
	select {
	case u.events <- struct{}{}:
	default: // it is going to be looked at anyway
	}
}

// idle lets some time pass, unless ctx ends before.
func idle(ctx context.Context, d time.Duration) {
	due := time.NewTimer(d)
	defer due.Stop()
	select {
	case <-due.C:
	case <-ctx.Done():
	}
}
