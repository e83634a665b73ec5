package manifest

func southFTP(d Dialect) South {
	return south("ftp", file, Modes{LastFile: true}, fields(
		text("host", "127.0.0.1").at(0, 9),
		number("port", 21).between(1, 65535).at(0, 3),
		choice("authentication", "password", "none", "password").at(1, 6),
		text("username", "").optional().when("authentication", "password").at(2, 4).hidden(),
		secret("password").when("authentication", "password").at(2, 4).hidden(),
		flag("compression", false).at(3, 4),
		number("retryInterval", 10000).unit("ms").between(100, 60000).at(3, 4).since(d),
	), items(poll,
		text("remoteFolder", "/remote-folder").at(0, 6),
		text("regex", ".*.csv").at(0, 6),
		number("minAge", 1000).unit("ms").between(100, 3600000).at(1, 4),
		flag("preserveFiles", true).at(1, 4),
		flag("ignoreModifiedDate", false).when("preserveFiles", true).at(1, 4).hidden(),
		fileLimits(),
	))
}
