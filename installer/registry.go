package installer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oibus/platform"
)

const (
	registryName = "instances.json"
	// packagedName lies beside the programs of a package of the system and describes the instance that it brings.
	packagedName  = "instance.json"
	registryLevel = 1
	maxRegistry   = 1 << 20
)

// registry is the list of the instances of this machine. It prevents that two share a folder, a port or a service.
type registry struct {
	m        machine
	path     string
	packaged *instance
	list     []instance
}

type registryFile struct {
	Level     int        `json:"level"`
	Instances []instance `json:"instances"`
}

func openRegistry(m machine) (*registry, error) {
	r := &registry{m: m, path: filepath.Join(m.Folders().Registry, registryName)}
	text, err := readBounded(r.path)
	if err == nil {
		r.list, err = decodeRegistry(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot use the list of instances %s: %w", r.path, forbidden(m, err))
	}
	return r, r.findPackaged()
}

func decodeRegistry(text []byte) ([]instance, error) {
	var f registryFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Level != registryLevel {
		return nil, fmt.Errorf("its level is %d, this program knows %d: use the oibus-installer of the newer version", f.Level, registryLevel)
	}
	for _, i := range f.Instances {
		if i.Name != "" && !instanceName.MatchString(i.Name) || i.Data == "" || i.Settings == "" || i.Programs == "" || i.Service == "" {
			return nil, fmt.Errorf("the instance %q is not complete", i.Name)
		}
	}
	return f.Instances, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRegistry {
		return nil, fmt.Errorf("%d bytes are more than the limit of %d", info.Size(), maxRegistry)
	}
	return os.ReadFile(path)
}

// findPackaged reads what a package of the system says beside the programs.
func (r *registry) findPackaged() error {
	here, err := r.m.Here()
	if err != nil {
		return err
	}
	text, err := readBounded(filepath.Join(here, packagedName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var i instance
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", filepath.Join(here, packagedName), err)
	}
	i.ManagedBy, i.Programs = byPackage, here
	r.packaged = &i
	return nil
}

// all lists the instances, that of a package first.
func (r *registry) all() []instance {
	if r.packaged == nil {
		return slices.Clone(r.list)
	}
	p := *r.packaged
	rest := slices.DeleteFunc(slices.Clone(r.list), func(i instance) bool {
		if i.Name == p.Name {
			p.Host = i.Host
		}
		return i.Name == p.Name
	})
	return append([]instance{p}, rest...)
}

func (r *registry) names() []string {
	var names []string
	for _, i := range r.all() {
		names = append(names, nameOf(i))
	}
	return names
}

func nameOf(i instance) string {
	if i.Name == "" {
		return "the one without a name"
	}
	return i.Name
}

func (r *registry) named(name string) (instance, bool) {
	for _, i := range r.all() {
		if i.Name == name {
			return i, true
		}
	}
	return instance{}, false
}

// put adds an instance, or replaces the one of the same name, for good.
func (r *registry) put(i instance) error {
	r.list = append(slices.DeleteFunc(r.list, func(o instance) bool { return o.Name == i.Name }), i)
	return r.save()
}

// remove takes an instance off the list.
func (r *registry) remove(name string) error {
	r.list = slices.DeleteFunc(r.list, func(o instance) bool { return o.Name == name })
	return r.save()
}

func (r *registry) save() error {
	if len(r.list) == 0 {
		if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot write the list of instances: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(registryFile{registryLevel, r.list}, "", "  ")
	if err == nil {
		err = r.m.ProtectFolder(filepath.Dir(r.path))
	}
	if err == nil {
		err = platform.WriteFile(r.path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write the list of instances: %w", err)
	}
	return nil
}

// conflict says which other instance has something that i wants for itself.
func (r *registry) conflict(i instance, port int) error {
	for _, other := range r.all() {
		if other.Name == i.Name {
			continue
		}
		whose := "of " + other.label()
		if other.Name == "" {
			whose = "of the instance without a name"
		}
		switch {
		case strings.EqualFold(other.Service, i.Service):
			return fmt.Errorf("the service %q is that %s", i.Service, whose)
		case nested(other.Data, i.Data):
			return fmt.Errorf("the data folder %q and that %s, %q, lie in each other", i.Data, whose, other.Data)
		case samePath(other.Settings, i.Settings):
			return fmt.Errorf("the settings file %q is that %s", i.Settings, whose)
		case port != 0 && portOf(r.m, other) == port:
			return fmt.Errorf("port %d is that %s: choose another one with --port", port, whose)
		}
	}
	return nil
}

// freePort is the first port from the usual one that no other instance has.
func (r *registry) freePort(name string) int {
	taken := map[int]bool{}
	for _, other := range r.all() {
		if other.Name != name {
			taken[portOf(r.m, other)] = true
		}
	}
	port := defaultPort
	for taken[port] {
		port++
	}
	return port
}

func samePath(a, b string) bool {
	return a == b || strings.EqualFold(filepath.ToSlash(a), filepath.ToSlash(b))
}

// nested says whether two folders are the same or one lies in the other.
func nested(a, b string) bool {
	slashed := func(p string) string { return strings.ToLower(filepath.ToSlash(filepath.Clean(p))) + "/" }
	a, b = slashed(a), slashed(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
