package mssql

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

// fakeServer speaks the protocol of SQL Server, TDS 7.4, as far as a South uses it.
type fakeServer struct {
	port        int
	encryption  byte // what it offers
	certificate tls.Certificate
	challenge   []byte                      // of NTLM; nil for logins with a password
	refusal     []byte                      // tokens instead of the acknowledgement of a login
	instead     map[byte]func(p *peer)      // what it does at a message, before it hangs up
	answer      func(p *peer, request call) // to a query

	mu         sync.Mutex
	logins     []login
	calls      []call
	attentions int
	ended      int // sessions
	sessions   sync.WaitGroup
}

// What a server may offer.
const (
	encryptLogin   byte = 0
	encryptAll     byte = 1
	encryptNothing byte = 2
)

// The messages of a client.
const (
	batchMessage     byte = 1
	callMessage      byte = 3
	replyMessage     byte = 4
	attentionMessage byte = 6
	loginMessage     byte = 16
	ntlmMessage      byte = 17
	preloginMessage  byte = 18
)

// login is what a client says of itself.
type login struct {
	version                        uint32
	integrated, readOnly           bool
	user, password, app, host, use string
	ntlm                           []byte
}

// call is a query with its parameters.
type call struct {
	text, declared string
	params         map[string]any
}

// start has the server listen until the test ends.
func (f *fakeServer) start(t testing.TB) *fakeServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.port = listener.Addr().(*net.TCPAddr).Port
	accepting := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-accepting; f.sessions.Wait() })
	go func() {
		defer close(accepting)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			f.sessions.Go(func() {
				defer c.Close()
				f.serve(t, &peer{Conn: c, f: f})
				f.note(func() { f.ended++ })
			})
		}
	}()
	return f
}

// serve is one session. It ends when the client goes, or when an answer has cut it.
func (f *fakeServer) serve(t testing.TB, p *peer) {
	for {
		kind, body, err := p.receive()
		if err != nil {
			return
		}
		if bad := f.instead[kind]; bad != nil {
			bad(p)
			return
		}
		switch kind {
		case preloginMessage:
			version, encryption := []byte{16, 0, 16, 117, 0, 0}, []byte{f.encryption}
			p.send(join([]byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff}, version, encryption))
			if f.encryption != encryptNothing && p.secure(f.certificate) != nil {
				return
			}
		case loginMessage:
			if f.encryption == encryptLogin {
				p.Conn = p.plain
			}
			l := readLogin(body)
			f.note(func() { f.logins = append(f.logins, l) })
			switch {
			case f.refusal != nil:
				p.send(join(f.refusal, done(doneFailed, 0)))
				return
			case f.challenge != nil:
				p.send(token(0xed, f.challenge))
			default:
				p.send(acknowledgement(l.use))
			}
		case ntlmMessage:
			f.note(func() { f.logins[len(f.logins)-1].ntlm = body })
			p.send(acknowledgement("plant"))
		case attentionMessage:
			f.note(func() { f.attentions++ })
			p.send(done(doneAttention, 0))
		case batchMessage, callMessage:
			request := readCall(t, kind, body)
			f.note(func() { f.calls = append(f.calls, request) })
			f.answer(p, request)
		default:
			t.Errorf("an unknown message: %d", kind)
			return
		}
	}
}

func (f *fakeServer) note(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// seen is a copy of what was noted.
func (f *fakeServer) seen() (logins []login, calls []call, attentions int) {
	f.note(func() { logins, calls, attentions = slices.Clone(f.logins), slices.Clone(f.calls), f.attentions })
	return logins, calls, attentions
}

// rest waits until as many sessions have ended.
func (f *fakeServer) rest(t testing.TB, sessions int) {
	t.Helper()
	for until, ended := time.Now().Add(time.Minute), -1; ended < sessions; time.Sleep(time.Millisecond) {
		if f.note(func() { ended = f.ended }); time.Now().After(until) {
			t.Fatalf("%d of %d sessions have ended", ended, sessions)
		}
	}
}

// peer is a client.
type peer struct {
	net.Conn // encrypted or not
	plain    net.Conn
	f        *fakeServer
}

// packetSize is the greatest length of a packet.
const packetSize = 4096

func (p *peer) receive() (kind byte, body []byte, err error) { return receive(p.Conn) }

func receive(r io.Reader) (kind byte, body []byte, err error) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, nil, err
		}
		part := make([]byte, max(int(binary.BigEndian.Uint16(head[2:]))-8, 0))
		if _, err := io.ReadFull(r, part); err != nil {
			return 0, nil, err
		}
		if body = append(body, part...); head[1]&1 != 0 {
			return head[0], body, nil
		}
	}
}

// send answers. When the client has gone the next message says so.
func (p *peer) send(body []byte) { _, _ = p.Write(packets(body, true)) }

// begin is send of what is not all.
func (p *peer) begin(body []byte) { _, _ = p.Write(packets(body, false)) }

func packets(body []byte, whole bool) (out []byte) {
	for first := true; first || len(body) > 0; first = false {
		part := body[:min(len(body), packetSize-8)]
		body = body[len(part):]
		status := byte(0)
		if whole && len(body) == 0 {
			status = 1
		}
		out = append(binary.BigEndian.AppendUint16(append(out, replyMessage, status), uint16(len(part)+8)), 0, 0, 0, 0)
		out = append(out, part...)
	}
	return out
}

// secure begins encryption. Its handshake lies in packets.
func (p *peer) secure(certificate tls.Certificate) error {
	p.plain = p.Conn
	inside := &handshake{Conn: p.Conn}
	encrypted := tls.Server(inside, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12})
	if err := encrypted.Handshake(); err != nil {
		return err
	}
	inside.over, p.Conn = true, encrypted
	return nil
}

type handshake struct {
	net.Conn
	left []byte
	over bool
}

func (h *handshake) Read(to []byte) (int, error) {
	if h.over {
		return h.Conn.Read(to)
	}
	if len(h.left) == 0 {
		var err error
		if _, h.left, err = receive(h.Conn); err != nil {
			return 0, err
		}
	}
	n := copy(to, h.left)
	h.left = h.left[n:]
	return n, nil
}

func (h *handshake) Write(from []byte) (int, error) {
	if h.over {
		return h.Conn.Write(from)
	}
	_, err := h.Conn.Write(packets(from, true))
	return len(from), err
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func wide(text string) (out []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

func narrow(text []byte) string {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(text[2*i:])
	}
	return string(utf16.Decode(units))
}

// short is a text with its length in a byte.
func short(text string) []byte {
	w := wide(text)
	return append([]byte{byte(len(w) / 2)}, w...)
}

// long is a text with its length in two bytes.
func long(text string) []byte {
	w := wide(text)
	return append(binary.LittleEndian.AppendUint16(nil, uint16(len(w)/2)), w...)
}

// token is one with its length.
func token(kind byte, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(body))), body...)
}

func readLogin(b []byte) login {
	field := func(at int) []byte {
		from, n := int(binary.LittleEndian.Uint16(b[at:])), int(binary.LittleEndian.Uint16(b[at+2:]))
		if at != 78 { // all but the message of NTLM count characters
			n *= 2
		}
		return slices.Clone(b[from : from+n])
	}
	secret := field(44)
	for i, c := range secret {
		c ^= 0xa5
		secret[i] = c<<4 | c>>4
	}
	return login{
		version: binary.LittleEndian.Uint32(b[4:]), integrated: b[25]&0x80 != 0, readOnly: b[26]&0x20 != 0,
		user: narrow(field(40)), password: narrow(secret), app: narrow(field(48)), host: narrow(field(52)), use: narrow(field(68)), ntlm: field(78),
	}
}

// readCall reads a batch, or a call of sp_executesql.
func readCall(t testing.TB, kind byte, b []byte) (c call) {
	b = b[binary.LittleEndian.Uint32(b):] // the headers
	if kind == batchMessage {
		return call{text: narrow(b)}
	}
	if !bytes.HasPrefix(b, []byte{0xff, 0xff, 10, 0}) {
		t.Errorf("another procedure is called: % x", b[:min(len(b), 40)])
		return c
	}
	c.params = map[string]any{}
	for b = b[6:]; len(b) > 0; {
		name := narrow(b[1 : 1+2*int(b[0])])
		b = b[2+2*int(b[0]):]
		var value any
		switch b[0] {
		case 0xe7: // nvarchar
			n := int(binary.LittleEndian.Uint16(b[8:]))
			value, b = narrow(b[10:10+n]), b[10+n:]
		case 0x26: // bigint
			value, b = int64(binary.LittleEndian.Uint64(b[3:])), b[11:]
		default:
			t.Errorf("a parameter of another type: % x", b[:min(len(b), 40)])
			return c
		}
		switch {
		case name != "":
			c.params[name] = value
		case c.text == "":
			c.text = value.(string)
		default:
			c.declared = value.(string)
		}
	}
	return c
}
