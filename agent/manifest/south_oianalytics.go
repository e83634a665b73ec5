package manifest

func southOIAnalytics(_ Dialect) South {
	return south("oianalytics", api, Modes{History: true}, fields(
		flag("useOiaModule", true).at(0, 3),
		number("timeout", 30).unit("s").at(0, 3).hidden(),
		group("specificSettings",
			text("host", "https://instance_name.oianalytics.fr").pattern(httpURL).at(0, 8),
			flag("acceptUnauthorized", false).at(0, 4),
			choice("authentication", "basic", "basic", "aad-client-secret", "aad-certificate").at(1, 6),
			text("accessKey").when("authentication", "basic").at(2, 6),
			secret("secretKey").when("authentication", "basic").at(2, 6),
			text("tenantId").when("authentication", "aad-client-secret", "aad-certificate").at(2, 3),
			text("clientId").when("authentication", "aad-client-secret", "aad-certificate").at(2, 3),
			secret("clientSecret").when("authentication", "aad-client-secret").at(2, 3),
			certificate("certificateId").when("authentication", "aad-certificate").at(2, 3),
			text("scope").when("authentication", "aad-certificate").at(2, 3),
			flag("useProxy", false).at(3, 3),
			text("proxyUrl").when("useProxy", true).at(3, 3),
			text("proxyUsername").when("useProxy", true).at(3, 3),
			secret("proxyPassword").when("useProxy", true).at(3, 3),
		).when("useOiaModule", false),
	), items(poll,
		text("endpoint", "/endpoint").at(0, 12),
		rows("queryParams", "queryParam", "query-params.query-param",
			text("key").at(0, 4),
			text("value").at(0, 4),
		).must().as("query-params"),
		serialization(),
	))
}
