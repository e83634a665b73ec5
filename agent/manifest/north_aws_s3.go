package manifest

func northAWSS3(_ Dialect) North {
	return north("aws-s3", file, []string{"any"},
		text("bucket").at(0, 4),
		text("region", "eu-west-3").at(0, 4),
		text("folder").at(0, 4),
		text("accessKey").at(1, 4),
		secret("secretKey").at(1, 4),
		flag("useProxy", false).at(2, 3),
		text("proxyUrl").optional().when("useProxy", true).at(2, 3),
		text("proxyUsername").optional().when("useProxy", true).at(2, 3),
		secret("proxyPassword").when("useProxy", true).at(2, 3),
	)
}
