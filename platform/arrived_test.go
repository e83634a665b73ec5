package platform

import (
	"net"
	"testing"
	"time"
)

func TestWhatArrivedOnAConnectionIsSeenWithoutWaiting(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"bytes":    func(c *net.TCPConn) error { _, err := c.Write([]byte("x")); return err },
		"an end":   func(c *net.TCPConn) error { return c.Close() },
		"half one": func(c *net.TCPConn) error { return c.CloseWrite() },
		"a reset":  func(c *net.TCPConn) error { c.SetLinger(0); return c.Close() },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		if arrived, err := Arrived(client); arrived || err != nil {
			t.Errorf("%s: before it came: %v, %v", name, arrived, err)
		}
		if err := end(server.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
		var arrived bool
		for deadline := time.Now().Add(time.Minute); !arrived && err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			arrived, err = Arrived(client)
		}
		if !arrived || err != nil {
			t.Errorf("%s: %v, %v", name, arrived, err)
		}
		client.Close()
		if arrived, err := Arrived(client); arrived || err == nil {
			t.Errorf("%s: a closed connection: %v, %v", name, arrived, err)
		}
	}
}
