package folderscanner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"oibus/agent/content"
	"oibus/agent/south"
)

// mostShown is how many files the last value names.
const mostShown = 500

// memory is which files were sent: a key a file, whose value is the modification time in milliseconds with a fraction, or
// {"undeleted": …} for one that should not be there any more.
type memory struct {
	durable south.Memory
	files   map[string]mark
	changed bool
}

type mark struct {
	at        time.Time
	undeleted bool
}

func remembered(durable south.Memory) *memory {
	m := &memory{durable: durable, files: map[string]mark{}}
	for name, value := range durable.All() {
		if at, ok := parseTime(value); ok {
			m.files[name] = mark{at: at}
		} else if at, ok := parseTime(content.Member(value, "undeleted")); ok {
			m.files[name] = mark{at: at, undeleted: true}
		}
	}
	return m
}

// sent is when a file was modified that was sent.
func (m *memory) sent(name string) (time.Time, bool) {
	f, ok := m.files[name]
	return f.at, ok
}

// undeleted is when a file was modified that was sent and could not be deleted.
func (m *memory) undeleted(name string) (time.Time, bool) {
	f, ok := m.files[name]
	return f.at, ok && f.undeleted
}

func (m *memory) remember(name string, at time.Time) error {
	return m.set(name, mark{at: at}, json.RawMessage(formatTime(at)))
}

func (m *memory) rememberUndeleted(name string, at time.Time) error {
	return m.set(name, mark{at: at, undeleted: true}, json.RawMessage(`{"undeleted":`+formatTime(at)+`}`))
}

func (m *memory) set(name string, f mark, value json.RawMessage) error {
	if old, ok := m.files[name]; ok && old.at.Equal(f.at) && old.undeleted == f.undeleted {
		return nil
	}
	if err := m.durable.Set(map[string]json.RawMessage{name: value}); err != nil {
		return fmt.Errorf("cannot remember that %q was sent: %w", name, err)
	}
	m.files[name], m.changed = f, true
	return nil
}

// prune forgets the files that are not there any more. When not one of them is there, the folder is more likely away
// than emptied, and nothing is forgotten: all would be sent again.
func (m *memory) prune(l *listing) error {
	gone := map[string]json.RawMessage{}
	for name := range m.files {
		if !l.names[name] && !l.unseen(name) {
			gone[name] = nil
		}
	}
	if len(gone) == 0 || len(gone) == len(m.files) && !l.onlyUndeleted(m) {
		return nil
	}
	if err := m.durable.Set(gone); err != nil {
		return fmt.Errorf("cannot forget files that are gone: %w", err)
	}
	for name := range gone {
		delete(m.files, name)
	}
	m.changed = true
	return nil
}

// onlyUndeleted says whether nothing but files to be deleted is remembered.
func (l *listing) onlyUndeleted(m *memory) bool {
	for _, f := range m.files {
		if !f.undeleted {
			return false
		}
	}
	return true
}

// unseen says whether name lies in a sub-folder that was not or could not be read.
func (l *listing) unseen(name string) bool {
	if l.flat && strings.Contains(name, "/") {
		return true
	}
	for sub := range l.partial {
		if strings.HasPrefix(name, sub+"/") {
			return true
		}
	}
	return false
}

type shownFile struct {
	FileName     string          `json:"filename"`
	ModifiedTime json.RawMessage `json:"modifiedTime"`
}

// shown is the last value of the item: the files remembered, the latest of them when there are many. It is nil when
// nothing changed.
func (m *memory) shown() json.RawMessage {
	if !m.changed {
		return nil
	}
	names := make([]string, 0, len(m.files))
	for name := range m.files {
		names = append(names, name)
	}
	if len(names) > mostShown {
		slices.SortFunc(names, func(a, b string) int { return m.files[b].at.Compare(m.files[a].at) })
		names = names[:mostShown]
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(m.files[a].at.Compare(m.files[b].at), strings.Compare(a, b)) })
	list := make([]shownFile, len(names))
	for i, name := range names {
		list[i] = shownFile{name, json.RawMessage(formatTime(m.files[name].at))}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return raw
}

// formatTime writes milliseconds since 1970 with as much of a fraction as the file system gave.
func formatTime(t time.Time) string {
	ns := t.UnixNano()
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	text := fmt.Sprintf("%s%d.%06d", sign, ns/1e6, ns%1e6)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// parseTime reads what formatTime wrote, without losing anything.
func parseTime(raw []byte) (time.Time, bool) {
	text, negative := strings.CutPrefix(string(raw), "-")
	whole, fraction, _ := strings.Cut(text, ".")
	ms, err := strconv.ParseUint(whole, 10, 43)
	if err != nil || len(fraction) > 6 {
		return time.Time{}, false
	}
	ns, err := strconv.ParseUint((fraction + "000000")[:6], 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	total := int64(ms)*1e6 + int64(ns)
	if negative {
		total = -total
	}
	return time.Unix(0, total), true
}
