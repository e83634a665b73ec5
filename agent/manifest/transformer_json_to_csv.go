package manifest

func jsonToCSV() Transformer {
	return transformer("json-to-csv", "any", "any", options(
		text("filename", "@CurrentDate.csv").at(0, 6),
		choice("encoding", "UTF_8", "UTF_8", "UTF_8_BOM", "LATIN_1", "UTF_16_LE").at(0, 3),
		flag("header", true).optional().at(0, 3),
		choice("delimiter", "SEMI_COLON", delimiters...).at(1, 3),
		choice("newline", "LF", "CRLF", "LF", "CR").at(1, 3),
		choice("quoteChar", "NONE", "DOUBLE_QUOTE", "SINGLE_QUOTE", "NONE").at(1, 3),
		choice("escapeChar", "DOUBLE_QUOTE", "BACKSLASH", "DOUBLE_QUOTE").at(1, 3),
		text("nullValue", "").optional().at(2, 3),
		text("rowIteratorPath", "$[*]").at(2, 6),
		rows("fields", "fieldItem", "fields.item.title",
			text("columnName").at(0, 4),
			text("jsonPath").at(0, 4),
			choice("dataType", "string", "string", "number", "datetime", "array", "boolean", "object").at(0, 4),
			text("fieldProcess").optional().whenNot("dataType", "datetime").at(1, 12).hidden(),
			instantConversion("fields.datetime-settings").allHidden().when("dataType", "datetime"),
		).boxed().paged(false, 20).conditions("datetimeSettings", "fieldProcess").must(),
	).boxed())
}
