package installer

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// output is where answers go: text for people, or JSON for scripts.
type output struct {
	stdout, stderr io.Writer
	json           bool
}

// takeJSON takes the option --json out of the command line, wherever it stands.
func (o *output) takeJSON(args []string) []string {
	isJSON := func(arg string) bool { return arg == "--json" || arg == "-json" }
	o.json = slices.ContainsFunc(args, isJSON)
	return slices.DeleteFunc(slices.Clone(args), isJSON)
}

// failure is an error as JSON.
type failure struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exitCode"`
}

// finish prints how it ended and returns the exit code.
func (o *output) finish(a answer, err error) int {
	code := exitCode(err)
	switch {
	case err == nil:
		code := o.print(a)
		if l, ok := a.(limited); ok && code == ExitDone && l.needsRights() {
			return ExitRights
		}
		if j, ok := a.(judgement); ok && code == ExitDone && !j.inOrder() {
			return ExitRefused
		}
		return code
	case o.json:
		return max(code, o.encode(failure{err.Error(), code}))
	}
	fmt.Fprintln(o.stderr, "oibus-installer:", err)
	return code
}

func (o *output) print(a answer) int {
	if o.json {
		return o.encode(a)
	}
	return o.wrote(io.WriteString(o.stdout, a.text()))
}

func (o *output) encode(v any) int {
	e := json.NewEncoder(o.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return o.wrote(0, e.Encode(v))
}

// wrote makes an answer that reached nobody a failure.
func (o *output) wrote(_ int, err error) int {
	if err == nil {
		return ExitDone
	}
	fmt.Fprintln(o.stderr, "oibus-installer: cannot print the answer:", err)
	return ExitFailed
}

// overview lists verbs. Unless asked for, it is the answer to a command line without a verb.
func (o *output) overview(list []verb, asked bool) int {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: oibus-installer VERB [OPTIONS] [ARGUMENTS]\n\n", about)
	for _, v := range list {
		fmt.Fprintf(&b, "  %-22s %s\n", v.name, v.summary)
	}
	b.WriteString("\noibus-installer VERB --help explains a verb. With --json each answers as JSON, errors too.\n\nExit codes:\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", c.code, c.meaning)
	}
	if !asked {
		fmt.Fprint(o.stderr, b.String())
		return ExitBadCommand
	}
	return o.wrote(io.WriteString(o.stdout, b.String()))
}

// explain prints all that there is to know of a verb.
func (o *output) explain(v verb) int {
	var b strings.Builder
	usage := strings.TrimSpace("oibus-installer " + v.name + " [OPTIONS] " + v.args)
	fmt.Fprintf(&b, "%s: %s\n\nUsage: %s\n\n%s\n\nOptions:\n", v.name, v.summary, usage, strings.TrimSpace(v.help))
	for _, f := range v.described() {
		fmt.Fprintf(&b, "  %-26s %s\n", f.name, folded(f.usage, max(29, len(f.name)+3), 29, lineWidth))
	}
	return o.wrote(io.WriteString(o.stdout, b.String()))
}

// lineWidth is how many columns what is explained has.
const lineWidth = 100

// folded breaks a text that begins at a column into lines of at most that width, the others indented.
func folded(text string, at, indent, width int) string {
	var b strings.Builder
	for n, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case n == 0:
		case at+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += length
	}
	return b.String()
}

// described is an option for people.
type described struct{ name, bare, usage string }

// hiddenOption marks an option that is for no person.
const hiddenOption = "-"

// described lists the options of a verb.
func (v verb) described() []described {
	options := flag.NewFlagSet(v.name, flag.ContinueOnError)
	v.setup(options)
	var list []described
	options.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		if usage == hiddenOption {
			return
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			kind = ""
		}
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		list = append(list, described{strings.TrimSpace("--" + f.Name + " " + kind), f.Name, usage})
	})
	return append(list, described{"--json", "json", "answer as JSON"})
}

// labelWidth is how many columns names have.
const labelWidth = 14

// lines prints pairs of names and values, the values below each other, without those that are empty.
func lines(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(&b, "  %-*s %s\n", labelWidth, pairs[i], pairs[i+1])
		}
	}
	return b.String()
}

// one demands exactly one argument.
func one(args []string, what string) (string, error) {
	if len(args) != 1 {
		return "", badUsage("%s is needed, and nothing else: got %d arguments", what, len(args))
	}
	return args[0], nil
}

// need demands that an option is given.
func need(name, value string) error {
	if value == "" {
		return badUsage("the option --%s is needed", name)
	}
	return nil
}

// none demands that nothing follows the options.
func none(args []string) error {
	if len(args) > 0 {
		return badUsage("%q means nothing here", args[0])
	}
	return nil
}

func needAll(pairs ...string) error {
	var errs []error
	for i := 0; i+1 < len(pairs); i += 2 {
		errs = append(errs, need(pairs[i], pairs[i+1]))
	}
	return errors.Join(errs...)
}
