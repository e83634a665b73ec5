package installer

import (
	_ "embed"
	"flag"
	"strings"

	"context"
)

//go:embed oibus.service
var unitTemplate string

// unitText is the unit of an instance under systemd.
func unitText(i instance) string {
	description := "OIBus, the data agent of OIAnalytics"
	if i.Name != "" {
		description += " (" + i.Name + ")"
	}
	return strings.NewReplacer("{{description}}", description, "{{data}}", i.Data, "{{settings}}", i.Settings,
		"{{programs}}", i.Programs, "{{storage}}", storage(i.Data)).Replace(unitTemplate)
}

// storage lets systemd make the data folder where it belongs to it, and else only opens it for writing.
func storage(data string) string {
	if name, ok := strings.CutPrefix(data, "/var/lib/"); ok {
		return "StateDirectory=" + name + "\nStateDirectoryMode=0700"
	}
	return "ReadWritePaths=" + data
}

var unitVerb = verb{
	name: "unit", args: "", summary: "print the systemd unit that install would write",
	help: `
Shows how the service would run: its user, its folders, and what it is kept away from. Use it to review the hardening, or
to start OIBus by other means. Settings of your own belong in a drop-in file, which an upgrade keeps, such as a folder
that connectors shall write into; oibus-installer doctor gives the lines for what your connectors use:

  oibus-installer unit
  sudo systemctl edit oibus
  [Service]
  ReadWritePaths=-/srv/exchange`,
	setup: func(o *flag.FlagSet) action {
		j := installJob{m: realMachine{}}
		j.options(o)
		return func(_ context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			i, err := j.wanted()
			return unitAnswer{unitText(i)}, err
		}
	},
}

type unitAnswer struct {
	Unit string `json:"unit"`
}

func (a unitAnswer) text() string { return a.Unit }
