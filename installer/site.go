package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oibus/platform"
)

// site is what an import brings from another OIBus, in the words of the agent that imports.
type site struct {
	From    string     `json:"from"`
	Version string     `json:"version"`
	To      string     `json:"to"`
	DryRun  bool       `json:"dryRun"`
	Lines   []siteLine `json:"lines"`
	Changes []struct {
		What   string `json:"what"`
		Reason string `json:"reason"`
	} `json:"changes"`
	Cache struct {
		Contents int   `json:"contents"`
		Bytes    int64 `json:"bytes"`
	} `json:"cache"`
	Registered bool     `json:"registered"`
	Host       string   `json:"host"`
	Port       int      `json:"port"`
	Occupied   bool     `json:"occupied"`
	Paths      []string `json:"paths"`           // outside of the data folder, that connectors use
	Aside      string   `json:"aside,omitempty"` // folder of what was there before
}

type siteLine struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	Note  string `json:"note,omitempty"`
}

func (s *site) text() string {
	var b strings.Builder
	head := "Brought over"
	if s.DryRun {
		head = "Would be brought over"
	}
	fmt.Fprintf(&b, "%s from OIBus %s in %s:\n\n", head, s.Version, s.From)
	for _, l := range s.Lines {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-28s%8d  %s", l.What, l.Count, l.Note), " ") + "\n")
	}
	fmt.Fprintf(&b, "  %-28s%8d  %.1f MB, waiting, in error and archived\n", "contents of caches", s.Cache.Contents, float64(s.Cache.Bytes)/1e6)
	b.WriteString("\nNot as it was:\n  the page: it answers on this machine only, until [web] address in the settings says otherwise\n" +
		"  the service: it has not the rights of an administrator, and must be let into what connectors use outside of its data folder\n")
	for _, c := range s.Changes {
		fmt.Fprintf(&b, "  %s: %s\n", c.What, c.Reason)
	}
	if s.Occupied {
		b.WriteString("\n" + s.To + " has a configuration: --replace puts it aside.\n")
	}
	if s.Aside != "" {
		b.WriteString("\nWhat " + s.To + " had before is in " + s.Aside + ", contents that were not sent, too.\n")
	}
	return b.String()
}

// foreseen is what a dry run answers.
type foreseen struct{ *site }

func (f foreseen) text() string {
	if len(f.Paths) == 0 {
		return f.site.text()
	}
	return f.site.text() + "\n" + pathsText(f.site)
}

// agentProgram is the agent in a folder of programs.
func agentProgram(programs string) (string, error) {
	return platform.ExecutableNear(programs, "binaries/oibus")
}

// foresee says what an import into an instance would bring. It changes nothing, and the other OIBus may run.
func foresee(ctx context.Context, m machine, i instance, from string) (*site, error) {
	here, err := m.Here()
	if err != nil {
		return nil, err
	}
	program, err := agentProgram(here)
	if err != nil {
		program, err = agentProgram(i.Programs)
	}
	if err != nil {
		return nil, err
	}
	return askForSite(ctx, m, "", program, "import", "--dry-run", "--json", "--from", from, "--config", i.Data)
}

// bringOver imports: all of it is there afterwards, or nothing. It belongs to the service.
func bringOver(ctx context.Context, m machine, i instance, from, key string, replace bool) (*site, error) {
	program, err := agentProgram(i.Programs)
	if err != nil {
		return nil, err
	}
	args := []string{"import", "--json", "--from", from, "--config", i.Data, "--key", key}
	if replace {
		args = append(args, "--replace")
	}
	return askForSite(ctx, m, i.Data, program, args...)
}

func askForSite(ctx context.Context, m machine, dir, program string, args ...string) (*site, error) {
	out, err := m.Import(ctx, dir, program, args...)
	if err != nil {
		return nil, err
	}
	var s site
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return nil, fmt.Errorf("cannot understand what the import says: %w", err)
	}
	return &s, nil
}

// takeBack undoes an import of that key, if there is one. What an agent has collected since is kept when asked for, in a
// folder that is returned.
func takeBack(ctx context.Context, m machine, i instance, key string, keep bool) (kept string, err error) {
	if _, err := os.Stat(i.Data); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	program, err := agentProgram(i.Programs)
	if err != nil {
		if _, there := os.Lstat(filepath.Join(i.Data, "imported.json")); errors.Is(there, os.ErrNotExist) {
			return "", nil // without it nothing was imported
		}
		return "", err
	}
	args := []string{"import", "--undo", "--json", "--config", i.Data, "--key", key}
	if keep {
		args = append(args, "--keep")
	}
	out, err := m.Import(ctx, i.Data, program, args...)
	var u struct {
		Kept string `json:"kept"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &u)
	}
	if err != nil {
		return "", fmt.Errorf("cannot take back what was imported: %w", err)
	}
	return u.Kept, nil
}

// siteImport is what the command line says of an import from another OIBus.
type siteImport struct {
	m               machine
	from            string
	dryRun, replace bool
}

// siteKey names the imports that a person asked for.
const siteKey = "import"

// run imports into an instance, which is stopped for the moment, and takes it back when it does not start with it.
func (j siteImport) run(ctx context.Context, i instance) (answer, error) {
	from, err := filepath.Abs(j.from)
	if err == nil {
		err = apart(from, i)
	}
	if err != nil {
		return nil, err
	}
	if j.dryRun {
		s, err := foresee(ctx, j.m, i, from)
		if err != nil {
			return nil, because(ctx, err)
		}
		return foreseen{s}, nil
	}
	return alone(j.m, "importing "+from, func() (answer, error) { return j.bring(ctx, i, from) })
}

func (j siteImport) bring(ctx context.Context, i instance, from string) (answer, error) {
	if err := j.quiet(ctx, from); err != nil {
		return nil, err
	}
	running, err := pause(ctx, j.m, i)
	if err != nil {
		return nil, err
	}
	a := &siteAnswer{Service: i.Service}
	a.site, err = bringOver(ctx, j.m, i, from, siteKey, j.replace)
	if err == nil && running {
		if err = startAndWait(ctx, j.m, i); err != nil {
			err = errors.Join(fmt.Errorf("it does not start with what was imported, what was there is put back: %w", err), j.withdraw(ctx, i))
		}
	}
	if err != nil {
		if running {
			err = errors.Join(err, j.m.Start(context.WithoutCancel(ctx), i.Service))
		}
		return nil, fmt.Errorf("cannot import %s: %w", from, forbidden(j.m, because(ctx, err)))
	}
	a.Started = running
	return a, nil
}

func (j siteImport) withdraw(ctx context.Context, i instance) error {
	ctx = context.WithoutCancel(ctx)
	if err := j.m.Stop(ctx, i.Service); err != nil {
		return err
	}
	_, err := takeBack(ctx, j.m, i, siteKey, true)
	return err
}

// quiet refuses the data of an OIBus that runs, or will when the machine starts: it would be there beside this one, as the
// same one to the cloud.
func (j siteImport) quiet(ctx context.Context, from string) error {
	if j.m.HasServiceManager() != nil {
		return nil
	}
	list, err := servicesOf(ctx, j.m, from)
	if err != nil {
		return err
	}
	for _, d := range list {
		s, err := j.m.Query(ctx, d.Name)
		if err != nil {
			return err
		}
		if s.State != platform.ServiceStopped && s.State != platform.ServiceFailed {
			return fmt.Errorf("%s belongs to the service %q, which runs: stop and disable it first, or let oibus-installer install --switch-from %s do all that", from, d.Name, from)
		}
		if s.AtBoot {
			return fmt.Errorf("%s belongs to the service %q, which is stopped and starts again with the machine: disable it, too, or let oibus-installer install --switch-from %s do all that", from, d.Name, from)
		}
	}
	return nil
}

// servicesOf lists the services that work on a folder.
func servicesOf(ctx context.Context, m machine, dir string) (list []platform.ServiceDefinition, err error) {
	all, err := m.Definitions(ctx)
	for _, d := range all {
		if d.LeadsTo(dir) {
			list = append(list, d)
		}
	}
	return list, err
}

// siteAnswer says what was imported, and into what.
type siteAnswer struct {
	*site
	Service string `json:"service,omitempty"`
	Started bool   `json:"started"`
}

func (a *siteAnswer) text() string {
	text := a.site.text() + "\n"
	switch {
	case a.Started:
		text += "The service " + a.Service + " was stopped for it and runs again.\n"
	case a.Service != "":
		text += "The service " + a.Service + " did not run: oibus-installer start starts it.\n"
	}
	return text + lines("data", a.To) + pathsText(a.site)
}

// pathsText tells which folders the service must be let into.
func pathsText(s *site) string {
	if len(s.Paths) == 0 {
		return ""
	}
	return "Connectors use what is outside of the data folder. Let the service into it where it is kept away (man oibus):\n  " + strings.Join(s.Paths, "\n  ") + "\n"
}
