package web

import (
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/web/auth"
)

// Options are what the server stands on. What check names is required; what may be nil says so.
type Options struct {
	Address      string      // to listen on, without port; "127.0.0.1" unless the machine's settings say otherwise, "" for all
	Port         int         // of the engine settings, or the pinned one
	TLS          *tls.Config // nil for plain HTTP
	AllowedHosts []string    // further names this machine is called by, beyond its own
	Cookie       string      // name of the session cookie: one per agent, for browsers do not tell ports apart
	Released     bool        // dialect R: the REST API of the released 3.8.8 (control-plane.md, section 12)

	Settings     Settings
	FriendlyName func(authorID string) string // of who made a change
	Registration Registration
	Registered   func(author func(id string) any) any // the registration record without its secrets; author shows who changed it
	Commands     Commands
	Logs         Logs
	Info         func() Info
	Connectors   *connectors.Service     // nil: there are no operations of Souths and Norths
	Engine       Engine                  // required with Connectors
	Histories    Histories               // nil: there are no operations of history queries; else Connectors are required
	Transformers Transformers            // required with Connectors
	Uploads      string                  // folder for what is uploaded, while it is; "" for the folder of temporary files
	Upgrades     Upgrades                // nil: there are no operations of versions
	Metrics      Metrics                 // may be nil
	Prometheus   func(w io.Writer) error // text exposition format, for /metrics; may be nil
	Health       func() error            // nil error while the agent works, for /healthz; may be nil
	Diagnostics  Diagnostics             // may be nil
	Restart      func()                  // has the process end so that it starts again, without waiting for that

	AllowAddress func(netip.Addr) bool                            // the IP filters as they are now; nil lets everybody in
	Signer       func(ctx context.Context) (crypto.Signer, error) // the agent's own RSA key; may wait until it is made
	Sessions     auth.SessionStore                                // nil: sessions end with the process
	Log          *slog.Logger
	Now          func() time.Time // nil: the machine's clock
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Cookie == "" {
		o.Cookie = "oibus-session"
	}
	if o.AllowAddress == nil {
		o.AllowAddress = func(netip.Addr) bool { return true }
	}
	return o
}

// check finds what is missing: an operation that finds it missing would panic on its first call.
func (o Options) check() error {
	for name, missing := range map[string]bool{
		"Settings": o.Settings == nil, "FriendlyName": o.FriendlyName == nil, "Registration": o.Registration == nil,
		"Registered": o.Registered == nil, "Commands": o.Commands == nil, "Logs": o.Logs == nil, "Info": o.Info == nil,
		"Restart": o.Restart == nil, "Signer": o.Signer == nil, "Engine": o.Connectors != nil && o.Engine == nil, "Connectors": o.Histories != nil && o.Connectors == nil,
	} {
		if missing {
			return fmt.Errorf("cannot make the web server: its option %s is missing", name)
		}
	}
	return nil
}

// Settings is the engine's configuration. Bodies are those of the REST API, already of the right shape; errors are
// those of package entity.
type Settings interface {
	Engine() entity.Engine
	UpdateGeneral(author string, body json.RawMessage) error
	UpdateWebServer(author string, body json.RawMessage) error
	UpdateProxy(author string, body json.RawMessage) error
	UpdateLogger(author string, body json.RawMessage) error
	UpdateEngine(author string, body json.RawMessage) error
	UpdateEngineFlat(author string, body json.RawMessage) error

	ScanModes() []entity.ScanMode
	ScanMode(id string) (entity.ScanMode, error)
	CreateScanMode(author string, body json.RawMessage) (entity.ScanMode, error)
	UpdateScanMode(author, id string, body json.RawMessage) error
	DeleteScanMode(author, id string) error

	IPFilters() []entity.IPFilter
	IPFilter(id string) (entity.IPFilter, error)
	CreateIPFilter(author string, body json.RawMessage) (entity.IPFilter, error)
	UpdateIPFilter(author, id string, body json.RawMessage) error
	DeleteIPFilter(author, id string) error

	Certificates() []entity.Certificate
	Certificate(id string) (entity.Certificate, error)
	CreateCertificate(author string, body json.RawMessage) (entity.Certificate, error)
	UpdateCertificate(author, id string, body json.RawMessage) error
	DeleteCertificate(author, id string) error

	Users() []entity.User
	User(id string) (entity.User, error)
	CreateUser(author string, body json.RawMessage) (entity.User, error)
	UpdateUser(author, id string, body json.RawMessage) error
	DeleteUser(author, id string) error
	UpdatePassword(author, id, newPassword string) error
	Authenticate(login, password string) (entity.User, error)
}

// Registration is the link with OIAnalytics; *registration.Service is one.
type Registration interface {
	Register(ctx context.Context, author string, body json.RawMessage) error
	Edit(author string, body json.RawMessage) error
	TestConnection(ctx context.Context, body json.RawMessage) error
	Unregister() error
}

// CommandQuery selects stored commands. Zero fields select all.
type CommandQuery struct {
	Types, Statuses []string
	Start, End      time.Time
	Ack             *bool
	Page            int // from 0
}

// Commands are the stored commands of OIAnalytics.
type Commands interface {
	// Search returns a page of the selected commands, newest first; its JSON is Page_OIBusCommandDTO_.
	Search(q CommandQuery) any
	// Delete removes one; its error is an *entity.NotFoundError when there is none with this id.
	Delete(id string) error
}

// Metrics are those of the engine (protocol/data-plane.md, section 9).
type Metrics interface {
	Engine() any
	Reset()
}

// Info is what GET /api/engine/info answers (protocol/control-plane.md, section 10.6).
type Info struct {
	DataDirectory      string `json:"dataDirectory"`
	BinaryDirectory    string `json:"binaryDirectory"`
	ProcessID          string `json:"processId"`
	Hostname           string `json:"hostname"`
	OperatingSystem    string `json:"operatingSystem"`
	Architecture       string `json:"architecture"`
	Version            string `json:"version"`
	LauncherVersion    string `json:"launcherVersion"`
	OIBusID            string `json:"oibusId"`
	OIBusName          string `json:"oibusName"`
	Platform           string `json:"platform"`
	IgnoreIPFilters    bool   `json:"ignoreIpFilters"`
	IgnoreRemoteUpdate bool   `json:"ignoreRemoteUpdate"`
}
