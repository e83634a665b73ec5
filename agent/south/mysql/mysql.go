// Package mysql is the South that reads from MySQL and MariaDB (protocol/data-plane.md, section 5.10). It promises that
// dates arrive as the server shows them to a session in UTC, that the session cannot write, that no file of the agent
// is sent to a server that asks for it, and that a query is killed on the server. It guards against servers that refuse,
// hang or lie.
package mysql

import (
	"context"
	stdsql "database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

// Type is the row of the catalogue.
var Type = sql.Kind{
	ID:        "mysql",
	Syntax:    sql.Syntax{Placeholder: func(int) string { return "?" }, Backslash: true, Hash: true},
	Configure: configure,
}.Type()

// killLimit is how long the kill of a query may take.
const killLimit = 3 * time.Second

type settings struct {
	Host              string         `json:"host"`
	Port              setting.Number `json:"port"`
	ConnectionTimeout setting.Number `json:"connectionTimeout"` // ms
	Database          string         `json:"database"`
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

// quiet drops what the driver would write on the standard error.
type quiet struct{}

func (quiet) Print(...any) {}

func (s *server) open(ctx context.Context) (sql.Session, error) {
	lines := &sql.Lines{}
	config := driver.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", s.address(), s.Database
	config.User, config.Passwd = s.Username, s.Password
	config.Logger, config.DialFunc = quiet{}, lines.Dial
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.Standard{
		Connector: connector, Lines: lines, Timeout: s.ConnectionTimeout.Duration(time.Millisecond), Reader: reader,
		Setup: []string{"SET time_zone = '+00:00'", "START TRANSACTION READ ONLY"},
		Kill: func(ctx context.Context, conn *stdsql.Conn) (func(context.Context), error) {
			var id uint64
			err := conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id)
			return func(ctx context.Context) { kill(ctx, connector, id) }, err
		},
	}.Open(ctx)
}

// kill ends what a session that is gone has left running. When it fails, the server ends it when it wants to send.
func kill(ctx context.Context, connector sqldriver.Connector, id uint64) {
	ctx, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	db := stdsql.OpenDB(connector)
	_, _ = db.ExecContext(ctx, "KILL "+strconv.FormatUint(id, 10))
	_ = db.Close()
}

// reader reads dates as the server spells them.
func reader(t *stdsql.ColumnType) func(*sql.Cell, any) error {
	switch t.DatabaseTypeName() {
	case "DATE", "DATETIME", "TIMESTAMP":
		return func(c *sql.Cell, value any) error {
			text, ok := value.([]byte)
			if !ok {
				return c.Set(value)
			}
			c.SetStamp(text, nil)
			return nil
		}
	}
	return nil
}

func (s *server) test(ctx context.Context) (report connector.Report, err error) {
	session, err := s.open(ctx)
	if err != nil {
		return report, s.problem(err)
	}
	defer func() { _ = session.Close() }() // nothing depends on it any more
	return sql.Survey{
		Version: "SELECT VERSION()",
		Tables:  "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
		Failed:  fmt.Sprintf("Unable to read tables in database \"%s\".", s.Database),
		None:    fmt.Sprintf("Database \"%s\" has no tables", s.Database),
	}.Ask(ctx, session)
}

// The errors of a server that does not let somebody in.
const (
	accessDenied         = 1045
	databaseAccessDenied = 1044
	unknownDatabase      = 1049
)

// problem says why there is no connection.
func (s *server) problem(err error) error {
	var answer *driver.MySQLError
	text := "Unexpected error."
	switch {
	case errors.As(err, &answer):
		switch answer.Number {
		case accessDenied:
			text = "Please check username and password."
		case databaseAccessDenied:
			text = fmt.Sprintf("User \"%s\" does not have access to database \"%s\".", s.Username, s.Database)
		case unknownDatabase:
			text = fmt.Sprintf("Database \"%s\" does not exist.", s.Database)
		}
	case sql.Unreachable(err), errors.Is(err, driver.ErrInvalidConn):
		text = "Please check host and port."
	}
	return &sql.Problem{Text: text, Err: err}
}

// words are those of the server, or of the network.
func (s *server) words(err error) string {
	var answer *driver.MySQLError
	if errors.As(err, &answer) {
		return answer.Message
	}
	if errors.Is(err, driver.ErrInvalidConn) {
		return "Connection lost: The server closed the connection."
	}
	return sql.NetworkWords(err, s.address())
}
