package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"
)

// record is a journal line taken apart without copying: its texts are the insides of JSON strings, still escaped,
// and lie in the line itself. Forwarding copies them as they are.
type record struct {
	seq       uint64
	level     slog.Level
	size      int
	time      []byte // timeLayout
	kind      []byte // scope type
	id, name  []byte
	itemID    []byte
	itemName  []byte
	groupID   []byte
	groupName []byte
	except    []byte
	message   []byte
}

var errDamaged = errors.New("damaged journal line")

// parseRecord takes a line apart, with or without its newline. It accepts nothing that is not JSON.
func parseRecord(line []byte) (record, error) {
	r := record{size: len(line), level: LevelSilent}
	s := scanner{data: bytes.TrimSuffix(line, []byte{'\n'})}
	if !s.expect('{') {
		return r, errDamaged
	}
	for first := true; first || s.expect(','); first = false {
		key, ok := s.text()
		if !ok || !s.expect(':') || !r.set(string(key), &s) {
			return r, errDamaged
		}
	}
	if !s.expect('}') || s.pos != len(s.data) || r.seq == 0 || r.level == LevelSilent || !isTime(r.time) {
		return r, errDamaged
	}
	return r, nil
}

// set reads the value of key.
func (r *record) set(key string, s *scanner) bool {
	if field := r.field(key); field != nil {
		text, ok := s.text()
		*field = text
		return ok
	}
	switch key {
	case "seq":
		number, ok := s.number()
		if !ok {
			return false
		}
		seq, err := strconv.ParseUint(string(number), 10, 64)
		r.seq = seq
		return err == nil
	case "level":
		name, ok := s.text()
		if ok {
			r.level, ok = levelNamed(name)
		}
		return ok
	default:
		return s.skip()
	}
}

func (r *record) field(key string) *[]byte {
	switch key {
	case "time":
		return &r.time
	case "type":
		return &r.kind
	case "id":
		return &r.id
	case "name":
		return &r.name
	case "itemId":
		return &r.itemID
	case "itemName":
		return &r.itemName
	case "groupId":
		return &r.groupID
	case "groupName":
		return &r.groupName
	case "except":
		return &r.except
	case "message":
		return &r.message
	default:
		return nil
	}
}

func (r *record) at() time.Time {
	t, _ := time.Parse(timeLayout, string(r.time))
	return t
}

func (r *record) entry() Entry {
	return Entry{Seq: r.seq, Time: r.at(), Level: r.level, Message: plain(r.message), Scope: Scope{
		Type: plain(r.kind), ID: plain(r.id), Name: plain(r.name), ItemID: plain(r.itemID), ItemName: plain(r.itemName),
		GroupID: plain(r.groupID), GroupName: plain(r.groupName),
	}}
}

// plain is the text that raw, the inside of a JSON string, stands for.
func plain(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	quoted := append(append(append(make([]byte, 0, len(raw)+2), '"'), raw...), '"')
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return string(raw)
	}
	return text
}

func isTime(raw []byte) bool {
	if len(raw) != len(timeLayout) {
		return false
	}
	for i, want := range []byte(timeLayout) {
		digit := raw[i] >= '0' && raw[i] <= '9'
		if wantDigit := want >= '0' && want <= '9'; digit != wantDigit || !digit && raw[i] != want {
			return false
		}
	}
	return true
}

// scanner reads compact JSON texts and whole numbers.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) expect(c byte) bool {
	if s.pos >= len(s.data) || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// text is the inside of the JSON string that comes next.
func (s *scanner) text() ([]byte, bool) {
	if !s.expect('"') {
		return nil, false
	}
	start, ascii := s.pos, true
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			raw := s.data[start:s.pos]
			s.pos++
			return raw, ascii || utf8.Valid(raw)
		case c == '\\':
			if !s.escape() {
				return nil, false
			}
			continue
		case c < 0x20:
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
		s.pos++
	}
	return nil, false
}

func (s *scanner) escape() bool {
	rest := s.data[s.pos+1:]
	if len(rest) == 0 {
		return false
	}
	if rest[0] != 'u' {
		s.pos += 2
		return bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0
	}
	if len(rest) < 5 {
		return false
	}
	for _, c := range rest[1:5] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	s.pos += 6
	return true
}

func (s *scanner) number() ([]byte, bool) {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	digits := s.data[start:s.pos]
	return digits, len(digits) == 1 || len(digits) > 1 && digits[0] != '0'
}

func (s *scanner) skip() bool {
	if s.pos < len(s.data) && s.data[s.pos] == '"' {
		_, ok := s.text()
		return ok
	}
	_, ok := s.number()
	return ok
}
