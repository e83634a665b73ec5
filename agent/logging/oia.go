package logging

import (
	"context"
	"strings"
	"time"
)

const (
	oiaBatch    = 500 // entries in one POST (protocol/control-plane.md, section 8.3)
	oiaInterval = 60  // seconds, at most, and when none is set
)

// oiaTarget writes batches in the dialect that the agent speaks.
type oiaTarget struct {
	sender   func(ctx context.Context, batch []byte) error
	dialectR bool
}

func (t *oiaTarget) limit() (int, time.Duration) { return oiaBatch, 0 }
func (t *oiaTarget) close()                      {}

func (t *oiaTarget) send(ctx context.Context, records []record) (int, error) {
	size := 2
	for i := range records {
		size += records[i].size + 160
	}
	body := append(make([]byte, 0, size), '[')
	for i := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = t.append(body, &records[i])
	}
	if err := t.sender(ctx, append(body, ']')); err != nil {
		return 0, err
	}
	return len(records), nil
}

// append adds one entry of section 8.2, or of section 12 in dialect R.
func (t *oiaTarget) append(dst []byte, r *record) []byte {
	kind, id := string(r.kind), r.id
	if t.dialectR && kind == Internal {
		if string(id) == WebServer {
			kind = "WEB_SERVER"
		}
		id = nil
	}
	dst = append(append(dst, `{"timestamp":"`...), r.time[:len("2006-01-02T15:04:05.000")]...)
	dst = append(append(dst, `Z","level":"`...), strings.ToUpper(LevelName(r.level))...)
	dst = append(append(dst, `","scopeType":"`...), kind...)
	dst = append(dst, '"')
	dst = appendNullable(dst, "scopeId", id)
	dst = appendNullable(dst, "scopeName", r.name)
	if !t.dialectR {
		dst = appendNullable(dst, "itemId", r.itemID)
		dst = appendNullable(dst, "itemName", r.itemName)
		dst = appendNullable(dst, "groupId", r.groupID)
		dst = appendNullable(dst, "groupName", r.groupName)
	}
	dst = append(append(dst, `,"message":"`...), r.message...)
	return append(dst, `"}`...)
}

// appendNullable adds a key whose value is raw, the inside of a JSON string, or null.
func appendNullable(dst []byte, key string, raw []byte) []byte {
	dst = append(append(append(dst, `,"`...), key...), `":`...)
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	dst = append(append(dst, '"'), raw...)
	return append(dst, '"')
}
