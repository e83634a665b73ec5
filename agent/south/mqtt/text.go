package mqtt

import (
	"encoding/base64"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// encode is the text of what came for an item: an array of messages, as the reference writes it. A message that is no
// text is written in base64, and says so; where the filter does not tell the topic, the message does.
func encode(p *portion) []byte {
	size := 2
	for _, a := range p.list {
		size += len(a.message.Payload) + len(a.message.Topic) + len(p.of.filter) + len(p.of.item.Name) + overhead
	}
	dst := append(make([]byte, 0, size), '[')
	for i, a := range p.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMessage(dst, a.message.Topic, a.message.Payload, a.at, p.of)
	}
	return append(dst, ']')
}

func appendMessage(dst []byte, topic string, payload []byte, at time.Time, of *subscription) []byte {
	if utf8.Valid(payload) {
		dst = content.AppendString(append(dst, `{"message":`...), string(payload))
	} else {
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"message":"`...), payload)
		dst = append(dst, `","encoding":"base64"`...)
	}
	if topic != of.filter {
		dst = content.AppendString(append(dst, `,"topic":`...), topic)
	}
	dst = content.AppendString(append(dst, `,"timestamp":`...), entity.Milli(at))
	dst = content.AppendString(append(dst, `,"item":{"id":`...), of.item.ID)
	dst = content.AppendString(append(dst, `,"name":`...), of.item.Name)
	dst = content.AppendString(append(dst, `,"topic":`...), of.filter)
	return append(dst, `}}`...)
}

const (
	complainEvery = time.Minute // between two logs of the same text
	complainTexts = 1000        // that are remembered
)

// complaints keeps a log readable in which each message would say the same.
type complaints struct {
	mu    sync.Mutex
	since time.Time
	texts map[string]bool
	more  int // that were not logged
}

func (c *complaints) log(log *slog.Logger, now time.Time, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.since); c.texts == nil || age < 0 || age >= complainEvery {
		if c.more > 0 {
			log.Error("More messages could not be attributed to an item and were dropped", "messages", c.more)
		}
		c.since, c.texts, c.more = now, map[string]bool{}, 0
	}
	if c.texts[text] || len(c.texts) >= complainTexts {
		c.more++
		return
	}
	c.texts[text] = true
	log.Error(text)
}
