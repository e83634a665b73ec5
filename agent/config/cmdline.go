package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// defaultLauncherVersion is announced when no launcher said its own (protocol/control-plane.md, section 11.1).
const defaultLauncherVersion = "3.4.0"

// CommandLine is what the agent was started with.
type CommandLine struct {
	DataDir            string // absolute
	Settings           string // settings file, "" for the one in the data folder
	Help               bool   // say what the options are and end
	Version            bool   // print the versions and end
	ResetPassword      bool   // reset the password of the user admin and end
	IgnoreIPFilters    bool
	IgnoreRemoteUpdate bool
	LauncherVersion    string
	Unknown            []string // options that mean nothing here, ignored as the reference does
}

// Usage says what the options are.
const Usage = `oibus is the agent. The service oibus-launcher runs it; alone it serves until it is stopped.

  oibus --config FOLDER [options]              serve
  oibus import --from FOLDER --config FOLDER [options]
                                         bring over the site of an OIBus 3.8, see oibus import --help

  --config FOLDER        the data folder, which must exist (the current folder)
  --settings FILE        the settings file, when it is not oibus.toml in the data folder
  --version              print the versions
  --reset-password       give the first user a new password, kept in a file of the data folder
  --ignoreIpFilters      let every address in
  --ignoreRemoteUpdate   refuse upgrades from OIAnalytics
  --launcherVersion V    what to announce as the version of the launcher

Each also works as --ignore-ip-filters; false after it switches it off. Exit codes: 0 stopped, 1 failure, 2 wrong command
line or settings, 3 data folder in use, 4 state of a newer version, 10 restart wanted, 11 upgrade staged.
`

// option is one option of the command line.
type option struct {
	takesValue bool // it has no meaning without a value
	apply      func(c *CommandLine, value string) error
}

// flag makes an option that is on when given alone or with any value but one that says no.
func flag(set func(c *CommandLine, on bool)) option {
	return option{apply: func(c *CommandLine, value string) error { set(c, !saysNo(value)); return nil }}
}

func text(set func(c *CommandLine, value string) error) option {
	return option{takesValue: true, apply: set}
}

// saysNo holds for the values that switch an option off. In the reference "false" switched it on.
func saysNo(value string) bool {
	switch strings.ToLower(value) {
	case "false", "no", "n", "0", "off":
		return true
	}
	return false
}

// commandOptions are the options of section 11.1, and --settings and --reset-password. The kebab-case spelling of
// each works too.
var commandOptions = map[string]option{
	"config": text(func(c *CommandLine, v string) (err error) {
		c.DataDir, err = filepath.Abs(v)
		return err
	}),
	"help": flag(func(c *CommandLine, on bool) { c.Help = on }),
	"settings": text(func(c *CommandLine, v string) (err error) {
		c.Settings, err = filepath.Abs(v)
		return err
	}),
	"launcherVersion":    text(func(c *CommandLine, v string) error { c.LauncherVersion = v; return nil }),
	"version":            flag(func(c *CommandLine, on bool) { c.Version = on }),
	"resetPassword":      flag(func(c *CommandLine, on bool) { c.ResetPassword = on }),
	"ignoreIpFilters":    flag(func(c *CommandLine, on bool) { c.IgnoreIPFilters = on }),
	"ignoreRemoteUpdate": flag(func(c *CommandLine, on bool) { c.IgnoreRemoteUpdate = on }),
	"ignoreRemoteConfig": flag(func(*CommandLine, bool) {}), // accepted and without effect, as in the reference
}

// ParseArgs reads the command line of the agent, without the program's name.
func ParseArgs(args []string) (CommandLine, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return CommandLine{}, fmt.Errorf("cannot find the current folder: %w", err)
	}
	c := CommandLine{DataDir: dir, LauncherVersion: defaultLauncherVersion}
	if len(args) > 0 && args[0] == "help" {
		args = []string{"-h"}
	}
	named := slices.ContainsFunc(args, func(a string) bool { return a == "--config" || strings.HasPrefix(a, "--config=") })
	for len(args) > 0 {
		var used int
		if used, err = c.take(args); err != nil {
			return CommandLine{}, err
		}
		args = args[used:]
	}
	if len(c.Unknown) > 0 && !named && !c.Help && !c.Version {
		if _, err := os.Stat(filepath.Join(c.DataDir, "state")); err != nil { // a slip, or the wrong folder
			return CommandLine{}, fmt.Errorf("the argument %q means nothing to OIBus, and --config, which names the data folder, is missing: see oibus --help", c.Unknown[0])
		}
	}
	return c, nil
}

// take applies the first argument, with its value, and says how many arguments that were.
func (c *CommandLine) take(args []string) (used int, err error) {
	if args[0] == "-h" {
		c.Help = true
		return 1, nil
	}
	name, value, hasValue := strings.Cut(args[0], "=")
	name, isOption := strings.CutPrefix(name, "--")
	opt, known := commandOptions[camel(name)]
	if off, no := strings.CutPrefix(name, "no-"); no && !known {
		opt, known = commandOptions[camel(off)]
		value, hasValue = "false", true
		known = known && !opt.takesValue
	}
	if !isOption || !known {
		c.Unknown = append(c.Unknown, args[0])
		return 1, nil
	}
	used = 1
	if !hasValue && len(args) > 1 && !strings.HasPrefix(args[1], "--") {
		value, hasValue, used = args[1], true, 2
	}
	if opt.takesValue && value == "" {
		return 0, fmt.Errorf("the option --%s needs a value", name)
	}
	if err := opt.apply(c, value); err != nil {
		return 0, fmt.Errorf("cannot use --%s %q: %w", name, value, err)
	}
	return used, nil
}

// camel turns kebab-case into camelCase.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}
