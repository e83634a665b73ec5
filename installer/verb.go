package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"oibus/launcher/release"
	"oibus/platform"
)

// verb is one thing that the program does.
type verb struct {
	name    string // one word or more, such as "release sign"
	args    string // what follows the options, for people
	summary string // one line
	help    string // what a person must know to use it, with an example
	// setup declares the options and returns what to do with the words that are left.
	setup func(options *flag.FlagSet) action
}

type action func(ctx context.Context, args []string) (answer, error)

// answer is what a verb found or did. It is printed as its text, or as JSON of its fields.
type answer interface{ text() string }

// judgement is an answer that may be that something is not in order.
type judgement interface{ inOrder() bool }

// limited is an answer that may lack what this process may not see.
type limited interface{ needsRights() bool }

// usageError is a command line that is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func badUsage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// Main does what the command line says and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &output{stdout: stdout, stderr: stderr}
	args = out.takeJSON(args)
	help := false
	args, help = takeHelp(args)
	switch {
	case slices.Contains(args, "--version") && len(args) == 1:
		return out.print(version{platform.Version})
	case len(args) == 0:
		return out.overview(verbs, help)
	}
	v, rest := find(args)
	switch {
	case v != nil && help:
		return out.explain(*v)
	case v != nil:
		return out.finish(v.run(ctx, rest))
	}
	group := within(args)
	if len(group) > 0 && help {
		return out.overview(group, true)
	}
	return out.finish(nil, unknown(args, group))
}

type version struct {
	Version string `json:"version"`
}

func (v version) text() string { return "OIBus installer version: " + v.Version + "\n" }

// takeHelp takes out --help, -h, and the word help at the beginning.
func takeHelp(args []string) ([]string, bool) {
	isHelp := func(arg string) bool { return arg == "--help" || arg == "-h" || arg == "-help" }
	if len(args) > 0 && args[0] == "help" {
		return slices.DeleteFunc(slices.Clone(args[1:]), isHelp), true
	}
	return slices.DeleteFunc(slices.Clone(args), isHelp), slices.ContainsFunc(args, isHelp)
}

// find returns the verb that the command line begins with, and what follows.
func find(args []string) (*verb, []string) {
	for i := range verbs {
		words := strings.Fields(verbs[i].name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return &verbs[i], args[len(words):]
		}
	}
	return nil, nil
}

// within returns the verbs that begin with the first word, such as all that begin with release.
func within(args []string) (group []verb) {
	for _, v := range verbs {
		if strings.Fields(v.name)[0] == args[0] {
			group = append(group, v)
		}
	}
	return group
}

func unknown(args []string, group []verb) error {
	if len(group) == 0 {
		group = verbs
	}
	names := make([]string, len(group))
	for i, v := range group {
		names[i] = v.name
	}
	return badUsage("there is no %q, there is: %s", strings.Join(args[:min(len(args), 2)], " "), strings.Join(names, ", "))
}

// run parses the options, which may stand before and after the other words, and acts.
func (v verb) run(ctx context.Context, args []string) (answer, error) {
	options := flag.NewFlagSet(v.name, flag.ContinueOnError)
	options.SetOutput(io.Discard)
	act := v.setup(options)
	var words []string
	for {
		if err := options.Parse(args); err != nil {
			return nil, badUsage("%s; oibus-installer %s --help explains", dashed(err), v.name)
		}
		if options.NArg() == 0 {
			return act(ctx, words)
		}
		words, args = append(words, options.Arg(0)), options.Args()[1:]
	}
}

// singleDash is an option as the parser of the command line names it.
var singleDash = regexp.MustCompile(`^(flag provided but not defined: |flag needs an argument: |invalid (?:boolean )?value .* for (?:flag )?)-(\w)`)

// dashed words what is wrong with an option, which people write with two dashes.
func dashed(err error) string {
	text := singleDash.ReplaceAllString(err.Error(), "$1--$2")
	text = strings.Replace(text, "flag provided but not defined: ", "there is no option ", 1)
	text = strings.Replace(text, "flag needs an argument: ", "a value is needed after ", 1)
	return strings.Replace(text, " for flag --", " for --", 1)
}

// exitCode says in a number how it ended.
func exitCode(err error) int {
	var usage *usageError
	var refused *release.RefusedError
	var absent *absentError
	var rights *rightsError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &usage):
		return ExitBadCommand
	case errors.As(err, &refused):
		return ExitRefused
	case errors.As(err, &absent):
		return ExitAbsent
	case errors.As(err, &rights):
		return ExitRights
	}
	return ExitFailed
}
