package manifest

func southInfluxDB(_ Dialect) South {
	return south("influxdb", database, Modes{History: true}, fields(
		choice("version", "1", "1", "2", "3").at(0, 4),
		text("host", "localhost").when("version", "1").at(1, 5),
		number("port", 8086).between(1, 65535).when("version", "1").at(1, 4),
		choice("protocol", "http", "http", "https").when("version", "1").at(1, 3),
		text("database").when("version", "1", "3").at(2, 6),
		text("username").optional().when("version", "1").at(3, 6),
		secret("password").when("version", "1").at(3, 6).hidden(),
		text("url", "http://localhost:8086").when("version", "2", "3").at(1, 9),
		secret("token").when("version", "2", "3").at(2, 6).hidden(),
		text("organisation").when("version", "2").at(3, 6),
		text("bucket").when("version", "2").at(3, 6),
	), items(poll,
		code("query", "sql").def("SELECT * FROM measurement WHERE time > '@StartTime' AND time <= '@EndTime'").at(0, 12),
		itemTimeout(),
	))
}
