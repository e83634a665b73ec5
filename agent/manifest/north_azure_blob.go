package manifest

func northAzureBlob(_ Dialect) North {
	return north("azure-blob", file, []string{"any"},
		flag("useADLS", false).at(0, 3),
		flag("useCustomUrl", false).at(0, 3),
		text("account").when("useCustomUrl", false).at(0, 6),
		text("customUrl").pattern(httpURL).when("useCustomUrl", true).at(0, 6),
		text("container").at(1, 6),
		text("path").at(1, 6),
		choice("authentication", "access-key", "access-key", "sas-token", "aad", "external").at(2, 3),
		secret("accessKey").when("authentication", "access-key").at(2, 3),
		secret("sasToken").when("authentication", "sas-token").at(2, 3).hidden(),
		text("tenantId").optional().when("authentication", "aad").at(2, 3).hidden(),
		text("clientId").optional().when("authentication", "aad").at(2, 3),
		secret("clientSecret").when("authentication", "aad").at(2, 3),
		flag("useProxy", false).at(3, 3),
		text("proxyUrl").when("useProxy", true).at(3, 3),
		text("proxyUsername").optional().when("useProxy", true).at(3, 3),
		secret("proxyPassword").when("useProxy", true).at(3, 3),
	)
}
