package logging

import (
	"context"
	"log/slog"
	"sync"
)

// handler is the slog.Handler of one scope. What does not change from record to record is prepared once.
type handler struct {
	hub    *Hub
	of     Scope
	except string
	scope  []byte // as appendScope makes it of both
	label  string // for the console
	attrs  []byte // of WithAttrs, as text
	prefix string // of WithGroup
}

func (h *Hub) handler(s Scope, except string) *handler {
	s = s.normal()
	return &handler{hub: h, of: s, except: except, scope: appendScope(nil, s, except), label: label(s)}
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.Level(h.hub.lowest.Load())
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = append([]byte(nil), h.attrs...)
	narrowed := false
	for _, a := range attrs {
		if h.prefix == "" && next.of.narrow(a) {
			narrowed = true
			continue
		}
		next.attrs = appendAttr(next.attrs, h.prefix, a)
	}
	if narrowed {
		next.of = next.of.normal()
		next.scope = appendScope(nil, next.of, next.except)
	}
	return &next
}

// narrow makes a scope that of an item or group, when a is one of the attributes itemId, itemName, groupId and groupName:
// a logger that has them writes about that item or group.
func (s *Scope) narrow(a slog.Attr) bool {
	fields := map[string]*string{"itemId": &s.ItemID, "itemName": &s.ItemName, "groupId": &s.GroupID, "groupName": &s.GroupName}
	field := fields[a.Key]
	if field == nil || a.Value.Kind() != slog.KindString {
		return false
	}
	*field = a.Value.String()
	return true
}

func (h *handler) WithGroup(name string) slog.Handler {
	next := *h
	if name != "" {
		next.prefix += name + "."
	}
	return &next
}

// scratch is the memory that one call of Handle needs.
type scratch struct{ message, line []byte }

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// Handle writes the record, with its attributes appended to the message, to the queues of journal and console.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	s := scratches.Get().(*scratch)
	text := append(append(s.message[:0], r.Message...), h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		text = appendAttr(text, h.prefix, a)
		return true
	})
	// Masked before it is cut: half a token is still too much.
	text = bounded(redact(text, *h.hub.password.Load()))
	at := r.Time
	if at.IsZero() {
		at = h.hub.now()
	}
	if r.Level >= slog.Level(h.hub.journalLevel.Load()) {
		s.line = appendLine(s.line[:0], at, r.Level, h.scope, text)
		h.hub.queue.push(s.line, r.Level >= slog.LevelError)
	}
	if r.Level >= slog.Level(h.hub.consoleLevel.Load()) {
		s.line = appendConsole(s.line[:0], at, r.Level, h.label, text)
		h.hub.console.push(s.line)
	}
	if s.message = text; cap(text)+cap(s.line) < 4*maxMessage {
		scratches.Put(s)
	}
	return nil
}
