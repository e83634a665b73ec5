package conformance

import (
	"context"
	"fmt"
	"net/http"

	"oibus/agent/entity"
	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// script is what has to be arranged around a recording, because the recordings do not hold everything that was done.
type script struct {
	before []step          // done, and over, before the scenario begins
	rules  []cloudsim.Rule // how OIAnalytics answers during it
	open   []step          // the first thing that happens in it
	polls  int             // how many more polls it lasts, to see that nothing else happens
	sends  []string        // E7, E8: configurations of ours that the recording does not have, but belong to the scenario
	last   string          // what the configuration holds with which ours ends the scenario, "" when the number of them tells
}

func (s script) arranges() bool { return len(s.before)+len(s.open)+len(s.rules) > 0 }

// step is one thing to do, and the configurations that must follow before it is over.
type step struct {
	what  string
	do    func(p *Player) error
	sends []string // E7, E8
}

var (
	configuration  = []string{"E7"}
	configurations = []string{"E7", "E8"}
)

// command hands out one command that must succeed.
func command(kind string, build func(p *Player) map[string]any) step {
	return step{kind, func(p *Player) error {
		mine, err := p.rewriter().Command(build(p))
		if err != nil {
			return err
		}
		return p.succeed(mine)
	}, configuration}
}

// succeed hands out commands, all at once, that must succeed.
func (p *Player) succeed(commands ...any) error {
	ids, err := p.sim.Queue(p.id, commands...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	ended, err := p.sim.WaitTerminal(ctx, ids...)
	if err != nil {
		return err
	}
	for _, c := range ended {
		if c.Status != cloudsim.CommandCompleted {
			return fmt.Errorf("%s ended %s: %s", c.Type, c.Status, pointed(c.Result))
		}
	}
	return nil
}

func pointed(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// renamed gives the engine a name.
func renamed(name string) step {
	return command("rename the engine", func(p *Player) map[string]any { return p.rename(name) })
}

// fiveFields makes the scan mode of a recording that was not kept, but is in the configurations after it.
var fiveFields = command("create a scan mode", func(*Player) map[string]any { return fiveFieldsCommand() })

const fiveFieldsName = "x cron-five-fields"

func fiveFieldsCommand() map[string]any {
	return map[string]any{"type": "create-scan-mode", "commandContent": map[string]any{"name": fiveFieldsName, "description": "", "cron": "*/5 * * * *"}}
}

// allowing edits the registration so that all commands are permitted, or none.
func allowing(all bool) step {
	return step{"edit the permissions", func(p *Player) error {
		permissions := entity.AllPermissions()
		for name := range permissions {
			permissions[name] = all
		}
		p.form["commandPermissions"] = permissions
		return p.agent.JSON(p.t.Context(), http.MethodPut, "/api/oianalytics/registration", p.form, nil)
	}, configurations}
}

// restarted stops the agent and starts it again.
var restarted = step{"restart", func(p *Player) error {
	if code := p.agent.Stop(); code != 0 {
		return fmt.Errorf("the agent ended with code %d:\n%s", code, p.agent.Output())
	}
	p.agent.Start()
	return nil
}, configurations}

// logsSent waits until the agent has forwarded logs, which the commands that follow switch off. A refused command is
// something to log.
var logsSent = step{"logs are forwarded", func(p *Player) error {
	if _, err := p.sim.Queue(p.id, map[string]any{"type": "restart-engine", "targetVersion": "0.0.0"}); err != nil {
		return err
	}
	if !p.await("E10", 0, 1) {
		return fmt.Errorf("no logs came")
	}
	return nil
}, nil}

// elsewhere moves the page to another port, so that it can be moved back.
var elsewhere = command("move the page", func(p *Player) map[string]any {
	port := harness.FreePort(p.t)
	return map[string]any{"type": engineSettings, "commandContent": flatSettings("OIBus golden", float64(port))}
})

// flatSettings are those of the recordings of dialect R.
func flatSettings(name string, port float64) map[string]any {
	return map[string]any{"name": name, "port": port, "proxyEnabled": false, "proxyPort": 9000.0, "logParameters": map[string]any{
		"console": map[string]any{"level": "trace"}, "file": map[string]any{"level": "info", "maxFileSize": 50, "numberOfFiles": 5},
		"database": map[string]any{"level": "info", "maxNumberOfLogs": 100000},
		"loki":     map[string]any{"level": "silent", "interval": 60, "address": "", "username": "", "password": ""},
		"oia":      map[string]any{"level": "silent", "interval": 10},
	}}
}
