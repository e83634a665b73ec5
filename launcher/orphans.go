package launcher

import (
	"context"
	"log/slog"
	"time"

	"oibus/launcher/options"
	"oibus/platform"
)

// endOrphans ends the agent that a killed launcher left behind, if it does not end by itself, as it should when its
// standard input has ended. Otherwise it would keep the data folder to itself for ever.
func endOrphans(ctx context.Context, mark string, o options.Options, m *manager, log *slog.Logger) {
	if mark != "" {
		if err := platform.KillMarked(mark+probeMark, 0); err != nil {
			log.Warn("cannot end a program that was asked for its version", "error", err)
		}
	}
	pids := platform.Marked(mark)
	if len(pids) == 0 {
		return
	}
	log.Warn("an earlier launcher was killed and left processes behind, waiting for them to stop",
		"pids", pids, "limit", o.StopLimit)
	m.say("STATUS=Waiting for the processes of an earlier launcher" + extend(o.StopLimit.Std()+killAgain))
	if allGone(ctx, mark, o.StopLimit.Std(), m) || ctx.Err() != nil {
		return
	}
	log.Warn("they did not stop within launcher.stop_limit, killing them")
	err := platform.KillMarked(mark, 0)
	if !allGone(ctx, mark, killAgain, m) && ctx.Err() == nil {
		log.Error("cannot end what an earlier launcher left behind", "pids", platform.Marked(mark), "error", err)
	}
}

// allGone waits for the end of the processes with the mark, with signs of life for the service manager.
func allGone(ctx context.Context, mark string, limit time.Duration, m *manager) bool {
	due := time.NewTimer(limit)
	defer due.Stop()
	ticker := time.NewTicker(tick / 5)
	defer ticker.Stop()
	for len(platform.Marked(mark)) > 0 {
		select {
		case now := <-ticker.C:
			m.sign(now, true)
		case <-due.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}
