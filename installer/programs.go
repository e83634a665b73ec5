package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oibus/platform"
)

// programFiles are what an archive holds, relative to its folder, without the extension of programs. The first two must
// be there.
var programFiles = []string{"oibus-launcher", "binaries/oibus", "oibus-installer", "LICENSE", "oibus.toml.example", "oibus-sbom.json"}

const requiredPrograms = 2

// copyPrograms puts the programs of the archive that this one came with where those of the instance shall be, unless
// they are there. It stops the services that use them for the moment, and says whether the one of i must be started.
func (j *installJob) copyPrograms(ctx context.Context, r *registry, i instance) (restart bool, err error) {
	from, err := j.m.Here()
	if err != nil {
		return false, err
	}
	if samePath(from, i.Programs) {
		return false, hasPrograms(i.Programs)
	}
	if err := hasPrograms(from); err != nil {
		return false, fmt.Errorf("run this from the folder of an unpacked archive: %w", err)
	}
	if _, err := os.Stat(filepath.Join(i.Programs, packagedName)); err == nil {
		return false, fmt.Errorf("the programs in %q belong to a package of the system: upgrade them with it, or choose another folder with --programs", i.Programs)
	}
	users, err := j.stopUsers(ctx, r, i)
	if err != nil {
		return false, err
	}
	if err = copyTree(from, i.Programs); err != nil {
		err = fmt.Errorf("cannot copy the programs: %w", err)
	} else {
		linkPrograms(j.m, i.Programs)
	}
	for _, u := range users {
		if u.Name == i.Name && err == nil {
			restart = true
			continue
		}
		err = errors.Join(err, j.m.Start(ctx, u.Service))
	}
	return restart, err
}

// stopUsers stops the running services that use the programs in the folder of i.
func (j *installJob) stopUsers(ctx context.Context, r *registry, i instance) ([]instance, error) {
	var users []instance
	for _, other := range r.all() {
		if !samePath(other.Programs, i.Programs) {
			continue
		}
		p, err := placeOf(ctx, j.m, other)
		if err == nil && p.stays() {
			continue
		}
		var s platform.ServiceStatus
		if err == nil {
			s, err = j.m.Query(ctx, other.Service)
		}
		if err == nil && s.State != platform.ServiceAbsent && s.State != platform.ServiceStopped {
			err = j.m.Stop(ctx, other.Service)
			users = append(users, other)
		}
		if err != nil {
			return users, err
		}
	}
	return users, nil
}

// factoryVersion is the version of the programs of an instance, "" when nothing says it. Those of another folder say it in
// their bill of materials.
func factoryVersion(m machine, i instance) string {
	if here, err := m.Here(); err == nil && platform.SameFolder(here, i.Programs) {
		return platform.Version
	}
	var bill struct {
		Metadata struct {
			Component struct {
				Version string `json:"version"`
			} `json:"component"`
		} `json:"metadata"`
	}
	text, err := readBounded(filepath.Join(i.Programs, "oibus-sbom.json"))
	if err != nil || json.Unmarshal(text, &bill) != nil {
		return ""
	}
	return bill.Metadata.Component.Version
}

func hasPrograms(dir string) error {
	for _, name := range programFiles[:requiredPrograms] {
		if _, err := platform.ExecutableNear(dir, name); err != nil {
			return err
		}
	}
	return nil
}

func copyTree(from, to string) error {
	if err := os.MkdirAll(filepath.Join(to, "binaries"), 0o755); err != nil {
		return err
	}
	for n, name := range slices.Backward(programFiles) { // the launcher last: without installer beside it, it is that of another OIBus
		source := filepath.Join(from, filepath.FromSlash(name))
		program := n < 3
		if path, err := platform.ExecutableNear(from, name); program && err == nil {
			source = path
		}
		err := copyFile(source, filepath.Join(to, filepath.FromSlash(name))+suffixOf(source, program), program)
		if err != nil && !(errors.Is(err, os.ErrNotExist) && n >= requiredPrograms) {
			return err
		}
	}
	return nil
}

func suffixOf(source string, program bool) string {
	if program && strings.HasSuffix(source, ".exe") {
		return ".exe"
	}
	return ""
}

// copyFile replaces a file as a whole, also that of a program that runs.
func copyFile(from, to string, program bool) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.new")
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if program {
		mode = 0o755
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = errors.Join(out.Chmod(mode), out.Sync())
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = replace(out.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// replace renames over a file. A program that runs cannot be replaced on every system, but moved out of the way.
func replace(from, to string) error {
	err := os.Rename(from, to)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return err
	}
	old := to + ".old"
	if e := errors.Join(os.RemoveAll(old), os.Rename(to, old)); e != nil {
		return errors.Join(err, e)
	}
	return os.Rename(from, to)
}
