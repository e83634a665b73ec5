package launcher

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// arguments is the launcher's command line (protocol/control-plane.md, section 11.2).
type arguments struct {
	config        string // the data folder, absolute
	settings      string // oibus.toml, absolute; "" when not given
	help          bool
	version       bool
	resetPassword bool
	service       bool     // run under the Windows service manager
	rest          []string // for the agent, unchanged
}

const usage = `oibus-launcher is the service: it keeps the agent oibus running, and applies upgrades.

  oibus-launcher --config FOLDER [options]

  --config FOLDER     the data folder, which must exist (the current folder)
  --settings FILE     the settings file, when it is not oibus.toml in the data folder
  --version           print the versions of agent and launcher
  --reset-password    give the first user a new password, kept in a file of the data folder
  --service           run under the service manager of Windows

What else is given goes to the agent: see oibus --help. oibus-installer installs the service, and tells how it is.
`

// The words for a switch that is on or off; a switch without a word is on.
var (
	yesWords = []string{"true", "1", "yes", "y"}
	noWords  = []string{"false", "0", "no", "n"}
)

// parseArguments reads the command line and makes the paths absolute, that of the data folder also when it is not
// given: it is then the current directory. In both spellings, --config x and --config=x, launcher and agent so use
// the same folder. Errors name the option.
func parseArguments(args []string) (arguments, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return arguments{}, fmt.Errorf("cannot tell the current directory: %w", err)
	}
	a := arguments{config: dir}
	if len(args) > 0 && args[0] == "help" {
		args = []string{"-h"}
	}
	for len(args) > 0 {
		name, value, hasValue := strings.Cut(args[0], "=")
		rest := args[1:]
		switch name {
		case "--config":
			a.config, rest, err = absolutePath(name, value, hasValue, rest)
		case "--settings":
			a.settings, rest, err = absolutePath(name, value, hasValue, rest)
		case "--reset-password":
			a.resetPassword, rest, err = switchOrWord(name, value, hasValue, rest)
		case "-h":
			a.help = true
		case "--help":
			a.help, err = onOrOff(name, value, hasValue)
		case "--version":
			a.version, err = onOrOff(name, value, hasValue)
		case "--service":
			a.service, err = onOrOff(name, value, hasValue)
		default:
			a.rest = append(a.rest, args[0])
		}
		if err != nil {
			return arguments{}, err
		}
		args = rest
	}
	return a, nil
}

func absolutePath(name, value string, hasValue bool, rest []string) (string, []string, error) {
	if !hasValue && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		value, rest = rest[0], rest[1:]
	}
	if value == "" {
		return "", nil, fmt.Errorf("option %s needs a path", name)
	}
	path, err := filepath.Abs(value)
	if err != nil {
		return "", nil, fmt.Errorf("option %s: cannot make %q absolute: %w", name, value, err)
	}
	return path, rest, nil
}

// switchOrWord also takes the word that follows the option.
func switchOrWord(name, value string, hasValue bool, rest []string) (bool, []string, error) {
	if !hasValue && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		value, hasValue, rest = rest[0], true, rest[1:]
	}
	on, err := onOrOff(name, value, hasValue)
	return on, rest, err
}

func onOrOff(name, value string, hasValue bool) (bool, error) {
	word := strings.ToLower(value)
	switch {
	case !hasValue || slices.Contains(yesWords, word):
		return true, nil
	case slices.Contains(noWords, word):
		return false, nil
	default:
		return false, fmt.Errorf("option %s takes %s or %s, not %q",
			name, strings.Join(yesWords, ", "), strings.Join(noWords, ", "), value)
	}
}

// settingsFile is the oibus.toml to read.
func (a arguments) settingsFile() string {
	if a.settings != "" {
		return a.settings
	}
	return filepath.Join(a.config, "oibus.toml")
}

// forAgent returns the command line of the agent. Switches are those that the agent shall get, too.
func (a arguments) forAgent(launcherVersion string, switches ...string) []string {
	args := append(slices.Clone(a.rest), switches...)
	args = append(args, "--config", a.config)
	if a.settings != "" {
		args = append(args, "--settings", a.settings)
	}
	return append(args, "--launcherVersion", launcherVersion)
}
