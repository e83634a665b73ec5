package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

var uninstallVerb = verb{
	name: "uninstall", args: "", summary: "remove the service; data and settings stay unless you say otherwise",
	help: `
Stops the service and removes its registration. What OIBus has collected and its settings stay, so that install brings
it back as it was; --remove-data deletes them, without a way back. The programs go with the last instance that uses them.
It also removes what is left after a switch that was taken back, or with --remove-data after an earlier uninstall.
One that a package of the system has installed is removed with that package (apt remove oibus, rpm -e oibus, Settings >
Apps), its further instances with this.

  sudo oibus-installer uninstall
  sudo oibus-installer uninstall --instance line4 --remove-data`,
	setup: func(o *flag.FlagSet) action {
		j := uninstallJob{m: realMachine{}}
		o.StringVar(&j.name, "instance", "", "`NAME` of the instance, when there are several on this machine")
		o.BoolVar(&j.removeData, "remove-data", false, "delete its data and settings, too")
		o.BoolVar(&j.byMSI, "msi", false, hiddenOption)
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return j.run(ctx)
		}
	},
}

type uninstallJob struct {
	m                 machine
	name              string
	removeData, byMSI bool // byMSI: Windows Installer removes the service and the programs
}

func (j uninstallJob) run(ctx context.Context) (answer, error) {
	if err := j.m.Administrator(); err != nil {
		return nil, err
	}
	return alone(j.m, "removing "+(instance{Name: j.name, Service: "-"}).label(), func() (answer, error) { return j.remove(ctx) })
}

func (j uninstallJob) remove(ctx context.Context) (answer, error) {
	i, err := (&target{name: j.name}).find(j.m)
	var absent *absentError
	if errors.As(err, &absent) && !j.byMSI {
		return j.leftovers(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if i.ManagedBy != "" && !j.byMSI {
		return nil, fmt.Errorf("a package of the system has installed %s: remove it with that package: %s", i.label(), removal(i))
	}
	p, err := placeOf(ctx, j.m, i)
	if err != nil {
		return nil, err
	}
	a := uninstallAnswer{instance: i, DataRemoved: j.removeData}
	switch {
	case j.byMSI:
	case p.stays():
		a.ServiceStays = p.program
		if p.packaged() && j.removeData {
			return nil, fmt.Errorf("the programs in %s use the data in %s: leave out --remove-data, or remove that package first: %s", p.other, i.Data, removal(instance{ManagedBy: byPackage}))
		}
	default:
		if err := j.m.Remove(ctx, i.Service); err != nil {
			return nil, err
		}
	}
	if j.removeData {
		if err := removeData(i); err != nil {
			return nil, err
		}
	}
	r, err := openRegistry(j.m)
	if err == nil {
		err = r.remove(i.Name)
	}
	if err == nil && !j.byMSI {
		a.ProgramsRemoved, err = removePrograms(r, i)
	}
	if s, e := readSwitch(j.m, i.Name); e == nil && s != nil {
		a.OldService = s.Old.Name
	}
	if dir := j.m.Folders().Settings; j.removeData && dir != "" {
		_ = os.Remove(dir) // fails when something else is in it
	}
	return a, err
}

// leftovers removes what lies in the usual folders of an instance that is none any more: after an uninstall that kept the
// data, or when a switch from another OIBus was taken back. What something else uses stays.
func (j uninstallJob) leftovers(ctx context.Context, absent error) (answer, error) {
	i, err := newInstance(j.m.Folders(), j.name)
	if err != nil {
		return nil, err
	}
	r, err := openRegistry(j.m)
	if err != nil {
		return nil, err
	}
	p, err := placeOf(ctx, j.m, i)
	if err != nil {
		return nil, err
	}
	_, state := os.Stat(filepath.Join(i.Data, "state"))
	_, old := os.Stat(filepath.Join(i.Data, "oibus.db"))
	_, packaged := os.Stat(filepath.Join(i.Programs, packagedName))
	data := state == nil && old != nil // that of an OIBus 3.8 is not ours
	if p.program != "" && !p.foreign || r.conflict(i, 0) != nil || packaged == nil || !(data && j.removeData) && hasPrograms(i.Programs) != nil {
		return nil, absent
	}
	a := uninstallAnswer{instance: i, Leftover: true, DataRemoved: j.removeData && data}
	if a.DataRemoved {
		if err := removeData(i); err != nil {
			return nil, err
		}
	}
	a.ProgramsRemoved, err = removePrograms(r, i)
	if dir := j.m.Folders().Settings; j.removeData && dir != "" {
		_ = os.Remove(dir) // fails when something else is in it
	}
	return a, err
}

// removal is how a package of the system is removed.
func removal(i instance) string {
	if i.ManagedBy == byMSI {
		return "in Settings > Apps, or with msiexec /x and the MSI"
	}
	return "apt remove oibus, or dnf remove oibus"
}

// removeData deletes the data folder and the settings file, and the folders above them that are empty then.
func removeData(i instance) error {
	if err := errors.Join(os.RemoveAll(i.Data), removeIfThere(i.Settings)); err != nil {
		return fmt.Errorf("cannot remove the data: %w", err)
	}
	for _, dir := range []string{filepath.Dir(i.Data), filepath.Dir(i.Settings)} {
		if name := filepath.Base(dir); name == "oibus-instances" || name == "instances" {
			_ = os.Remove(dir) // fails when something else is in it
		}
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// removePrograms deletes the programs that install has copied, when no instance uses them any more. This program itself
// may be one that cannot be deleted while it runs: it then stays.
func removePrograms(r *registry, i instance) (bool, error) {
	for _, other := range r.all() {
		if samePath(other.Programs, i.Programs) {
			return false, nil
		}
	}
	if !samePath(i.Programs, r.m.Folders().Programs) {
		return false, nil // an archive that somebody unpacked, or a package
	}
	unlinkPrograms(r.m, i.Programs)
	if err := os.RemoveAll(i.Programs); err != nil && hasPrograms(i.Programs) == nil {
		return false, fmt.Errorf("cannot remove the programs: %w", err)
	}
	return true, nil
}

type uninstallAnswer struct {
	instance
	DataRemoved     bool   `json:"dataRemoved"`
	ProgramsRemoved bool   `json:"programsRemoved"`
	Leftover        bool   `json:"leftover,omitempty"`     // there was no service any more
	ServiceStays    string `json:"serviceStays,omitempty"` // program of the service of that name, which is another one's
	// OldService is that of the OIBus 3.8 whose place this one had taken.
	OldService string `json:"oldService,omitempty"`
}

func (a uninstallAnswer) text() string {
	text := "Removed: the service " + a.Service + " of " + a.label() + "\n"
	if a.Leftover {
		text = "Removed: what was left of " + a.label() + "\n"
	}
	if a.ServiceStays != "" {
		text = "Removed: " + a.label() + "; the service " + a.Service + " stays, it is that of " + a.ServiceStays + "\n"
	}
	if a.OldService != "" {
		text += "The OIBus 3.8 whose place it had taken does not run: oibus-installer install --switch-back starts it, here or from an archive.\n"
	}
	if a.DataRemoved {
		return text + "Its data and settings are deleted.\n"
	}
	return text + lines("data stays", a.Data, "settings stay", a.Settings)
}
