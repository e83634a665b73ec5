package manifest

func southOSIsoftPI(_ Dialect) South {
	return south("osisoft-pi", database, Modes{History: true}, fields(
		text("agentUrl", "http://ip-adress-or-host:2224").at(0, 8).hidden(),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(0, 4).hidden(),
	), items(poll,
		choice("type", "point-id", "point-id", "point-query").at(0, 4),
		text("piPoint").when("type", "point-id").at(0, 4).hidden(),
		text("piQuery", "*").when("type", "point-query").at(0, 4).hidden(),
	))
}
