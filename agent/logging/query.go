package logging

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
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
	levels   []string
	min      slog.Level
	from, to string
	types    []string
	scopes   []string
	items    []string
	groups   []string
	text     string // lower case
	ascii    bool
}

// newMatcher also asks for visible, the level of what is shown at all.
func newMatcher(q Query, visible slog.Level) *matcher {
	m := &matcher{min: visible, scopes: q.ScopeIDs, items: q.ItemIDs, groups: q.GroupIDs, text: strings.ToLower(q.Text)}
	if q.HasMin {
		m.min = max(visible, q.MinLevel)
	}
	for _, l := range q.Levels {
		if l != LevelSilent {
			m.levels = append(m.levels, LevelName(l))
		} else if len(q.Levels) == 1 {
			m.min = LevelSilent
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
	m.ascii = !strings.ContainsFunc(m.text, func(r rune) bool { return r >= utf8.RuneSelf })
	return m
}

func (m *matcher) match(r *record) bool {
	return r.level >= m.min &&
		(len(m.levels) == 0 || slices.Contains(m.levels, LevelName(r.level))) &&
		(m.from == "" || string(r.time) >= m.from) && (m.to == "" || string(r.time) <= m.to) &&
		among(m.types, r.kind) && among(m.scopes, r.id) && among(m.items, r.itemID) && among(m.groups, r.groupID) &&
		m.hasText(r.message)
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
	if m.text == "" {
		return true
	}
	if m.ascii && bytes.IndexByte(raw, '\\') < 0 {
		return containsFold(raw, m.text)
	}
	return m.inText(plain(raw))
}

func (m *matcher) inText(text string) bool { return strings.Contains(strings.ToLower(text), m.text) }

// containsFold says whether text holds part, which is ASCII in lower case, in any case.
func containsFold(text []byte, part string) bool {
	first := part[0]
	upper := first
	if first >= 'a' && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i := 0; i+len(part) <= len(text); i++ {
		if c := text[i]; (c == first || c == upper) && equalFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func equalFold(text []byte, lower string) bool {
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
