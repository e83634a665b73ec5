package installer

import (
	"context"
	"flag"
	"fmt"
)

// serviceVerb makes a verb that does one thing to the service of an instance.
func serviceVerb(name, summary, help, done string, ready bool, do func(m machine) func(ctx context.Context, service string) error) verb {
	return verb{name: name, summary: summary, help: help, setup: func(o *flag.FlagSet) action {
		t := &target{}
		o.StringVar(&t.name, "instance", "", "`NAME` of the instance, when there are several on this machine")
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return changeService(ctx, realMachine{}, t, done, ready, do)
		}
	}}
}

func changeService(ctx context.Context, m machine, t *target, done string, ready bool, do func(m machine) func(context.Context, string) error) (answer, error) {
	i, err := t.find(m)
	if err != nil {
		return nil, err
	}
	if err := m.Administrator(); err != nil {
		return nil, err
	}
	if err := ours(ctx, m, i); err != nil {
		return nil, err
	}
	if ready { // without programs the service manager takes it for started and does nothing
		if err := hasPrograms(i.Programs); err != nil {
			return nil, err
		}
	}
	if err := do(m)(ctx, i.Service); err != nil {
		return nil, err
	}
	a := serviceAnswer{Service: i.Service, Done: done}
	if !ready {
		return a, nil
	}
	w, err := readWeb(m, i)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(w)
	if err != nil {
		return nil, err
	}
	a.Page = w.url()
	return a, l.waitReady(ctx, readyLimit)
}

type serviceAnswer struct {
	Service string `json:"service"`
	Done    string `json:"done"`
	Page    string `json:"page,omitempty"`
}

func (a serviceAnswer) text() string {
	return fmt.Sprintf("The service %s is %s.\n", a.Service, a.Done) + lines("page", a.Page)
}

var startVerb = serviceVerb("start", "start the service and wait until it answers", `
Starts the service of an instance, waits until its page answers, and says where that is.

  sudo oibus-installer start
  sudo oibus-installer start --instance line4`, "started", true,
	func(m machine) func(context.Context, string) error { return m.Start })

var stopVerb = serviceVerb("stop", "stop the service until it is started or the machine restarts", `
Stops the service of an instance in order: what is being sent is finished, and nothing collected is lost.

  sudo oibus-installer stop`, "stopped", false,
	func(m machine) func(context.Context, string) error { return m.Stop })

var restartVerb = serviceVerb("restart", "stop and start the service, such as after a change of oibus.toml", `
Stops and starts the service of an instance, as a change of its settings file needs, and waits until its page answers.

  sudo oibus-installer restart
  sudo oibus-installer restart --instance line4 --json`, "restarted", true,
	func(m machine) func(context.Context, string) error { return m.Restart })
