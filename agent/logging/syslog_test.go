package logging

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"oibus/agent/entity"
)

// collector keeps messages that arrive.
type collector struct {
	mu   sync.Mutex
	list []string
}

func (c *collector) add(m string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, m)
}

func (c *collector) texts() (texts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.list {
		texts = append(texts, m[strings.LastIndex(m, " ")+1:])
	}
	return texts
}

func syslogSettings(protocol string, addr net.Addr) entity.LoggerSettings {
	s := settings()
	s.Syslog = entity.SyslogSettings{Level: "info", Host: "127.0.0.1", Protocol: protocol}
	switch a := addr.(type) {
	case *net.UDPAddr:
		s.Syslog.Port = a.Port
	case *net.TCPAddr:
		s.Syslog.Host, s.Syslog.Port = a.IP.String(), a.Port
	}
	return s
}

// rfc5424 is a message without structured data other than meta.
var rfc5424 = regexp.MustCompile(`^<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} Line_4_\S+ \d+ SOUTH \[meta sequenceId="\d+"\] \[south PLC\] \S+$`)

func TestSyslogOverUDPSendsOneMessageADatagram(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var got collector
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			got.add(string(buf[:n]))
		}
	})
	h := openHub(t, t.TempDir(), Options{})
	if err := h.Apply("Line 4 é", syslogSettings("udp4", conn.LocalAddr()), ""); err != nil {
		t.Fatal(err)
	}
	for n := 50; n <= 250; n += 50 { // the system drops what a receiver does not fetch in time
		write(t, h, "m", n-49, n)
		eventually(t, "50 datagrams more", func() bool { return len(got.texts()) == n })
	}
	log := h.Logger(Scope{Type: South, Name: "PLC"})
	log.Error("error")
	log.Debug("debug")
	log.Info(strings.Repeat("é", udpMax))
	closeHub(t, h)
	eventually(t, "252 datagrams", func() bool { return len(got.texts()) == 252 })
	conn.Close()
	reader.Wait()
	wantNumbered(t, got.texts()[:250], "m", 1, 250)
	for i, m := range got.list {
		pri := "<30>"
		if i == 250 {
			pri = "<27>"
		}
		if !rfc5424.MatchString(m) || !strings.HasPrefix(m, pri) || len(m) > udpMax || strings.HasSuffix(m, "\xc3") {
			t.Errorf("message %q", m[:min(len(m), 200)])
		}
	}
}

// tcpServer takes connections on addr and collects octet-counted messages.
func tcpServer(t *testing.T, addr string, got *collector) (net.Listener, func()) {
	t.Helper()
	var l net.Listener
	eventually(t, "listening", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() { readFrames(conn, got) })
		}
	})
	return l, func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.(*net.TCPConn).SetLinger(60) // the other side has heard of it when Close returns
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	}
}

func readFrames(conn net.Conn, got *collector) {
	r := bufio.NewReader(conn)
	for {
		var n int
		if _, err := fmt.Fscanf(r, "%d ", &n); err != nil {
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(r, message); err != nil {
			return
		}
		got.add(string(message))
	}
}

func TestSyslogOverTCPCountsOctetsAndComesBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	var got collector
	l, shut := tcpServer(t, "127.1.2.3:0", &got) // whose port nobody else takes while it is free
	h := openHub(t, t.TempDir(), Options{})
	s := syslogSettings("tcp", l.Addr())
	if err := h.Apply("Line 4 gateway", s, ""); err != nil {
		t.Fatal(err)
	}
	write(t, h, "m", 1, 1000)
	eventually(t, "1000 messages", func() bool { return len(got.texts()) == 1000 })
	shut()
	write(t, h, "m", 1001, 1100)
	eventually(t, "the outage is logged", func() bool {
		p, _ := h.Search(Query{Text: "Cannot forward logs to syslog"})
		return p.Total == 1
	})
	_, shut = tcpServer(t, l.Addr().String(), &got)
	defer shut()
	if err := h.Apply("Line 4 again", s, ""); err != nil { // ends the pause
		t.Fatal(err)
	}
	eventually(t, "1100 messages", func() bool { return len(got.texts()) >= 1100 })
	closeHub(t, h)
	wantNumbered(t, got.texts()[:1100], "m", 1, 1100)
	for _, m := range got.list[:1100] {
		if !rfc5424.MatchString(m) {
			t.Errorf("message %q", m)
		}
	}
}

func TestAWordOfASyslogHeaderIsPrintableASCII(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "-", "OIBus": "OIBus", "a b\tc\x7fé": "a_b_c__", strings.Repeat("x", 60): strings.Repeat("x", 48)} {
		if got := syslogWord(text, 48); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	for seq, want := range map[uint64]uint64{1: 1, 1<<31 - 1: 1<<31 - 1, 1 << 31: 1} {
		if got := sequenceID(seq); got != want {
			t.Errorf("sequenceId of %d is %d, want %d", seq, got, want)
		}
	}
}

func TestAHungUpConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if hungUp(client) {
		t.Error("an open connection is taken for a closed one")
	}
	if _, err := server.Write(make([]byte, 10_000)); err != nil {
		t.Fatal(err)
	}
	if hungUp(client) {
		t.Error("a receiver that says something is taken for one that hung up")
	}
	server.Close()
	eventually(t, "hung up", func() bool { return hungUp(client) })
}
