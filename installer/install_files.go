package installer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"oibus/launcher/options"
	"oibus/platform"
)

// freshData says whether no OIBus has ever used a data folder, and refuses a folder of something else.
func freshData(m machine, dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look into the data folder: %w", forbidden(m, err))
	}
	ours := len(entries) == 0
	for _, e := range entries {
		switch e.Name() {
		case "state":
			return false, nil
		case provisionName, settingsName, "logs", "launcher.json", "update":
			ours = true
		}
	}
	if !ours {
		return false, fmt.Errorf("%q holds files that are not of OIBus: choose an empty folder for the data", dir)
	}
	return true, nil
}

// writeSettings makes the settings file, or changes in it what the command line says.
func (j *installJob) writeSettings(i instance, port int) error {
	text, err := readBounded(i.Settings)
	switch {
	case errors.Is(err, os.ErrNotExist):
		text, err = firstToml, nil
	case err == nil && port == 0 && !j.register:
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot make the settings file: %w", err)
	}
	host := ""
	if j.register {
		host = j.host
	}
	made := firstSettings(string(text), port, host)
	if _, err := options.Parse(i.Settings, []byte(made)); err != nil {
		return fmt.Errorf("cannot change the settings file: %w", err)
	}
	return j.m.WriteSettings(i.Settings, []byte(made))
}

// provision leaves for the first start what it shall begin with.
func (j *installJob) provision(i instance, fresh bool, password string) error {
	if !fresh || password == "" && j.engineName == "" {
		return nil
	}
	v := map[string]any{}
	path := filepath.Join(i.Data, provisionName)
	for key, value := range map[string]string{"engineName": j.engineName, "adminUsername": j.adminUser, "adminPassword": password} {
		if value != "" {
			v[key] = value
		}
	}
	return j.m.AsOwner(i.Data, func() error {
		made, err := merged(path, v)
		if err != nil {
			return fmt.Errorf("cannot use %s: %w", path, err)
		}
		return platform.WriteFile(path, made, 0o600)
	})
}

// merged is a JSON object that a person may have put there, with more values.
func merged(path string, values map[string]any) ([]byte, error) {
	all := map[string]any{}
	text, err := readBounded(path)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	maps.Copy(all, values)
	return json.MarshalIndent(all, "", "  ")
}
