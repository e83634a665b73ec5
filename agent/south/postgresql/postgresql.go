// Package postgresql is the South that reads from PostgreSQL (protocol/data-plane.md, section 5.10). It promises that
// nothing of the environment of the agent changes where it connects to and as whom, that certificates are verified when
// TLS is asked for, that the session cannot write, and that a query is cancelled on the server. It guards against servers that
// refuse, hang or lie.
package postgresql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
	"oibus/agent/transform/datetime"
)

// Type is the row of the catalogue.
var Type = sql.Kind{
	ID:        "postgresql",
	Syntax:    sql.Syntax{Placeholder: func(n int) string { return "$" + strconv.Itoa(n) }, Escapes: true, Nested: true},
	Configure: configure,
}.Type()

const (
	// cancelGrace is how long the server may take to end a query that it was told to cancel.
	cancelGrace = 3 * time.Second
	closeGrace  = 2 * time.Second
	// maxMessage bounds one row.
	maxMessage = 256 << 20
)

type settings struct {
	Host              string         `json:"host"`
	Port              setting.Number `json:"port"`
	TLS               setting.Flag   `json:"sslMode"`
	Database          string         `json:"database"`
	ConnectionTimeout setting.Number `json:"connectionTimeout"` // ms
	RequestTimeout    setting.Number `json:"requestTimeout"`    // ms
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
	return &sql.Database{
		Open: s.open, Test: s.test, Words: s.words, Secrets: []string{s.Password},
		Timeout: s.RequestTimeout.Duration(time.Millisecond),
	}, nil
}

// nothing is set here, so that nothing of it is looked for elsewhere.
const nothing = "host=127.0.0.1 port=5432 user=nobody password=none dbname=none sslmode=disable connect_timeout=0 target_session_attrs=any sslnegotiation=postgres sslrootcert='' sslcert='' sslkey='' passfile=''"

// config is how to connect. Only what is set here counts: the environment and the files that the driver looks at for
// other programs do not.
func (s *server) config(lines *sql.Lines) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(nothing)
	if err != nil {
		return nil, fmt.Errorf("the environment of the agent has settings of PostgreSQL that cannot be read: %w", err)
	}
	c.Host, c.Port, c.Database = s.Host, uint16(s.Port.Int()), s.Database
	c.User, c.Password = s.Username, s.Password
	c.Fallbacks, c.ValidateConnect, c.AfterConnect = nil, nil, nil
	c.RuntimeParams = map[string]string{"application_name": "OIBus", "client_encoding": "UTF8"}
	c.ConnectTimeout = 0 // that of the context counts
	c.DialFunc = lines.Dial
	c.TLSConfig, c.SSLNegotiation = nil, ""
	if s.TLS {
		c.TLSConfig = &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	}
	c.MaxProtocolMessageBodyLen = maxMessage
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelGrace}
	}
	return c, nil
}

// begin makes dates come as the agent reads them, and keeps the session from writing.
const begin = "SET DateStyle TO ISO; SET bytea_output TO hex; BEGIN TRANSACTION READ ONLY"

func (s *server) open(ctx context.Context) (sql.Session, error) {
	lines := &sql.Lines{}
	config, err := s.config(lines)
	if err != nil {
		return nil, err
	}
	local, err := datetime.LoadZone("")
	if err != nil {
		return nil, err
	}
	if limit := s.ConnectionTimeout.Duration(time.Millisecond); limit > 0 {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = limited
	}
	made := &session{lines: lines, local: local}
	err = lines.During(ctx, cancelGrace, func() error {
		var err error
		if made.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			return err
		}
		_, err = made.conn.PgConn().Exec(ctx, begin).ReadAll()
		return err
	})
	if err != nil {
		_ = made.Close() // the error counts that came first
		return nil, err
	}
	return made, nil
}

func (s *server) test(ctx context.Context) (report connector.Report, err error) {
	session, err := s.open(ctx)
	if err != nil {
		return report, s.problem(err)
	}
	defer func() { _ = session.Close() }() // nothing depends on it any more
	return sql.Survey{
		Version: "SELECT version()",
		Tables:  "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
		Failed:  fmt.Sprintf("Unable to read tables in database \"%s\".", s.Database),
		None:    fmt.Sprintf("Database \"%s\" has no tables", s.Database),
	}.Ask(ctx, session)
}

// problem says why there is no connection.
func (s *server) problem(err error) error {
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer) && (answer.Code == "28P01" || answer.Code == "28000"):
		return &sql.Problem{Text: "Please check username and password.", Err: err}
	case errors.As(err, &answer) && answer.Code == "3D000":
		return &sql.Problem{Text: fmt.Sprintf("Database \"%s\" does not exist.", s.Database), Err: err}
	case answer == nil && sql.Unreachable(err):
		return &sql.Problem{Text: "Please check host and port.", Err: err}
	}
	return &sql.Problem{Text: "Unexpected error.", Err: err}
}

// words are those of the server, or of the network.
func (s *server) words(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Message
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) && !sql.Unreachable(err) { // its words tell the user and the database too
		err = lowest(connect)
	}
	return sql.NetworkWords(err, net.JoinHostPort(s.Host, strconv.FormatInt(s.Port.Int(), 10)))
}

// lowest is the first cause of an error.
func lowest(err error) error {
	for {
		var causes []error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			causes = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			causes = e.Unwrap()
		}
		if len(causes) == 0 || causes[0] == nil {
			return err
		}
		err = causes[0]
	}
}
