package entity

import "errors"

// Engine is the one engine object: its identity, the versions it last ran as, and its settings. Its JSON is that of
// state/engine.json. Secrets inside (Loki and forward passwords) are sealed texts, the proxy password an argon2id hash.
type Engine struct {
	Audit
	Version         string         `json:"version"`
	LauncherVersion string         `json:"launcherVersion"`
	Settings        EngineSettings `json:"settings"`
}

// Check says what makes an engine that was read from the disk unusable.
func (e Engine) Check() error {
	if e.ID == "" {
		return errors.New("an engine without an id")
	}
	return nil
}

// EngineSettings are the four blocks of protocol/control-plane.md, section 10.
type EngineSettings struct {
	General     GeneralSettings   `json:"general"`
	WebServer   WebServerSettings `json:"webServer"`
	ProxyServer ProxySettings     `json:"proxyServer"`
	Logger      LoggerSettings    `json:"logger"`
}

// GeneralSettings name the engine.
type GeneralSettings struct {
	Name string `json:"name"`
}

// WebServerSettings are the port of the admin page and the life of a session (1h, 6h, 1d, 3d, 7d, 14d or 30d).
type WebServerSettings struct {
	Port              int    `json:"port"`
	AuthTokenDuration string `json:"authTokenDuration"`
}

// ProxySettings are those of the forward proxy that the agent offers to others.
type ProxySettings struct {
	Enabled  bool            `json:"enabled"`
	Port     *int            `json:"port"`
	Username *string         `json:"username"`
	Password *string         `json:"password"` // argon2id hash, at rest
	Forward  ForwardSettings `json:"forward"`
}

// ForwardSettings are those of the upstream proxy of the forward proxy.
type ForwardSettings struct {
	Enabled  bool    `json:"enabled"`
	URL      *string `json:"url"`
	Username *string `json:"username"`
	Password *string `json:"password"` // sealed, at rest
}

// LoggerSettings say what goes to which log sink.
type LoggerSettings struct {
	Console  LevelSettings       `json:"console"`
	File     FileLogSettings     `json:"file"`
	Database DatabaseLogSettings `json:"database"`
	Loki     LokiSettings        `json:"loki"`
	OIA      OIALogSettings      `json:"oia"`
	Syslog   SyslogSettings      `json:"syslog"`
}

// LevelSettings is a log level: silent, error, warn, info, debug or trace.
type LevelSettings struct {
	Level string `json:"level"`
}

// FileLogSettings bound the journal: MaxFileSize in MB.
type FileLogSettings struct {
	Level         string `json:"level"`
	MaxFileSize   int    `json:"maxFileSize"`
	NumberOfFiles int    `json:"numberOfFiles"`
}

// DatabaseLogSettings govern what the log page can search.
type DatabaseLogSettings struct {
	Level           string `json:"level"`
	MaxNumberOfLogs int    `json:"maxNumberOfLogs"`
}

// LokiSettings are those of a Grafana Loki server; Interval in seconds.
type LokiSettings struct {
	Level    string `json:"level"`
	Interval int    `json:"interval"`
	Address  string `json:"address"`
	Username string `json:"username"`
	Password string `json:"password"` // sealed, at rest
}

// OIALogSettings govern what is forwarded to OIAnalytics; Interval in seconds.
type OIALogSettings struct {
	Level    string `json:"level"`
	Interval int    `json:"interval"`
}

// SyslogSettings are those of a syslog server; Protocol is udp4 or tcp.
type SyslogSettings struct {
	Level    string `json:"level"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
}

// DefaultEngineSettings are those of a first start (protocol/control-plane.md, sections 10.1 to 10.4).
func DefaultEngineSettings() EngineSettings {
	proxyPort := 9000
	return EngineSettings{
		General:     GeneralSettings{Name: "OIBus"},
		WebServer:   WebServerSettings{Port: 2223, AuthTokenDuration: "7d"},
		ProxyServer: ProxySettings{Port: &proxyPort},
		Logger: LoggerSettings{
			Console:  LevelSettings{Level: "silent"},
			File:     FileLogSettings{Level: "info", MaxFileSize: 50, NumberOfFiles: 5},
			Database: DatabaseLogSettings{Level: "info", MaxNumberOfLogs: 100000},
			Loki:     LokiSettings{Level: "silent", Interval: 60},
			OIA:      OIALogSettings{Level: "silent", Interval: 10},
			Syslog:   SyslogSettings{Level: "silent", Port: 514, Protocol: "udp4"},
		},
	}
}
