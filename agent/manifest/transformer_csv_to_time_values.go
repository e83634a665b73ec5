package manifest

func csvToTimeValues() Transformer {
	return transformer("csv-to-time-values", "any", "time-values", options(
		choice("delimiter", "SEMI_COLON", delimiters...).at(0, 6),
		flag("hasHeader", true).at(0, 6),
		text("pointIdColumn", "id").at(1, 4),
		text("timestampColumn", "timestamp").at(1, 4),
		text("valueColumn", "value").at(1, 4),
		group("timestampSettings",
			choice("type", "iso-string", instants...).at(0, 3),
			zone("timezone", "UTC").when("type", "string").at(0, 3),
			text("format", dateTimeFormat).when("type", "string").at(0, 3).hidden(),
			text("locale", "en-En").when("type", "string").at(0, 3).hidden(),
		).must().boxed(),
	).boxed())
}
