package mqtt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// maxPacket is the largest packet that is read into memory: a content of a larger one could not be handled either.
	maxPacket = 64 << 20
	// readBuffer holds the head of any packet: the fixed header, the longest topic and the identifier.
	readBuffer = 5 + 2 + 1<<16 + 2
)

// largeError says that the broker sent a message that is too large. It was passed over and may be acknowledged.
type largeError struct {
	topic  string
	id     uint16
	qos    byte
	length int
}

func (e *largeError) Error() string {
	return fmt.Sprintf("a message of %d bytes is larger than the %d bytes that are taken", e.length, maxPacket)
}

// readPacket reads the next packet.
func readPacket(r *bufio.Reader) (packets.ControlPacket, error) {
	head, length, err := peekHead(r)
	if err != nil {
		return nil, err
	}
	if length > maxPacket {
		return nil, passOver(r, head, length)
	}
	p, err := packets.ReadPacket(r)
	if err != nil {
		return nil, fmt.Errorf("cannot read what the broker sends: %w", err)
	}
	if publish, ok := p.(*packets.PublishPacket); ok {
		return p, checkPublish(publish)
	}
	return p, nil
}

// checkPublish finds what the codec lets pass.
func checkPublish(p *packets.PublishPacket) error {
	if p.Qos > 2 || p.Qos > 0 && p.MessageID == 0 {
		return errors.New("cannot read what the broker sends: a message breaks the protocol")
	}
	return nil
}

// peekHead is how long the fixed header is, and what follows it.
func peekHead(r *bufio.Reader) (head, length int, err error) {
	for n := 2; n <= 5; n++ {
		b, err := r.Peek(n)
		if err != nil {
			return 0, 0, err
		}
		if last := b[n-1]; last&0x80 == 0 {
			for i := n - 1; i >= 1; i-- {
				length = length<<7 | int(b[i]&0x7f)
			}
			return n, length, nil
		}
	}
	return 0, 0, errors.New("cannot read what the broker sends: a length has more than four bytes")
}

// passOver skips a packet that is too large. The error is a *largeError when it was a message.
func passOver(r *bufio.Reader, head, length int) error {
	large := &largeError{length: length}
	b, err := r.Peek(head + 2)
	if err != nil {
		return err
	}
	kind := b[0] >> 4
	large.qos = b[0] >> 1 & 3
	topic := int(binary.BigEndian.Uint16(b[head:]))
	if b, err = r.Peek(head + 2 + topic + 2); err != nil {
		return err
	}
	large.topic = string(b[head+2 : head+2+topic])
	large.id = binary.BigEndian.Uint16(b[head+2+topic:])
	if _, err := io.CopyN(io.Discard, r, int64(head+length)); err != nil {
		return err
	}
	if kind != packets.Publish {
		return fmt.Errorf("cannot read what the broker sends: a packet of type %d has %d bytes", kind, length)
	}
	return large
}

// appendPacket appends the bytes of a packet.
func appendPacket(dst []byte, p packets.ControlPacket) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	if err := p.Write(b); err != nil {
		return dst, fmt.Errorf("cannot write a packet: %w", err)
	}
	return b.Bytes(), nil
}

// appendShort appends one of the packets that hold an identifier only, of which there are many.
func appendShort(dst []byte, kind byte, id uint16) []byte {
	first := kind << 4
	if kind == packets.Pubrel {
		first |= 2
	}
	return append(dst, first, 2, byte(id>>8), byte(id))
}

func newPublish(topic string, payload []byte, qos byte, id uint16, dup bool) *packets.PublishPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID, p.Dup = topic, payload, qos, id, dup
	return p
}
