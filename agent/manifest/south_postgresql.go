package manifest

func southPostgreSQL(_ Dialect) South {
	return south("postgresql", database, Modes{History: true}, fields(
		text("host").at(0, 6),
		number("port", 5432).between(1, 65535).at(0, 3),
		flag("sslMode", false).at(0, 3),
		text("database").at(1, 6),
		number("connectionTimeout", 10000).unit("ms").between(100, 30000).at(1, 3),
		number("requestTimeout", 15000).unit("ms").between(100, 3600000).at(1, 3).hidden(),
		text("username").optional().at(2, 6),
		secret("password").at(2, 6).hidden(),
	), items(poll,
		query(),
		dateTimeFields([]string{"string", "iso-string", "unix-epoch", "unix-epoch-ms", "timestamp", "timestamptz"}, "string"),
		serialization(),
	))
}
