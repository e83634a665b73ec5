// Package mssql is the South that reads from Microsoft SQL Server (protocol/data-plane.md, section 5.10). It promises that
// certificates are verified when encryption is asked for and they are not trusted blindly, that the types that only this
// server has arrive as people read them, and that a query is cancelled on the server. The server offers no read-only session. It
// guards against servers that refuse, hang or lie.
package mssql

import (
	"context"
	"crypto/tls"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	driver "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

// Type is the row of the catalogue.
var Type = sql.Kind{ID: "mssql", Syntax: sql.Syntax{Bracket: true, Nested: true}, Configure: configure}.Type()

type settings struct {
	Host              string         `json:"host"`
	Port              setting.Number `json:"port"`
	ConnectionTimeout setting.Number `json:"connectionTimeout"` // ms
	Database          string         `json:"database"`
	Encryption        setting.Flag   `json:"encryption"`
	Trust             setting.Flag   `json:"trustServerCertificate"`
	Username          string         `json:"username"`
	Password          string         `json:"password"`
	Domain            string         `json:"domain"`
	RequestTimeout    setting.Number `json:"requestTimeout"` // ms
}

// server is a configured database.
type server struct{ settings }

func configure(env connector.Env) (*sql.Database, error) {
	var s server
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	return &sql.Database{
		Open: s.open, Test: s.test, Words: s.words, Secrets: []string{s.Password},
		Timeout: s.RequestTimeout.Duration(time.Millisecond),
	}, nil
}

// config is how to connect. Without encryption only the login is encrypted, where the server can do that, and as the
// alternative is none, by whatever certificate it has.
func (s *server) config() (msdsn.Config, error) {
	query := url.Values{"app name": {"OIBus"}, "encrypt": {"false"}, "trustservercertificate": {"true"}, "disableretry": {"true"}}
	if s.Encryption {
		query.Set("encrypt", "true")
		query.Set("trustservercertificate", strconv.FormatBool(bool(s.Trust)))
	} else {
		query.Set("tlsmin", "1.0")
	}
	c, err := msdsn.Parse((&url.URL{Scheme: "sqlserver", Host: "host", RawQuery: query.Encode()}).String())
	if err != nil {
		return c, err
	}
	c.Host, c.Port, c.Database = s.Host, uint64(s.Port.Int()), s.Database
	c.User, c.Password = s.Username, s.Password
	c.ServerSPN = fmt.Sprintf("MSSQLSvc/%s:%d", s.Host, s.Port.Int())
	c.DialTimeout, c.ConnTimeout = -1, 0 // that of the context counts
	if c.TLSConfig != nil {
		c.TLSConfig.ServerName = s.Host
	}
	if s.Domain != "" {
		c.User = s.Domain + `\` + s.Username
		c.Parameters["authenticator"] = "ntlm"
	}
	return c, nil
}

// maxDials is how often a server may send the agent elsewhere before a session begins. Clusters do that once or twice.
const maxDials = 16

// dialer finds the address of the server itself: the driver would look it up without a time limit.
type dialer struct {
	*sql.Lines
	host  string
	dials int
}

// HostName tells the driver to leave the name as it is.
func (d *dialer) HostName() string { return d.host }

var errTooFar = errors.New("the server sends the agent from one address to the next without end")

// DialContext is what the driver connects with, one connection after the other.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.dials++; d.dials > maxDials {
		return nil, errTooFar
	}
	return d.Lines.DialContext(ctx, network, address)
}

func (s *server) open(ctx context.Context) (sql.Session, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	lines := &sql.Lines{}
	connector := driver.NewConnectorConfig(config)
	connector.Dialer = &dialer{Lines: lines, host: s.Host}
	return sql.Standard{
		Connector: connector, Lines: lines, Timeout: s.ConnectionTimeout.Duration(time.Millisecond), Reader: reader, Named: true,
	}.Open(ctx)
}

// reader reads the types that need it.
func reader(t *stdsql.ColumnType) func(*sql.Cell, any) error {
	switch t.DatabaseTypeName() {
	case "DECIMAL", "MONEY", "SMALLMONEY":
		return decimal
	case "REAL":
		return func(c *sql.Cell, value any) error {
			if v, ok := value.(float64); ok {
				c.SetFloat32(float32(v))
				return nil
			}
			return c.Set(value)
		}
	case "UNIQUEIDENTIFIER":
		return identifier
	case "TIME":
		return timeOfDay
	}
	return nil
}

func decimal(c *sql.Cell, value any) error {
	text, ok := value.([]byte)
	if !ok {
		return c.Set(value)
	}
	c.SetDecimal(text)
	return nil
}

func identifier(c *sql.Cell, value any) error {
	var id driver.UniqueIdentifier
	if err := id.Scan(value); err != nil {
		return err
	}
	c.SetText([]byte(id.String()))
	return nil
}

// timeOfDay reads a time that has no date as one of the first day of 1970.
func timeOfDay(c *sql.Cell, value any) error {
	t, ok := value.(time.Time)
	if !ok {
		return c.Set(value)
	}
	t = t.UTC()
	return c.Set(time.Date(1970, 1, 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC))
}

func (s *server) test(ctx context.Context) (report connector.Report, err error) {
	session, err := s.open(ctx)
	if err != nil {
		return report, s.problem(err)
	}
	defer func() { _ = session.Close() }() // nothing depends on it any more
	report, err = sql.Survey{
		Version: "SELECT @@VERSION",
		Tables:  "SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_TYPE = 'BASE TABLE'",
		Failed:  fmt.Sprintf("Unable to read tables in database \"%s\".", s.Database),
		None:    fmt.Sprintf("Database \"%s\" has no tables", s.Database),
		Timeout: s.RequestTimeout.Duration(time.Millisecond),
	}.Ask(ctx, session)
	if err == nil {
		first, _, _ := strings.Cut(report.Items[0].Value, "\n")
		report.Items[0].Value = strings.TrimSpace(first)
	}
	return report, err
}

// refused are the errors of a login.
var refused = map[int32]bool{4060: true, 4064: true, 18450: true, 18452: true, 18456: true, 18461: true, 18470: true, 18486: true, 18487: true, 18488: true}

// noDatabase are those that name a database which does not exist, or is closed to the user.
var noDatabase = map[int32]bool{4060: true, 4064: true}

// problem says why there is no connection.
func (s *server) problem(err error) error {
	err = bare(err)
	var answer driver.Error
	var untrusted *tls.CertificateVerificationError
	text := "Unable to connect to database."
	switch {
	case errors.As(err, &answer) && refused[answer.Number]:
		text = "Please check username, password and database name."
	case errors.As(err, &answer), errors.As(err, &untrusted):
	case sql.Unreachable(err):
		text = "Please check host and port."
	}
	return &sql.Problem{Text: text, Err: err}
}

// bare is what a driver's error about a bad stream was made of, when that says more: it may be the end of the connection.
func bare(err error) error {
	var stream driver.StreamError
	if !sql.TimedOut(err) && errors.As(err, &stream) && sql.Unreachable(stream.InnerError) {
		return stream.InnerError
	}
	return err
}

// loginPrefix is what the driver puts before the server's words.
const loginPrefix = "login error: "

// words are those of the server, or of the network.
func (s *server) words(err error) string {
	err = bare(err)
	var answer driver.Error
	if errors.As(err, &answer) {
		return strings.TrimPrefix(said(answer), loginPrefix)
	}
	return sql.NetworkWords(err, net.JoinHostPort(s.Host, strconv.FormatInt(s.Port.Int(), 10)))
}

// said is what the server said. It says last that the login failed, and before that why, as when there is no such database.
func said(answer driver.Error) string {
	for _, one := range answer.All {
		if noDatabase[one.Number] {
			return one.Message
		}
	}
	return answer.Message
}
