package agent

import (
	"context"
	"time"

	"oibus/launcher/handover"
)

// contactPace is how often it is looked whether OIAnalytics has answered, until it has once.
const contactPace = 500 * time.Millisecond

// forgetContact removes what the start before this one has left.
func (a *agent) forgetContact(context.Context) error {
	if err := handover.RemoveContact(a.line.DataDir); err != nil {
		a.log.Warn("What the start before this one has left cannot be removed", "error", err)
	}
	return nil
}

// noteContact tells the installer, which is no user of the page, whether OIAnalytics has answered since the start: it
// waits for that before a site is switched over for good. It writes at most twice: the first failure, and the first
// answer; and again as long as the disk refuses.
func (a *agent) noteContact(ctx context.Context) error {
	look := time.NewTicker(contactPace)
	defer look.Stop()
	toldError, refused := false, false
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !a.registration.Registered() {
			continue
		}
		var c handover.Contact
		switch s := a.commands.State(); {
		case s.LastContact != "":
			c.At = time.Now().UTC()
		case s.LastError != "" && !toldError:
			c.Error = s.LastError
		default:
			continue
		}
		err := handover.WriteContact(a.line.DataDir, c)
		if err != nil && !refused {
			refused = true
			a.log.Warn("The installer cannot be told whether OIAnalytics answers", "error", err)
		}
		if err == nil && c.Error == "" {
			return nil
		}
		toldError = err == nil
	}
}
