package manifest

func southSFTP(d Dialect) South {
	return south("sftp", file, Modes{LastFile: true}, fields(
		text("host", "127.0.0.1").at(0, 9),
		number("port", sshPort(d)).between(1, 65535).at(0, 3),
		sshAccount(),
		flag("compression", false).at(3, 4),
		number("retryInterval", 10000).unit("ms").between(100, 60000).at(3, 4).since(d),
	), items(poll,
		text("remoteFolder", "/remote-folder").at(0, 6),
		text("regex", ".*").at(0, 6),
		fileAge(),
		fileLimits(),
	))
}
