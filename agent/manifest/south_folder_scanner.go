package manifest

func southFolderScanner(d Dialect) South {
	return south("folder-scanner", file, Modes{LastFile: true}, fields(
		text("inputFolder", "./input/").at(0, 12),
		flag("compression", false).at(1, 4),
		shareAccount(d, 2),
	), items(poll,
		text("regex", ".*").at(0, 12),
		fileAge(),
		fileLimits(),
	))
}
