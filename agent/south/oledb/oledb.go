// Package oledb is the South that reads databases by OLE DB through the OIBus Agent on Windows (protocol/data-plane.md,
// sections 5.10 and 5.11). It promises what package south/winagent does. It guards against a password that ends where
// it holds a semicolon.
package oledb

import (
	"strings"
	"time"

	"oibus/agent/connector/setting"
	"oibus/agent/connector/winagent"
	"oibus/agent/south"
	remote "oibus/agent/south/winagent"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "oledb",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	AgentURL         string         `json:"agentUrl"`
	ConnectTimeout   setting.Number `json:"connectionTimeout"` // ms
	RetryInterval    setting.Number `json:"retryInterval"`     // ms
	RequestTimeout   setting.Number `json:"requestTimeout"`    // ms
	ConnectionString string         `json:"connectionString"`
	Password         string         `json:"password"`
}

func build(env south.Env) (*remote.SQL, error) {
	var s settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	d := remote.Database{Family: winagent.OLEDB, AgentURL: s.AgentURL, ConnectionString: s.ConnectionString, ConnectTimeout: s.ConnectTimeout.Duration(time.Millisecond),
		RequestTimeout: s.RequestTimeout.Duration(time.Millisecond), RetryInterval: s.RetryInterval.Duration(time.Millisecond)}
	if s.Password != "" {
		quoted := quote(s.Password)
		d.ConnectionString = remote.WithPassword(s.ConnectionString, "Password="+quoted)
		d.Secrets = []string{s.Password, quoted}
	}
	return remote.NewSQL(env, d)
}

// quote puts a password in quotes where OLE DB needs them.
func quote(password string) string {
	if !strings.ContainsAny(password, `;"'=`) && strings.TrimSpace(password) == password {
		return password
	}
	return `"` + strings.ReplaceAll(password, `"`, `""`) + `"`
}
