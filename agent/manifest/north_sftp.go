package manifest

func northSFTP(d Dialect) North {
	return north("sftp", file, []string{"any"},
		text("host", "127.0.0.1").at(0, 9),
		number("port", sshPort(d)).between(1, 65535).at(0, 3),
		sshAccount(),
		text("remoteFolder", "/remote-folder").at(3, 12),
		text("prefix", "@ConnectorName-").optional().at(4, 6),
		text("suffix", "-@CurrentDate").optional().at(4, 6),
	)
}
