package installer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"oibus/platform"
)

// place is what the service of an instance's name really is: an OIBus 3.8 has the same name, and so have two
// installations of this one, of a package and of an archive.
type place struct {
	program string // that it runs
	foreign bool   // neither our data nor our programs: somebody else's
	other   string // folder of the programs of another installation, which works on our data
}

// placeOf asks the service manager. Without a service there is nothing in the place.
func placeOf(ctx context.Context, m machine, i instance) (place, error) {
	if i.Service == "" {
		return place{}, nil
	}
	d, err := m.Definition(ctx, i.Service)
	if err != nil || d.Program == "" {
		return place{}, err
	}
	p, folder := place{program: d.Program}, filepath.Dir(d.Program)
	switch {
	case platform.SameFolder(folder, i.Programs) && !strangePrograms(folder):
	case d.LeadsTo(i.Data):
		p.other = folder
	default:
		p.foreign = true
	}
	return p, nil
}

// strangePrograms says that a folder has the programs of another OIBus, of which one has no installer beside its launcher:
// OIBus 3.8 on Windows is by default where ours would be.
func strangePrograms(folder string) bool {
	if _, err := platform.ExecutableNear(folder, "oibus-launcher"); err != nil {
		return false
	}
	_, err := platform.ExecutableNear(folder, "oibus-installer")
	return err != nil
}

// stays says that what is in the place is not ours to stop, to start or to take away.
func (p place) stays() bool { return p.foreign || p.packaged() }

// packaged says that a package of the system has brought the other installation.
func (p place) packaged() bool {
	if p.other == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(p.other, packagedName))
	return err == nil
}

// inhabited says that the other installation is there, and not only what a removed one has left in the service manager.
func (p place) inhabited() bool {
	if p.other == "" {
		return false
	}
	_, err := os.Stat(p.program)
	return err == nil
}

// foreignError says whose the service is, and what to do.
func (p place) foreignError(i instance) error {
	return fmt.Errorf("the service %q is that of another program, %s: %s", i.Service, p.program, foreignAdvice)
}

const foreignAdvice = "to take the place of an OIBus 3.8 use oibus-installer install --switch-from with its data folder, else give this one a name with oibus-installer install --instance"

// ours demands that the service of an instance is not that of another program, before anything is done to it.
func ours(ctx context.Context, m machine, i instance) error {
	p, err := placeOf(ctx, m, i)
	if err == nil && p.foreign {
		err = p.foreignError(i)
	}
	return err
}

// taken says that the service of an instance would take the place of one that is not ours, or of another installation of
// the same data.
func (j *installJob) taken(ctx context.Context, i instance, known bool) error {
	p, err := placeOf(ctx, j.m, i)
	switch {
	case err != nil:
		return err
	case p.foreign:
		return p.foreignError(i)
	case p.packaged():
		return fmt.Errorf("the service %q is that of a package of the system, with the programs in %s: upgrade it with that package, or remove the package first (%s) and install this then; the data stays. One more beside it has a name: --instance NAME",
			i.Service, p.other, removal(instance{ManagedBy: byPackage}))
	case p.inhabited() && (!known || i.ManagedBy == byPackage):
		return fmt.Errorf("the service %q runs the programs in %s: remove that installation first with %s uninstall, which keeps the data",
			i.Service, p.other, filepath.Join(p.other, "oibus-installer"))
	}
	return nil
}
