package manifest

func southREST(_ Dialect) South {
	return south("rest", api, Modes{History: true}, fields(
		text("host", "http://server.com:8080").pattern(httpURL).at(0, 8),
		flag("acceptUnauthorized", false).at(0, 4),
		number("timeout", 30).unit("s").at(1, 4).hidden(),
		httpAuthentication(),
		httpProxy(),
		group("test",
			choice("method", "GET", "GET", "POST", "PUT").at(0, 3),
			text("endpoint", "/").at(0, 6),
			number("successCode", 200).unit("").rule(PositiveInteger).at(0, 3),
			code("body", "json").optional().when("method", "POST", "PUT").at(1, 12),
		).must().boxed(),
	), itemsIn(group("settings",
		choice("method", "GET", "GET", "POST", "PUT", "PATCH", "DELETE").at(0, 3),
		text("endpoint", "/api/data").at(0, 9),
		choice("returnType", "body", "body", "file").at(1, 6),
		rows("queryParams", "queryParam", "query-params.query-param", keyAndValue()...).must().as("query-params"),
		rows("headers", "header", "headers.title", keyAndValue()...).must().as("headers"),
		group("body",
			code("content", "json").optional().at(0, 12),
			group("dateTimeInput",
				choice("type", "string", instants...).optional().at(0, 4).as("date-time.type"),
				zone("timezone", "UTC").optional().when("type", "string").at(0, 4).as("date-time.timezone"),
				text("format", dateTimeFormat).optional().when("type", "string").at(0, 4).as("date-time.format"),
			).whenContains("content", "@StartTime", "@EndTime").boxed().as("date-time-input"),
		).when("method", "POST", "PUT", "PATCH", "DELETE").boxed(),
		group("trackingInstant",
			flag("trackInstant", false).at(0, 4).as("date-time.json-path"),
			text("jsonPath").when("trackInstant", true).at(0, 8).as("date-time.json-path"),
			group("dateTimeInput",
				choice("type", "string", instants...).at(0, 3).as("date-time.type"),
				zone("timezone", "UTC").when("type", "string").at(0, 3).as("date-time.timezone"),
				text("format", dateTimeFormat).when("type", "string").at(0, 3).hidden().as("date-time.format"),
				text("locale", "en-En").when("type", "string").at(0, 3).hidden().as("date-time.locale"),
			).when("trackInstant", true).as("date-time-input"),
		).when("returnType", "body").boxed().as("track-max-instant"),
	).boxed().conditions("trackingInstant", "body"), poll))
}

// keyAndValue describe a query parameter or a header, whose value may name the bounds of the interval asked for.
func keyAndValue() []Attribute {
	return fields(
		text("key").at(0, 4),
		text("value").at(0, 4),
		group("dateTimeInput",
			choice("type", "string", instants...).optional().at(0, 4).hidden().as("date-time.type"),
			zone("timezone", "UTC").optional().when("type", "string").at(0, 4).hidden().as("date-time.timezone"),
			text("format", dateTimeFormat).optional().when("type", "string").at(0, 4).hidden().as("date-time.format"),
		).whenContains("value", "@StartTime", "@EndTime").boxed().as("date-time-input"),
	)
}
