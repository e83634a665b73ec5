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
// answer.
func (a *agent) noteContact(ctx context.Context) error {
	look := time.NewTicker(contactPace)
	defer look.Stop()
	for told := false; ; {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !a.registration.Registered() {
			continue
		}
		c := a.commands.State()
		switch {
		case c.LastContact != "":
			return handover.WriteContact(a.line.DataDir, handover.Contact{At: time.Now().UTC()})
		case c.LastError != "" && !told:
			told = true
			if err := handover.WriteContact(a.line.DataDir, handover.Contact{Error: c.LastError}); err != nil {
				return err
			}
		}
	}
}
