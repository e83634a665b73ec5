package manifest

func northModbus(_ Dialect) North {
	return north("modbus", iot, []string{"modbus"},
		text("host", "127.0.0.1").at(0, 4),
		number("port", 502).between(1, 65535).at(0, 4),
		number("connectTimeout", 10000).unit("ms").between(100, 60000).at(0, 4),
		number("retryInterval", 10000).unit("ms").between(100, 60000).at(1, 4),
		number("slaveId", 1).between(1, 255).at(1, 4),
		choice("addressOffset", "modbus", "modbus", "jbus").at(1, 4),
		choice("endianness", "big-endian", "big-endian", "little-endian").at(2, 4),
		flag("swapBytesInWords", false).at(2, 4),
		flag("swapWordsInDWords", false).at(2, 4),
	)
}
