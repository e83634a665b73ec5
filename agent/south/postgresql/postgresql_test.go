package postgresql

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"oibus/agent/connector"
	"oibus/agent/south/sql"
)

func TestNothingOfTheEnvironmentCounts(t *testing.T) {
	for name, value := range map[string]string{"PGHOST": "elsewhere", "PGPORT": "x", "PGUSER": "other", "PGPASSWORD": "other", "PGDATABASE": "other", "PGSSLMODE": "bogus",
		"PGSSLROOTCERT": "/nope", "PGCONNECT_TIMEOUT": "x", "PGTARGETSESSIONATTRS": "read-write", "PGAPPNAME": "other", "PGOPTIONS": "-c a=b"} {
		t.Setenv(name, value)
	}
	s := &server{settings{Host: "db", Port: 5433, Database: "plant", Username: "u", Password: "p w'"}}
	c, err := s.config(&sql.Lines{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != "db" || c.Port != 5433 || c.Database != "plant" || c.User != "u" || c.Password != "p w'" || c.TLSConfig != nil || len(c.Fallbacks) > 0 || c.ValidateConnect != nil || len(c.RuntimeParams) != 2 {
		t.Errorf("%+v", c.Config)
	}
	s.TLS = true
	if c, err = s.config(&sql.Lines{}); err != nil || c.TLSConfig == nil || c.TLSConfig.ServerName != "db" || c.TLSConfig.InsecureSkipVerify {
		t.Errorf("TLS: %+v, error %v", c.TLSConfig, err)
	}
}

func TestSettingsBecomeLimits(t *testing.T) {
	t.Parallel()
	d, err := configure(connector.Env{Settings: []byte(`{"host": "h", "port": "5432", "requestTimeout": 1500, "password": "x"}`)})
	if err != nil || d.Timeout != 1500*time.Millisecond || d.ItemTimeout || d.Secrets[0] != "x" {
		t.Errorf("%+v, error %v", d, err)
	}
}

func TestErrorsAreInTheServersWords(t *testing.T) {
	t.Parallel()
	s := &server{settings{Host: "db", Port: 5432}}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5432}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		`relation "nope" does not exist`:       fmt.Errorf("x: %w", &pgconn.PgError{Severity: "ERROR", Code: "42P01", Message: `relation "nope" does not exist`}),
		"connect ECONNREFUSED 10.0.0.1:5432":   fmt.Errorf("failed to connect to user=u: %w", refused),
		"getaddrinfo EAI_AGAIN db":             &net.DNSError{Name: "db", IsTemporary: true},
		"connect ETIMEDOUT db:5432":            os.ErrDeadlineExceeded,
		"something that nobody has thought of": fmt.Errorf("something that nobody has thought of"),
	} {
		if got := s.words(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func TestValuesThatTheServerSpells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{1,2,3}`: "1,2,3", `{}`: "", `{NULL,a,NULL}`: ",a,", `{"NULL","a b","c\"d","e\\f","{g}"}`: `NULL,a b,c"d,e\f,{g}`,
		`{{1,2},{3,NULL}}`: "1,2,3,", `[0:1]={5,6}`: "5,6", `{NULLS,xNULL}`: "NULLS,xNULL", ``: "", `{"open`: "open",
	} {
		if got := string(joined([]byte(text))); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{`\x6162`: "ab", `\x`: "", `\xzz`: `\xzz`, `abc`: "abc"} {
		var c sql.Cell
		if bytea(&c, []byte(text)); string(c.Text) != want {
			t.Errorf("%s: %q, want %q", text, c.Text, want)
		}
	}
	for text, want := range map[string]sql.Cell{"1.5": {As: sql.Digits, Text: []byte("1.5")}, "1e+20": {As: sql.Float, Float: 1e20}, "x-e": {As: sql.Digits, Text: []byte("x-e")}} {
		var c sql.Cell
		if float(&c, []byte(text)); c.As != want.As || c.Float != want.Float {
			t.Errorf("%s: %+v", text, c)
		}
	}
}

// FuzzValues reads any text as each type that is taken apart.
func FuzzValues(f *testing.F) {
	f.Add([]byte(`{1,NULL,"a\"b",{2}}`))
	f.Add([]byte(`\x61`))
	f.Add([]byte("1e+20"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		var c sql.Cell
		if got := joined(text); len(got) > len(text) {
			t.Fatalf("%q became %q", text, got)
		}
		bytea(&c, text)
		float(&c, text)
		boolean(&c, text)
		c.SetStamp(text, nil)
		if !bytes.Equal(before, text) {
			t.Fatalf("%q was changed to %q", before, text)
		}
	})
}
