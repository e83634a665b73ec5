package takeover

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"oibus/agent/command"
	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// Site is everything that is configured, known and pending, in the form of this agent. Secrets are sealed.
type Site struct {
	Engine       entity.Engine
	Registration entity.Registration
	ScanModes    []entity.ScanMode
	IPFilters    []entity.IPFilter
	Certificates []entity.Certificate
	Users        []entity.User
	Standard     []entity.StandardTransformer
	Custom       []entity.CustomTransformer
	Souths       []entity.South
	Norths       []entity.North
	Histories    []entity.HistoryQuery
	Commands     []command.Stored
	Tracked      []Tracked
	Secrets      int // how many were sealed anew
	Changes      []Change
}

// Change is something that is not as it was, and why.
type Change struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
}

func (s *Site) change(reason, what string, args ...any) {
	s.Changes = append(s.Changes, Change{fmt.Sprintf(what, args...), reason})
}

// reader reads a Site. Its error is the first of all.
type reader struct {
	ctx    context.Context
	source *Source
	seal   func(string) (string, error)
	runs   Runs
	site   *Site
	err    error
}

// Read reads everything from the databases. seal seals a secret for this agent, which runs those connectors.
func (s *Source) Read(ctx context.Context, seal func(string) (string, error), runs Runs) (*Site, error) {
	r := &reader{ctx: ctx, source: s, seal: seal, runs: runs, site: &Site{}}
	for _, read := range []func(){
		r.engine, r.registration, r.scanModes, r.ipFilters, r.certificates, r.users, r.transformers, r.souths, r.norths, r.histories, r.commands, r.tracked,
	} {
		if r.err == nil {
			read()
		}
	}
	return r.site, r.err
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// each calls f with each row of a table, which f must not keep.
func (r *reader) each(table string, f func(row)) { r.eachOf(r.source.config, table, f) }

func (r *reader) eachOf(db *sql.DB, table string, f func(row)) {
	if r.err != nil {
		return
	}
	r.fail(r.source.each(r.ctx, db, table, "", func(one row) error {
		f(one)
		return r.err
	}))
}

// reseal seals anew what the reference has encrypted; of names the place of it in an error.
func (r *reader) reseal(encrypted, of string) string {
	if encrypted == "" || r.err != nil {
		return ""
	}
	plain, err := r.source.cipher.open(encrypted)
	if err != nil {
		r.fail(fmt.Errorf("cannot decrypt %s: %w", of, err))
		return ""
	}
	if plain == "" {
		return ""
	}
	sealed, err := r.seal(plain)
	r.fail(err)
	r.site.Secrets++
	return sealed
}

// resealed is reseal of a column, nil when there is nothing.
func (r *reader) resealed(from row, column, of string) *string {
	if _, ok := from[column]; !ok {
		return nil
	}
	text := r.reseal(from.text(column), of)
	return &text
}

func (r *reader) engine() {
	r.each("engines", func(e row) {
		s := entity.DefaultEngineSettings()
		s.General.Name = e.text("name")
		s.WebServer.Port = e.integer("port")
		if d := e.text("auth_token_duration"); d != "" {
			s.WebServer.AuthTokenDuration = d
		}
		port := e.integer("proxy_port")
		s.ProxyServer = entity.ProxySettings{Enabled: e.flag("proxy_enabled"), Port: &port, Username: e.optional("proxy_username"), Password: e.optional("proxy_password"),
			Forward: entity.ForwardSettings{Enabled: e.flag("forward_proxy_enabled"), URL: e.optional("forward_proxy_url"), Username: e.optional("forward_proxy_username"),
				Password: r.resealed(e, "forward_proxy_password", "the password of the forward proxy")}}
		l := &s.Logger
		l.Console.Level = e.text("log_console_level")
		l.File = entity.FileLogSettings{Level: e.text("log_file_level"), MaxFileSize: e.integer("log_file_max_file_size"), NumberOfFiles: e.integer("log_file_number_of_files")}
		l.Database = entity.DatabaseLogSettings{Level: e.text("log_database_level"), MaxNumberOfLogs: e.integer("log_database_max_number_of_logs")}
		l.Loki = entity.LokiSettings{Level: e.text("log_loki_level"), Interval: e.integer("log_loki_interval"), Address: e.text("log_loki_address"), Username: e.text("log_loki_username"),
			Password: r.reseal(e.text("log_loki_password"), "the password of Loki")}
		l.OIA = entity.OIALogSettings{Level: e.text("log_oia_level"), Interval: e.integer("log_oia_interval")}
		if level := e.text("log_syslog_level"); level != "" {
			l.Syslog = entity.SyslogSettings{Level: level, Host: e.text("log_syslog_host"), Port: e.integer("log_syslog_port"), Protocol: e.text("log_syslog_protocol")}
		}
		r.site.Engine = entity.Engine{Audit: e.audit(), Version: e.text("oibus_version"), LauncherVersion: e.text("oibus_launcher_version"), Settings: s}
	})
}

func (r *reader) registration() {
	r.each("registrations", func(e row) {
		permissions := map[string]bool{}
		for _, p := range entity.Permissions {
			permissions[p] = e.flag("command_" + snake(p))
		}
		r.site.Registration = entity.Registration{
			Audit: e.audit(), Host: e.text("host"), AcceptUnauthorized: e.flag("accept_unauthorized"),
			UseProxy: e.flag("use_proxy"), ProxyURL: e.optional("proxy_url"), ProxyUsername: e.optional("proxy_username"), ProxyPassword: r.resealed(e, "proxy_password", "the password of the proxy of the registration"),
			UseAPIGateway: e.flag("use_api_gateway"), APIGatewayHeaderKey: e.optional("api_gateway_header_key"),
			APIGatewayHeaderValue: r.resealed(e, "api_gateway_header_value", "the header of the API gateway"), APIGatewayBaseEndpoint: e.optional("api_gateway_base_endpoint"),
			CommandRefreshInterval: e.integer("command_refresh_interval"), CommandRetryInterval: e.integer("command_retry_interval"), MessageRetryInterval: e.integer("message_retry_interval"),
			CommandPermissions: permissions, Status: e.text("status"),
			ActivationCode: e.optional("activation_code"), CheckURL: e.optional("check_url"), ActivationExpirationDate: e.optional("activation_expiration_date"), ActivationDate: e.optional("activation_date"),
			Token: r.resealed(e, "token", "the token of the registration"), PublicCipherKey: e.optional("public_key"), PrivateCipherKey: r.resealed(e, "private_key", "the key of the registration"),
		}
	})
}

// snake is the column of a name such as updateIpFilter.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (r *reader) scanModes() {
	r.each("scan_modes", func(e row) {
		r.site.ScanModes = append(r.site.ScanModes, entity.ScanMode{Audit: e.audit(), Name: e.text("name"), Description: e.optional("description"), Cron: e.text("cron")})
	})
}

func (r *reader) ipFilters() {
	r.each("ip_filters", func(e row) {
		r.site.IPFilters = append(r.site.IPFilters, entity.IPFilter{Audit: e.audit(), Address: e.text("address"), Description: e.optional("description")})
	})
}

func (r *reader) certificates() {
	r.each("certificates", func(e row) {
		r.site.Certificates = append(r.site.Certificates, entity.Certificate{Audit: e.audit(), Name: e.text("name"), Description: e.optional("description"), PublicKey: e.text("public_key"),
			PrivateKey: r.reseal(e.text("private_key"), fmt.Sprintf("the key of the certificate %q", e.text("name"))), Certificate: e.text("certificate"), Expiry: e.text("expiry")})
	})
}

func (r *reader) users() {
	r.each("users", func(e row) {
		r.site.Users = append(r.site.Users, entity.User{Audit: e.audit(), Login: e.text("login"), PasswordHash: e.text("password"), FirstName: e.optional("first_name"), LastName: e.optional("last_name"),
			Email: e.optional("email"), Language: e.text("language"), Timezone: e.text("timezone")})
	})
}

func (r *reader) transformers() {
	r.each("transformers", func(e row) {
		if e.text("type") == "standard" {
			if _, ok := manifest.FindTransformer(e.text("function_name")); !ok {
				r.site.change("this OIBus has no such transformer", "the standard transformer %q and the bindings to it", e.text("function_name"))
			}
			r.site.Standard = append(r.site.Standard, entity.StandardTransformer{ID: e.text("id"), Function: e.text("function_name")})
			return
		}
		form, err := e.document("custom_manifest")
		r.fail(err)
		r.site.Custom = append(r.site.Custom, entity.CustomTransformer{Audit: e.audit(), Name: e.text("name"), Description: e.optional("description"), InputType: e.text("input_type"), OutputType: e.text("output_type"),
			Language: e.text("language"), Code: e.text("custom_code"), Timeout: e.number("timeout"), Manifest: form})
	})
}

// settings are those of a connector or an item, with its secrets sealed anew. Those of a type that is not known here stay
// as they are: they are not used.
func (r *reader) settings(from row, column string, form manifest.Attribute, known bool, of string) json.RawMessage {
	settings, err := from.document(column)
	if err != nil || !known {
		r.fail(err)
		return settings
	}
	paths, err := form.Secrets(settings)
	if err != nil {
		r.fail(fmt.Errorf("cannot read the settings of %s: %w", of, err))
		return nil
	}
	if len(paths) == 0 {
		return settings
	}
	opened, err := form.Open(settings, r.source.cipher.open)
	if err != nil {
		r.fail(fmt.Errorf("cannot decrypt the secrets of %s: %w", of, err))
		return nil
	}
	sealed, err := form.Seal(opened, nil, func(plain string) (string, error) { r.site.Secrets++; return r.seal(plain) })
	r.fail(err)
	return sealed
}

func connector(from row) entity.Connector {
	return entity.Connector{Audit: from.audit(), Name: from.text("name"), Type: from.text("type"), Description: from.text("description"), Enabled: from.flag("enabled")}
}

var errGone = errors.New("its connector is gone")
