package config

import (
	"strconv"
	"strings"
	"unicode"

	"oibus/agent/entity"
	"oibus/agent/schema"
)

// Key is one key of oibus.toml.
type Key struct {
	Name    string        // with its tables, as "web.port"
	Path    string        // the setting it pins, as "webServer.port"; "" for what only the file decides
	Default any           // string, int64, bool or []string; its type is the type of the key
	Rule    schema.Schema // what a value must be beyond its type
	Doc     string        // what it does, for oibus.toml.example
}

// Paths of settings that are pinned begin with the block of the engine settings, or with this for the registration.
const registrationPath = "registration."

var (
	anyText  = schema.String().Blankable()
	nameText = schema.String()
	anyBool  = schema.Boolean()
	port     = schema.Port().Min(1)
	level    = schema.Enum("silent", "error", "warn", "info", "debug", "trace")
	seconds  = schema.Integer().Min(1).Max(3600)
	interval = schema.Integer().Min(10)
	list     = schema.Array(schema.String())
)

// Keys lists every key of oibus.toml but those of the table [launcher], in the order of oibus.toml.example.
func Keys() []Key {
	d := entity.DefaultEngineSettings()
	return append([]Key{
		{"general.name", "general.name", d.General.Name, nameText, "Name of this OIBus, as OIAnalytics and the logs show it."},

		{"web.port", "webServer.port", int64(d.WebServer.Port), port, "Port of the admin page and the REST API."},
		{"web.auth_token_duration", "webServer.authTokenDuration", d.WebServer.AuthTokenDuration, schema.Enum("1h", "6h", "1d", "3d", "7d", "14d", "30d"), "How long a session of the admin page lasts."},
		{"web.address", "", "127.0.0.1", nameText, "Address the admin page listens on. 127.0.0.1 is this machine only, 0.0.0.0 every network."},
		{"web.allowed_hosts", "", []string{}, list, "Names, besides this machine's own, under which browsers may open the page."},
		{"web.tls_certificate", "", "", anyText, "PEM file with the certificate of the page; with tls_key it is served over HTTPS."},
		{"web.tls_key", "", "", anyText, "PEM file with the private key of that certificate."},
		{"web.tls_generated", "", false, anyBool, "Without tls_certificate: serve the page over HTTPS with a certificate that OIBus makes itself."},

		{"proxy.enabled", "proxyServer.enabled", d.ProxyServer.Enabled, anyBool, "Offer a forward proxy to other machines."},
		{"proxy.port", "proxyServer.port", int64(*d.ProxyServer.Port), port, "Port of the forward proxy."},
		{"proxy.address", "", "", anyText, "Address the forward proxy listens on; empty is every network."},
		{"proxy.username", "proxyServer.username", "", anyText, "User that clients of the forward proxy must give."},
		{"proxy.password_file", "proxyServer.password", "", anyText, "File with the password of that user."},
		{"proxy.forward.enabled", "proxyServer.forward.enabled", d.ProxyServer.Forward.Enabled, anyBool, "Send what the forward proxy receives through another proxy."},
		{"proxy.forward.url", "proxyServer.forward.url", "", schema.URI().Blankable(), "That other proxy, as http://proxy.example:3128."},
		{"proxy.forward.username", "proxyServer.forward.username", "", anyText, "User for that other proxy."},
		{"proxy.forward.password_file", "proxyServer.forward.password", "", anyText, "File with the password of that user."},

		{"log.console.level", "logger.console.level", d.Logger.Console.Level, level, "What is printed: silent, error, warn, info, debug or trace."},
		{"log.file.level", "logger.file.level", d.Logger.File.Level, level, "What goes to the journal in the data folder."},
		{"log.file.max_file_size", "logger.file.maxFileSize", int64(d.Logger.File.MaxFileSize), schema.Integer().Min(1), "Size in MB at which a journal file is closed and the next begun."},
		{"log.file.number_of_files", "logger.file.numberOfFiles", int64(d.Logger.File.NumberOfFiles), schema.Integer().Min(1), "How many closed journal files are kept."},
		{"log.database.level", "logger.database.level", d.Logger.Database.Level, level, "What the log page shows."},
		{"log.database.max_number_of_logs", "logger.database.maxNumberOfLogs", int64(d.Logger.Database.MaxNumberOfLogs), schema.Integer().Min(100000), "How many of the newest entries the log page searches."},
		{"log.loki.level", "logger.loki.level", d.Logger.Loki.Level, level, "What is sent to Grafana Loki."},
		{"log.loki.interval", "logger.loki.interval", int64(d.Logger.Loki.Interval), interval, "Seconds between two sendings to Loki."},
		{"log.loki.address", "logger.loki.address", d.Logger.Loki.Address, anyText, "Address of Loki, as https://loki.example:3100."},
		{"log.loki.username", "logger.loki.username", d.Logger.Loki.Username, anyText, "User for Loki."},
		{"log.loki.password_file", "logger.loki.password", "", anyText, "File with the password of that user."},
		{"log.oia.level", "logger.oia.level", d.Logger.OIA.Level, level, "What is sent to OIAnalytics."},
		{"log.oia.interval", "logger.oia.interval", int64(d.Logger.OIA.Interval), interval, "Seconds between two sendings to OIAnalytics."},
		{"log.syslog.level", "logger.syslog.level", d.Logger.Syslog.Level, level, "What is sent to a syslog server."},
		{"log.syslog.host", "logger.syslog.host", d.Logger.Syslog.Host, anyText, "That server."},
		{"log.syslog.port", "logger.syslog.port", int64(d.Logger.Syslog.Port), port, "Its port."},
		{"log.syslog.protocol", "logger.syslog.protocol", d.Logger.Syslog.Protocol, schema.Enum("udp4", "tcp"), "udp4 or tcp."},

		{"connectors.accept_changed_ssh_host_keys", "", false, anyBool, "Go on with an SFTP server whose host key is another one than before, and remember the new one. Switch it off again afterwards."},

		{"oianalytics.compatibility", "", "", versionText, "Version announced to OIAnalytics; empty is this version. 3.8.8 also selects the dialect of the released 3.8."},
		{"oianalytics.dialect", "", "", schema.Enum(string(DialectN), string(DialectR)).Blankable(), "Dialect of the wire, N (3.9) or R (3.8); empty is the one of the announced version."},
		{"oianalytics.ca_file", "", "", anyText, "PEM file with the certificate authorities to trust for OIAnalytics besides the system's."},
		{"oianalytics.host", registrationPath + "host", "", schema.URI().Blankable(), "Register with this OIAnalytics without a person at the page; the activation code is printed and logged."},
		{"oianalytics.accept_unauthorized", registrationPath + "acceptUnauthorized", false, anyBool, "Do not verify the certificate of OIAnalytics."},
		{"oianalytics.use_proxy", registrationPath + "useProxy", false, anyBool, "Reach OIAnalytics through a proxy."},
		{"oianalytics.proxy_url", registrationPath + "proxyUrl", "", schema.URI().Blankable(), "That proxy, as http://proxy.example:3128."},
		{"oianalytics.proxy_username", registrationPath + "proxyUsername", "", anyText, "User for that proxy."},
		{"oianalytics.proxy_password_file", registrationPath + "proxyPassword", "", anyText, "File with the password of that user."},
		{"oianalytics.use_api_gateway", registrationPath + "useApiGateway", false, anyBool, "Reach OIAnalytics through an API gateway."},
		{"oianalytics.api_gateway_header_key", registrationPath + "apiGatewayHeaderKey", "", anyText, "Name of the header that the gateway wants."},
		{"oianalytics.api_gateway_header_value_file", registrationPath + "apiGatewayHeaderValue", "", anyText, "File with the value of that header."},
		{"oianalytics.api_gateway_base_endpoint", registrationPath + "apiGatewayBaseEndpoint", "", anyText, "Path that the gateway puts in front, as /oianalytics."},
		{"oianalytics.command_refresh_interval", registrationPath + "commandRefreshInterval", int64(60), seconds, "Seconds between two polls for commands."},
		{"oianalytics.command_retry_interval", registrationPath + "commandRetryInterval", int64(5), seconds, "Seconds before a failed poll is tried again."},
		{"oianalytics.message_retry_interval", registrationPath + "messageRetryInterval", int64(5), seconds, "Seconds before the configuration is sent again after a failure."},
	}, permissionKeys()...)
}

// permissionKeys are the commands that OIAnalytics may send, one key each.
func permissionKeys() []Key {
	keys := make([]Key, len(entity.Permissions))
	for i, p := range entity.Permissions {
		keys[i] = Key{
			Name: "oianalytics.permissions." + snake(p), Path: registrationPath + "commandPermissions." + p,
			Default: true, Rule: anyBool, Doc: "",
		}
	}
	return keys
}

// snake turns the camelCase of the wire into the snake_case of the file.
func snake(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// typeName is the type of a key in the words of TOML.
func (k Key) typeName() string {
	switch k.Default.(type) {
	case int64:
		return "an integer"
	case bool:
		return "a boolean"
	case []string:
		return "an array of strings"
	}
	return "a string"
}

// check says what is wrong with value, or "".
func (k Key) check(value any) string {
	var ok bool
	switch k.Default.(type) {
	case int64:
		_, ok = value.(int64)
	case bool:
		_, ok = value.(bool)
	case []string:
		_, ok = value.([]any)
	default:
		_, ok = value.(string)
	}
	if !ok {
		return strconv.Quote(k.Name) + " must be " + k.typeName()
	}
	if n, isInt := value.(int64); isInt {
		value = float64(n)
	}
	wrapped := map[string]any{k.Name: value}
	return strings.Join(schema.Object(schema.Required(k.Name, k.Rule)).Validate(wrapped), ". ")
}

// literal is v as TOML writes it.
func literal(v any) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case string:
		return strconv.Quote(v)
	}
	return ""
}
