// Package oracle is the South that reads from Oracle databases (protocol/data-plane.md, section 5.10). It promises that no client
// library is needed, that dates without a zone are those of a session in UTC, that the session cannot write, and that
// no error shows how the agent connects. It guards against servers that refuse, hang or lie.
package oracle

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	driver "github.com/sijms/go-ora/v2"
	"github.com/sijms/go-ora/v2/network"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

// Type is the row of the catalogue.
var Type = sql.Kind{
	ID:        "oracle",
	Syntax:    sql.Syntax{Placeholder: func(n int) string { return ":v" + strconv.Itoa(n) }, Q: true},
	Configure: configure,
}.Type()

// rowsAtOnce is how many rows the server sends at a time.
const rowsAtOnce = 500

// settings are those of the manifest. Thick mode is the reference's name for a client library that is not needed here: whatever it
// says, the agent speaks to the server itself.
type settings struct {
	Host              string         `json:"host"`
	Port              setting.Number `json:"port"`
	ConnectionTimeout setting.Number `json:"connectionTimeout"` // ms
	Database          string         `json:"database"`          // the name of a service
	Username          string         `json:"username"`
	Password          string         `json:"password"`
}

// server is a configured database.
type server struct{ settings }

func configure(env connector.Env) (*sql.Database, error) {
	var s server
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	return &sql.Database{Open: s.open, Test: s.test, Words: s.words, Secrets: []string{s.Password}, ItemTimeout: true}, nil
}

func (s *server) address() string {
	return net.JoinHostPort(s.Host, strconv.FormatInt(s.Port.Int(), 10))
}

func (s *server) open(ctx context.Context) (sql.Session, error) {
	u := url.URL{Scheme: "oracle", User: url.UserPassword(s.Username, s.Password), Host: s.address(), Path: "/" + s.Database, RawQuery: url.Values{
		"PREFETCH_ROWS": {strconv.Itoa(rowsAtOnce)}, "TIMEOUT": {"0"}, // those of the contexts count
	}.Encode()}
	if _, err := url.Parse(u.String()); err != nil {
		return nil, fmt.Errorf("the host %q is no name of a host", s.Host)
	}
	made := driver.NewConnector(u.String())
	lines := &sql.Lines{}
	if c, ok := made.(*driver.OracleConnector); ok {
		c.Dialer(&dialer{lines: lines})
	}
	return sql.Standard{
		Connector: made, Lines: lines, Timeout: s.ConnectionTimeout.Duration(time.Millisecond), Reader: reader,
		Setup: []string{"ALTER SESSION SET TIME_ZONE = '+00:00'", "SET TRANSACTION READ ONLY"}, Transaction: true,
	}.Open(ctx)
}

// reader reads the types that need it.
func reader(t *stdsql.ColumnType) func(*sql.Cell, any) error {
	switch t.DatabaseTypeName() {
	case "NUMBER":
		return func(c *sql.Cell, value any) error {
			text, ok := value.([]byte)
			if !ok {
				return c.Set(value)
			}
			c.SetDecimal(text)
			return nil
		}
	case "DATE", "OCIDate", "TIMESTAMP", "TimeStampDTY":
		return clock
	}
	return nil
}

// clock reads what a clock shows as that of UTC, whatever zone the driver has put it in.
func clock(c *sql.Cell, value any) error {
	t, ok := value.(time.Time)
	if !ok {
		return c.Set(value)
	}
	return c.Set(time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC))
}

func (s *server) test(ctx context.Context) (report connector.Report, err error) {
	session, err := s.open(ctx)
	if err != nil {
		return report, s.problem(err)
	}
	defer func() { _ = session.Close() }() // nothing depends on it any more
	return sql.Survey{
		Tables: "SELECT COUNT(*) FROM ALL_TABLES WHERE OWNER = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')",
		Failed: fmt.Sprintf("Unable to read tables in database \"%s\":", s.Database),
		None:   fmt.Sprintf("No tables in the \"%s\" schema", s.Username),
	}.Ask(ctx, session)
}

// The errors of a server or its listener that does not let somebody in.
const (
	wrongPassword  = 1017
	unknownService = 12514
	unknownSID     = 12505
)

// problem says why there is no connection.
func (s *server) problem(err error) error {
	var answer *network.OracleError
	text := "Unexpected error."
	switch {
	case errors.As(err, &answer) && answer.ErrCode == wrongPassword:
		text = "Please check username and password."
	case errors.As(err, &answer) && (answer.ErrCode == unknownService || answer.ErrCode == unknownSID):
		text = fmt.Sprintf("Cannot connect to database \"%s\". Service is not registered.", s.Database)
	case errors.As(err, &answer):
	case sql.Unreachable(err):
		text = "Please check host and port."
	}
	return &sql.Problem{Text: text, Err: err}
}

// words are those of the server, or of the network.
func (s *server) words(err error) string {
	var answer *network.OracleError
	if !errors.As(err, &answer) {
		return sql.NetworkWords(err, s.address())
	}
	text := answer.Error() // makes the text of some
	if answer.ErrMsg != "" {
		text = answer.ErrMsg
	}
	return strings.TrimSpace(text)
}
