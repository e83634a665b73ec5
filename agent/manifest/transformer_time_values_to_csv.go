package manifest

func timeValuesToCSV() Transformer {
	return transformer("time-values-to-csv", "time-values", "any", options(
		text("filename", "@CurrentDate.csv").at(0, 6).hidden(),
		choice("encoding", "UTF_8", "UTF_8", "UTF_8_BOM", "LATIN_1", "UTF_16_LE").at(0, 3).hidden(),
		flag("header", true).optional().at(0, 3).hidden(),
		choice("delimiter", "COMMA", delimiters...).at(1, 3).hidden(),
		choice("newline", "LF", "CRLF", "LF", "CR").at(1, 3).hidden(),
		choice("quoteChar", "NONE", "DOUBLE_QUOTE", "SINGLE_QUOTE", "NONE").at(1, 3).hidden(),
		choice("escapeChar", "DOUBLE_QUOTE", "BACKSLASH", "DOUBLE_QUOTE").at(1, 3).hidden(),
		text("pointIdColumnTitle", "Reference").at(2, 4).as("point-id"),
		text("valueColumnTitle", "Value").at(2, 4).as("value"),
		text("timestampColumnTitle", "Timestamp").at(2, 4).as("timestamp"),
		choice("timestampType", "iso-string", "string", "iso-string", "unix-epoch", "unix-epoch-ms").at(3, 4),
		text("timestampFormat", "yyyy-MM-dd HH:mm:ss.SSS").when("timestampType", "string").at(3, 4).hidden(),
		zone("timezone", "UTC").when("timestampType", "string").at(3, 4),
		text("pointIdProcess").optional().at(4, 12).hidden(),
	).boxed().must().conditions("timezone", "timestampFormat"))
}
