// Package installer is what a person at the machine, or a script, does to an OIBus that is not its daily work: installing
// it as a service, several of them beside each other, asking how they are, registering, making a new password, going
// back to the version before, moving a configuration, and making and checking releases. It promises one table of verbs,
// help that teaches each of them, the same answers as text and as JSON, and an exit code that a script can rely on. It
// guards against a tool that has to be guessed, against two instances that share a folder or a port, and against work
// with the rights of an administrator on files that a service could have prepared.
package installer

// verbs says what the program can do. A new verb is one row here and one file.
var verbs []verb

func init() { // some verbs speak about all of them
	verbs = []verb{
		installVerb,
		uninstallVerb,
		startVerb,
		stopVerb,
		restartVerb,
		statusVerb,
		doctorVerb,
		registerVerb,
		resetPasswordVerb,
		rollbackVerb,
		exportVerb,
		importVerb,
		keygenVerb,
		certifyVerb,
		signVerb,
		verifyVerb,
		inspectVerb,
		unitVerb,
		bashVerb,
		powerShellVerb,
		zshVerb,
		fishVerb,
		manualVerb,
	}
}

// Exit codes. 3 and 4 are left to what they mean for the agent.
const (
	ExitDone       = 0
	ExitFailed     = 1 // something could not be done: the text says what
	ExitBadCommand = 2 // the command line is wrong
	ExitRefused    = 5 // what was to be checked was checked, and is not in order
	ExitAbsent     = 6 // there is no such instance on this machine
	ExitRights     = 7 // it needs the rights of an administrator
)

// exitCodes are the codes for people.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{ExitDone, "done, or in order"},
	{ExitFailed, "it could not be done, the text says why"},
	{ExitBadCommand, "the command line is wrong"},
	{ExitRefused, "it was checked and is not in order: status, doctor, register, rollback, release verify"},
	{ExitAbsent, "there is no such instance on this machine"},
	{ExitRights, "the rights of an administrator are needed, for all of it or for a part"},
}

const about = `oibus-installer does what is needed around OIBus: it installs it as a service, says how it is, registers it, resets its
password, takes it back to the version before, moves its configuration, and makes and checks releases.`
