package manifest

func northOIAnalytics(_ Dialect) North {
	return north("oianalytics", api, []string{"any", "time-values", "oianalytics"},
		flag("useOiaModule", true).at(0, 3).as("use-oianalytics-module"),
		number("timeout", 30).unit("s").rule(PositiveInteger).at(0, 3),
		flag("compress", false).at(0, 3),
		group("specificSettings",
			text("host", "https://instance_name.oianalytics.fr").pattern(httpURL).at(0, 6).hidden(),
			flag("acceptUnauthorized", false).at(0, 6).hidden(),
			choice("authentication", "basic", "basic", "aad-client-secret", "aad-certificate").at(1, 6).hidden(),
			text("accessKey").when("authentication", "basic").at(2, 6).hidden(),
			secret("secretKey").when("authentication", "basic").at(2, 6).hidden(),
			text("tenantId").optional().when("authentication", "aad-client-secret", "aad-certificate").at(2, 3).hidden(),
			text("clientId").when("authentication", "aad-client-secret", "aad-certificate").at(2, 3).hidden(),
			secret("clientSecret").when("authentication", "aad-client-secret").at(2, 3).hidden(),
			certificate("certificateId").optional().when("authentication", "aad-certificate").at(2, 3).hidden(),
			text("scope").optional().when("authentication", "aad-certificate").at(2, 3).hidden(),
			flag("useProxy", false).at(3, 3),
			text("proxyUrl").when("useProxy", true).at(3, 3),
			text("proxyUsername").optional().when("useProxy", true).at(3, 3),
			secret("proxyPassword").when("useProxy", true).at(3, 3),
		).when("useOiaModule", false).as("specific-settings"),
	)
}
