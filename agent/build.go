package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/command"
	"oibus/agent/config"
	"oibus/agent/connectors"
	"oibus/agent/engine"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/ipfilter"
	"oibus/agent/logging"
	"oibus/agent/message"
	"oibus/agent/metrics"
	"oibus/agent/proxy"
	"oibus/agent/registration"
	"oibus/agent/script"
	"oibus/agent/secret"
	"oibus/agent/settings"
	"oibus/agent/store"
	"oibus/agent/takeover"
	"oibus/agent/transformers"
	"oibus/agent/upgrade"
	"oibus/agent/web"
	"oibus/agent/web/page"
	"oibus/platform"
	"oibus/platform/task"
)

// agent is all the parts of a running agent.
type agent struct {
	*base
	started time.Time
	release func() error // of the lock of the data folder
	managed bool         // a launcher runs this agent
	out     io.Writer
	binary  string
	log     *slog.Logger
	restart chan struct{}
	tasks   *task.Group

	logs         *logging.Hub
	meter        *metrics.Meter
	identity     *settings.Identity
	filters      atomic.Pointer[ipfilter.Rules]
	cloud        *cloud.Client
	registration *registration.Service
	upgrades     *upgrade.Service
	scripts      *script.Pool
	transformers *transformers.Service
	connectors   *connectors.Service
	engine       *engine.Service
	history      *history.Service
	commands     *command.Service
	messages     *message.Service
	proxy        *proxy.Server
	web          *web.Server
	flow         flow
}

// start builds and starts everything. When it fails, what had started is stopped.
func start(ctx context.Context, line config.CommandLine, managed bool, out io.Writer) (_ *agent, err error) {
	release, err := dataDir(line.DataDir)
	if err != nil {
		return nil, err
	}
	a := &agent{started: time.Now(), release: release, managed: managed, out: out, restart: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()
	if err := takeover.Finish(line.DataDir); err != nil {
		return nil, err
	}
	if a.base, err = openBase(line); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		a.openLogs, a.openRegistration, a.openUpgrades, a.openTransformers, a.openDataPlane, a.openCommands, a.openMessages, a.openProxy, a.openWeb, a.connect, a.forgetContact, a.launch,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *agent) openLogs(context.Context) error {
	var err error
	if a.logs, err = logging.Open(filepath.Join(a.line.DataDir, "logs"), logging.Options{Dialect: string(a.config.Dialect)}); err != nil {
		return err
	}
	a.log = a.logs.Logger(logging.Scope{})
	a.applyLogger()
	for _, w := range a.provision.Warnings {
		a.log.Warn(w)
	}
	for _, i := range a.store.Incidents() {
		a.logIncident(i)
	}
	if a.binary, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find the path of this program: %w", err)
	}
	a.meter = metrics.New(time.Now)
	a.identity = settings.NewIdentity(a.line.DataDir, a.hostname, a.reportIncident)
	return a.settings.SetVersions(a.config.Announced, a.line.LauncherVersion)
}

func (a *agent) logIncident(i store.Incident) {
	a.log.Error(fmt.Sprintf("Unusable file %s: %s. %s", i.File, i.Reason, i.Action))
}

// reportIncident records and logs an incident that was found after the start.
func (a *agent) reportIncident(file, reason, action string) {
	a.store.Report(file, reason, action)
	a.logIncident(store.Incident{File: file, Reason: reason, Action: action})
}

// applyLogger puts the logger settings in force.
func (a *agent) applyLogger() {
	engine := a.settings.Engine().Settings
	password, err := a.settings.LokiPassword()
	if err := errors.Join(err, a.logs.Apply(engine.General.Name, engine.Logger, password)); err != nil {
		a.log.Error("The logger settings cannot be applied", "error", err)
	}
}

func (a *agent) openRegistration(context.Context) error {
	pinned, err := a.config.PinnedValues("registration.")
	if err != nil {
		return err
	}
	a.cloud = cloud.New(a.config.Announced)
	a.registration, err = registration.Open(registration.Options{
		Keeper: registration.Document(a.store), Sealer: a.keys, Cloud: a.cloud, Log: a.log,
		Engine: func() (id, name string) {
			e := a.settings.Engine()
			return e.ID, e.Settings.General.Name
		},
		Announced: a.config.Announced, DialectR: a.config.Dialect == config.DialectR,
		CAFile: a.config.String("oianalytics.ca_file"), IgnoreRemoteUpdate: a.line.IgnoreRemoteUpdate,
		Pinned: pinned, PinError: a.config.PinError,
		Print:   func(line string) { fmt.Fprintln(a.out, line) },
		NewKeys: secret.NewExchangeKeys, Decrypt: secret.DecryptExchange,
	})
	return err
}

func (a *agent) openCommands(context.Context) error {
	var err error
	a.commands, err = command.Open(command.Options{
		Journal: command.JournalIn(a.store), Sealer: a.keys, Cloud: a.cloud, Registration: a.registration,
		Log: a.log, Announced: a.config.Announced,
		Deps: command.Deps{
			Engine: a.settings, ScanModes: a.settings, IPFilters: a.settings, Certificates: a.settings,
			Identity: a.registration, Restart: a.askRestart, IgnoreRemoteUpdate: a.line.IgnoreRemoteUpdate,
			Souths: a.connectors, Norths: a.connectors, Connectors: commandEngine{a.engine}, Histories: commandHistories{histories{a.history, a.engine}},
			Transformers: commandTransformers{a.transformers, a.engine},
			Upgrades:     a.upgrades,
		},
	})
	return err
}

func (a *agent) openMessages(context.Context) error {
	a.messages = message.New(message.Options{
		Cloud: a.cloud, Registration: a.registration, Log: a.log, First: a.commands.FirstCycle(),
		Source: message.Source{
			Released: a.config.Dialect == config.DialectR,
			Process: message.Process{
				Architecture: platform.Architecture(), OperatingSystem: platform.OperatingSystem(),
				DataFolder: a.line.DataDir, Binary: a.binary,
				IgnoreIPFilters: a.line.IgnoreIPFilters, IgnoreRemoteUpdate: a.line.IgnoreRemoteUpdate,
			},
			Engine: a.settings.Engine, Registration: a.registration.Entity, ScanModes: a.settings.ScanModes,
			IPFilters: a.settings.IPFilters, Certificates: a.settings.Certificates, Users: a.settings.Users,
			Standard: a.settings.StandardTransformers, Souths: a.connectors.SouthBlocks, Norths: a.connectors.NorthBlocks,
			HistoryQueries: a.history.Blocks, CustomTransformers: a.transformers.Blocks,
		},
	})
	return nil
}

// askRestart ends the process, in order, so that it is started again.
func (a *agent) askRestart() {
	select {
	case a.restart <- struct{}{}:
	default: // asked already
	}
}

func (a *agent) openProxy(context.Context) error {
	a.useFilters()
	a.proxy = proxy.New(proxy.Options{
		Address: a.config.String("proxy.address"), Allowed: a.allowed, VerifyPassword: secret.VerifyPassword,
		Protected: func() []int { return []int{a.settings.Engine().Settings.WebServer.Port} },
		Log:       a.log,
	})
	if err := a.applyProxy(a.settings.Engine().Settings.ProxyServer); err != nil {
		a.log.Error("The forward proxy cannot start", "error", err)
	}
	return nil
}

// useFilters compiles the IP filters as they are now.
func (a *agent) useFilters() {
	var addresses []string
	for _, f := range a.settings.IPFilters() {
		addresses = append(addresses, f.Address)
	}
	a.filters.Store(ipfilter.Compile(addresses))
}

func (a *agent) allowed(ip netip.Addr) bool {
	return a.line.IgnoreIPFilters || a.filters.Load().Allows(ip)
}

func (a *agent) applyProxy(p entity.ProxySettings) error {
	s := proxy.Settings{
		Enabled: p.Enabled, Username: text(p.Username), PasswordHash: text(p.Password),
		Upstream: proxy.Upstream{Enabled: p.Forward.Enabled, URL: text(p.Forward.URL), Username: text(p.Forward.Username)},
	}
	if p.Port != nil {
		s.Port = *p.Port
	}
	var err error
	if s.Upstream.Password, err = a.keys.Open(text(p.Forward.Password)); err != nil {
		return err
	}
	return a.proxy.Apply(s)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *agent) openWeb(context.Context) error {
	certificate, err := a.webCertificate()
	if err != nil {
		return err
	}
	engine := a.settings.Engine()
	released := a.config.Dialect == config.DialectR
	a.web, err = web.New(web.Options{
		Address: a.config.String("web.address"), Port: engine.Settings.WebServer.Port, TLS: certificate,
		AllowedHosts: a.config.Strings("web.allowed_hosts"), Cookie: "oibus-" + engine.ID, Released: released,
		Settings: a.settings, FriendlyName: func(id string) string { return a.settings.UserInfo(id).FriendlyName },
		Registration: a.registration, Registered: func(author func(id string) any) any { return a.registration.View(author) },
		Connectors: a.connectors, Engine: webEngine{a.engine}, Histories: histories{a.history, a.engine}, Transformers: a.webTransformers(),
		Uploads:  filepath.Join(a.line.DataDir, "tmp", "uploads"),
		Commands: storedCommands{a.commands}, Logs: a.logs, Info: a.info, Metrics: engineMetrics{a.meter},
		Prometheus: a.prometheus, Diagnostics: a.diagnostics, Restart: a.askRestart, Upgrades: shownUpgrades{a.upgrades},
		AllowAddress: a.allowed, Signer: a.identity.Signer, Sessions: sessions{a.store},
		Log: a.logs.Logger(logging.Scope{ID: "web-server"}),
	})
	if err != nil {
		return err
	}
	guides := newGuides(a.store)
	site := page.New(page.Options{
		Session: a.web, User: a.settings.User, Overview: a.overview, Certificate: a.settings.Certificate,
		Pinned: a.settings.Pinned, PinnedKey: a.pinnedKey,
		FirstPasswordFile: a.firstPasswordFile, Installed: installed, Log: a.log,
		GuideOff: guides.isOff, TurnGuideOff: guides.turnOff,
	})
	a.web.Mount(site.Routes()...)
	a.web.NotFoundPage(site.NotFound)
	return nil
}

// pinnedKey is the key of the settings file that decides the setting at path, "" when none does.
func (a *agent) pinnedKey(path string) string {
	pin, _ := a.config.Pinned(path)
	return pin.Key
}

func (a *agent) firstPasswordFile() string {
	if !a.settings.HasFirstPassword() {
		return ""
	}
	return a.settings.FirstPasswordFile()
}

// webCertificate is the certificate of the page, nil for plain HTTP.
func (a *agent) webCertificate() (*tls.Config, error) {
	log := a.logs.Logger(logging.Scope{ID: "web-server"})
	if file := a.config.String("web.tls_certificate"); file != "" {
		c, err := web.LoadCertificate(file, a.config.String("web.tls_key"), log)
		if err != nil {
			return nil, &config.Error{File: a.config.File, Text: fmt.Sprintf(`"web.tls_certificate" and "web.tls_key": %v`, err)}
		}
		return c.Config(), nil
	}
	if !a.config.Bool("web.tls_generated") {
		return nil, nil
	}
	names := append([]string{"localhost", "127.0.0.1", "::1", a.hostname}, a.config.Strings("web.allowed_hosts")...)
	if ip := net.ParseIP(a.config.String("web.address")); ip != nil && !ip.IsUnspecified() {
		names = append(names, ip.String())
	}
	c, err := web.GeneratedCertificate(filepath.Join(a.line.DataDir, "secrets"), names, log)
	if err != nil {
		return nil, err
	}
	return c.Config(), nil
}

// launch starts what runs: the page first, so that nothing that waits for the cloud holds it up.
func (a *agent) launch(ctx context.Context) error {
	background := context.WithoutCancel(ctx) // parts end in the order of stop, not all at once
	a.tasks = task.New(background, func(name string, err error) { a.log.Error("task ended", "task", name, "error", err) })
	if err := a.web.Start(background); err != nil {
		return err
	}
	if err := a.forgetProvision(); err != nil {
		return err
	}
	a.tasks.Go("metrics", a.meter.Run)
	a.tasks.Go("identity", func(context.Context) error { return a.identity.Make() })
	a.tasks.Go("health log", a.logHealth)
	a.tasks.Go("disk reserve", a.keepReserve)
	a.tasks.Go("memory", trimMemory)
	a.tasks.Go("contact", a.noteContact)
	a.engine.Start(background)
	a.history.Start(background)
	a.registration.Start(background)
	a.commands.Start(background)
	a.messages.Start(background)
	a.greet()
	return nil
}

// forgetProvision deletes the provisioning file, whose password is stored by now.
func (a *agent) forgetProvision() error {
	if a.provision.FromFile == "" {
		return nil
	}
	if err := os.Remove(a.provision.FromFile); err != nil {
		return fmt.Errorf("cannot delete the provisioning file, which holds a password: %w", err)
	}
	return nil
}

// greet tells the person at the terminal where the page is, and the first password when only that person sees it.
func (a *agent) greet() {
	fmt.Fprintf(a.out, "OIBus %s is ready: admin page on %s\n", platform.Version, a.web.URL())
	if !a.settings.HasFirstPassword() {
		return
	}
	login, password, err := a.settings.FirstPassword()
	switch {
	case err != nil:
		a.log.Error("The first password cannot be read", "error", err)
	case isTerminal(a.out):
		fmt.Fprintf(a.out, "First user: %s, password: %s (also in %s until it is changed)\n", login, password, a.settings.FirstPasswordFile())
	default:
		fmt.Fprintf(a.out, "First user: %s, its password is in %s until it is changed\n", login, a.settings.FirstPasswordFile())
	}
}

// stop stops the parts in the reverse order of what depends on what.
func (a *agent) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	var errs []error
	if a.web != nil {
		errs = append(errs, a.web.Close(ctx))
	}
	if a.commands != nil {
		errs = append(errs, a.commands.Stop(left(ctx)))
	}
	if a.connectors != nil {
		errs = append(errs, a.stopDataPlane(ctx))
	}
	errs = append(errs, a.stopTransformers()) // after what uses them
	if a.messages != nil {
		errs = append(errs, a.messages.Stop(left(ctx)))
	}
	if a.registration != nil {
		errs = append(errs, a.registration.Stop(left(ctx)))
	}
	if a.proxy != nil {
		errs = append(errs, a.proxy.Close(ctx))
	}
	if a.tasks != nil {
		a.tasks.Stop() // making the identity may take seconds and leaves nothing half-written: it is not waited for
	}
	if a.logs != nil {
		for _, err := range errs {
			if err != nil {
				a.log.Error("A part of OIBus did not stop in order", "error", err)
			}
		}
		errs = append(errs, a.logs.Close(ctx))
	}
	return errors.Join(append(errs, a.release())...)
}

// left is the time until ctx is over.
func left(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline)
}
