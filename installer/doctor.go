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
	"strings"
	"time"

	"oibus/launcher/backup"
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
Looks for what keeps an OIBus from working or from surviving: programs, settings, service, folder and its space, folders
of connectors that the service is kept away from, page, registration, the way to OIAnalytics, upgrades, the clock. Each
line says ok, warning or problem, and what to do. It changes nothing. Exit code 5 says that there is a problem, 7 that
something could not be looked at without more rights.

With --bundle it also makes a zip for who helps: what it has found, the settings without secrets, logs, what lies in the
data folder and how much, and from a running OIBus, its connectors, state and memory. To ask that one it acts as the
first user while the first password is not changed; afterwards name a user and give the password as for register. Only
who makes the file can read it. Secrets are left out, but look into it before you send it: names and addresses are not.

  sudo oibus-installer doctor
  sudo oibus-installer doctor --instance line4 --json
  sudo oibus-installer doctor --bundle oibus-diagnostics.zip --user ops --ask-password`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		j := bundleJob{m: realMachine{}}
		j.options(o)
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			i, err := t.find(j.m)
			if err != nil {
				return nil, err
			}
			if j.file == "" {
				return examine(ctx, j.m, i), nil
			}
			return j.run(ctx, i)
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
	// NeedsRights says that there are checks that were left out for lack of rights.
	NeedsRights bool `json:"needsRights,omitempty"`
	// DropIn are the lines that let the service into what connectors use, DropInFile is where they belong.
	DropIn     []string `json:"dropIn,omitempty"`
	DropInFile string   `json:"dropInFile,omitempty"`
	Bundle     string   `json:"bundle,omitempty"` // the file that was made
	// BundleLacks says why what the running OIBus says of itself is not in it.
	BundleLacks string `json:"bundleLacks,omitempty"`
	code        string // for the activation, which is nobody else's business
}

func (a *doctorAnswer) needsRights() bool { return a.NeedsRights }

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
	if len(a.DropIn) > 0 {
		text += "\nPut this into " + a.DropInFile + ", where upgrades leave it, then: systemctl daemon-reload, and oibus-installer restart\n\n" +
			strings.Join(a.DropIn, "\n") + "\n"
	}
	if a.Bundle != "" {
		text += "\nMade for who helps, and only for the eyes of its owner: " + a.Bundle + "\n"
	}
	if a.BundleLacks != "" {
		text += "It lacks what the running OIBus says of itself: " + a.BundleLacks + "\n"
	}
	return text
}

// hidden says whether a check cannot be made for lack of rights. It is left out then.
func (a *doctorAnswer) hidden(m machine, err error) bool {
	lacks := lacksRights(m, err)
	a.NeedsRights = a.NeedsRights || lacks
	return lacks
}

func (a *doctorAnswer) add(l level, check, text, advice string) {
	a.Findings = append(a.Findings, finding{l, check, text, advice})
}

// examine makes all the checks.
func examine(ctx context.Context, m machine, i instance) *doctorAnswer {
	a := &doctorAnswer{Instance: i}
	a.programs(i)
	a.settings(m, i)
	s := look(ctx, m, i)
	a.NeedsRights = a.NeedsRights || s.NeedsRights
	a.service(s)
	a.folder(m, i)
	a.connectors(ctx, m, i)
	a.page(s)
	a.registration(ctx, s)
	a.upgrades(m, i, s)
	a.clock(m)
	if a.NeedsRights {
		a.add(warning, "rights", "this "+rightsWanted, "what is not told above was not looked at")
	}
	return a
}

func (a *doctorAnswer) programs(i instance) {
	if err := hasPrograms(i.Programs); err != nil {
		a.add(problem, "programs", err.Error(), "install OIBus again: the archive with install, or the package of the system")
		return
	}
	a.add(good, "programs", "complete, in "+i.Programs, "")
}

func (a *doctorAnswer) settings(m machine, i instance) {
	_, err := os.Stat(i.Settings)
	if errors.Is(err, os.ErrNotExist) && filepath.Dir(i.Settings) == i.Data {
		a.add(good, "settings", "there is no settings file: everything is as the page says", "")
		return
	}
	if err == nil {
		_, err = options.Load(i.Settings)
	}
	if a.hidden(m, err) {
		return
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
	case s.OtherProgram != "":
		a.add(problem, "service", s.serviceLine(), foreignAdvice)
	case s.State.State == "": // the problem that was in the way is told
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
	free, _, err := platform.DiskFree(platform.Existing(i.Data))
	switch {
	case a.hidden(m, err):
	case err != nil:
		a.add(problem, "data", err.Error(), "")
	case free < lowSpace:
		a.add(warning, "data", fmt.Sprintf("only %d MB are free for %s", free>>20, i.Data), "make room: collected data waits there, and an upgrade needs a copy of it")
	default:
		a.add(good, "data", fmt.Sprintf("%d MB are free for %s", free>>20, i.Data), "")
	}
	a.aside(m, i, "*/*.corrupt-*", "damaged files were put aside: %d, the newest is %s", "the log says what took their place; check the disk, then delete them")
	a.aside(m, i, backup.RescuedFolder+"/*", "contents that were collected during upgrades that were undone are kept: %d, the newest in %s",
		"the version that runs cannot read it, and nothing sends it on: take out what is needed, then delete it")
}

// aside warns about what was put aside for a person to look at.
func (a *doctorAnswer) aside(m machine, i instance, pattern, text, advice string) {
	var found []string
	err := m.AsOwner(platform.Existing(i.Data), func() (err error) {
		found, err = filepath.Glob(filepath.Join(i.Data, filepath.FromSlash(pattern)))
		return err
	})
	if err == nil && len(found) > 0 {
		a.add(warning, "data", fmt.Sprintf(text, len(found), found[len(found)-1]), advice)
	}
}

func (a *doctorAnswer) page(s instanceStatus) {
	for _, p := range s.Problems {
		a.add(problem, "state", p, "")
	}
	switch {
	case s.OtherAnswers:
		a.add(problem, "page", s.Page+": "+s.otherAnswersText(), "stop that one, or choose another port in "+s.Settings)
		return
	case s.Answers == nil:
		return
	case s.answers():
		a.add(good, "page", s.Page, "")
		return
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
	if !s.registrationKnown {
		return
	}
	if r == nil || r.Host == "" {
		a.add(warning, "registration", "not registered with OIAnalytics", "oibus-installer register --host URL")
		return
	}
	switch r.Status {
	case "REGISTERED":
		a.add(good, "registration", s.registrationLine(), "")
	case "PENDING":
		a.code = r.ActivationCode
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
	case !s.versionsKnown:
	case s.Phase != "":
		a.add(warning, "upgrade", "one is under way: "+s.Phase, "")
	case s.Last != nil && s.Last.Outcome != handover.Committed:
		a.add(warning, "upgrade", lastLineOf(s.Last), "")
	case s.Running == "" && s.fromUpgrade(): // which of the two releases would run, the launcher decides
	case s.Running == "":
		a.add(good, "upgrade", strings.TrimRight("the factory release "+s.Factory, " ")+" would run", "")
	default:
		a.add(good, "upgrade", "runs "+s.versionLine(), "")
	}
	var rejected []string
	err := m.AsOwner(platform.Existing(i.Data), func() (err error) {
		rejected, err = filepath.Glob(filepath.Join(handover.Dir(i.Data), "*.rejected.txt"))
		return err
	})
	if err == nil && len(rejected) > 0 {
		a.add(warning, "upgrade", fmt.Sprintf("packages were rejected: %d", len(rejected)), "read "+rejected[0])
	}
	if !s.fromUpgrade() {
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
