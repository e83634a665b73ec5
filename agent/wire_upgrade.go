package agent

import (
	"context"
	"errors"

	"oibus/agent/store"
	"oibus/agent/upgrade"
	"oibus/launcher/options"
	"oibus/platform"
)

// openUpgrades makes the agent's side of upgrades. Packages are judged after the table of the launcher, which judges
// them again.
func (a *agent) openUpgrades(context.Context) error {
	launcher := options.Default()
	if a.config.File != "" {
		var err error
		if launcher, err = options.Load(a.config.File); err != nil {
			return err
		}
	}
	policy, err := launcher.Policy()
	if err != nil {
		return err
	}
	a.upgrades = upgrade.New(upgrade.Options{
		DataDir: a.line.DataDir, Version: platform.Version, Launcher: a.line.LauncherVersion, Managed: a.managed,
		StateLevel: store.SchemaLevel, Policy: policy, Cloud: a.cloud, Connection: a.registration.Connection, Forbidden: a.updateForbidden, Log: a.log,
	})
	return nil
}

// updateForbidden says why OIAnalytics may not update this OIBus (protocol/control-plane.md, sections 3.10 and 5.1): an
// update that goes on after a restart asks again.
func (a *agent) updateForbidden() error {
	switch {
	case a.line.IgnoreRemoteUpdate:
		return errors.New("OIBus is not set up to execute remote update")
	case !a.registration.Allowed("updateVersion"):
		return errors.New("updates by OIAnalytics are not authorized any more")
	}
	return nil
}

// shownUpgrades lets the web server show and start upgrades.
type shownUpgrades struct{ *upgrade.Service }

func (u shownUpgrades) Status() any { return u.Service.Status() }
