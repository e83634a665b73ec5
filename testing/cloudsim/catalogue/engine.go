package catalogue

import (
	"encoding/json"

	"oibus/agent/entity"
)

// engineTemplates are the forms of protocol/control-plane.md, sections 5.1 to 5.3, and of the one engine command of
// dialect R (section 12).
func engineTemplates() []Template {
	return append(lifeCycleTemplates(), append(settingsTemplates(), objectTemplates()...)...)
}

func literal(command string) []Variant { return one(json.RawMessage(command)) }

func lifeCycleTemplates() []Template {
	const group = "Life cycle"
	return []Template{
		{Type: "update-version", Group: group, Title: "Upgrade", Dialects: "NR",
			Variants: literal(`{"type":"update-version","version":"v3.9.1","assetId":"{asset}","updateLauncher":false,"backupFoldersPattern":"cache/*"}`),
			Help:     "Upload the package on the Packages page first. The agent downloads it, checks it and goes back by itself when the new version fails."},
		{Type: "restart-engine", Group: group, Title: "Restart", Dialects: "NR", Variants: literal(`{"type":"restart-engine"}`),
			Help: "The agent reports the command as completed after it is back."},
		{Type: "regenerate-cipher-keys", Group: group, Title: "Make new cipher keys", Dialects: "NR", Variants: literal(`{"type":"regenerate-cipher-keys"}`),
			Help: "The next full configuration brings the new public key. Secrets encrypted with the old one may no longer be readable."},
	}
}

const (
	generalExample   = `{"type":"update-engine-general","commandContent":{"name":"Line 4 gateway"}}`
	webServerExample = `{"type":"update-engine-web-server","commandContent":{"port":2223,"authTokenDuration":"7d"}}`
	proxyExample     = `{"type":"update-engine-proxy","commandContent":{"enabled":false,"port":9000,"username":"","password":"",` +
		`"forward":{"enabled":false,"url":null,"username":"","password":""}}}`
	loggerExample = `{"type":"update-engine-logger","commandContent":{"console":{"level":"silent"},"file":{"level":"info","maxFileSize":50,"numberOfFiles":5},` +
		`"database":{"level":"info","maxNumberOfLogs":100000},"loki":{"level":"silent","interval":60,"address":"","username":"","password":""},` +
		`"oia":{"level":"info","interval":10},"syslog":{"level":"silent","host":"","port":514,"protocol":"udp4"}}}`
	engineExample = `{"type":"update-engine-settings","commandContent":{"name":"Line 4 gateway","port":2223,"proxyEnabled":false,"proxyPort":9000,` +
		`"logParameters":{"console":{"level":"silent"},"file":{"level":"info","maxFileSize":50,"numberOfFiles":5},` +
		`"database":{"level":"info","maxNumberOfLogs":100000},"loki":{"level":"silent","interval":60,"address":"","username":"","password":""},` +
		`"oia":{"level":"info","interval":10}}}}`
)

func settingsTemplates() []Template {
	const group = "Engine"
	return []Template{
		{Type: "update-engine-general", Group: group, Title: "Rename", Dialects: "N", Variants: literal(generalExample)},
		{Type: "update-engine-web-server", Group: group, Title: "Web server", Dialects: "N", Variants: literal(webServerExample),
			Help: "A changed port restarts the web server of the agent: its page moves."},
		{Type: "update-engine-proxy", Group: group, Title: "Forward proxy", Dialects: "N", Variants: literal(proxyExample),
			Help: "The two passwords of this command are sent as plain text. Empty ones keep what is stored."},
		{Type: "update-engine-logger", Group: group, Title: "Loggers", Dialects: "N", Variants: literal(loggerExample), Secrets: []Place{{Path: "commandContent.loki.password"}},
			Help: "Set the level under “oia” to receive logs here."},
		{Type: "update-engine-settings", Group: group, Title: "Engine settings", Dialects: "R", Variants: literal(engineExample), Secrets: []Place{{Path: "commandContent.logParameters.loki.password"}},
			Help: "The one engine command of dialect R, in place of the four of dialect N."},
		{Type: "update-registration-settings", Group: group, Title: "Polling and permissions", Dialects: "NR", Variants: one(registrationExample()),
			Help: "Permissions can only be withdrawn from here. Only a person at the agent can give them back."},
	}
}

type permission struct {
	name    string
	allowed bool
}

// permissions keep the order of the wire, which a map would lose.
type permissions []permission

func (p permissions) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, v := range p {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(v.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v.allowed)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

type registrationContent struct {
	Refresh      int         `json:"commandRefreshInterval"`
	Retry        int         `json:"commandRetryInterval"`
	MessageRetry int         `json:"messageRetryInterval"`
	Permissions  permissions `json:"commandPermissions"`
}

func registrationExample() any {
	content := registrationContent{Refresh: 10, Retry: 5, MessageRetry: 5}
	for _, name := range entity.Permissions {
		content.Permissions = append(content.Permissions, permission{name, true})
	}
	return struct {
		Type    string              `json:"type"`
		Content registrationContent `json:"commandContent"`
	}{"update-registration-settings", content}
}
