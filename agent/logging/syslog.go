package logging

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"oibus/platform"
)

const (
	syslogBatch = 500
	// udpBatch and udpPause keep a backlog from overrunning a receiver: some 20,000 datagrams a second.
	udpBatch = 100
	udpPause = 5 * time.Millisecond
	// udpMax is the longest datagram. Receivers should take 2 KiB and usually take 8 (RFC 5426, section 3.2).
	udpMax = 8 << 10
	// udpRedial is how often the name of a UDP receiver is looked up again, since no error tells that it moved.
	udpRedial     = 10 * time.Minute
	syslogTimeout = 10 * time.Second
	facility      = 3 // system daemon
)

// syslogConfig is all that a syslog target depends on.
type syslogConfig struct {
	engine, host, protocol string
	port                   int
}

// syslogTarget sends RFC 5424 messages: one a datagram over UDP (RFC 5426), with octet counting over TCP (RFC 6587,
// section 3.4.1). Neither transport acknowledges: what a receiver had not read when it went away is lost, and so is a
// datagram that the network drops.
type syslogTarget struct {
	config   syslogConfig
	hostname string
	app      string
	conn     net.Conn
	dialed   time.Time
}

func newSyslogTarget(c syslogConfig) *syslogTarget {
	name, err := os.Hostname()
	if err != nil {
		name = ""
	}
	return &syslogTarget{config: c, hostname: syslogWord(name, 255), app: syslogWord(c.engine, 48)}
}

// syslogWord is text as a header field: printable ASCII without spaces, at most limit long, or - for nothing.
func syslogWord(text string, limit int) string {
	var word []byte
	for _, r := range text {
		if len(word) == limit {
			break
		}
		if r <= ' ' || r >= 0x7f {
			r = '_'
		}
		word = append(word, byte(r))
	}
	if len(word) == 0 {
		return "-"
	}
	return string(word)
}

func (t *syslogTarget) udp() bool { return t.config.protocol != "tcp" }

func (t *syslogTarget) limit() (int, time.Duration) {
	if t.udp() {
		return udpBatch, udpPause
	}
	return syslogBatch, 0
}

func (t *syslogTarget) close() {
	if t.conn != nil {
		t.conn.Close()
		t.conn = nil
	}
}

func (t *syslogTarget) send(ctx context.Context, records []record) (sent int, err error) {
	if err := t.connect(ctx); err != nil {
		return 0, err
	}
	if t.udp() {
		sent, err = t.sendDatagrams(records)
	} else {
		sent, err = t.sendStream(records)
	}
	if err != nil {
		t.close()
	}
	return sent, err
}

func (t *syslogTarget) connect(ctx context.Context) error {
	if t.conn != nil && (t.udp() && time.Since(t.dialed) > udpRedial || !t.udp() && hungUp(t.conn)) {
		t.close()
	}
	if t.conn != nil {
		return nil
	}
	network := "udp4"
	if !t.udp() {
		network = "tcp"
	}
	dialer := net.Dialer{Timeout: syslogTimeout}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(t.config.host, strconv.Itoa(t.config.port)))
	if err != nil {
		return err
	}
	t.conn, t.dialed = conn, time.Now()
	return nil
}

// hungUp says whether the other side closed conn: a write would succeed all the same, and be lost. What a receiver says is
// of no interest.
func hungUp(conn net.Conn) bool {
	var buf [4096]byte
	for range 16 { // one that never stops talking is there
		arrived, err := platform.Arrived(conn)
		if err != nil {
			return true
		}
		if !arrived {
			return false
		}
		if err := conn.SetReadDeadline(time.Now().Add(syslogTimeout)); err != nil {
			return true
		}
		if _, err := conn.Read(buf[:]); err != nil {
			return true
		}
	}
	return false
}

func (t *syslogTarget) sendDatagrams(records []record) (int, error) {
	var message []byte
	for i := range records {
		message = t.append(message[:0], &records[i])
		if len(message) > udpMax {
			message = wholeRunes(message[:udpMax])
		}
		if err := t.write(message); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

func (t *syslogTarget) sendStream(records []record) (int, error) {
	var message, stream []byte
	for i := range records {
		message = t.append(message[:0], &records[i])
		stream = strconv.AppendInt(stream, int64(len(message)), 10)
		stream = append(append(stream, ' '), message...)
	}
	if err := t.write(stream); err != nil {
		return 0, err
	}
	return len(records), nil
}

func (t *syslogTarget) write(data []byte) error {
	if err := t.conn.SetWriteDeadline(time.Now().Add(syslogTimeout)); err != nil {
		return err
	}
	_, err := t.conn.Write(data)
	return err
}

// append adds one message: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [meta sequenceId="…"] [scope] text.
func (t *syslogTarget) append(dst []byte, r *record) []byte {
	e := r.entry()
	dst = fmt.Appendf(dst, `<%d>1 %s %s %s %d %s [meta sequenceId="%d"] `, facility*8+severity(r.level), r.time,
		t.hostname, t.app, os.Getpid(), syslogWord(e.Scope.Type, 32), sequenceID(r.seq))
	dst = append(dst, label(e.Scope)...)
	return append(dst, e.Message...)
}

// sequenceID wraps, as RFC 5424, section 7.3.1, wants it.
func sequenceID(seq uint64) uint64 { return (seq-1)%(1<<31-1) + 1 }

func severity(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	default:
		return 7
	}
}
