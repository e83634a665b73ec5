package mqtt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"oibus/agent/connector/mqtt"
	"oibus/agent/content"
)

// message is an element of a content.
type message struct {
	Topic   string
	Payload []byte
}

// parse reads an element. A payload that is no text is published as its JSON.
func parse(element []byte) (message, error) {
	var raw struct {
		Topic   *string         `json:"topic"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(element, &raw); err != nil {
		return message{}, errors.New("it is no object with a text as topic")
	}
	if raw.Topic == nil {
		return message{}, errors.New("it has no topic")
	}
	m := message{Topic: *raw.Topic}
	if err := mqtt.CheckTopic(m.Topic); err != nil {
		return message{}, err
	}
	payload := bytes.TrimSpace(raw.Payload)
	switch {
	case len(payload) == 0 || string(payload) == "null":
	case payload[0] == '"':
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return message{}, fmt.Errorf("its payload cannot be read: %w", err)
		}
		m.Payload = []byte(text)
	default:
		m.Payload = bytes.Clone(payload)
	}
	if len(m.Payload) > maxPayload {
		return message{}, fmt.Errorf("its payload has %d bytes: MQTT allows %d", len(m.Payload), maxPayload)
	}
	return m, nil
}

// maxPayload is what fits into a packet with the longest topic.
const maxPayload = 1<<28 - 1 - 1<<16 - 4

var seed = maphash.MakeSeed()

// trip is how far the sending of a content has come: how many of its messages have arrived, and which are on their way.
// When the content is tried again, the trip goes on, if it is still the same content: the sums of its messages tell.
type trip struct {
	created time.Time
	arrived int    // messages at the beginning that have arrived, or were passed over
	sum     uint64 // of these
	steps   []step // behind them
	unread  int    // of these, messages that the broker may not have read
}

// step is one message on its way.
type step struct {
	flight *mqtt.Flight // nil at QoS 0, and for one that was passed over
	unread bool         // at QoS 0: it is not known whether the broker has read it
	sum    uint64       // of all messages up to this one
}

// next is the sum of messages with one more.
func next(sum uint64, element []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	var before [8]byte
	binary.LittleEndian.PutUint64(before[:], sum)
	_, _ = h.Write(before[:]) // never fails
	_, _ = h.Write(element)
	return h.Sum64()
}

// taken is how many messages were sent on their way, or passed over.
func (t *trip) taken() int { return t.arrived + len(t.steps) }

func (t *trip) last() uint64 {
	if n := len(t.steps); n > 0 {
		return t.steps[n-1].sum
	}
	return t.sum
}

func (t *trip) add(element []byte, f *mqtt.Flight, unread bool) {
	if unread {
		t.unread++
	}
	t.steps = append(t.steps, step{flight: f, unread: unread, sum: next(t.last(), element)})
}

// cut forgets what is not known to have arrived, and will not be: the connection that it went out on is gone.
func (t *trip) cut() {
	t.settle()
	for i := range t.steps {
		if t.steps[i].unread {
			t.steps = t.steps[:i]
			break
		}
	}
	t.unread = 0
}

// wasRead notes that the broker has read everything.
func (t *trip) wasRead() {
	for i := range t.steps {
		t.steps[i].unread = false
	}
	t.unread = 0
	t.settle()
}

// settle notes what has arrived, and returns the first message that has not. What the broker has forgotten is to be sent
// again, with all that followed it.
func (t *trip) settle() *mqtt.Flight {
	n := 0
	defer func() {
		if n > 0 {
			t.arrived, t.sum = t.arrived+n, t.steps[n-1].sum
			t.steps = t.steps[n:]
		}
	}()
	for i := range t.steps {
		s := &t.steps[i]
		if s.unread {
			return nil
		}
		if s.flight != nil {
			done, err := s.flight.Done()
			if !done {
				return s.flight
			}
			if err != nil {
				t.steps = t.steps[:i]
				return nil
			}
		}
		n = i + 1
	}
	return nil
}

// of says whether a content is the one that the trip is of.
func (t *trip) of(created time.Time, r io.Reader) (bool, error) {
	if !t.created.Equal(created) {
		return false, nil
	}
	elements := content.NewArray(r)
	var sum uint64
	for range t.taken() {
		element, err := elements.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("cannot read the messages: %w", err)
		}
		sum = next(sum, element)
	}
	return sum == t.last(), nil
}
