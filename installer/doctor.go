package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/options"
	"oibus/launcher/upgrade"
	"oibus/platform"
)

const (
	// lowSpace is how little free space in the data folder is worth a warning: an upgrade needs some.
	lowSpace = 500 << 20
	// connectLimit bounds the attempt to reach OIAnalytics.
	connectLimit = 10 * time.Second
)

var doctorVerb = verb{
	name: "doctor", args: "", summary: "check an instance and its machine, and say what to do about what is not well",
	help: `
Looks for what keeps an OIBus from working or from surviving: programs, settings, service, folder and its space, page,
registration, the way to OIAnalytics, upgrades, the clock. Each line says ok, warning or problem, and what to do. It
changes nothing. Exit code 5 says that there is a problem.

  sudo oibus-installer doctor
  sudo oibus-installer doctor --instance line4 --json`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			m := realMachine{}
			i, err := t.find(m)
			if err != nil {
				return nil, err
			}
			return examine(ctx, m, i), nil
		}
	},
}

// level is how bad a finding is.
type level string

const (
	good    level = "ok"
	warning level = "warning"
	problem level = "problem"
)

type finding struct {
	Level  level  `json:"level"`
	Check  string `json:"check"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

type doctorAnswer struct {
	Instance instance  `json:"instance"`
	Findings []finding `json:"findings"`
}

func (a *doctorAnswer) inOrder() bool {
	for _, f := range a.Findings {
		if f.Level == problem {
			return false
		}
	}
	return true
}

func (a *doctorAnswer) text() string {
	text := ""
	for _, f := range a.Findings {
		text += fmt.Sprintf("%-8s %-12s %s\n", f.Level, f.Check, f.Text)
		if f.Advice != "" {
			text += fmt.Sprintf("%-8s %-12s %s\n", "", "", f.Advice)
		}
	}
	return text
}

func (a *doctorAnswer) add(l level, check, text, advice string) {
	a.Findings = append(a.Findings, finding{l, check, text, advice})
}

// examine makes all the checks.
func examine(ctx context.Context, m machine, i instance) *doctorAnswer {
	a := &doctorAnswer{Instance: i}
	if err := m.Administrator(); err != nil {
		a.add(warning, "rights", "without the rights of an administrator not all can be seen", err.Error())
	}
	a.programs(i)
	a.settings(i)
	s := look(ctx, m, i)
	a.service(s)
	a.folder(m, i)
	a.page(s)
	a.registration(ctx, s)
	a.upgrades(m, i, s)
	a.clock(m)
	return a
}

func (a *doctorAnswer) programs(i instance) {
	if err := hasPrograms(i.Programs); err != nil {
		a.add(problem, "programs", err.Error(), "install OIBus again: the archive with install, or the package of the system")
		return
	}
	a.add(good, "programs", "complete, in "+i.Programs, "")
}

func (a *doctorAnswer) settings(i instance) {
	_, err := os.Stat(i.Settings)
	if errors.Is(err, os.ErrNotExist) && filepath.Dir(i.Settings) == i.Data {
		a.add(good, "settings", "there is no settings file: everything is as the page says", "")
		return
	}
	if err == nil {
		_, err = options.Load(i.Settings)
	}
	if err != nil {
		a.add(problem, "settings", err.Error(), "correct the line and restart the service")
		return
	}
	a.add(good, "settings", i.Settings, "")
}

func (a *doctorAnswer) service(s instanceStatus) {
	switch {
	case s.Service == "":
		a.add(good, "service", "not asked for: it runs without one", "")
	case s.State.State == platform.ServiceAbsent:
		a.add(problem, "service", fmt.Sprintf("there is no service %q", s.Service), "oibus-installer install registers it again")
	case s.State.State == platform.ServiceFailed:
		a.add(problem, "service", s.serviceLine()+": "+s.State.Detail, "see the log, then oibus-installer start")
	case s.State.State != platform.ServiceRunning:
		a.add(problem, "service", s.serviceLine(), "oibus-installer start")
	case !s.State.AtBoot:
		a.add(warning, "service", s.serviceLine(), "oibus-installer install lets it start with the machine")
	default:
		a.add(good, "service", s.serviceLine(), "")
	}
}

func (a *doctorAnswer) folder(m machine, i instance) {
	free, _, err := platform.DiskFree(existing(i.Data))
	switch {
	case err != nil:
		a.add(problem, "data", err.Error(), "")
	case free < lowSpace:
		a.add(warning, "data", fmt.Sprintf("only %d MB are free for %s", free>>20, i.Data), "make room: collected data waits there, and an upgrade needs a copy of it")
	default:
		a.add(good, "data", fmt.Sprintf("%d MB are free for %s", free>>20, i.Data), "")
	}
	var damaged []string
	err = m.AsOwner(existing(i.Data), func() (err error) {
		damaged, err = filepath.Glob(filepath.Join(i.Data, "*", "*.corrupt-*"))
		return err
	})
	if err == nil && len(damaged) > 0 {
		a.add(warning, "data", fmt.Sprintf("%d files were found damaged and put aside, the newest is %s", len(damaged), damaged[len(damaged)-1]),
			"the log says what took their place; check the disk, then delete them")
	}
}

func (a *doctorAnswer) page(s instanceStatus) {
	if s.Answers {
		a.add(good, "page", s.Page, "")
		return
	}
	for _, p := range s.Problems {
		a.add(problem, "state", p, "")
	}
	text, advice := s.Page+" does not answer", "see the log of the service"
	if s.State.State != platform.ServiceRunning && !portFree(s.Page) {
		text, advice = s.Page+" is used by another program", "stop that one, or choose another port in "+s.Settings
	}
	a.add(problem, "page", text, advice)
}

// portFree says whether nothing listens where the page should be.
func portFree(page string) bool {
	address, err := hostOf(page)
	if err != nil {
		return true
	}
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return true
	}
	_ = c.Close()
	return false
}

func (a *doctorAnswer) registration(ctx context.Context, s instanceStatus) {
	r := s.Registration
	if r == nil || r.Host == "" {
		a.add(warning, "registration", "not registered with OIAnalytics", "oibus-installer register --host URL")
		return
	}
	switch r.Status {
	case "REGISTERED":
		a.add(good, "registration", s.registrationLine(), "")
	case "PENDING":
		a.add(warning, "registration", s.registrationLine(), "")
	default:
		a.add(warning, "registration", s.registrationLine(), "oibus-installer register --host "+r.Host)
	}
	address, err := hostOf(r.Host)
	if err == nil {
		var c net.Conn
		d := net.Dialer{Timeout: connectLimit}
		if c, err = d.DialContext(ctx, "tcp", address); err == nil {
			err = c.Close()
		}
	}
	if err != nil {
		a.add(warning, "network", fmt.Sprintf("%s cannot be reached directly: %v", r.Host, err), "that is as it should be behind a proxy; else check the firewall and the name server")
		return
	}
	a.add(good, "network", r.Host+" can be reached", "")
}

func (a *doctorAnswer) upgrades(m machine, i instance, s instanceStatus) {
	switch {
	case s.Phase != "":
		a.add(warning, "upgrade", "one is under way: "+s.Phase, "")
	case s.Last != nil && s.Last.Outcome != handover.Committed:
		a.add(warning, "upgrade", lastLineOf(s.Last), "")
	default:
		a.add(good, "upgrade", "runs "+s.versionLine(platform.Version), "")
	}
	var rejected []string
	err := m.AsOwner(existing(i.Data), func() (err error) {
		rejected, err = filepath.Glob(filepath.Join(handover.Dir(i.Data), "*.rejected.txt"))
		return err
	})
	if err == nil && len(rejected) > 0 {
		a.add(warning, "upgrade", fmt.Sprintf("packages were rejected: %d", len(rejected)), "read "+rejected[0])
	}
	if !s.FromUpgrade {
		return
	}
	status, err := handover.ReadStatus(i.Data)
	if err == nil && upgrade.Installed(i.Data, status.Upgrades.Running, "") == "" {
		a.add(problem, "upgrade", "the version that should run is damaged: the factory release runs in its place", "install the upgrade again, or oibus-installer rollback")
	}
}

// clock warns about a clock that is plainly wrong: certificates of OIAnalytics are then refused.
func (a *doctorAnswer) clock(m machine) {
	if year := m.Now().Year(); year < 2025 {
		a.add(problem, "clock", "the clock of this machine says the year "+strconv.Itoa(year), "set it: with a wrong clock no secure connection is made")
		return
	}
	a.add(good, "clock", m.Now().Format(time.RFC3339), "")
}
