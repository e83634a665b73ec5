package manifest

func jsonToOIAnalytics() Transformer {
	return transformer("json-to-oianalytics", "any", "oianalytics", options(
		text("rowIteratorPath", "$[*]").at(0, 6),
		text("pointId").at(1, 4),
		text("value").at(1, 4),
		text("timestamp").at(1, 4),
		group("datetimeSettings",
			instantSide("input", 0, "datetime-settings").allHidden(),
			choice("outputPrecision", "ms", "ms", "s", "min", "hr").at(1, 3),
		),
	).boxed())
}
