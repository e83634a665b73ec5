package oracle

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/sql/sqltest"
)

const password = sqltest.Password

// TestMain wants nothing left running when all tests are over.
func TestMain(m *testing.M) { os.Exit(sqltest.Main(m, "go-ora")) }

// listener is what answers at the port of a database: to each connection alike.
type listener struct {
	port   int
	answer func(p *peer)

	mu       sync.Mutex
	accepted int
	heard    []byte
	open     sync.WaitGroup
}

// start has the listener answer until the test ends.
func (l *listener) start(t testing.TB) *listener {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.port = socket.Addr().(*net.TCPAddr).Port
	l.open.Add(1)
	t.Cleanup(func() { _ = socket.Close(); l.open.Wait() })
	go func() {
		defer l.open.Done()
		for {
			c, err := socket.Accept()
			if err != nil {
				return
			}
			l.open.Add(1)
			go func() {
				defer l.open.Done()
				defer c.Close()
				l.note(func() { l.accepted++ })
				l.answer(&peer{c, l})
			}()
		}
	}()
	return l
}

func (l *listener) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *listener) seen() (accepted int, heard string) {
	l.note(func() { accepted, heard = l.accepted, string(l.heard) })
	return accepted, heard
}

// peer is a client.
type peer struct {
	net.Conn
	l *listener
}

// receive is the kind of the next packet. Its error says that the client has gone.
func (p *peer) receive() (kind byte, err error) {
	head := make([]byte, headSize)
	if _, err := io.ReadFull(p, head); err != nil {
		return 0, err
	}
	body := make([]byte, max(int(binary.BigEndian.Uint16(head))-headSize, 0))
	_, err = io.ReadFull(p, body)
	p.l.note(func() { p.l.heard = append(p.l.heard, body...) })
	return head[4], err
}

// connected takes the wish to connect, whose words come in a packet of their own when they are many.
func (p *peer) connected() {
	kind, err := p.receive()
	if _, heard := p.l.seen(); err == nil && kind == 1 && !strings.Contains(heard, "DESCRIPTION") {
		_, _ = p.receive()
	}
}

// The packets of a listener.
const (
	acceptKind   = 2
	refuseKind   = 4
	redirectKind = 5
	dataKind     = 6
	resendKind   = 11
)

func packet(kind byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(append(binary.BigEndian.AppendUint16(nil, uint16(len(body)+headSize)), 0, 0, kind, 0, 0, 0), body...)
}

func sized(text string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
}

func refusal(code int) []byte {
	return packet(refuseKind, []byte{4, 34}, sized(fmt.Sprintf("(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR=%d)(ERROR_STACK=(ERROR=(CODE=%d)(EMFI=4))))", code, code)))
}

func redirection(port int) []byte {
	return packet(redirectKind, sized(fmt.Sprintf("(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT=%d))", port)))
}

// acceptance is that of a server of version 12 or later, which wants parts of that size.
func acceptance(unit uint32) []byte {
	body := make([]byte, 33)
	binary.BigEndian.PutUint16(body, 318)
	binary.BigEndian.PutUint16(body[12:], 41) // where its data would be
	body[14] = 4                              // no further negotiation of services
	binary.BigEndian.PutUint32(body[24:], unit)
	binary.BigEndian.PutUint32(body[28:], unit)
	return packet(acceptKind, body)
}

// say answers the first wish with some packets, and hangs up.
func say(packets ...[]byte) func(*peer) {
	return func(p *peer) {
		p.connected()
		_, _ = p.Write(bytes.Join(packets, nil))
	}
}

// hang says something, and waits until the client has gone.
func hang(packets ...[]byte) func(*peer) {
	return func(p *peer) {
		say(packets...)(p)
		for {
			if _, err := p.receive(); err != nil {
				return
			}
		}
	}
}

// south is a South of settings, as the catalogue makes it.
func (l *listener) south(t testing.TB, timeout int) south.Connector {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"thickMode": false, "host": "127.0.0.1", "port": l.port, "connectionTimeout": timeout, "database": "XE", "username": "reader", "password": password})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Type.New(south.Env{Env: connector.Env{ID: "s", Name: "S", Type: "oracle", Settings: raw, TempDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// read reads a window, of which nothing may be handed on.
func read(ctx context.Context, c south.Connector) error {
	settings := json.RawMessage(`{"query": "SELECT 1 FROM DUAL WHERE d > @StartTime", "requestTimeout": 60000, "serialization": {"type": "csv", "filename": "a.csv", "delimiter": "COMMA"}}`)
	r, err := c.(south.Historian).ReadWindow(ctx, south.WindowQuery{Items: []south.Item{{ID: "i", Name: "i", Settings: settings}},
		Window: interval.Window{Start: time.Unix(0, 0), End: time.Unix(1, 0)},
		Emit: func(context.Context, content.Content, []south.Item) error {
			return errors.New("a result came from nowhere")
		}})
	if err == nil && (!r.Tracked.IsZero() || r.Last != nil) {
		return errors.New("something was read")
	}
	return err
}

// closed is a port where nobody listens.
func closed(t *testing.T) int {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	return socket.Addr().(*net.TCPAddr).Port
}

func TestWhatAListenerSaysIsTold(t *testing.T) {
	t.Parallel()
	const unregistered = `Cannot connect to database "XE". Service is not registered. `
	port := closed(t)
	elsewhere := (&listener{answer: say(refusal(12514))}).start(t)
	for name, c := range map[string]struct {
		answer  func(*peer)
		timeout int
		want    string // of the test of a connection; of a reading the end of it
	}{
		"an unknown service": {say(refusal(12514)), 0, unregistered + "ORA-12514: TNS:listener does not currently know of service requested in connect descriptor"},
		"an unknown SID":     {say(refusal(12505)), 0, unregistered + "ORA-12505"},
		"no handler":         {say(refusal(12516)), 0, "Unexpected error. ORA-12516: TNS:listener could not find available handler with matching protocol stack"},
		"no listener behind": {say(refusal(12541)), 0, "Unexpected error. ORA-12541"},
		"no reason":          {say(packet(refuseKind, []byte{4, 34, 0, 0})), 0, "Unexpected error. ORA-12564: TNS connection refused"},
		"send it again":      {say(packet(resendKind), refusal(12514)), 0, unregistered + "ORA-12514: TNS:listener does not currently know of service requested in connect descriptor"},
		"go elsewhere":       {say(redirection(elsewhere.port)), 0, unregistered + "ORA-12514: TNS:listener does not currently know of service requested in connect descriptor"},
		"go nowhere":         {say(redirection(port)), 0, fmt.Sprintf("Please check host and port. connect ECONNREFUSED 127.0.0.1:%d", port)},
		"nothing":            {hang(), 100, "Please check host and port. connect ETIMEDOUT "},
		"nothing more":       {hang(acceptance(8192)), 100, "Please check host and port. connect ETIMEDOUT "},
		"good bye":           {say(), 0, "Please check host and port. Connection terminated unexpectedly"},
		"good bye, politely": {say(acceptance(8192), []byte{0, 0, 0, 10, dataKind, 0, 0, 0, 0, 0x40}), 0, "Please check host and port. Connection terminated unexpectedly"},
		"hello, and bye":     {say(acceptance(8192)), 0, "Please check host and port. Connection terminated unexpectedly"},
		"half of it":         {say(refusal(12514)[:20]), 0, "Please check host and port. Connection terminated unexpectedly"},
		"something else":     {say(packet(dataKind, make([]byte, 20))), 0, "Unexpected error. "},

		"a packet of less than nothing":    {hang(make([]byte, 64)), 0, "Unexpected error. the server does not speak as Oracle does: it announces 0 bytes"},
		"a packet of 2 GiB":                {hang(acceptance(8192), []byte{0x7f, 0, 0, 0, dataKind, 0, 0, 0}), 0, "Unexpected error. the server does not speak as Oracle does: it announces 2130706432 bytes"},
		"parts of no bytes":                {hang(acceptance(64)), 0, "Unexpected error. the server wants to be sent 64 bytes at a time"},
		"few words":                        {hang(packet(acceptKind, make([]byte, 20))), 0, "Unexpected error. the server accepts the connection in too few words"},
		"fewer words than its version":     {hang(packet(acceptKind, []byte{1, 62}, make([]byte, 24))), 0, "Unexpected error. the server accepts the connection in too few words"},
		"send it again and again":          {hang(bytes.Repeat(packet(resendKind), 100)), 0, "Unexpected error. the server wants the same again and again"},
		"elsewhere is here":                {func(p *peer) { say(redirection(p.l.port))(p) }, 0, "Unexpected error. the listener sends the agent from one address to the next without end"},
		"a reason that is longer than it":  {say(packet(refuseKind, []byte{4, 34, 0xff, 0xff}, make([]byte, 8))), 0, "Unexpected error. "},
		"a refusal without any":            {say(packet(refuseKind)), 0, "Unexpected error. "},
		"go elsewhere, farther than it is": {say(packet(redirectKind, []byte{0xff, 0xf8}, make([]byte, 8))), 0, "Unexpected error. "},
		"an acceptance beyond its own end": {say(packet(acceptKind, []byte{1, 44}, make([]byte, 6), []byte{1, 0, 1, 0, 0, 0, 0xff, 0xff}, make([]byte, 16))), 0, "Unexpected error. "},
		"HTTP":                             {say([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")), 0, "Please check host and port. Connection terminated unexpectedly"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "go nowhere" && runtime.GOOS == "windows" {
				t.Skip("a closed port is told in other words there")
			}
			l := (&listener{answer: c.answer}).start(t)
			timeout, want := c.timeout, c.want
			if timeout == 0 {
				timeout = 30_000
			}
			if strings.HasSuffix(want, "ETIMEDOUT ") {
				want += fmt.Sprintf("127.0.0.1:%d", l.port)
			}
			s := l.south(t, timeout)
			_, err := s.Test(t.Context())
			if text := fmt.Sprint(err); text != want && !(strings.HasSuffix(want, ". ") && strings.HasPrefix(text, want)) {
				t.Errorf("%s, want\n%s", text, want)
			}
			readErr := read(t.Context(), s)
			if readErr == nil || !strings.HasSuffix(fmt.Sprint(err), readErr.Error()) {
				t.Errorf("reading: %v, want the end of %v", readErr, err)
			}
			_, heard := l.seen()
			sqltest.Hidden(t, err, readErr, heard)
			if c.timeout == 0 && !strings.Contains(heard, "(SERVICE_NAME=XE)") {
				t.Errorf("the listener heard %q", heard)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l := &listener{port: closed(t)}
	_, err := l.south(t, 30_000).Test(t.Context())
	if want := fmt.Sprintf("Please check host and port. connect ECONNREFUSED 127.0.0.1:%d", l.port); fmt.Sprint(err) != want && runtime.GOOS != "windows" {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestAStopDoesNotWaitForTheListener(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	gone := make(chan struct{})
	l := (&listener{answer: func(p *peer) {
		p.connected()
		stop()
		hang()(p)
		close(gone)
	}}).start(t)
	if err := read(ctx, l.south(t, 30_000)); fmt.Sprint(err) != "cancelled" {
		t.Errorf("error %v", err)
	}
	<-gone // the connection is closed
}

// FuzzListener has a listener answer with anything, at first or once it has accepted, and hang up.
func FuzzListener(f *testing.F) {
	for _, answer := range [][]byte{
		refusal(12514), redirection(1), acceptance(8192), packet(resendKind), packet(dataKind, make([]byte, 40)), packet(12, []byte{1, 0, 2}), {0, 0, 0, 11, 12, 0, 0, 0, 1, 0, 2},
		{0, 0, 0, 60, dataKind, 0, 0, 0, 0, 0, 1, 6, 0, 'O', 'r', 'a', 0, 0x69, 3, 1, 0, 0}, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), make([]byte, 64), bytes.Repeat([]byte{0xff}, 64),
	} {
		f.Add(false, answer)
		f.Add(true, answer)
		f.Add(false, answer[:len(answer)/2])
	}
	f.Fuzz(func(t *testing.T, accept bool, answer []byte) {
		if bytes.Contains(bytes.ToUpper(answer), []byte("HOST")) && !bytes.Equal(answer, redirection(1)) {
			t.Skip("it may lead anywhere")
		}
		first := []byte(nil)
		if accept {
			first = acceptance(8192)
		}
		l := (&listener{answer: say(first, answer)}).start(t)
		_, err := l.south(t, 30_000).Test(t.Context())
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("error %v", err)
		}
	})
}
