package manifest

func southOLEDB(_ Dialect) South {
	return south("oledb", database, Modes{History: true}, fields(
		text("agentUrl", "http://ip-adress-or-host:2224").at(0, 12).hidden(),
		number("connectionTimeout", 15000).unit("ms").between(100, 30000).at(1, 4).hidden(),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(1, 4).hidden(),
		number("requestTimeout", 15000).unit("ms").between(100, 30000).at(1, 4).hidden(),
		text("connectionString", "Provider=MySQLProv;Data Source=myDatabase;User Id=myUsername;Password=myPassword").at(2, 9),
		secret("password").at(2, 3).hidden(),
	), items(poll,
		query(),
		dateTimeFields(instants, "string"),
		serialization(),
	))
}
