// Package odbc is the South that reads databases by ODBC through the OIBus Agent on Windows (protocol/data-plane.md,
// sections 5.10 and 5.11). It promises what package south/winagent does, and that the password arrives. It guards
// against a database that waits for a driver which this program does not have: without the agent it says so at once.
package odbc

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"oibus/agent/connector/setting"
	"oibus/agent/connector/winagent"
	"oibus/agent/south"
	remote "oibus/agent/south/winagent"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "odbc",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

// errLocal says why there is no ODBC without the agent: the driver manager is a library of C.
var errLocal = errors.New("ODBC library not available: OIBus reads ODBC by an OIBus Agent on Windows only, so turn on the use of a remote agent and give its URL")

type settings struct {
	RemoteAgent      setting.Flag   `json:"remoteAgent"`
	AgentURL         string         `json:"agentUrl"`
	ConnectTimeout   setting.Number `json:"connectionTimeout"` // ms
	RetryInterval    setting.Number `json:"retryInterval"`     // ms
	RequestTimeout   setting.Number `json:"requestTimeout"`    // ms
	ConnectionString string         `json:"connectionString"`
	Password         string         `json:"password"`
}

// Unfit says why a connector with these settings cannot run here, nil when it can. Secrets in them do not count.
func Unfit(raw json.RawMessage) error {
	var s settings
	if err := setting.Decode(raw, &s); err != nil {
		return err
	}
	if !s.RemoteAgent {
		return errLocal
	}
	return nil
}

func build(env south.Env) (*remote.SQL, error) {
	var s settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	if !s.RemoteAgent {
		return nil, errLocal
	}
	d := remote.Database{Family: winagent.ODBC, AgentURL: s.AgentURL, ConnectionString: s.ConnectionString, ConnectTimeout: s.ConnectTimeout.Duration(time.Millisecond),
		RequestTimeout: s.RequestTimeout.Duration(time.Millisecond), RetryInterval: s.RetryInterval.Duration(time.Millisecond)}
	if s.Password != "" {
		quoted := quote(s.Password)
		d.ConnectionString = remote.WithPassword(s.ConnectionString, "PWD="+quoted)
		d.Secrets = []string{s.Password, quoted}
	}
	return remote.NewSQL(env, d)
}

// quote puts a password in braces where ODBC needs them.
func quote(password string) string {
	if !strings.ContainsAny(password, "[]{}(),;?*=!@") && strings.TrimSpace(password) == password {
		return password
	}
	return "{" + strings.ReplaceAll(password, "}", "}}") + "}"
}
