package manifest

func northFileWriter(d Dialect) North {
	return north("file-writer", file, []string{"any", "time-values", "setpoint"},
		text("outputFolder").at(0, 4),
		text("prefix", "@ConnectorName-").optional().at(0, 4),
		text("suffix", "-@CurrentDate").optional().at(0, 4),
		shareAccount(d, 1),
	)
}
