package manifest

func csvToMQTT() Transformer {
	return transformer("csv-to-mqtt", "any", "mqtt", options(
		choice("delimiter", "SEMI_COLON", delimiters...).at(0, 6),
		flag("hasHeader", true).at(0, 6),
		text("topicColumn", "topic").at(1, 6),
		choice("payloadType", "object", "string", "number", "boolean", "datetime", "object").at(1, 6),
		text("valueColumn", "value").optional().when("payloadType", "string", "number", "boolean").at(2, 4),
		instantConversion("datetime-settings").when("payloadType", "datetime").boxed(),
		rows("objectFields", "field", "object-fields.item.title",
			text("key", "key").at(0, 4),
			text("column", "val").at(0, 4),
			choice("dataType", "string", "string", "number", "boolean", "datetime").at(0, 4),
			instantConversion("datetime-settings").when("dataType", "datetime"),
		).boxed().paged(false, 20).when("payloadType", "object"),
	).boxed().conditions("datetimeSettings", "objectFields", "valueColumn"))
}
