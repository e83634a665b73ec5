package manifest

func southOPCUA(d Dialect) South {
	return south("opcua", iot, Modes{Subscription: true, LastPoint: true, History: true}, fields(
		text("url", "opc.tcp://hostname:53530/OPCUA/SimulationServer").pattern(opcuaURL).at(0, 8),
		flag("keepSessionAlive", false).at(0, 4),
		number("readTimeout", 15000).unit("ms").between(100, 3600000).at(1, 6),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(1, 6),
		number("maxNumberOfMessages", 1000).between(1, 1000000).at(2, 6),
		number("flushMessageTimeout", 1000).unit("ms").between(1, 1000000).at(2, 6),
		choice("securityMode", "none", securityModes...).at(3, 6),
		choice("securityPolicy", "none", securityPolicies...).when("securityMode", "sign", "sign-and-encrypt").at(3, 6),
		number("maxParallelRun", 1).between(1, 32).at(4, 6).since(d),
		opcuaAuthentication(),
	), items(subscriptionAndPoll,
		text("nodeId").at(0, 4),
		choice("mode", "ha", "ha", "da").at(0, 4).hidden(),
		group("haMode",
			choice("aggregate", "raw", "raw", "average", "minimum", "maximum", "count").at(0, 4).hidden(),
			choice("resampling", "raw", resamplings...).when("aggregate", "average", "minimum", "maximum", "count").at(0, 4).hidden(),
		).must().when("mode", "ha"),
		choice("timestampOrigin", "oibus", "oibus", "point", "server").when("mode", "da").at(0, 4).hidden(),
	))
}
