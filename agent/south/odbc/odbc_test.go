package odbc

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/south"
	sim "oibus/testing/peers/winagent"
)

func made(t *testing.T, settings map[string]any) (south.Connector, error) {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	return Type.New(south.Env{Env: connector.Env{ID: "id", Name: "DB", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Host: connector.Host{Now: time.Now}}})
}

func TestThePasswordArrives(t *testing.T) {
	t.Parallel()
	agent := sim.New(t)
	for _, c := range []struct{ connection, password, want string }{
		{"Driver={SQL Server};Uid=me;", "secret", "Driver={SQL Server};Uid=me;PWD=secret;"},
		{"Driver={SQL Server};Uid=me", "secret", "Driver={SQL Server};Uid=me;PWD=secret;"},
		{"Driver={SQL Server};Uid=me", "a;b}c", "Driver={SQL Server};Uid=me;PWD={a;b}}c};"},
		{"DSN=x;", "", "DSN=x;"},
	} {
		s, err := made(t, map[string]any{"remoteAgent": "true", "agentUrl": agent.URL, "connectionTimeout": "1000", "retryInterval": 1000, "requestTimeout": 1000, "connectionString": c.connection, "password": c.password})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Error(err)
		}
		var body struct {
			ConnectionString  string
			ConnectionTimeout int
		}
		calls := agent.Calls()
		if len(calls) != 2 || calls[0].Path != "odbc/id/connect" || json.Unmarshal([]byte(calls[0].Body), &body) != nil || body.ConnectionString != c.want || body.ConnectionTimeout != 1000 {
			t.Errorf("got %v, want %s", calls, c.want)
		}
	}
}

func TestWithoutTheAgentItSaysSo(t *testing.T) {
	t.Parallel()
	if _, err := made(t, map[string]any{"remoteAgent": false, "connectionString": "DSN=x"}); err == nil || !strings.HasPrefix(err.Error(), "ODBC library not available: ") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"", "localhost:2224", "http://"} {
		if _, err := made(t, map[string]any{"remoteAgent": true, "agentUrl": url}); err == nil || !strings.HasPrefix(err.Error(), "Invalid URL") {
			t.Errorf("%q: got %v", url, err)
		}
	}
}
