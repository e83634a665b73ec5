package installer

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"oibus/platform"
)

// instance is one OIBus of this machine: its folders and its service belong to it alone.
type instance struct {
	Name      string `json:"name"`     // "" is the one without a name
	Service   string `json:"service"`  // "" is one that somebody starts by other means
	Data      string `json:"data"`     // folder
	Settings  string `json:"settings"` // file, oibus.toml
	Programs  string `json:"programs"` // folder of oibus-launcher
	ManagedBy string `json:"managedBy,omitempty"`
	Host      string `json:"host,omitempty"` // OIAnalytics to register with when asked to
}

// What manages an instance: a package of the system, which brought its service and takes it away. Empty is this program.
const (
	byPackage = "package"
	byMSI     = "msi"
)

const settingsName = "oibus.toml"

// label is the instance in a sentence.
func (i instance) label() string {
	switch {
	case i.Name != "":
		return "the instance " + i.Name
	case i.Service == "":
		return "the OIBus of " + i.Data
	}
	return "OIBus"
}

// instanceName is what the name of an instance may be: it becomes part of folders and of the name of a service.
var instanceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// newInstance is where an instance of that name lies unless something else is said.
func newInstance(f platform.Folders, name string) (instance, error) {
	i := instance{Name: name, Service: f.Service, Data: f.Data, Programs: f.Programs}
	if name != "" {
		if !instanceName.MatchString(name) {
			return i, badUsage("the name of an instance has up to 32 small letters, digits and dashes, and begins and ends with a letter or digit; %q has not", name)
		}
		i.Service, i.Data = f.Service+"-"+name, f.Instances+name
	}
	switch {
	case f.Settings == "":
		i.Settings = filepath.Join(i.Data, settingsName)
	case name == "":
		i.Settings = filepath.Join(f.Settings, settingsName)
	default:
		i.Settings = filepath.Join(f.Settings, "instances", name+".toml")
	}
	return i, nil
}

// target is the instance that a command line means.
type target struct {
	name, data, settings string
}

// targetOptions declares the options that say which instance is meant.
func targetOptions(o *flag.FlagSet) *target {
	t := &target{}
	o.StringVar(&t.name, "instance", "", "`NAME` of the instance, when there are several on this machine")
	o.StringVar(&t.data, "config", "", "data `FOLDER` of an OIBus that is not installed as a service")
	o.StringVar(&t.settings, "settings", "", "its settings `FILE` (default: oibus.toml in that folder)")
	return t
}

// find returns the instance, which must be there.
func (t *target) find(m machine) (instance, error) {
	if t.data != "" {
		return t.unregistered(m)
	}
	r, err := openRegistry(m)
	if err != nil {
		return instance{}, err
	}
	if i, there := r.named(t.name); there {
		return i, nil
	}
	return instance{}, &absentError{t.name, r.names()}
}

// unregistered is an OIBus of which only the data folder is known.
func (t *target) unregistered(m machine) (instance, error) {
	if t.name != "" {
		return instance{}, badUsage("give --instance or --config, not both")
	}
	data, err := filepath.Abs(t.data)
	if err != nil {
		return instance{}, err
	}
	if info, err := os.Stat(data); err != nil || !info.IsDir() {
		return instance{}, fmt.Errorf("cannot use the data folder %q: it does not exist", data)
	}
	i := instance{Data: data, Settings: filepath.Join(data, settingsName)}
	if t.settings != "" {
		if i.Settings, err = filepath.Abs(t.settings); err != nil {
			return i, err
		}
	}
	i.Programs, err = m.Here()
	return i, err
}

// absentError says that there is no such instance.
type absentError struct {
	name  string
	known []string
}

func (e *absentError) Error() string {
	if len(e.known) == 0 {
		return "OIBus is not installed on this machine: oibus-installer install does that; --config FOLDER means one that runs without a service"
	}
	return fmt.Sprintf("there is no instance %q on this machine, there is: %s", e.name, strings.Join(e.known, ", "))
}

// rightsError says that somebody with more rights must do it.
type rightsError struct{ text string }

func (e *rightsError) Error() string { return e.text }

// forbidden makes the wish for more rights of an error that comes from their lack.
func forbidden(m machine, err error) error {
	if errors.Is(err, os.ErrPermission) {
		if e := m.Administrator(); e != nil {
			return fmt.Errorf("%w: %w", e, err)
		}
	}
	return err
}
