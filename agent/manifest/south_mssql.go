package manifest

func southMSSQL(_ Dialect) South {
	return south("mssql", database, Modes{History: true}, fields(
		text("host").at(0, 6),
		number("port", 1433).between(1, 65535).at(0, 3),
		number("connectionTimeout", 5000).unit("ms").between(100, 30000).at(0, 3),
		text("database").at(1, 6),
		flag("encryption", false).at(1, 3),
		flag("trustServerCertificate", false).at(1, 3).hidden(),
		text("username").optional().at(2, 4),
		secret("password").at(2, 4).hidden(),
		text("domain").optional().at(2, 4).hidden(),
		number("requestTimeout", 15000).unit("ms").between(100, 3600000).at(3, 4).hidden(),
	), items(poll,
		query(),
		dateTimeFields([]string{"string", "date", "date-time", "date-time-2", "date-time-offset", "small-date-time", "iso-string", "unix-epoch", "unix-epoch-ms"},
			"string", "timestamp", "date-time", "date-time-2", "small-date-time", "date"),
		serialization(),
	))
}
