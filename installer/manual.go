package installer

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"oibus/platform"
)

var manualVerb = verb{
	name: "man", args: "", summary: "print the manual page of this program",
	help: `
The packages of the system install it. Otherwise:

  oibus-installer man > oibus-installer.8 && man ./oibus-installer.8`,
	setup: func(*flag.FlagSet) action {
		return func(_ context.Context, args []string) (answer, error) {
			return manualAnswer{manual()}, none(args)
		}
	},
}

type manualAnswer struct {
	Page string `json:"page"`
}

func (a manualAnswer) text() string { return a.Page }

// manual is made of the table of verbs, in the language of man(7).
func manual() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH OIBUS-INSTALLER 8 \"\" \"OIBus %s\" \"OIBus\"\n.SH NAME\noibus\\-installer \\- install, examine and look after OIBus\n", platform.Version)
	b.WriteString(".SH SYNOPSIS\n.B oibus\\-installer\n.I VERB\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n" + roff(about) + "\n.SH VERBS\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, ".SS \"%s\"\n%s.\n", roff(strings.TrimSpace(v.name+" "+v.args)), roff(upperFirst(v.summary)))
		writeHelp(&b, v.help)
		for _, d := range v.described() {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(d.name), roff(d.usage))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", c.code, roff(c.meaning))
	}
	b.WriteString(".SH FILES\n.TP\n.I /etc/oibus/oibus.toml\nsettings that the person in charge of the machine decides, see\n.BR oibus.toml (5)\n" +
		".TP\n.I /etc/oibus/instances.json\nthe named instances\n.TP\n.I /var/lib/oibus\ndata of the instance without a name\n" +
		".TP\n.I /var/lib/oibus\\-instances\ndata of the others\n.SH SEE ALSO\n.BR oibus (8),\n.BR oibus\\-launcher (8),\n.BR oibus.toml (5)\n")
	return b.String()
}

// writeHelp sets a text with its examples, which are indented.
func writeHelp(b *strings.Builder, help string) {
	example, apart := false, false
	for _, line := range strings.Split(strings.TrimSpace(help), "\n") {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && !example:
			b.WriteString(".PP\n.nf\n.RS 2\n")
		case !indented && example && line != "":
			b.WriteString(".RE\n.fi\n.PP\n")
		case line == "":
			apart = true
			continue
		case !indented && apart:
			b.WriteString(".PP\n")
		}
		apart = false
		if line != "" {
			example = indented
		}
		b.WriteString(roff(strings.TrimPrefix(line, "  ")) + "\n")
	}
	if example {
		b.WriteString(".RE\n.fi\n")
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// roff writes a text so that nothing in it is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[n] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
