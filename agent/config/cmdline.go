package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// defaultLauncherVersion is announced when no launcher said its own (protocol/control-plane.md, section 11.1).
const defaultLauncherVersion = "3.4.0"

// CommandLine is what the agent was started with.
type CommandLine struct {
	DataDir            string // absolute
	Settings           string // settings file, "" for the one in the data folder
	Version            bool   // print the versions and end
	ResetPassword      bool   // reset the password of the user admin and end
	IgnoreIPFilters    bool
	IgnoreRemoteUpdate bool
	LauncherVersion    string
	Unknown            []string // options that mean nothing here, ignored as the reference does
}

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
	for len(args) > 0 {
		var used int
		if used, err = c.take(args); err != nil {
			return CommandLine{}, err
		}
		args = args[used:]
	}
	return c, nil
}

// take applies the first argument, with its value, and says how many arguments that were.
func (c *CommandLine) take(args []string) (used int, err error) {
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
