package handshake

// The exit codes of the agent, by which it says why it ended. The launcher uses those below 10 for itself as well.
const (
	ExitStopped     = 0  // it was told to stop; without having been told, it wants to be started again, as the reference does
	ExitFailure     = 1  // something failed: its last output says what
	ExitBadSettings = 2  // the command line or oibus.toml is wrong: the output names file, line and key
	ExitInUse       = 3  // another process uses the data folder
	ExitNewerState  = 4  // the state was written by a newer version
	ExitRestart     = 10 // it wants to be started again
	ExitUpgrade     = 11 // it has staged an upgrade
)

// Meaning says in words what a person should know of an exit code, or "" when the code says nothing.
func Meaning(code int) string {
	switch code {
	case ExitBadSettings:
		return "its settings or command line are wrong, see its message above"
	case ExitInUse:
		return "its data folder is in use by another OIBus, stop that one first"
	case ExitNewerState:
		return "its data folder was written by a newer version of OIBus, install that version or restore a backup"
	case ExitRestart:
		return "it asked to be restarted"
	case ExitUpgrade:
		return "it asked to be upgraded"
	default:
		return ""
	}
}
