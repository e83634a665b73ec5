package mqtt

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// echo is a broker that confirms what is published at QoS 1 and throws it away.
func echo(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r := bufio.NewReaderSize(c, readBuffer)
		w := bufio.NewWriterSize(c, readBuffer)
		for {
			p, err := readPacket(r)
			if err != nil {
				return
			}
			switch p := p.(type) {
			case *packets.ConnectPacket:
				_ = packets.NewControlPacket(packets.Connack).Write(w)
			case *packets.PublishPacket:
				_, _ = w.Write(appendShort(nil, packets.Puback, p.MessageID))
			}
			if r.Buffered() == 0 && w.Flush() != nil {
				return
			}
		}
	}()
	return "mqtt://" + l.Addr().String()
}

func BenchmarkPublish(b *testing.B) {
	c := New(Options{Settings: &Settings{URL: echo(b)}, ID: "b", Clean: true})
	if _, err := c.Connect(context.Background()); err != nil {
		b.Fatal(err)
	}
	payload := []byte("21.5")
	var last *Flight
	b.ReportAllocs()
	for b.Loop() {
		f, err := c.Publish(context.Background(), "plant/a/temp", payload, 1)
		if err != nil {
			b.Fatal(err)
		}
		last = f
	}
	if err := c.Wait(context.Background(), last); err != nil {
		b.Fatal(err)
	}
	_ = c.Disconnect(context.Background()) // the other side is there no longer
}

// BenchmarkReadPackets is what each message costs before it is handed over.
func BenchmarkReadPackets(b *testing.B) {
	text, err := appendPacket(nil, newPublish("plant/a/temp", []byte(`{"value":21.5}`), 1, 7, false))
	if err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReaderSize(&repeated{text: text}, readBuffer)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readPacket(r); err != nil {
			b.Fatal(err)
		}
	}
}

type repeated struct {
	text []byte
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

var _ io.Reader = (*repeated)(nil)
