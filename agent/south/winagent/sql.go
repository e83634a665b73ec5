// Package winagent is what the Souths that read through the OIBus Agent on Windows have in common (protocol/data-plane.md,
// section 5.11): tables of ODBC and OLE DB, and values of OPC and PI. It promises that the answer of a window is handed
// on whole or not at all, in little memory, and that a test leaves the connection of a running connector alone. It
// guards against passwords that never arrive, and against an agent whose answer is not what was asked for.
package winagent

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/winagent"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/transform/csvtext"
)

// Database says which database is read, and how.
type Database struct {
	Family           string // winagent.ODBC or winagent.OLEDB
	AgentURL         string
	ConnectionString string // with the password
	Secrets          []string
	ConnectTimeout   time.Duration
	RequestTimeout   time.Duration
	RetryInterval    time.Duration
}

// SQL is a South that runs queries by the agent.
type SQL struct {
	database Database
	env      south.Env
	session  *winagent.Session
	log      *slog.Logger
}

// NewSQL is a South that is not connected yet.
func NewSQL(env south.Env, d Database) (*SQL, error) {
	s := &SQL{database: d, env: env, log: env.Log}
	var err error
	if s.session, err = s.newSession(env.ID); err != nil {
		return nil, err
	}
	s.session.Lost = env.Lost
	return s, nil
}

func (s *SQL) newSession(id string) (*winagent.Session, error) {
	d := s.database
	client, err := winagent.New(winagent.Options{Version: s.env.Host.Version, URL: d.AgentURL, Family: d.Family, ID: id, Secrets: d.Secrets, Before: ": "})
	if err != nil {
		return nil, err
	}
	return &winagent.Session{Client: client, Limit: d.ConnectTimeout + winagent.Grace, Dir: s.env.TempDir, Retry: d.RetryInterval,
		Body: struct {
			ConnectionString  string `json:"connectionString"`
			ConnectionTimeout int64  `json:"connectionTimeout"`
		}{d.ConnectionString, d.ConnectTimeout.Milliseconds()}}, nil
}

// Connect has the agent connect.
func (s *SQL) Connect(ctx context.Context) error { return s.session.Open(ctx) }

// Disconnect has the agent leave the database.
func (s *SQL) Disconnect(ctx context.Context) error { return s.session.Close(ctx) }

// Test has the agent connect, and leave again.
func (s *SQL) Test(ctx context.Context) (connector.Report, error) {
	test, err := s.newSession(s.env.ID + TestSuffix)
	if err != nil {
		return connector.Report{}, err
	}
	return connector.Report{}, Try(ctx, test)
}

// statement is what the agent is asked to read.
type statement struct {
	ConnectionString          string `json:"connectionString"`
	SQL                       string `json:"sql"`
	ReadTimeout               int64  `json:"readTimeout"`
	TimeColumn                string `json:"timeColumn,omitempty"`
	DatasourceTimestampFormat string `json:"datasourceTimestampFormat,omitempty"`
	DatasourceTimezone        string `json:"datasourceTimezone,omitempty"`
	Delimiter                 string `json:"delimiter"`
	OutputTimestampFormat     string `json:"outputTimestampFormat"`
	OutputTimezone            string `json:"outputTimezone"`
}

// statement fills in the variables of a query.
func (s *SQL) statement(item *itemSettings, w interval.Window) (statement, error) {
	start, end, err := item.variables(w)
	if err != nil {
		return statement{}, fmt.Errorf("cannot fill in the variables of the query: %w", err)
	}
	delimiter, ok := csvtext.Delimiter(item.Serialization.Delimiter)
	if !ok {
		return statement{}, fmt.Errorf("unknown delimiter %q", item.Serialization.Delimiter)
	}
	q := statement{ConnectionString: s.database.ConnectionString, SQL: strings.NewReplacer("@StartTime", start, "@EndTime", end).Replace(item.Query),
		ReadTimeout: s.database.RequestTimeout.Milliseconds(), Delimiter: delimiter, OutputTimestampFormat: item.Serialization.TimestampFormat, OutputTimezone: item.Serialization.Timezone}
	if r := item.reference(); r != nil {
		q.TimeColumn, q.DatasourceTimestampFormat, q.DatasourceTimezone = r.Name, r.Format, r.Timezone
	}
	text, with := "Sending \""+item.Query+"\"", " with"
	for _, variable := range []struct{ name, value string }{{"@StartTime", start}, {"@EndTime", end}} {
		if strings.Contains(item.Query, variable.name) {
			text, with = text+with+" "+variable.name+" = "+variable.value, ""
		}
	}
	s.log.Info(text)
	return q, nil
}

// read runs the query of an item. The caller closes the answer; nil is one without rows.
func (s *SQL) read(ctx context.Context, session *winagent.Session, item *itemSettings, w interval.Window) (*winagent.Answer, error) {
	q, err := s.statement(item, w)
	if err != nil {
		return nil, err
	}
	a, err := session.Read(ctx, q, s.database.RequestTimeout+winagent.Grace)
	if err != nil {
		return nil, err
	}
	rows := 0
	if err := a.Decode("recordCount", &rows); err != nil || rows == 0 {
		a.Close()
		return nil, err
	}
	if a.Text("content") == nil {
		a.Close()
		return nil, fmt.Errorf("the remote agent announced %d rows and sent none", rows)
	}
	return a, nil
}

// ReadWindow reads a window of items and hands on the tables.
func (s *SQL) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	for i := range q.Items {
		if err := s.readItem(ctx, q, q.Items[i:i+1], &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (s *SQL) readItem(ctx context.Context, q south.WindowQuery, items []south.Item, result *south.WindowResult) error {
	item, err := decode(items[0])
	if err != nil {
		return err
	}
	a, err := s.read(ctx, s.session, item, q.Window)
	if err != nil || a == nil {
		return err
	}
	defer a.Close()
	f, err := item.save(ctx, a, s.env.TempDir)
	if err != nil {
		return err
	}
	defer f.remove()
	c, err := content.FromFile(f.path, item.fileName(s.env.Name, items[0].Name, s.env.Host.Now()))
	if err != nil {
		return err
	}
	if err := q.Emit(ctx, c, items); err != nil {
		return err
	}
	if f.last != nil {
		result.Last = f.last
	}
	if at := Instant(a, "maxInstant", s.log); at.After(q.Window.Start) && at.After(result.Tracked) {
		result.Tracked = at
	}
	return nil
}

// TestItem reads an item once, on a connection of its own.
func (s *SQL) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	item, err := decode(t.Item)
	if err != nil {
		return result, err
	}
	test, err := s.newSession(s.env.ID + TestSuffix)
	if err != nil {
		return result, err
	}
	name := item.plainName(s.env.Name, t.Item.Name, s.env.Host.Now())
	result.FilePath = filepath.Join(s.env.TempDir, filepath.FromSlash(name))
	err = During(ctx, test, &result, func() error {
		a, err := s.read(ctx, test, item, Window(t, s.env.Host.Now()))
		var text []byte
		if a != nil {
			defer a.Close()
			text, err = shown(a)
		}
		result.Content = content.FromBytes(content.Any, name, 0, text)
		return err
	})
	return result, err
}

// WithPassword appends the part of a connection string that holds the password.
func WithPassword(connectionString, part string) string {
	connectionString = strings.TrimRight(connectionString, " ;")
	if connectionString != "" {
		connectionString += ";"
	}
	return connectionString + part + ";"
}
