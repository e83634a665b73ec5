package manifest

func southODBC(_ Dialect) South {
	return south("odbc", database, Modes{History: true}, fields(
		flag("remoteAgent", false).at(0, 3),
		text("agentUrl", "http://ip-adress-or-host:2224").when("remoteAgent", true).at(0, 9).hidden(),
		number("connectionTimeout", 15000).unit("ms").between(100, 30000).at(1, 4).hidden(),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(1, 4).hidden(),
		number("requestTimeout", 15000).unit("ms").between(100, 3600000).when("remoteAgent", true).at(1, 4).hidden(),
		text("connectionString", "Driver={SQL Server};Server=myServerAddress;Database=myDataBase;Uid=myUsername;Pwd=myPassword;").at(2, 9),
		secret("password").at(2, 3).hidden(),
	), items(poll,
		query(),
		dateTimeFields(instants, "string"),
		serialization(),
	))
}
