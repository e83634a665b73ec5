package launcher

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"oibus/platform"
)

// newLogger logs to lines and, for a service without a console, what a person must know to the system's event log.
func newLogger(lines io.Writer, m *platform.ServiceManager) *slog.Logger {
	var h slog.Handler = slog.NewTextHandler(lines, nil)
	if m != nil {
		h = &eventHandler{Handler: h, manager: m}
	}
	return slog.New(h)
}

// eventHandler also reports warnings and errors to the service manager.
type eventHandler struct {
	slog.Handler
	manager *platform.ServiceManager
}

// Handle implements slog.Handler.
func (h *eventHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		var text strings.Builder
		text.WriteString(r.Message)
		r.Attrs(func(a slog.Attr) bool {
			text.WriteString("\r\n" + a.String())
			return true
		})
		report := h.manager.Warn
		if r.Level >= slog.LevelError {
			report = h.manager.Error
		}
		report(text.String())
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eventHandler{Handler: h.Handler.WithAttrs(attrs), manager: h.manager}
}

// WithGroup implements slog.Handler.
func (h *eventHandler) WithGroup(name string) slog.Handler {
	return &eventHandler{Handler: h.Handler.WithGroup(name), manager: h.manager}
}
