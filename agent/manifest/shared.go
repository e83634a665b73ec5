package manifest

// Blocks of settings that several connectors and transformers share.

// Addresses that a setting accepts.
const (
	mqttURL  = `^(mqtt:\/\/|mqtts:\/\/|tcp:\/\/|tls:\/\/|ws:\/\/|wss:\/\/).*`
	httpURL  = `^(http:\/\/|https:\/\/|HTTP:\/\/|HTTPS:\/\/).*`
	opcuaURL = `^(http:\/\/|opc.tcp:\/\/).*`
)

var (
	delimiters       = []string{"DOT", "SEMI_COLON", "COLON", "COMMA", "NON_BREAKING_SPACE", "SLASH", "TAB", "PIPE"}
	resamplings      = []string{"none", "1s", "10s", "30s", "1min", "1h", "1d"}
	instants         = []string{"iso-string", "unix-epoch", "unix-epoch-ms", "string"}
	securityModes    = []string{"none", "sign", "sign-and-encrypt"}
	securityPolicies = []string{"none", "basic128", "basic192", "basic256", "basic128-rsa15", "basic192-rsa15", "basic256-rsa15", "basic256-sha256",
		"aes128-sha256-rsa-oaep", "pub-sub-aes-128-ctr", "pub-sub-aes-256-ctr"}
)

const dateTimeFormat = "yyyy-MM-dd HH:mm:ss"

// query is the SQL of an item.
func query() Attribute {
	return code("query", "sql").at(0, 12).def(
		"SELECT level, message, timestamp, scope_name as scopeName FROM logs WHERE timestamp > @StartTime AND timestamp <= @EndTime")
}

// dateTimeFields says which columns of a result are instants. kinds are the types that the database has, zoned
// those of them that mean nothing without a time zone.
func dateTimeFields(kinds []string, zoned ...any) Attribute {
	return rows("dateTimeFields", "dateTimeField", "date-time-fields.date-time-field",
		text("fieldName").rule(Unique).at(0, 4),
		flag("useAsReference", false).rule(SingleTrue).at(0, 4),
		choice("type", "string", kinds...).at(0, 4),
		zone("timezone", "UTC").when("type", zoned...).at(1, 4),
		text("format", dateTimeFormat).when("type", "string").at(1, 4).hidden(),
		text("locale", "en-En").when("type", "string").at(1, 4).hidden(),
	).conditions("timezone", "locale", "format").as("date-time-fields")
}

// serialization says how a result becomes a file.
func serialization() Attribute {
	return group("serialization",
		choice("type", "csv", "csv").at(0, 2).hidden(),
		text("filename", "@ConnectorName-@ItemName-@CurrentDate.csv").at(0, 4).hidden(),
		choice("delimiter", "COMMA", delimiters...).at(0, 3).hidden(),
		flag("compression", false).at(0, 3),
		text("outputTimestampFormat", "yyyy-MM-dd HH:mm:ss.SSS").at(1, 3).hidden(),
		zone("outputTimezone", "Europe/Paris").at(1, 3).hidden(),
	).must().boxed()
}

// itemTimeout bounds the query of one item.
func itemTimeout() Attribute {
	return number("requestTimeout", 15000).unit("ms").at(1, 4).hidden()
}

// fileAge says which files of a folder are read, and whether they stay there.
func fileAge() Attribute {
	return together(
		number("minAge", 1000).unit("ms").rule(PositiveInteger).at(1, 4).hidden(),
		flag("preserveFiles", true).at(1, 4).hidden(),
		flag("ignoreModifiedDate", false).when("preserveFiles", true).at(1, 4).hidden(),
	)
}

// fileLimits bound what one scan of a folder reads.
func fileLimits() Attribute {
	return together(
		number("maxFiles", 0).min(0).at(2, 4),
		number("maxSize", 0).unit("MB").min(0).at(2, 4),
		flag("recursive", false).at(2, 4),
	)
}

// shareAccount are the credentials of a Windows share, which dialect R does not have.
func shareAccount(d Dialect, row int) Attribute {
	return together(
		text("username", "").windowsOnly().at(row, 4).hidden().as("smb-username").since(d),
		secret("password").windowsOnly().at(row, 4).hidden().as("smb-password").since(d),
		text("domain", "").windowsOnly().at(row, 4).hidden().as("smb-domain").since(d),
	)
}

// sshPort is the default port of SFTP connectors.
func sshPort(d Dialect) float64 {
	if d == R {
		return 8080
	}
	return 22
}

// sshAccount are the credentials of SFTP connectors.
func sshAccount() Attribute {
	return together(
		choice("authentication", "password", "password", "private-key").at(1, 4),
		text("username").at(2, 4),
		secret("password").when("authentication", "password").at(2, 4),
		text("privateKey").when("authentication", "private-key").at(2, 4),
		secret("passphrase").when("authentication", "private-key").at(2, 4),
	)
}

// httpAuthentication and httpProxy are those of the REST connectors.
func httpAuthentication() Attribute {
	return group("authentication",
		choice("type", "none", "none", "basic", "bearer", "api-key").at(0, 4),
		text("username").when("type", "basic").at(0, 4),
		secret("password").when("type", "basic").at(0, 4),
		secret("token").when("type", "bearer").at(0, 4),
		text("apiKey").when("type", "api-key").at(0, 4),
		secret("apiValue").when("type", "api-key").at(0, 4),
		choice("addTo", "header", "header", "query-params").when("type", "api-key").at(1, 4),
	).must().boxed()
}

func httpProxy() Attribute {
	return group("proxy",
		flag("useProxy", false).at(0, 3),
		text("proxyUrl").when("useProxy", true).at(0, 3).as("proxy.url"),
		text("proxyUsername").optional().when("useProxy", true).at(0, 3).as("proxy.username"),
		secret("proxyPassword").when("useProxy", true).at(0, 3).as("proxy.password"),
	).must().boxed()
}

// mqttConnection are the settings that both MQTT connectors have.
func mqttConnection() Attribute {
	return together(
		text("url").pattern(mqttURL).at(0, 6),
		choice("qos", "1", "0", "1", "2").at(0, 3),
		flag("persistent", false).when("qos", "1", "2").at(0, 3),
		group("authentication",
			choice("type", "none", "none", "basic", "cert").at(0, 4).as("authentication"),
			text("username").when("type", "basic").at(1, 4),
			secret("password").when("type", "basic").at(1, 4),
			text("certFilePath").when("type", "cert").at(1, 4),
			text("keyFilePath").when("type", "cert").at(1, 4),
			text("caFilePath").when("type", "cert").at(1, 4),
		).must(),
		flag("rejectUnauthorized", false).at(2, 4),
		number("reconnectPeriod", 10000).unit("ms").between(100, 30000).at(2, 4),
		number("connectTimeout", 10000).unit("ms").between(100, 30000).at(2, 4),
	)
}

// opcuaAuthentication is that of both OPC UA connectors.
func opcuaAuthentication() Attribute {
	return group("authentication",
		choice("type", "none", "none", "basic", "cert").at(0, 4).as("authentication"),
		text("username").when("type", "basic").at(0, 4).as("username"),
		secret("password").when("type", "basic").at(0, 4).as("password"),
		text("certFilePath").when("type", "cert").at(0, 4).as("cert-file-path"),
		text("keyFilePath").when("type", "cert").at(0, 4).as("key-file-path"),
	).must()
}

// instantConversion says how an instant is read and written again; keys is where its translations stand.
func instantConversion(keys string) Attribute {
	return group("datetimeSettings", instantSide("input", 0, keys), instantSide("output", 1, keys))
}

// instantSide is the reading or the writing side of a conversion.
func instantSide(side string, row int, keys string) Attribute {
	return together(
		choice(side+"Type", "iso-string", instants...).at(row, 3).as(keys+"."+side+"-type"),
		zone(side+"Timezone", "UTC").when(side+"Type", "string").at(row, 3).as(keys+".timezone"),
		text(side+"Format", dateTimeFormat).when(side+"Type", "string").at(row, 3).hidden().as(keys+".format"),
		text(side+"Locale", "en-En").when(side+"Type", "string").at(row, 3).hidden().as(keys+".locale"),
	)
}
