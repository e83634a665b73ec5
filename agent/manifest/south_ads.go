package manifest

func southADS(_ Dialect) South {
	return south("ads", iot, Modes{LastPoint: true}, fields(
		text("netId", "127.0.0.1.1.1").at(0, 8),
		number("port", 851).between(1, 65535).at(0, 4),
		text("routerAddress").optional().at(1, 8),
		number("routerTcpPort").optional().between(1, 65535).at(1, 4),
		text("clientAmsNetId").optional().at(2, 8),
		number("clientAdsPort").optional().between(1, 65535).at(2, 4),
		number("retryInterval", 10000).unit("ms").between(100, 60000).at(3, 4),
		text("plcName").optional().at(4, 4),
		choice("enumAsText", "integer", "text", "integer").at(4, 4),
		choice("boolAsText", "integer", "text", "integer").at(4, 4),
		rows("structureFiltering", "structureFiltering", "structure-filtering.structure",
			text("name").at(0, 6),
			text("fields").at(0, 6),
		).as("structure-filtering"),
	), items(poll,
		text("address").at(0, 12),
	))
}
