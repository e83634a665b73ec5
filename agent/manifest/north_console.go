package manifest

func northConsole(_ Dialect) North {
	return north("console", debug, []string{"any", "time-values", "setpoint"},
		flag("verbose", true).at(0, 3),
	)
}
