package manifest

func timeValuesToOIAnalytics() Transformer {
	return transformer("time-values-to-oianalytics", "time-values", "oianalytics", options(
		choice("precision", "ms", "ms", "s", "min", "hr").at(0, 4),
	).boxed())
}
