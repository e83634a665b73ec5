package cloudsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// LogEntry is one entry that an agent forwarded (protocol/control-plane.md, section 8.2).
type LogEntry struct {
	Seq       uint64    `json:"seq"`
	At        time.Time `json:"at"` // received
	Agent     string    `json:"agent"`
	Timestamp string    `json:"timestamp"`
	Level     string    `json:"level"`
	ScopeType string    `json:"scopeType"`
	ScopeID   *string   `json:"scopeId"`
	ScopeName *string   `json:"scopeName"`
	ItemID    *string   `json:"itemId"`
	ItemName  *string   `json:"itemName"`
	GroupID   *string   `json:"groupId"`
	GroupName *string   `json:"groupName"`
	Message   string    `json:"message"`
}

// logBatch keeps the body of one E10 as it came: it is decoded when somebody looks at it, so that a million entries
// cost little to receive.
type logBatch struct {
	first uint64 // number of its first entry
	count int
	at    time.Time
	agent string
	body  []byte
}

type logBook struct {
	mu    sync.Mutex
	ring  ring[logBatch]
	total uint64
}

func (b *logBook) init(l Limits) {
	b.ring = ring[logBatch]{maxCount: 1 << 30, maxBytes: l.LogBytes}
}

// serveLogs is E10.
func (s *Sim) serveLogs(x *exchange) answer {
	n, err := countElements(x.body)
	if err != nil {
		return badConfiguration(err)
	}
	if n == 0 {
		return accepted
	}
	s.logs.mu.Lock()
	s.logs.ring.add(logBatch{first: s.logs.total + 1, count: n, at: s.o.Now().UTC(), agent: x.agent.ID, body: x.body}, int64(len(x.body))+128)
	s.logs.total += uint64(n)
	s.logs.mu.Unlock()
	s.changed(false)
	return accepted
}

// countElements counts the elements of a JSON array without building them.
func countElements(body []byte) (int, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '[' || !json.Valid(body) {
		return 0, fmt.Errorf("the body is not a JSON array")
	}
	if len(bytes.TrimSpace(body[1:len(body)-1])) == 0 {
		return 0, nil
	}
	depth, commas := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i += stringLength(body[i:]) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 1 {
				commas++
			}
		}
	}
	return commas + 1, nil
}

// stringLength is the length of the JSON string that body starts with, quotes included. The JSON is valid.
func stringLength(body []byte) int {
	for i := 1; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(body)
}

// LogFilter narrows Logs. Zero fields do not.
type LogFilter struct {
	Agent string
	Level string // this level and those above it
	Scope string // SOUTH, NORTH, HISTORY_QUERY, INTERNAL, WEB_SERVER
	Text  string // in the message or a name, whatever the case
	After uint64 // only entries with a greater number
	Limit int    // only the newest of them; 0 is all that are kept
}

var levels = map[string]int{"TRACE": 1, "DEBUG": 2, "INFO": 3, "WARN": 4, "ERROR": 5}

func (f LogFilter) matches(e LogEntry) bool {
	if e.Seq <= f.After || f.Agent != "" && f.Agent != e.Agent || f.Scope != "" && f.Scope != e.ScopeType {
		return false
	}
	if f.Level != "" && levels[e.Level] < levels[strings.ToUpper(f.Level)] {
		return false
	}
	if f.Text == "" {
		return true
	}
	all := strings.ToLower(e.Message + "\n" + text(e.ScopeName) + "\n" + text(e.ItemName) + "\n" + text(e.GroupName))
	return strings.Contains(all, strings.ToLower(f.Text))
}

// Logs returns the entries kept that match, in the order of arrival.
func (s *Sim) Logs(f LogFilter) []LogEntry {
	s.logs.mu.Lock()
	batches := s.logs.ring.after(0)
	s.logs.mu.Unlock()
	var backwards [][]LogEntry
	found := 0
	for i := len(batches) - 1; i >= 0; i-- {
		b := batches[i]
		if b.first+uint64(b.count) <= f.After+1 || f.Limit > 0 && found >= f.Limit {
			break
		}
		if f.Agent != "" && f.Agent != b.agent {
			continue
		}
		matching := b.entries(f)
		found += len(matching)
		backwards = append(backwards, matching)
	}
	out := make([]LogEntry, 0, found)
	for i := len(backwards) - 1; i >= 0; i-- {
		out = append(out, backwards[i]...)
	}
	return newest(out, f.Limit)
}

func (b logBatch) entries(f LogFilter) []LogEntry {
	var raw []json.RawMessage
	if json.Unmarshal(b.body, &raw) != nil {
		return nil // it was valid when it came
	}
	var out []LogEntry
	for i, r := range raw {
		var e LogEntry
		if json.Unmarshal(r, &e) != nil {
			e = LogEntry{Level: "ERROR", Message: "not a log entry: " + string(r[:min(len(r), 500)])}
		}
		e.Seq, e.At, e.Agent = b.first+uint64(i), b.at, b.agent
		if f.matches(e) {
			out = append(out, e)
		}
	}
	return out
}

// LogCount is how many entries were received.
func (s *Sim) LogCount() uint64 {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	return s.logs.total
}

// ClearLogs forgets the entries. Their numbering goes on.
func (s *Sim) ClearLogs() {
	s.logs.mu.Lock()
	s.logs.ring.clear()
	s.logs.mu.Unlock()
	s.changed(false)
}
