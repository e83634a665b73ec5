package agent

import (
	"os"
	"time"

	"oibus/agent/config"
	"oibus/agent/secret"
	"oibus/agent/settings"
	"oibus/agent/store"
)

// base is what everything else stands on: files, keys, settings.
type base struct {
	line      config.CommandLine
	config    *config.Config
	provision config.Provision
	store     *store.Store
	keys      *secret.Keyring
	settings  *settings.Service
	hostname  string
}

func openBase(line config.CommandLine) (*base, error) {
	b := &base{line: line, hostname: hostname()}
	var err error
	if b.config, err = config.Load(line.Settings, line.DataDir); err != nil {
		return nil, err
	}
	b.provision = config.LoadProvision(line.DataDir, os.Getenv)
	if b.store, err = store.Open(line.DataDir); err != nil {
		return nil, err
	}
	if b.keys, err = secret.Open(line.DataDir); err != nil {
		return nil, err
	}
	if text := b.keys.Incident(); text != "" {
		b.store.Report("secrets/data.key", "damaged", text)
	}
	b.settings, err = settings.Open(settings.Options{
		Store: b.store, Keys: b.keys, Config: b.config, Provision: b.provision,
		DataDir: line.DataDir, Hostname: b.hostname, Version: b.config.Announced, Launcher: line.LauncherVersion, Now: time.Now,
	})
	return b, err
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
