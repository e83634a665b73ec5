package logging

import (
	"context"
	"log/slog"
	"strings"
)

// LevelTrace is below debug: what an expert wants when nothing else helps.
const LevelTrace = slog.Level(-8)

// LevelSilent is above every record.
const LevelSilent = slog.Level(127)

// ParseLevel understands silent, error, warn, info, debug and trace in any case. Any other text is info.
func ParseLevel(text string) slog.Level {
	switch strings.ToLower(text) {
	case "silent":
		return LevelSilent
	case "error":
		return slog.LevelError
	case "warn":
		return slog.LevelWarn
	case "debug":
		return slog.LevelDebug
	case "trace":
		return LevelTrace
	default:
		return slog.LevelInfo
	}
}

// LevelName is the name of the highest of the five levels that l reaches: error, warn, info, debug or trace.
func LevelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	case l >= slog.LevelDebug:
		return "debug"
	default:
		return "trace"
	}
}

// levelNamed is the level that a line of the journal names.
func levelNamed(name []byte) (level slog.Level, ok bool) {
	switch string(name) {
	case "error":
		return slog.LevelError, true
	case "warn":
		return slog.LevelWarn, true
	case "info":
		return slog.LevelInfo, true
	case "debug":
		return slog.LevelDebug, true
	case "trace":
		return LevelTrace, true
	}
	return LevelSilent, false
}

// Trace logs at LevelTrace.
func Trace(ctx context.Context, log *slog.Logger, msg string, args ...any) {
	if log.Enabled(ctx, LevelTrace) {
		log.Log(ctx, LevelTrace, msg, args...)
	}
}
