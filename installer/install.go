package installer

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"oibus/platform"
)

const (
	// provisionName is what a first start begins with (protocol/control-plane.md, section 11.4).
	provisionName = "oibus.init.json"
	// readyLimit is how long a started OIBus may take to answer.
	readyLimit = time.Minute
)

// firstToml is the settings file of a new instance. It does not change from version to version, so that no package of
// the system ever has to ask what to do about a file that a person has changed.
//
//go:embed first.toml
var firstToml []byte

var installVerb = verb{
	name: "install", args: "", summary: "install OIBus from an unpacked archive as a service, or add a named instance",
	help: `
Copies the programs to where programs belong, makes the data folder and the settings file, registers the service, starts
it and waits until it answers. Done again, it brings the service up to date, and an archive of a newer version replaces
the programs: data, settings and what you did not name stay. The first user is admin with a random password, which is
shown at the end and kept in a file in the data folder until it is changed; or provide one:

  sudo ./oibus-installer install
  sudo ./oibus-installer install --host https://site.oianalytics.com --register
  sudo oibus-installer install --instance line4 --port 2230 --ask-admin-password
  sudo oibus-installer install --instance line5 --admin-password-file /etc/oibus/first-password --json

With a name it is one more OIBus beside those of this machine, with folders, port and service of its own; what another
one has is refused. The packages of the system (deb, rpm, MSI) have done all that for the one without a name.

With --switch-from it takes the place of an OIBus 3.8 of this machine, whose data folder is named: it looks at everything
first, stops that OIBus, brings its site over, starts in its place on its port, and waits until OIAnalytics has answered.
When anything fails, all becomes as it was, the other OIBus runs again, and the answer says why. A lost connection
does not end it; after a power cut the same command goes on. The data of the other OIBus is not changed: --switch-back
gives it its place again, also weeks later. See what would come over before, with import --dry-run. After a package,
the same command does it, too.

  sudo ./oibus-installer install --switch-from /opt/OIBusData
  sudo oibus-installer install --switch-back`,
	setup: func(o *flag.FlagSet) action {
		j := installJob{m: realMachine{}}
		j.options(o)
		other := switchJob{installJob: &j, show: os.Stderr}
		back := other.options(o)
		return func(ctx context.Context, args []string) (answer, error) {
			if err := errors.Join(none(args), other.misused(*back)); err != nil {
				return nil, err
			}
			switch {
			case *back:
				return other.back(ctx)
			case other.from != "":
				return other.run(ctx)
			}
			return j.run(ctx)
		}
	},
}

// installJob is what the command line says of an instance to install.
type installJob struct {
	m                        machine
	name                     string
	data, settings, programs string
	port                     int
	wrongPort                string // what stood in its place
	host                     string
	register                 bool
	engineName, adminUser    string
	password                 *secretSource
	noStart                  bool
	byMSI                    bool // Windows Installer copies the programs and registers the service
}

func (j *installJob) options(o *flag.FlagSet) {
	o.StringVar(&j.name, "instance", "", "`NAME` of a further instance")
	o.StringVar(&j.data, "config", "", "data `FOLDER` (default: the usual one of this system)")
	o.StringVar(&j.settings, "settings", "", "settings `FILE` (default: the usual one of this system)")
	o.StringVar(&j.programs, "programs", "", "`FOLDER` for the programs (default: the usual one, or where a package has put them)")
	o.Func("port", "`PORT` of the admin page, written into the settings file (default: 2223, or the next that no instance has)", func(text string) error {
		number, err := strconv.ParseUint(text, 10, 16)
		switch {
		case text == "": // as the Windows Installer says that nothing was said
		case err != nil || number == 0:
			j.wrongPort = text
		default:
			j.port = int(number)
		}
		return nil
	})
	o.StringVar(&j.host, "host", "", "`URL` of OIAnalytics, remembered for register")
	o.BoolFunc("register", "register with that OIAnalytics at the first start: written into the settings file", func(text string) error {
		j.register = slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(text))
		return nil
	})
	o.StringVar(&j.engineName, "engine-name", "", "`NAME` that OIAnalytics shows, for the first start")
	o.StringVar(&j.adminUser, "admin-user", "", "`NAME` of the first user, for the first start (default: admin)")
	j.password = secretOptions(o, "admin-password", "the password of the first user", "OIBUS_ADMIN_PASSWORD")
	o.BoolVar(&j.noStart, "no-start", false, "register the service without starting it")
	// Only the Windows Installer uses these: it copies the programs and registers the service by itself.
	o.BoolVar(&j.byMSI, "msi", false, hiddenOption)
	o.StringVar(&j.password.given, "msi-admin-password", "", hiddenOption)
}

// wanted is the instance as the command line and what is there already say.
func (j *installJob) wanted() (instance, error) {
	i, err := newInstance(j.m.Folders(), j.name)
	if err != nil {
		return i, err
	}
	if j.data != "" {
		if i.Data, err = filepath.Abs(j.data); err != nil {
			return i, err
		}
		if j.m.Folders().Settings == "" {
			i.Settings = filepath.Join(i.Data, settingsName)
		}
	}
	if j.settings != "" {
		if i.Settings, err = filepath.Abs(j.settings); err != nil {
			return i, err
		}
	}
	if i.Programs, err = j.programFolder(i.Programs); err != nil {
		return i, err
	}
	i.Host = j.host
	if j.byMSI {
		i.ManagedBy = byMSI
	}
	for _, path := range []string{i.Data, i.Settings, i.Programs} {
		if strings.ContainsAny(path, j.m.Folders().Unfit) {
			return i, badUsage("the path %q has a character that a service definition cannot hold", path)
		}
	}
	return i, nil
}

// programFolder is where the programs shall be: where they are, when a package or an installation has put them there, else
// the usual folder, or one beside it when that one has those of another OIBus.
func (j *installJob) programFolder(usual string) (string, error) {
	if j.programs != "" {
		if strangePrograms(j.programs) {
			return "", badUsage("the programs in %s are those of another OIBus: choose another folder with --programs", j.programs)
		}
		return filepath.Abs(j.programs)
	}
	here, err := j.m.Here()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(here, packagedName)); err == nil || j.byMSI {
		return here, nil
	}
	if !samePath(here, usual) && strangePrograms(usual) {
		return usual + "-go", nil
	}
	return usual, nil
}

func (j *installJob) run(ctx context.Context) (answer, error) {
	if err := j.check(); err != nil {
		return nil, err
	}
	password, err := j.password.read()
	if err != nil {
		return nil, err
	}
	i, err := j.wanted()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(j.m.Administrator(), j.m.HasServiceManager()); err != nil {
		return nil, err
	}
	return alone(j.m, "installing "+i.label(), func() (answer, error) { return j.add(ctx, i, password) })
}

// add looks at what is there, and does it.
func (j *installJob) add(ctx context.Context, i instance, password string) (answer, error) {
	r, err := openRegistry(j.m)
	if err != nil {
		return nil, err
	}
	before, known := r.named(i.Name)
	if known {
		i = j.keep(i, before)
	}
	if i.ManagedBy != byMSI {
		if err := j.taken(ctx, i, known); err != nil {
			return nil, err
		}
	}
	port, err := j.choosePort(ctx, r, i, known)
	if err != nil {
		return nil, err
	}
	return j.carryOut(ctx, r, i, port, password)
}

func (j *installJob) check() error {
	if j.wrongPort != "" {
		return badUsage("the port is %q, it must be from 1 to 65535", j.wrongPort)
	}
	if j.register && j.host == "" {
		return badUsage("--register needs --host, the URL of OIAnalytics")
	}
	return checkHost(j.host)
}

func checkHost(host string) error {
	if host == "" {
		return nil
	}
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return badUsage("the host is the URL of OIAnalytics, such as https://site.oianalytics.com, not %q", host)
	}
	return nil
}

// keep lets what an instance has stay unless something else is said.
func (j *installJob) keep(i, before instance) instance {
	if j.data == "" {
		i.Data, i.Settings = before.Data, before.Settings
	}
	if j.settings == "" && j.data == "" {
		i.Settings = before.Settings
	}
	if j.programs == "" && !j.byMSI {
		i.Programs = before.Programs
	}
	if j.host == "" {
		i.Host = before.Host
	}
	if before.ManagedBy == byPackage || i.ManagedBy == "" {
		i.ManagedBy = before.ManagedBy
	}
	i.Service = before.Service
	return i
}

// carryOut does it, in an order in which it can be done again after each step.
func (j *installJob) carryOut(ctx context.Context, r *registry, i instance, port int, password string) (answer, error) {
	a := &installAnswer{instance: i}
	fresh, err := freshData(j.m, i.Data)
	if err != nil {
		return nil, err
	}
	if password != "" && !fresh {
		return nil, fmt.Errorf("%s has users already: change the password with oibus-installer reset-password", i.label())
	}
	if err := j.m.EnsureUser(ctx, j.m.Folders().Data); err != nil {
		return nil, err
	}
	if err := j.m.GiveFolder(i.Data, i.Service); err != nil {
		return nil, err
	}
	restart, err := j.copyPrograms(ctx, r, i)
	if err != nil {
		return nil, err
	}
	if err := j.writeSettings(i, port); err != nil {
		return nil, err
	}
	if err := j.provision(i, fresh, password); err != nil {
		return nil, err
	}
	if err := r.put(i); err != nil {
		return nil, err
	}
	if err := j.service(ctx, i, restart); err != nil {
		return nil, err
	}
	return a, j.describe(ctx, a)
}

// service registers the service and starts it, or starts it again when its programs or settings have changed.
func (j *installJob) service(ctx context.Context, i instance, restart bool) error {
	switch i.ManagedBy {
	case byMSI:
		return nil
	case byPackage:
		if err := j.m.Enable(ctx, i.Service); err != nil {
			return err
		}
	default:
		if err := j.m.Install(ctx, serviceSpec(i)); err != nil {
			return err
		}
	}
	if j.noStart {
		return nil
	}
	s, err := j.m.Query(ctx, i.Service)
	if err != nil {
		return err
	}
	if s.State == platform.ServiceRunning || restart {
		return j.m.Restart(ctx, i.Service)
	}
	return j.m.Start(ctx, i.Service)
}

func serviceSpec(i instance) platform.ServiceSpec {
	display := "OIBus"
	if i.Name != "" {
		display += " " + i.Name
	}
	if strings.HasSuffix(i.Service, apartSuffix) {
		display = i.Service // the usual one is the name of another service
	}
	return platform.ServiceSpec{
		Name: i.Service, DisplayName: display, Description: "Collects data of machines and sends it to OIAnalytics.",
		Program: filepath.Join(i.Programs, "oibus-launcher"+programSuffix(i.Programs)), Unit: unitText(i),
		Args: []string{"--config", i.Data, "--settings", i.Settings, "--service"},
	}
}

// programSuffix is the extension that the programs in a folder have.
func programSuffix(programs string) string {
	if _, err := os.Stat(filepath.Join(programs, "oibus-launcher.exe")); err == nil {
		return ".exe"
	}
	return ""
}
