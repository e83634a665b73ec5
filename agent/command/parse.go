package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"oibus/agent/entity"
)

// Bounds of what the cloud sends.
const (
	maxCommand = 20_000_000 // bytes of one command: those of the longest REST body
	maxID      = 512        // of an identifier, which becomes part of a URL
	maxType    = 200
)

// parsed is an element of E4: a command to store, refused already or not.
type parsed struct {
	command *Stored
	refusal string // why it can never be executed, "" when it can
}

// parse reads one element of E4. A nil command means that there is no identifier under which it could be answered.
func (s *Service) parse(raw json.RawMessage, now time.Time) (parsed, error) {
	var fetched map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fetched); err != nil || fetched == nil {
		return parsed{}, fmt.Errorf("a command is not an object: %s", preview(raw))
	}
	id, ok := textOf(fetched["id"])
	if !ok || id == "" {
		return parsed{}, fmt.Errorf("a command has no id that is a text: %s", preview(raw))
	}
	at := entity.Milli(now)
	c := &Stored{ID: id, Status: Retrieved, CreatedAt: at, RetrievedDate: at, Fields: map[string]json.RawMessage{}}
	var refusal string
	c.Type, refusal = required(fetched, "type", refusal)
	version, refusal := required(fetched, "targetVersion", refusal)
	if version != "" {
		c.TargetVersion = &version
	}
	switch {
	case len(raw) > maxCommand:
		refusal = fmt.Sprintf("The command is too long: %d bytes, at most %d are accepted", len(raw), maxCommand)
		c.Type = clip(c.Type, maxType)
		return parsed{c, refusal}, nil
	case len(id) > maxID:
		refusal = fmt.Sprintf("The id of the command is too long: %d bytes, at most %d are accepted", len(id), maxID)
	}
	return parsed{c, refusal}, s.fill(c, fetched)
}

// required reads a key that must be a text, and adds to the refusal when it is not.
func required(fetched map[string]json.RawMessage, name, refusal string) (value, refused string) {
	raw, ok := fetched[name]
	value, isText := textOf(raw)
	switch {
	case !ok || string(raw) == "null":
		return "", join(refusal, strconv.Quote(name)+" is required")
	case !isText:
		return "", join(refusal, strconv.Quote(name)+" must be a string")
	case value == "":
		return "", join(refusal, strconv.Quote(name)+" is not allowed to be empty")
	}
	return value, refusal
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ". " + b
}

// fill takes over the keys of the type. Of an unknown type only the content is kept.
func (s *Service) fill(c *Stored, fetched map[string]json.RawMessage) error {
	r := s.rows[c.Type]
	if r == nil {
		if v, ok := fetched[contentKey]; ok {
			c.Fields[contentKey] = v
		}
		return nil
	}
	fields, err := r.shape(fetched)
	if err != nil {
		return err
	}
	c.Fields = fields
	if content, ok := fields[contentKey]; ok && len(r.secrets) > 0 {
		delete(fields, contentKey)
		c.Sealed, err = s.o.Sealer.Seal(string(content))
	}
	return err
}

// textOf is the text that raw holds.
func textOf(raw json.RawMessage) (string, bool) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", false
	}
	text, ok := v.(string)
	return text, ok
}

// preview shows the beginning of foreign bytes in a log.
func preview(raw []byte) string {
	const limit = 100
	return strconv.Quote(clip(string(bytes.ToValidUTF8(raw[:min(len(raw), limit)], nil)), limit))
}

// clip keeps at most limit bytes of s.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:limit]), nil)) + "…"
}

// Command is what a run function gets.
type Command struct {
	ID, Type string
	Content  json.RawMessage
	fields   map[string]json.RawMessage
	note     func(text string) // keeps how far it has come
}

// text is the identifier under name.
func (c Command) text(name string) (string, error) {
	value, refusal := required(c.fields, name, "")
	if refusal != "" {
		return "", entity.Invalid("%s", refusal)
	}
	return value, nil
}

// body is the content, which must be there.
func (c Command) body() (json.RawMessage, error) {
	if len(c.Content) == 0 || string(c.Content) == "null" {
		return nil, entity.Invalid("%q is required", contentKey)
	}
	return c.Content, nil
}
