package manifest

func southMySQL(_ Dialect) South {
	return south("mysql", database, Modes{History: true}, fields(
		text("host").at(0, 6),
		number("port", 3306).between(1, 65535).at(0, 3),
		number("connectionTimeout", 5000).unit("ms").between(100, 30000).at(0, 3),
		text("database").at(1, 6),
		text("username").optional().at(1, 3),
		secret("password").at(1, 3).hidden(),
	), items(poll,
		query(),
		itemTimeout(),
		dateTimeFields([]string{"string", "iso-string", "unix-epoch", "unix-epoch-ms", "date-time"}, "string", "date-time"),
		serialization(),
	))
}
