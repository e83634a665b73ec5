package mssql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

func made(t *testing.T, change map[string]any) *server {
	t.Helper()
	all := map[string]any{"host": "db", "port": 1433, "connectionTimeout": 500, "database": "plant", "encryption": false, "trustServerCertificate": false, "username": "u", "password": "p@ss;w}ord", "domain": nil, "requestTimeout": "15000"}
	for k, v := range change {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	if err := setting.Decode(raw, &s.settings); err != nil {
		t.Fatal(err)
	}
	d, err := configure(connector.Env{Settings: raw})
	if err != nil || d.Timeout != 15*time.Second || d.ItemTimeout {
		t.Fatalf("%+v, error %v", d, err)
	}
	return s
}

func TestSettingsAreWhatTheDriverConnectsWith(t *testing.T) {
	t.Parallel()
	c, err := made(t, nil).config()
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != "db" || c.Port != 1433 || c.Database != "plant" || c.User != "u" || c.Password != "p@ss;w}ord" || c.Encryption != msdsn.EncryptionOff || c.Parameters["authenticator"] != "" {
		t.Errorf("%+v", c)
	}
	if c, err = made(t, map[string]any{"encryption": true}).config(); err != nil || c.Encryption != msdsn.EncryptionRequired || c.TLSConfig.InsecureSkipVerify || c.TLSConfig.ServerName != "db" || c.TLSConfig.MinVersion == 0x0301 {
		t.Errorf("encrypted: %+v, error %v", c, err)
	}
	if c, err = made(t, map[string]any{"encryption": true, "trustServerCertificate": "true"}).config(); err != nil || c.Encryption != msdsn.EncryptionRequired || !c.TLSConfig.InsecureSkipVerify {
		t.Errorf("trusted: %+v, error %v", c, err)
	}
	if c, err = made(t, map[string]any{"domain": "CORP"}).config(); err != nil || c.User != `CORP\u` || c.Parameters["authenticator"] != "ntlm" {
		t.Errorf("in a domain: %+v, error %v", c, err)
	}
}

func TestWhyAConnectionFails(t *testing.T) {
	t.Parallel()
	s := made(t, nil)
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1433}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		"Please check username, password and database name. Login failed for user 'u'.": driver.Error{Number: 18456, Message: "Login failed for user 'u'."},
		"Please check username, password and database name. Cannot open database":       fmt.Errorf("login error: %w", driver.Error{Number: 4060, Message: "Cannot open database"}),
		"Unable to connect to database. Something else":                                 driver.Error{Number: 1, Message: "Something else"},
		"Please check host and port. connect ECONNREFUSED 10.0.0.1:1433":                fmt.Errorf("unable to open tcp connection with host 'db:1433': %w", refused),
		"Please check host and port. connect ETIMEDOUT db:1433":                         fmt.Errorf("x: %w", context.DeadlineExceeded),
		"Please check host and port. getaddrinfo ENOTFOUND db":                          &net.DNSError{Name: "db", IsNotFound: true},
		"Unable to connect to database. TLS Handshake failed: whatever":                 errors.New("TLS Handshake failed: whatever"),
	} {
		var p *sql.Problem
		if !errors.As(s.problem(err), &p) || p.Text+" "+s.words(p.Err) != want {
			t.Errorf("%v: %s %s, want %s", err, p.Text, s.words(p.Err), want)
		}
	}
}

func TestTypesThatOnlyThisServerHas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		read  func(*sql.Cell, any) error
		value any
		want  sql.Cell
	}{
		{decimal, []byte("1.5000"), sql.Cell{As: sql.Float, Float: 1.5}},
		{decimal, []byte("12345678901234567890.12"), sql.Cell{As: sql.Digits, Text: []byte("12345678901234567890.12")}},
		{identifier, []byte{0x67, 0x45, 0x23, 0x01, 0xAB, 0x89, 0xEF, 0xCD, 1, 2, 3, 4, 5, 6, 7, 8}, sql.Cell{As: sql.Text, Text: []byte("01234567-89AB-CDEF-0102-030405060708")}},
		{timeOfDay, time.Date(1, 1, 1, 10, 20, 30, 5e8, time.UTC), sql.Cell{As: sql.Time, Int: (10*3600+20*60+30)*1000 + 500}},
	} {
		var got sql.Cell
		if err := c.read(&got, c.value); err != nil || got.As != c.want.As || got.Int != c.want.Int || got.Float != c.want.Float || c.want.Text != nil && string(got.Text) != string(c.want.Text) {
			t.Errorf("%v: %+v, error %v", c.value, got, err)
		}
	}
	if err := identifier(&sql.Cell{}, []byte("short")); err == nil || !strings.Contains(err.Error(), "length") {
		t.Errorf("error %v", err)
	}
}
