package manifest

func southMQTT(_ Dialect) South {
	return south("mqtt", iot, Modes{Subscription: true}, fields(
		mqttConnection(),
		number("maxNumberOfMessages", 1000).between(1, 1000000).at(3, 4),
		number("flushMessageTimeout", 1000).unit("ms").between(1, 1000000).at(3, 4),
	), itemsIn(group("settings",
		text("topic").at(0, 12),
	), subscription))
}
