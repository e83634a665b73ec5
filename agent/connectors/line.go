package connectors

import (
	"bytes"
	"encoding/json"
	"strconv"

	"oibus/agent/entity"
)

// readLine reads a record of items. Lines as they are written, of one item, take a short way of a fifth of the time;
// all others take that of encoding/json.
func readLine(line []byte, record *itemsRecord) bool {
	inner, ok := bytes.CutPrefix(line, []byte(`{"put":[{`))
	if ok {
		var item entity.SouthItem
		s := lineScanner{rest: inner}
		if s.item(&item) && string(s.rest) == "]}" {
			record.Put = []entity.SouthItem{item}
			return true
		}
	}
	return json.Unmarshal(line, record) == nil
}

// lineScanner reads JSON as this package writes it. Whatever it does not expect, it leaves to encoding/json.
type lineScanner struct{ rest []byte }

func (s *lineScanner) past(c byte) bool {
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// item reads the members of an item behind its opening brace.
func (s *lineScanner) item(i *entity.SouthItem) bool {
	for {
		key, ok := s.plain()
		if !ok || !s.past(':') || !s.member(string(key), i) {
			return false
		}
		if s.past('}') {
			return true
		}
		if !s.past(',') {
			return false
		}
	}
}

func (s *lineScanner) member(key string, i *entity.SouthItem) bool {
	switch key {
	case "id":
		return s.text(&i.ID)
	case "createdBy":
		return s.text(&i.CreatedBy)
	case "updatedBy":
		return s.text(&i.UpdatedBy)
	case "createdAt":
		return s.text(&i.CreatedAt)
	case "updatedAt":
		return s.text(&i.UpdatedAt)
	case "name":
		return s.text(&i.Name)
	case "enabled":
		return s.flag(&i.Enabled)
	case "settings":
		return s.object(&i.Settings)
	case "scanModeId":
		return s.text(&i.ScanModeID)
	case "groupId":
		return s.text(&i.GroupID)
	case "syncWithGroup":
		return s.flag(&i.SyncWithGroup)
	case "maxReadInterval":
		return s.number(&i.MaxReadInterval)
	case "readDelay":
		return s.number(&i.ReadDelay)
	case "startTimeOffset":
		return s.number(&i.StartTimeOffset)
	case "endTimeOffset":
		return s.number(&i.EndTimeOffset)
	case "recoveryStrategy":
		i.RecoveryStrategy = new(string)
		return s.text(i.RecoveryStrategy)
	}
	return false
}

// plain reads a text without escapes.
func (s *lineScanner) plain() ([]byte, bool) {
	if !s.past('"') {
		return nil, false
	}
	end := bytes.IndexByte(s.rest, '"')
	if end < 0 || bytes.IndexByte(s.rest[:end], '\\') >= 0 {
		return nil, false
	}
	text := s.rest[:end]
	s.rest = s.rest[end+1:]
	return text, true
}

func (s *lineScanner) text(into *string) bool {
	text, ok := s.plain()
	*into = string(text)
	return ok
}

func (s *lineScanner) flag(into *bool) bool {
	if rest, ok := bytes.CutPrefix(s.rest, []byte("true")); ok {
		*into, s.rest = true, rest
		return true
	}
	rest, ok := bytes.CutPrefix(s.rest, []byte("false"))
	*into, s.rest = false, rest
	return ok
}

func (s *lineScanner) number(into **float64) bool {
	end := bytes.IndexAny(s.rest, ",}")
	if end < 0 {
		return false
	}
	v, err := strconv.ParseFloat(string(s.rest[:end]), 64)
	*into, s.rest = &v, s.rest[end:]
	return err == nil
}

// object takes an object as it is.
func (s *lineScanner) object(into *json.RawMessage) bool {
	depth, inText := 0, false
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 {
			*into = bytes.Clone(s.rest[:i+1])
			s.rest = s.rest[i+1:]
			return (*into)[0] == '{' && !inText
		}
	}
	return false
}
