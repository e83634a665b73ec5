package logging

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Query says which entries are asked for. A zero field asks for all.
type Query struct {
	Levels     []slog.Level // these levels exactly
	MinLevel   slog.Level   // and at least this one, when HasMin
	HasMin     bool
	From, To   time.Time // inclusive
	ScopeTypes []string  // SOUTH or south, HISTORY_QUERY or history-query, …
	ScopeIDs   []string
	ItemIDs    []string
	GroupIDs   []string
	Text       string // part of the message, in any case
	Page       int    // from 0, newest entries first
	PageSize   int    // 0 is 50; at most 1,000
}

// matcher is a Query prepared for many lines.
type matcher struct {
	levels   []slog.Level
	min      slog.Level
	from, to string
	types    []string
	scopes   []string
	items    []string
	groups   []string
	text     *needle
	inside   bool // it asks for more than a glance shows
}

// newMatcher also asks for visible, the level of what is shown at all.
func newMatcher(q Query, visible slog.Level) *matcher {
	m := &matcher{min: visible, scopes: q.ScopeIDs, items: q.ItemIDs, groups: q.GroupIDs, text: newNeedle(strings.ToLower(q.Text))}
	if q.HasMin {
		m.min = max(visible, q.MinLevel)
	}
	for _, l := range q.Levels {
		if l == LevelSilent {
			if len(q.Levels) == 1 {
				m.min = LevelSilent
			}
		} else if named, ok := levelNamed([]byte(LevelName(l))); ok {
			m.levels = append(m.levels, named)
		}
	}
	if !q.From.IsZero() {
		m.from = string(appendTime(nil, q.From))
	}
	if !q.To.IsZero() {
		m.to = string(appendTime(nil, q.To))
	}
	for _, t := range q.ScopeTypes {
		m.types = append(m.types, scopeType(t))
	}
	m.inside = q.Text != "" || len(m.types)+len(m.scopes)+len(m.items)+len(m.groups) > 0
	return m
}

// may says whether a line may match, as far as that is quickly seen: surely when nothing inside is asked for.
func (m *matcher) may(g *glance) bool {
	if g.level < m.min || len(m.levels) > 0 && !slices.Contains(m.levels, g.level) ||
		m.from != "" && string(g.time) < m.from || m.to != "" && string(g.time) > m.to {
		return false
	}
	if !m.inside || bytes.IndexByte(g.line, '\\') >= 0 {
		return true // what is escaped would not be found as it is
	}
	return (!m.text.ascii || m.text.in(g.line)) && shows(g.line, m.types) && shows(g.line, m.scopes) && shows(g.line, m.items) && shows(g.line, m.groups)
}

func shows(line []byte, wanted []string) bool {
	for _, w := range wanted {
		if bytes.Contains(line, []byte(w)) {
			return true
		}
	}
	return len(wanted) == 0
}

// match says whether a line that may match does.
func (m *matcher) match(r *record) bool {
	return among(m.types, r.kind) && among(m.scopes, r.id) && among(m.items, r.itemID) && among(m.groups, r.groupID) && m.hasText(r.message)
}

func among(wanted []string, raw []byte) bool {
	if len(wanted) == 0 {
		return true
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		return slices.Contains(wanted, plain(raw))
	}
	for _, w := range wanted {
		if w == string(raw) {
			return true
		}
	}
	return false
}

func (m *matcher) hasText(raw []byte) bool {
	if m.text.ascii && bytes.IndexByte(raw, '\\') < 0 {
		return m.text.in(raw)
	}
	return m.inText(plain(raw))
}

func (m *matcher) inText(text string) bool {
	return strings.Contains(strings.ToLower(text), m.text.text)
}
