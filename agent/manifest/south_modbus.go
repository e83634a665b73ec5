package manifest

func southModbus(_ Dialect) South {
	return south("modbus", iot, Modes{LastPoint: true}, fields(
		text("host", "127.0.0.1").at(0, 10),
		number("port", 502).between(1, 65535).at(0, 2),
		number("connectTimeout", 10000).unit("ms").between(100, 60000).at(1, 4),
		number("networkTimeout", 15000).unit("ms").between(100, 60000).at(1, 4),
		number("retryInterval", 10000).unit("ms").between(100, 60000).at(1, 4),
		number("slaveId", 1).between(1, 255).at(2, 4),
		choice("addressOffset", "modbus", "modbus", "jbus").at(2, 4),
		choice("endianness", "big-endian", "big-endian", "little-endian").at(3, 4),
		flag("swapBytesInWords", false).at(3, 4),
		flag("swapWordsInDWords", false).at(3, 4),
		flag("batchQuery", false).at(4, 4).hidden(),
		number("groupingGap", 0).between(0, 100).when("batchQuery", true).at(4, 4).hidden(),
	), items(poll,
		text("address", "0x0001").at(0, 6),
		choice("modbusType", "holding-register", "coil", "discrete-input", "input-register", "holding-register").at(0, 6),
		group("data",
			choice("dataType", "uint16", "uint16", "int16", "uint32", "int32", "big-uint64", "big-int64", "float", "double", "bit").at(0, 4).hidden(),
			number("bitIndex", 1).when("dataType", "bit").at(0, 4),
			number("multiplierCoefficient", 1).at(0, 4),
		).when("modbusType", "input-register", "holding-register").as("data"),
	))
}
