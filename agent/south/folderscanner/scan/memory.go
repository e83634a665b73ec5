package scan

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"oibus/agent/content"
	"oibus/agent/south"
)

// mostShown is how many files the last value names.
const mostShown = 500

// memory is which files were sent: a key a file, whose value is the modification time in milliseconds with a fraction,
// {"listed": …, "size": …} for one whose time is known only roughly, or {"undeleted": …} for one that should not be there any
// more.
type memory struct {
	durable south.Memory
	files   map[string]mark
	changed bool
}

type mark struct {
	at        time.Time
	size      int64 // -1 when it does not count
	undeleted bool
}

func remembered(durable south.Memory) *memory {
	m := &memory{durable: durable, files: map[string]mark{}}
	for key, value := range durable.All() {
		if f, ok := parseMark(value); ok {
			m.files[nameOf(key)] = f
		}
	}
	return m
}

func parseMark(value json.RawMessage) (mark, bool) {
	if at, ok := parseTime(value); ok {
		return mark{at: at, size: -1}, true
	}
	size, err := strconv.ParseInt(string(content.Member(value, "size")), 10, 64)
	if err != nil || size < 0 {
		size = -1
	}
	if at, ok := parseTime(content.Member(value, "undeleted")); ok {
		return mark{at: at, size: size, undeleted: true}, true
	}
	at, ok := parseTime(content.Member(value, "listed"))
	return mark{at: at, size: size}, ok
}

func (f mark) value() json.RawMessage {
	text, size := formatTime(f.at), ""
	if f.size >= 0 {
		size = `,"size":` + strconv.FormatInt(f.size, 10)
	}
	switch {
	case f.undeleted:
		text = `{"undeleted":` + text + size + `}`
	case f.size >= 0:
		text = `{"listed":` + text + size + `}`
	}
	return json.RawMessage(text)
}

// encoded begins the keys of files whose names are no text that JSON can hold.
const encoded = "base64:"

func keyOf(name string) string {
	if utf8.ValidString(name) && !strings.HasPrefix(name, encoded) {
		return name
	}
	return encoded + base64.StdEncoding.EncodeToString([]byte(name))
}

func nameOf(key string) string {
	if text, ok := strings.CutPrefix(key, encoded); ok {
		if name, err := base64.StdEncoding.DecodeString(text); err == nil {
			return string(name)
		}
	}
	return key
}

// isNew says whether a file was not sent yet as it is now.
func (m *memory) isNew(f File) bool {
	sent, ok := m.files[f.Name]
	return !ok || f.Modified.After(sent.at) || f.Rough && sent.size >= 0 && sent.size != f.Size
}

// undeleted says whether a file was sent as it is, and could not be deleted.
func (m *memory) undeleted(f File) bool {
	known := m.files[f.Name]
	return known.undeleted && known.at.Equal(f.Modified) && known.size == sizeOf(f)
}

// sizeOf is the size by which a file is known: none when its time says enough.
func sizeOf(f File) int64 {
	if f.Rough {
		return f.Size
	}
	return -1
}

func (m *memory) remember(f File) error { return m.set(f.Name, mark{at: f.Modified, size: sizeOf(f)}) }

func (m *memory) rememberUndeleted(f File) error {
	return m.set(f.Name, mark{at: f.Modified, size: sizeOf(f), undeleted: true})
}

func (m *memory) set(name string, f mark) error {
	if old, ok := m.files[name]; ok && old.at.Equal(f.at) && old.undeleted == f.undeleted && old.size == f.size {
		return nil
	}
	if err := m.durable.Set(map[string]json.RawMessage{keyOf(name): f.value()}); err != nil {
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
			gone[keyOf(name)] = nil
		}
	}
	if len(gone) == 0 || len(gone) == len(m.files) && !l.onlyUndeleted(m) {
		return nil
	}
	if err := m.durable.Set(gone); err != nil {
		return fmt.Errorf("cannot forget files that are gone: %w", err)
	}
	for key := range gone {
		delete(m.files, nameOf(key))
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
