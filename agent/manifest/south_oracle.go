package manifest

func southOracle(_ Dialect) South {
	return south("oracle", database, Modes{History: true}, fields(
		flag("thickMode", false).at(0, 4),
		text("oracleClient").when("thickMode", true).at(0, 8),
		text("host").at(1, 6),
		number("port", 1521).between(1, 65535).at(1, 3),
		number("connectionTimeout", 15000).unit("ms").between(0, 30000).at(1, 3),
		text("database").at(2, 6),
		text("username").optional().at(2, 3),
		secret("password").at(2, 3).hidden(),
	), items(poll,
		query(),
		itemTimeout(),
		dateTimeFields([]string{"iso-string", "unix-epoch", "unix-epoch-ms", "string", "date-time"}, "string", "date-time"),
		serialization(),
	))
}
