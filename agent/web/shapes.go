package web

import (
	"slices"

	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

// Forms of the bodies, as protocol/openapi.json has them (components.schemas, names in the comments).
var (
	described = []shape.Field{shape.Key("name", shape.Text), shape.Key("description", shape.Text)}
	nullText  = shape.OrNull(shape.Text)
	level     = shape.OneOf("silent", "error", "warn", "info", "debug", "trace")
	duration  = shape.OneOf("1h", "1d", "6h", "3d", "7d", "14d", "30d")

	scanModeForm = shape.Object(append(slices.Clone(described), shape.Key("cron", shape.Text))...) // ScanModeCommandDTO
	verifyForm   = shape.Open(shape.Key("cron", shape.Text))
	ipFilterForm = shape.Object(shape.Keys(shape.Text, "address", "description")...) // IPFilterCommandDTO

	// CertificateCommandDTO
	certificateForm = shape.Object(append(slices.Clone(described), shape.Key("regenerateCertificate", shape.Bool),
		shape.Key("options", shape.OrNull(shape.Object(append(
			shape.Keys(shape.Text, "commonName", "countryName", "stateOrProvinceName", "localityName", "organizationName"),
			shape.Keys(shape.Number, "keySize", "daysBeforeExpiry")...)...))))...)

	// UserCommandDTO, UserWithPassword, ChangePasswordCommand
	userForm = shape.Object(
		shape.Key("login", shape.Text), shape.Key("firstName", nullText), shape.Key("lastName", nullText),
		shape.Key("email", nullText), shape.Key("language", shape.OneOf("fr", "en")), shape.Key("timezone", shape.Text))
	newUserForm  = shape.Object(shape.Key("user", userForm), shape.Key("password", shape.Text))
	passwordForm = shape.Object(shape.Optional("currentPassword", shape.Text), shape.Key("newPassword", shape.Text))

	nameForm      = shape.Object(shape.Key("name", shape.Text))                                             // EngineNameCommandDTO
	webServerForm = shape.Object(shape.Key("port", shape.Number), shape.Key("authTokenDuration", duration)) // EngineWebServerCommandDTO

	// EngineProxyCommandDTO
	proxyForm = shape.Object(
		shape.Key("enabled", shape.Bool), shape.Optional("port", shape.OrNull(shape.Number)),
		shape.Optional("username", nullText), shape.Optional("password", nullText),
		shape.Optional("forward", shape.Open(shape.Key("enabled", shape.Bool), shape.Optional("url", nullText),
			shape.Optional("username", nullText), shape.Optional("password", nullText))))

	// EngineLoggerCommandDTO; the first five blocks are also those of dialect R
	logBlocks = []shape.Field{
		shape.Key("console", shape.Open(shape.Key("level", level))),
		shape.Key("file", shape.Open(shape.Key("level", level), shape.Optional("maxFileSize", shape.Number), shape.Optional("numberOfFiles", shape.Number))),
		shape.Key("database", shape.Open(shape.Key("level", level), shape.Optional("maxNumberOfLogs", shape.Number))),
		shape.Key("loki", shape.Open(shape.Key("level", level), shape.Optional("interval", shape.Number), shape.Optional("address", shape.Text),
			shape.Optional("username", shape.Text), shape.Optional("password", shape.Text))),
		shape.Key("oia", shape.Open(shape.Key("level", level), shape.Optional("interval", shape.Number))),
	}
	loggerForm = shape.Object(append(slices.Clone(logBlocks), shape.Key("syslog", shape.Open(shape.Key("level", level),
		shape.Optional("host", shape.Text), shape.Optional("port", shape.Number), shape.Optional("protocol", shape.OneOf("udp4", "tcp")))))...)

	// EngineSettingsCommandDTO
	engineForm = shape.Object(shape.Key("general", nameForm), shape.Key("webServer", webServerForm),
		shape.Key("proxyServer", proxyForm), shape.Key("logger", loggerForm))

	// The flat body of dialect R (protocol/control-plane.md, section 12)
	flatEngineForm = shape.Object(
		shape.Key("name", shape.Text), shape.Key("port", shape.Number), shape.Key("proxyEnabled", shape.Bool),
		shape.Key("proxyPort", shape.OrNull(shape.Number)), shape.Key("logParameters", shape.Open(logBlocks...)))

	// RegistrationSettingsCommandDTO
	registrationForm = shape.Object(slices.Concat(
		shape.Keys(shape.Text, "host"),
		shape.Keys(shape.Bool, "useProxy", "useApiGateway", "acceptUnauthorized"),
		shape.Keys(nullText, "proxyUrl", "proxyUsername", "proxyPassword", "apiGatewayHeaderKey", "apiGatewayHeaderValue", "apiGatewayBaseEndpoint"),
		shape.Keys(shape.Number, "commandRefreshInterval", "commandRetryInterval", "messageRetryInterval"),
		[]shape.Field{shape.Key("commandPermissions", shape.Open(shape.Keys(shape.Bool, entity.Permissions...)...))})...)
)
