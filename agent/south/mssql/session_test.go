package mssql

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones that a machine may lack

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/sql/sqltest"
)

const password = sqltest.Password

// TestMain wants nothing left running when all tests are over.
func TestMain(m *testing.M) { os.Exit(sqltest.Main(m, "go-mssqldb")) }

// settings are those of a connection to the server.
func (f *fakeServer) settings(t testing.TB, change map[string]any) json.RawMessage {
	t.Helper()
	settings := map[string]any{"host": "127.0.0.1", "port": f.port, "connectionTimeout": 30_000, "database": "plant", "encryption": false,
		"trustServerCertificate": false, "username": "reader", "password": password, "domain": nil, "requestTimeout": 60_000}
	for k, v := range change {
		settings[k] = v
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// south is a South of settings, as the catalogue makes it.
func (f *fakeServer) south(t testing.TB, change map[string]any) south.Connector {
	t.Helper()
	c, err := Type.New(south.Env{Env: connector.Env{ID: "s", Name: "S", Type: "mssql", Settings: f.settings(t, change), TempDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// item is one whose result is written with commas and instants in UTC.
func item(t testing.TB, query string, fields ...map[string]any) south.Item {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"query": query, "dateTimeFields": fields, "serialization": map[string]any{
		"type": "csv", "filename": "@ItemName.csv", "delimiter": "COMMA", "compression": false,
		"outputTimestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "outputTimezone": "UTC"}})
	if err != nil {
		t.Fatal(err)
	}
	return south.Item{ID: "i", Name: "i", Settings: raw}
}

var day = interval.Window{Start: time.Date(2024, 1, 15, 0, 0, 0, 0, time.UTC), End: time.Date(2024, 1, 16, 0, 0, 0, 0, time.UTC)}

// read reads a window. Its text is "" when nothing was handed on.
func read(ctx context.Context, c south.Connector, i south.Item, w interval.Window) (text string, r south.WindowResult, err error) {
	r, err = c.(south.Historian).ReadWindow(ctx, south.WindowQuery{Items: []south.Item{i}, Window: w, Emit: func(_ context.Context, c content.Content, _ []south.Item) (err error) {
		text, err = textOf(c)
		return err
	}})
	return text, r, err
}

func textOf(c content.Content) (string, error) {
	f, err := c.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	return string(raw), err
}

// survey answers the questions of a test.
func survey(tables int64) func(*peer, call) {
	return func(p *peer, request call) {
		text := column{"", nvarcharMaxType}
		answer := chunks(wide("Microsoft SQL Server 2022 (RTM) - 16.0.4175.1 (X64) \n\tCopyright (C) 2022"), 50)
		if strings.Contains(request.text, "COUNT") {
			text, answer = column{"", intType}, integer(tables, 4)
		}
		p.send(join(metadata(text), row(answer), done(doneCount, 1)))
	}
}

func TestAConnectionIsTested(t *testing.T) {
	t.Parallel()
	f := (&fakeServer{encryption: encryptNothing, answer: survey(7)}).start(t)
	report, err := f.south(t, nil).Test(t.Context())
	if want := "{[{Version Microsoft SQL Server 2022 (RTM) - 16.0.4175.1 (X64)} {Tables 7}]}"; err != nil || fmt.Sprint(report) != want {
		t.Errorf("%v, error %v", report, err)
	}
	logins, calls, _ := f.seen()
	l := logins[0]
	if len(logins) != 1 || l.version != 0x74000004 || l.integrated || l.readOnly || l.user != "reader" || l.password != password || l.app != "OIBus" || l.host != "127.0.0.1" || l.use != "plant" {
		t.Errorf("%+v", logins)
	}
	if len(calls) != 2 || calls[0].text != "SELECT @@VERSION" || calls[0].params != nil {
		t.Errorf("%+v", calls)
	}
}

func TestAServerIsFoundByItsName(t *testing.T) {
	t.Parallel()
	f := (&fakeServer{encryption: encryptNothing, answer: survey(1)}).start(t)
	if _, err := f.south(t, map[string]any{"host": "localhost"}).Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	if logins, _, _ := f.seen(); logins[0].host != "localhost" {
		t.Errorf("%+v", logins)
	}
}

func TestWhyATestFails(t *testing.T) {
	t.Parallel()
	refused := failure(18456, "Login failed for user 'reader'.")
	for name, c := range map[string]struct {
		server *fakeServer
		want   string
	}{
		"a wrong password":    {&fakeServer{refusal: refused}, "Please check username, password and database name. Login failed for user 'reader'."},
		"an unknown database": {&fakeServer{refusal: join(failure(4060, `Cannot open database "plant" requested by the login. The login failed.`), refused)}, `Please check username, password and database name. Cannot open database "plant" requested by the login. The login failed.`},
		"a full server":       {&fakeServer{refusal: failure(17809, "Could not connect because the maximum number of '5' user connections has already been reached.")}, "Unable to connect to database. Could not connect because the maximum number of '5' user connections has already been reached."},
		"no rights": {&fakeServer{answer: func(p *peer, _ call) {
			p.send(join(failure(229, "The SELECT permission was denied."), done(doneFailed, 0)))
		}}, `Unable to read tables in database "plant". The SELECT permission was denied.`},
		"no tables":      {&fakeServer{answer: survey(0)}, `Database "plant" has no tables`},
		"a cut prelogin": {&fakeServer{instead: map[byte]func(*peer){preloginMessage: cut}}, "Please check host and port. Connection terminated unexpectedly"},
		"a cut login":    {&fakeServer{instead: map[byte]func(*peer){loginMessage: cut}}, "Please check host and port. Connection terminated unexpectedly"},
		"a cut survey":   {&fakeServer{instead: map[byte]func(*peer){batchMessage: cut}}, `Unable to read tables in database "plant". Connection terminated unexpectedly`},
		"a web server":   {&fakeServer{instead: map[byte]func(*peer){preloginMessage: web}}, "Unable to connect to database. invalid packet size, it is longer than buffer size"},
		"a changed mind": {&fakeServer{instead: map[byte]func(*peer){batchMessage: web}}, `Unable to read tables in database "plant". Read: invalid packet size, it is longer than buffer size`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.server.encryption = encryptNothing
			_, err := c.server.start(t).south(t, nil).Test(t.Context())
			if sqltest.Hidden(t, err); fmt.Sprint(err) != c.want {
				t.Errorf("%v, want\n%s", err, c.want)
			}
		})
	}
}

// What a server may do instead of an answer.
func cut(*peer)    {}
func hang(p *peer) { _, _, _ = p.receive() }
func web(p *peer)  { _, _ = p.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }

func TestAnUnreachableServerIsNamed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{port: listener.Addr().(*net.TCPAddr).Port}
	_ = listener.Close() // nobody listens there now
	_, err = f.south(t, nil).Test(t.Context())
	if want := fmt.Sprintf("Please check host and port. connect ECONNREFUSED 127.0.0.1:%d", f.port); fmt.Sprint(err) != want && runtime.GOOS != "windows" {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestALoginThatHangsEndsInTime(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]byte{"prelogin": preloginMessage, "login": loginMessage} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := (&fakeServer{encryption: encryptNothing, instead: map[byte]func(*peer){kind: hang}}).start(t)
			_, err := f.south(t, map[string]any{"connectionTimeout": 100}).Test(t.Context())
			if want := fmt.Sprintf("Please check host and port. connect ETIMEDOUT 127.0.0.1:%d", f.port); fmt.Sprint(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

func TestATestThatHangsEndsInTime(t *testing.T) {
	t.Parallel()
	f := (&fakeServer{encryption: encryptNothing, answer: func(*peer, call) {}}).start(t)
	f.late(t, func(limit int) {
		_, err := f.south(t, map[string]any{"requestTimeout": limit}).Test(t.Context())
		if want := fmt.Sprintf(`Unable to read tables in database "plant". the query took longer than %d ms and was cancelled`, limit); fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
	if _, _, attentions := f.seen(); attentions != 1 {
		t.Errorf("%d cancellations", attentions)
	}
}

// certificate is one that nobody signed.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestEncryptionIsThatOfTheSettings(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	for name, c := range map[string]struct {
		offer          byte
		encrypt, trust bool
		want           string // of the error
	}{
		"everything, of a server that is trusted": {encryptAll, true, true, ""},
		"everything, though nothing is asked for": {encryptAll, false, false, ""},
		"the login alone":                         {encryptLogin, false, false, ""},
		"everything, of an unknown server":        {encryptAll, true, false, "Unable to connect to database. TLS Handshake failed: "},
		"everything, which it cannot":             {encryptNothing, true, true, "Unable to connect to database. server does not support encryption"},
		"everything, of one that would not":       {encryptLogin, true, true, "Unable to connect to database. server does not support encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := (&fakeServer{encryption: c.offer, certificate: cert, answer: survey(1)}).start(t)
			report, err := f.south(t, map[string]any{"encryption": c.encrypt, "trustServerCertificate": c.trust}).Test(t.Context())
			logins, _, _ := f.seen()
			switch {
			case c.want == "" && (err != nil || len(report.Items) != 2 || logins[0].password != password):
				t.Errorf("%v, error %v", report, err)
			case c.want != "" && (!strings.HasPrefix(fmt.Sprint(err), c.want) || len(logins) > 0):
				t.Errorf("error %v, logins %v", err, logins)
			}
			sqltest.Hidden(t, err)
		})
	}
}

func TestADomainUserSendsNoPassword(t *testing.T) {
	t.Parallel()
	challenge := make([]byte, 56)
	copy(challenge, "NTLMSSP\x00\x02")
	binary.LittleEndian.PutUint32(challenge[20:], 0x00080201) // extended session security, NTLM, Unicode
	copy(challenge[24:], "12345678")
	binary.LittleEndian.PutUint16(challenge[40:], 4) // the information of the target ends at once
	binary.LittleEndian.PutUint16(challenge[42:], 4)
	binary.LittleEndian.PutUint32(challenge[44:], 52)
	f := (&fakeServer{encryption: encryptNothing, challenge: challenge, answer: survey(1)}).start(t)
	if _, err := f.south(t, map[string]any{"domain": "CORP"}).Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	logins, _, _ := f.seen()
	l := logins[0]
	if !l.integrated || l.user != "" || l.password != "" || !bytes.HasPrefix(l.ntlm, []byte("NTLMSSP\x00\x03")) || !bytes.Contains(l.ntlm, wide("CORP")) || !bytes.Contains(l.ntlm, wide("reader")) || bytes.Contains(l.ntlm, wide(password)) {
		t.Errorf("%+v", l)
	}
}

// An answer that makes the driver panic is an error, and leaves nothing behind.
func TestAnEmptyAnswerAboutEncryptionIsAnError(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	f := (&fakeServer{instead: map[byte]func(*peer){preloginMessage: func(p *peer) {
		p.send([]byte{1, 0, 6, 0, 0, 0xff, 0})
		_, _, err := p.receive()
		gone <- err
	}}}).start(t)
	_, err := f.south(t, nil).Test(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "Unable to connect to database. ") {
		t.Errorf("error %v", err)
	}
	if err := <-gone; !errors.Is(err, io.EOF) {
		t.Errorf("the connection ended with %v", err)
	}
}

// A server may send its clients elsewhere, but not in a circle.
func TestAServerThatSendsClientsElsewhereIsFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := func(port func() int) map[byte]func(*peer) {
		return map[byte]func(*peer){loginMessage: func(p *peer) {
			where := join([]byte{0}, binary.LittleEndian.AppendUint16(nil, uint16(port())), long("127.0.0.1"))
			p.send(join(token(0xe3, join([]byte{20}, binary.LittleEndian.AppendUint16(nil, uint16(len(where))), where, []byte{0, 0})), acknowledgement("plant")))
			hang(p)
		}}
	}
	next := (&fakeServer{encryption: encryptNothing, answer: survey(3)}).start(t)
	first := (&fakeServer{encryption: encryptNothing, instead: elsewhere(func() int { return next.port })}).start(t)
	report, err := first.south(t, nil).Test(t.Context())
	if err != nil || len(report.Items) != 2 || report.Items[1].Value != "3" {
		t.Errorf("%v, error %v", report, err)
	}
	circle := &fakeServer{encryption: encryptNothing}
	circle.instead = elsewhere(func() int { return circle.port })
	_, err = circle.start(t).south(t, nil).Test(t.Context())
	if sqltest.Hidden(t, err); !strings.HasSuffix(fmt.Sprint(err), ": "+errTooFar.Error()) && !strings.HasSuffix(fmt.Sprint(err), ". "+errTooFar.Error()) {
		t.Errorf("error %v", err)
	}
}
