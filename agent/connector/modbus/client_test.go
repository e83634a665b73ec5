package modbus

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryFunctionIsSpokenAsTheSpecificationHasIt(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	d.words[0x6b], d.words[0x6c] = 0x022b, 0xffff
	d.coils[19], d.coils[20], d.coils[37] = true, true, true
	c := d.dial()
	if got, err := c.ReadRegisters(t.Context(), HoldingRegisters, 0x6b, 2); err != nil || !slices.Equal(got, []uint16{0x022b, 0xffff}) {
		t.Errorf("got %x, %v", got, err)
	}
	if got, err := c.ReadRegisters(t.Context(), InputRegisters, 0x6c, 1); err != nil || !slices.Equal(got, []uint16{0xffff}) {
		t.Errorf("got %x, %v", got, err)
	}
	for _, table := range []Table{Coils, DiscreteInputs} {
		got, err := c.ReadBits(t.Context(), table, 19, 19)
		want := make([]bool, 19)
		want[0], want[1], want[18] = true, true, true
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", table, got, err)
		}
	}
	if err := errors.Join(c.WriteCoil(t.Context(), 5, true), c.WriteCoil(t.Context(), 19, false), c.WriteRegister(t.Context(), 9, 0xabcd)); err != nil {
		t.Error(err)
	}
	if !d.coils[5] || d.coils[19] || d.words[9] != 0xabcd {
		t.Error("the writes did not arrive")
	}
	want := []string{"03006b0002", "04006c0001", "0100130013", "0200130013", "050005ff00", "0500130000", "060009abcd"}
	for i, f := range d.requests {
		if hex.EncodeToString(f.pdu) != want[i] || f.unit != 7 || f.transaction != uint16(i+1) {
			t.Errorf("request %d: %x of unit %d, transaction %d", i, f.pdu, f.unit, f.transaction)
		}
	}
}

func TestARefusalSaysWhyAndKeepsTheConnection(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	c := d.dial()
	for code, reason := range map[byte]string{1: "does not know the function", 2: "does not have the address", 3: "does not take the value", 4: "has failed", 5: "needs more time",
		6: "is busy", 7: "cannot do it", 8: "memory", 10: "no path", 11: "does not answer", 99: "of its own"} {
		d.answers(func(f frame) []byte {
			return frame{f.transaction, f.unit, []byte{f.pdu[0] | refusal, code}}.append(nil)
		})
		_, err := c.ReadRegisters(t.Context(), HoldingRegisters, 1, 1)
		var e *Exception
		if !errors.As(err, &e) || e.Code != code || !strings.HasPrefix(err.Error(), "A Modbus Exception Occurred - See Response Body: ") || !strings.Contains(err.Error(), reason) {
			t.Errorf("code %d: got %v", code, err)
		}
		if e != nil && e.About() != !slices.Contains([]byte{5, 6, 10, 11}, code) {
			t.Errorf("code %d is about the request: %t", code, e.About())
		}
	}
	d.answers(nil)
	if _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 1, 1); err != nil {
		t.Errorf("after refusals: %v", err)
	}
}

func TestLiesEndTheConnection(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(f frame) []byte{
		"another transaction": func(f frame) []byte { return frame{f.transaction - 1, f.unit, []byte{3, 2, 0, 1}}.append(nil) },
		"another unit":        func(f frame) []byte { return frame{f.transaction, f.unit + 1, []byte{3, 2, 0, 1}}.append(nil) },
		"another function":    func(f frame) []byte { return frame{f.transaction, f.unit, []byte{4, 2, 0, 1}}.append(nil) },
		"another refusal":     func(f frame) []byte { return frame{f.transaction, f.unit, []byte{0x84, 2}}.append(nil) },
		"a long refusal":      func(f frame) []byte { return frame{f.transaction, f.unit, []byte{0x83, 2, 0}}.append(nil) },
		"too little":          func(f frame) []byte { return frame{f.transaction, f.unit, []byte{3, 2, 0}}.append(nil) },
		"too much":            func(f frame) []byte { return frame{f.transaction, f.unit, []byte{3, 4, 0, 1, 0, 2}}.append(nil) },
		"a wrong count":       func(f frame) []byte { return frame{f.transaction, f.unit, []byte{3, 4, 0, 1}}.append(nil) },
		"another protocol": func(f frame) []byte {
			b := frame{f.transaction, f.unit, []byte{3, 2, 0, 1}}.append(nil)
			b[3] = 1
			return b
		},
		"no length": func(frame) []byte { return make([]byte, 20) },
		"an endless length": func(f frame) []byte {
			return append([]byte{byte(f.transaction >> 8), byte(f.transaction), 0, 0, 0xff, 0xff, 7}, make([]byte, 300)...)
		},
		"another language": func(frame) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t)
			d.answers(answer)
			c := d.dial()
			_, err := c.ReadRegisters(t.Context(), HoldingRegisters, 1, 1)
			var wrong *ProtocolError
			if !errors.As(err, &wrong) || !c.Broken() {
				t.Errorf("got %v, broken %t", err, c.Broken())
			}
			if _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 1, 1); !errors.Is(err, ErrOffline) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestAnAnswerToAWriteMustRepeatIt(t *testing.T) {
	t.Parallel()
	for _, pdu := range [][]byte{{6, 0, 9, 0, 2}, {6, 0, 8, 0, 1}, {6, 0, 9}, {6, 0, 9, 0, 1, 0}} {
		d := newDevice(t)
		d.answers(func(f frame) []byte { return frame{f.transaction, f.unit, pdu}.append(nil) })
		var wrong *ProtocolError
		if err := d.dial().WriteRegister(t.Context(), 9, 1); !errors.As(err, &wrong) {
			t.Errorf("% x: got %v", pdu, err)
		}
	}
}

func TestASilentOrTricklingServerEndsInTime(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	defer close(stop)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // sends a byte of a good answer now and then
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for _, b := range []byte{0, 1, 0, 0, 0, 250, 7, 3, 247} {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
		<-stop
	}()
	silence := newDevice(t)
	silence.answers(silent)
	trickle := Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Unit: 7, ConnectTimeout: time.Second}
	for name, o := range map[string]Options{"silent": silence.options(), "trickling": trickle} {
		o.RequestTimeout = 200 * time.Millisecond
		c, err := Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.ReadRegisters(t.Context(), HoldingRegisters, 1, 100); !errors.Is(err, ErrTimeout) || err.Error() != "Req timed out" || !c.Broken() {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestACancelledRequestEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.answers(func(frame) []byte { cancel(); return nil })
	c := d.dial()
	if _, err := c.ReadBits(ctx, Coils, 1, 1); !errors.Is(err, context.Canceled) || !c.Broken() {
		t.Errorf("got %v", err)
	}
	other := d.dial()
	if _, err := other.ReadBits(ctx, Coils, 1, 1); !errors.Is(err, context.Canceled) || other.Broken() {
		t.Errorf("before it was sent: got %v", err)
	}
}

func TestAConnectionThatTheServerClosedWhileItWasIdleIsReplaced(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	l := NewLink(d.options())
	if _, err := l.Use(t.Context()); !errors.Is(err, ErrUnset) {
		t.Errorf("not open: %v", err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	read := func() *Client {
		t.Helper()
		c, err := l.Use(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 1, 1); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := read()
	first.used = time.Time{} // long ago
	if read() != first {
		t.Error("a good connection was replaced")
	}
	d.cut()
	first.used = time.Time{}
	second := read()
	if second == first {
		t.Error("the closed connection was used")
	}
	d.mu.Lock()
	_, err := d.conns[len(d.conns)-1].Write([]byte{1}) // nobody asked
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; {
		second.used = time.Time{}
		if c, err := l.Use(t.Context()); err != nil || c != second {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection with stray bytes is used")
		}
	}
	read()
}

func TestAConnectionThatCannotBeMadeSaysWhy(t *testing.T) {
	t.Parallel()
	closed := newDevice(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	o := closed.options()
	o.Port = port
	if _, err := Dial(t.Context(), o); err == nil || err.Error() != fmt.Sprintf("Please check host and port: connect ECONNREFUSED 127.0.0.1:%d", port) {
		t.Errorf("got %v", err)
	}
	for err, want := range map[error]string{
		&net.DNSError{Name: "nowhere", IsNotFound: true}: "Please check host and port: getaddrinfo ENOTFOUND nowhere",
		context.DeadlineExceeded:                         "Modbus connection timeout after 1500 ms",
		errors.New("no luck"):                            "Unable to connect to socket: connect no luck 10.0.0.1:502",
	} {
		if got := dialError(&net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 502}, Err: err}, 1500*time.Millisecond); got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhatNoDeviceCanAnswerIsNotAsked(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	c := d.dial()
	for _, f := range []func() error{
		func() error { _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 0, 126); return err },
		func() error { _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 0, 0); return err },
		func() error { _, err := c.ReadRegisters(t.Context(), HoldingRegisters, 65535, 2); return err },
		func() error { _, err := c.ReadRegisters(t.Context(), Coils, 0, 1); return err },
		func() error { _, err := c.ReadRegisters(t.Context(), "", 0, 1); return err },
		func() error { _, err := c.ReadBits(t.Context(), Coils, 0, 2001); return err },
		func() error { _, err := c.ReadBits(t.Context(), HoldingRegisters, 0, 1); return err },
	} {
		if err := f(); err == nil {
			t.Error("no error")
		}
	}
	if _, err := c.ReadBits(t.Context(), Coils, 0, 2000); err != nil {
		t.Error(err)
	}
	if _, err := c.ReadRegisters(t.Context(), InputRegisters, 65411, 125); err != nil || len(d.requests) != 2 {
		t.Errorf("got %v, %d requests", err, len(d.requests))
	}
}

// FuzzAnswer reads any bytes as the answer to each function: it neither panics nor hangs, and what it takes is right.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 5, 7, 3, 2, 0, 1})
	f.Add([]byte{0, 1, 0, 0, 0, 3, 7, 0x83, 2})
	f.Add([]byte{0, 1, 0, 0, 0, 6, 7, 5, 0, 9, 0xff, 0})
	f.Add([]byte{0, 1, 0, 0, 0xff, 0xff, 7, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		client := func() *Client { return newClient(stream{in: bytes.NewReader(raw)}, Options{Unit: 7}) }
		words, err := client().ReadRegisters(t.Context(), HoldingRegisters, 9, 1)
		if err == nil && (len(words) != 1 || !bytes.HasPrefix(raw, []byte{0, 1, 0, 0, 0, 5, 7, 3, 2, byte(words[0] >> 8), byte(words[0])})) {
			t.Errorf("%x was read as %x", raw, words)
		}
		states, err := client().ReadBits(t.Context(), Coils, 9, 9)
		if err == nil && (len(states) != 9 || !bytes.HasPrefix(raw, []byte{0, 1, 0, 0, 0, 5, 7, 1, 2})) {
			t.Errorf("%x was read as %v", raw, states)
		}
		if err := client().WriteCoil(t.Context(), 9, true); err == nil && !bytes.HasPrefix(raw, []byte{0, 1, 0, 0, 0, 6, 7, 5, 0, 9, 0xff, 0}) {
			t.Errorf("%x was taken for a write", raw)
		}
	})
}
