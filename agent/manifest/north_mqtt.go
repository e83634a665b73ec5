package manifest

func northMQTT(_ Dialect) North {
	return north("mqtt", iot, []string{"mqtt"},
		mqttConnection(),
	)
}
