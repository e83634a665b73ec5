package manifest

func northOPCUA(_ Dialect) North {
	return north("opcua", iot, []string{"opcua"},
		text("url", "opc.tcp://hostname:53530/OPCUA/SimulationServer").pattern(opcuaURL).at(0, 8),
		flag("keepSessionAlive", false).at(0, 4),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(1, 4),
		choice("securityMode", "none", securityModes...).at(2, 6),
		choice("securityPolicy", "none", securityPolicies...).when("securityMode", "sign", "sign-and-encrypt").at(2, 6),
		opcuaAuthentication(),
	)
}
