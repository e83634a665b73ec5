// Package installer is what a person at the machine, or a script, does to an OIBus that is not its daily work: so far,
// making and checking releases. It promises one table of verbs, help that teaches each of them, the same answers as
// text and as JSON, and an exit code that a script can rely on. It guards against a tool that has to be guessed.
package installer

// verbs says what the program can do. A new verb is one row here and one file.
var verbs = []verb{
	keygenVerb,
	certifyVerb,
	signVerb,
	verifyVerb,
	inspectVerb,
}

// Exit codes. 3 and 4 are left to what they mean for the agent.
const (
	ExitDone       = 0
	ExitFailed     = 1 // something could not be done: the text says what
	ExitBadCommand = 2 // the command line is wrong
	ExitRefused    = 5 // what was to be checked was checked, and is not in order
)

const about = `oibus-installer does what is needed around OIBus: it makes keys for releases, signs upgrade packages and checks them.`
