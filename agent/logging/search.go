package logging

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"
)

const (
	defaultPageSize = 50
	maxPageSize     = 1000
	// flushLimit is how long a search waits for the newest lines to reach the journal.
	flushLimit = time.Second
)

// Page is a part of what a search found, newest first. Its JSON is that of Page_LogDTO_ of the REST API.
type Page struct {
	Entries []Entry
	Total   int // of all pages
	Size    int // of a full page
	Number  int // from 0
}

// MarshalJSON writes Page_LogDTO_.
func (p Page) MarshalJSON() ([]byte, error) {
	content := p.Entries
	if content == nil {
		content = []Entry{}
	}
	return json.Marshal(struct {
		Content       []Entry `json:"content"`
		TotalElements int     `json:"totalElements"`
		Size          int     `json:"size"`
		Number        int     `json:"number"`
		TotalPages    int     `json:"totalPages"`
	}{content, p.Total, p.Size, p.Number, (p.Total + p.Size - 1) / max(1, p.Size)})
}

// Search looks among the newest entries, at most database.maxNumberOfLogs of those at database.level or above. It
// reads the journal from its end, piece by piece, and holds no more than one page.
func (h *Hub) Search(q Query) (Page, error) {
	size := q.PageSize
	if size <= 0 {
		size = defaultPageSize
	}
	p := Page{Size: min(size, maxPageSize), Number: max(0, q.Page)}
	m := newMatcher(q, h.visible())
	skip := p.Number * p.Size
	err := h.newestFirst(func(g *glance) bool {
		if !m.may(g) {
			return true
		}
		shown := p.Total >= skip && len(p.Entries) < p.Size
		if m.inside || shown {
			r, err := parseRecord(g.line)
			if err != nil || !m.match(&r) {
				return true
			}
			if shown {
				p.Entries = append(p.Entries, r.entry())
			}
		}
		p.Total++
		return true
	})
	return p, err
}

// newestFirst visits the lines that can be searched, until visit returns false. A line is only valid during the call.
func (h *Hub) newestFirst(visit func(*glance) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	// When the journal cannot be written at the moment, what it holds is still worth showing.
	_ = h.writer.flush(ctx)
	visible, left := h.visible(), h.maxEntries.Load()
	var g glance // one for all lines
	return h.journal.backward(func(line []byte) bool {
		var ok bool
		if g, ok = look(line); !ok || g.level < visible {
			return true
		}
		left--
		return visit(&g) && left > 0
	})
}

func (h *Hub) visible() slog.Level { return slog.Level(h.searchLevel.Load()) }
