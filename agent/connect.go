package agent

import (
	"context"
	"slices"

	"oibus/agent/cloud"
	"oibus/agent/logging"
	"oibus/agent/message"
	"oibus/agent/registration"
	"oibus/agent/settings"
)

// connect makes parts that must not know each other react to each other.
func (a *agent) connect(context.Context) error {
	a.settings.SetHooks(settings.Hooks{WebPort: a.web.Rebind, Proxy: a.applyProxy})
	a.settings.OnChange(a.onSettings)
	a.registration.OnChange(a.onRegistration)
	a.connectDataPlane()
	a.useSender()
	return nil
}

// onSettings reacts to a change of the settings (protocol/control-plane.md, section 7.1).
func (a *agent) onSettings(changes []settings.Change) {
	if slices.Contains(changes, settings.EngineName) || slices.Contains(changes, settings.Logger) {
		a.applyLogger()
	}
	if slices.Contains(changes, settings.IPFilters) {
		a.useFilters()
		a.proxy.Recheck()
	}
	if slices.Contains(changes, settings.ScanModes) {
		a.engine.ScanModesChanged()
	}
	a.messages.Changed(message.FullConfig)
}

// onRegistration reacts to a change of the registration (section 2.9).
func (a *agent) onRegistration(k registration.Kind) {
	switch k {
	case registration.Requested, registration.Ended: // the registration that works goes on
		return
	case registration.KeysReplaced:
		a.messages.Changed(message.FullConfig)
		return
	}
	a.useSender()
	a.messages.RegistrationChanged()
	a.commands.Wake()
}

// useSender lets the logs go to OIAnalytics while it knows this OIBus.
func (a *agent) useSender() {
	if !a.registration.Registered() {
		a.logs.SetSender(nil)
		return
	}
	a.logs.SetSender(func(ctx context.Context, batch []byte) error {
		conn, err := a.registration.Connection()
		if err != nil {
			return err
		}
		return refusal(a.cloud.PostLogs(ctx, conn, batch))
	})
}

// refusal tells the forwarder what the cloud answered.
func refusal(err error) error {
	if status := cloud.StatusOf(err); status != 0 {
		return &logging.RefusedError{Status: status, RetryAfter: cloud.RetryAfter(err), Err: err}
	}
	return err
}
