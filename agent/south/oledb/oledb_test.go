package oledb

import (
	"encoding/json"
	"io"
	"log/slog"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/south"
	sim "oibus/testing/peers/winagent"
)

func TestThePasswordArrivesWhole(t *testing.T) {
	t.Parallel()
	agent := sim.New(t)
	for _, c := range []struct{ connection, password, want string }{
		{"Provider=MySQLProv;Data Source=d;User Id=u;", "secret", "Provider=MySQLProv;Data Source=d;User Id=u;Password=secret;"},
		{"Provider=MySQLProv", `a;b"c`, `Provider=MySQLProv;Password="a;b""c";`},
		{"Provider=MySQLProv;Password=inside", "", "Provider=MySQLProv;Password=inside"},
	} {
		raw, err := json.Marshal(map[string]any{"agentUrl": agent.URL, "connectionTimeout": 1000, "retryInterval": 1000, "requestTimeout": 1000, "connectionString": c.connection, "password": c.password})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Type.New(south.Env{Env: connector.Env{ID: "id", Name: "DB", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Host: connector.Host{Now: time.Now}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Error(err)
		}
		var body struct{ ConnectionString string }
		calls := agent.Calls()
		if len(calls) != 2 || calls[0].Path != "ole/id/connect" || json.Unmarshal([]byte(calls[0].Body), &body) != nil || body.ConnectionString != c.want {
			t.Errorf("got %v, want %s", calls, c.want)
		}
	}
}
