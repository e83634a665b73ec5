package mqtt

import (
	"bufio"
	"bytes"
	"errors"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// FuzzPackets reads what a broker might send. What is a message must be the same when it is written and read again.
func FuzzPackets(f *testing.F) {
	for _, p := range []packets.ControlPacket{newPublish("a/b", []byte("hello"), 1, 7, true), newPublish("a", nil, 0, 0, false), packets.NewControlPacket(packets.Pingresp)} {
		b, err := appendPacket(nil, p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(appendShort(nil, packets.Pubrel, 9))
	f.Add([]byte{0x90, 3, 0, 1, 0x80})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), readBuffer)
		for range 100 {
			p, err := readPacket(r)
			var large *largeError
			if errors.As(err, &large) {
				continue
			}
			if err != nil {
				return
			}
			message, ok := p.(*packets.PublishPacket)
			if !ok || CheckTopic(message.TopicName) != nil {
				continue
			}
			text, err := appendPacket(nil, newPublish(message.TopicName, message.Payload, message.Qos, message.MessageID, message.Dup))
			if err != nil {
				t.Fatal(err)
			}
			again, err := readPacket(bufio.NewReaderSize(bytes.NewReader(text), readBuffer))
			if err != nil || again.(*packets.PublishPacket).TopicName != message.TopicName || !bytes.Equal(again.(*packets.PublishPacket).Payload, message.Payload) {
				t.Fatalf("%v became %v, %v", message, again, err)
			}
		}
	})
}

func TestShortPacketsAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	for _, kind := range []byte{packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp} {
		p, err := readPacket(bufio.NewReaderSize(bytes.NewReader(appendShort(nil, kind, 0x1234)), readBuffer))
		if err != nil || p.Details().MessageID != 0x1234 {
			t.Errorf("%d: %v, %v", kind, p, err)
		}
	}
}
