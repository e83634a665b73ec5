package manifest

func timeValuesToModbus() Transformer {
	return transformer("time-values-to-modbus", "time-values", "modbus", options(
		rows("mapping", "item", "mapping.title",
			text("pointId").at(0, 4),
			text("address").at(0, 4),
			choice("modbusType", "register", "coil", "register").at(0, 4),
		).paged(true, 20).must(),
	))
}

func timeValuesToMQTT() Transformer {
	return transformer("time-values-to-mqtt", "time-values", "mqtt", options(
		rows("mapping", "item", "mapping.title",
			text("pointId").at(0, 6),
			text("topic").at(0, 6),
		).paged(true, 20).must(),
	))
}

func timeValuesToOPCUA() Transformer {
	return transformer("time-values-to-opcua", "time-values", "opcua", options(
		rows("mapping", "item", "mapping.title",
			text("pointId").at(0, 4),
			text("nodeId").at(0, 4),
		).paged(true, 20).must(),
	))
}

func setpointToModbus() Transformer {
	return transformer("setpoint-to-modbus", "setpoint", "modbus", options(
		rows("mapping", "item", "mapping.title",
			text("reference").at(0, 4),
			text("address").at(0, 4),
			choice("modbusType", "register", "coil", "register").at(0, 4),
		).paged(true, 20).must(),
	))
}

func setpointToMQTT() Transformer {
	return transformer("setpoint-to-mqtt", "setpoint", "mqtt", options(
		rows("mapping", "item", "mapping.title",
			text("reference").at(0, 6),
			text("topic").at(0, 6),
		).paged(true, 20).must(),
	).must())
}

func setpointToOPCUA() Transformer {
	return transformer("setpoint-to-opcua", "setpoint", "opcua", options(
		rows("mapping", "item", "mapping.title",
			text("reference").at(0, 4),
			text("nodeId").at(0, 4),
		).paged(true, 20).must(),
	).must())
}
