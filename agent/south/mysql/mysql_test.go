package mysql

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

func TestSettingsBecomeLimits(t *testing.T) {
	t.Parallel()
	d, err := configure(connector.Env{Settings: []byte(`{"host": "h", "port": "3306", "connectionTimeout": 1500, "password": "x"}`)})
	if err != nil || !d.ItemTimeout || d.Secrets[0] != "x" {
		t.Errorf("%+v, error %v", d, err)
	}
	if _, err := configure(connector.Env{Settings: []byte(`{"port": {}}`)}); err == nil {
		t.Error("a port that is none was taken")
	}
}

func TestErrorsAreInTheServersWords(t *testing.T) {
	t.Parallel()
	s := &server{settings{Host: "db", Port: setting.Number(3306), Username: "u", Database: "plant"}}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 3306}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err         error
		words, test string
	}{
		{&driver.MySQLError{Number: 1146, Message: "Table 'nope' doesn't exist"}, "Table 'nope' doesn't exist", "Unexpected error."},
		{&driver.MySQLError{Number: accessDenied, Message: "Access denied"}, "Access denied", "Please check username and password."},
		{&driver.MySQLError{Number: databaseAccessDenied, Message: "no"}, "no", `User "u" does not have access to database "plant".`},
		{&driver.MySQLError{Number: unknownDatabase, Message: "no"}, "no", `Database "plant" does not exist.`},
		{refused, "connect ECONNREFUSED 10.0.0.1:3306", "Please check host and port."},
		{driver.ErrInvalidConn, "Connection lost: The server closed the connection.", "Please check host and port."},
		{errors.New("what nobody has thought of"), "what nobody has thought of", "Unexpected error."},
	} {
		err := fmt.Errorf("around: %w", c.err)
		if got := s.words(err); !strings.HasSuffix(got, c.words) {
			t.Errorf("%v: %q, want %q", c.err, got, c.words)
		}
		if got := s.problem(err).(*sql.Problem).Text; got != c.test {
			t.Errorf("test of %v: %q, want %q", c.err, got, c.test)
		}
	}
}

// fake speaks the beginning of the protocol of MySQL: a greeting, and then whatever answer says to what comes.
func fake(t *testing.T, answer func(packet []byte) []byte) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			speak(conn, answer)
		}
	}()
	address := listener.Addr().(*net.TCPAddr)
	return &server{settings{Host: "127.0.0.1", Port: setting.Number(address.Port), ConnectionTimeout: 30_000, Username: "u", Password: "s3cr3t", Database: "plant"}}
}

func speak(conn net.Conn, answer func([]byte) []byte) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	greeting := "\x0a8.0.36\x00" + "\x01\x00\x00\x00" + "abcdefgh\x00" + "\xff\xf7" + "\x21" + "\x02\x00" + "\xff\x81" + "\x15" + strings.Repeat("\x00", 10) + "ijklmnopqrst\x00" + "mysql_native_password\x00"
	if _, err := conn.Write(frame(0, []byte(greeting))); err != nil {
		return
	}
	for {
		var head [4]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		reply := answer(body)
		if reply == nil {
			return
		}
		if _, err := conn.Write(frame(head[3]+1, reply)); err != nil {
			return
		}
	}
}

func frame(number byte, body []byte) []byte {
	return append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), number}, body...)
}

func refusal(number uint16, text string) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{0xff}, number), "#HY000"+text...)
}

func TestAServerThatRefusesIsQuoted(t *testing.T) {
	t.Parallel()
	s := fake(t, func([]byte) []byte { return refusal(accessDenied, "Access denied for user 'u'") })
	_, err := s.test(t.Context())
	var problem *sql.Problem
	if !errors.As(err, &problem) || problem.Text != "Please check username and password." || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatClosesOrRavesIsAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func([]byte) []byte{
		"closes": func([]byte) []byte { return nil },
		"raves":  func([]byte) []byte { return bytes.Repeat([]byte{0xfe, 0xfb}, 4000) },
	} {
		if session, err := fake(t, answer).open(t.Context()); err == nil {
			_ = session.Close()
			t.Errorf("%s: the session is open", name)
		}
	}
}

// A server may answer any query with the wish for a file of the client.
func TestNoFileIsGivenToAServerThatAsksForOne(t *testing.T) {
	t.Parallel()
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("what nobody must see"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all bytes.Buffer
	authenticated := false
	s := fake(t, func(packet []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		all.Write(packet)
		if !authenticated {
			authenticated = true
			return []byte{0, 0, 0, 2, 0, 0, 0} // OK
		}
		return append([]byte{0xfb}, secret...)
	})
	session, err := s.open(t.Context())
	if err == nil {
		_ = session.Close()
		t.Error("the session is open")
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(all.String(), "nobody must see") {
		t.Error("the file was sent")
	}
}
