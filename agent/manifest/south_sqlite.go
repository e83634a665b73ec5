package manifest

func southSQLite(_ Dialect) South {
	return south("sqlite", database, Modes{History: true}, fields(
		text("databasePath", "./test.db").at(0, 12),
	), items(poll,
		query(),
		dateTimeFields(instants, "string"),
		serialization(),
	))
}
