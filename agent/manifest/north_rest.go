package manifest

func northREST(d Dialect) North {
	return north("rest", file, []string{"any", "time-values"},
		text("host", "https://instance_name.fr").pattern(httpURL).at(0, 8),
		flag("acceptUnauthorized", false).at(0, 4),
		choice("method", "GET", "POST", "PUT", "PATCH").at(1, 3),
		text("endpoint", "/api/data").at(1, 9),
		number("timeout", 30).unit("s").rule(PositiveInteger).at(2, 4).hidden(),
		choice("sendAs", "body", "body", "file").at(2, 4),
		number("successCode", 200).unit("").rule(PositiveInteger).at(2, 4).hidden(),
		httpAuthentication(),
		httpProxy(),
		rows("queryParams", "queryParam", "query-params.query-param",
			text("key").at(0, 4),
			text("value").at(0, 8),
		).must().as("query-params"),
		rows("headers", "header", "headers.title",
			text("key").at(0, 4),
			text("value").at(0, 8),
		).must().as("headers"),
		group("test",
			choice("testMethod", "GET", "GET", "POST", "PUT").at(0, 4).as("test.method"),
			text("testEndpoint", "/").at(0, 8).as("test.endpoint"),
			code("body", "json").optional().when(bodyDecidedBy(d), "POST", "PUT").at(1, 12),
			number("testSuccessCode", 200).unit("").rule(PositiveInteger).at(2, 4).as("test.success-code"),
		).must().boxed(),
	)
}

// bodyDecidedBy names the setting that says whether the test has a body. Dialect R names one that does not exist
// there, so that the body must always be given.
func bodyDecidedBy(d Dialect) string {
	if d == R {
		return "method"
	}
	return "testMethod"
}
