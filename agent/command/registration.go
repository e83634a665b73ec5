package command

import "context"

// Commands of the registration (protocol/control-plane.md, sections 5.1 and 5.2).

func regenerateCipherKeys(ctx context.Context, d *Deps, _ Command) (string, error) {
	return "OIAnalytics keys reloaded", d.Identity.RegenerateKeys(ctx)
}

func updateRegistrationSettings(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		err = d.Identity.UpdateFromCloud(body)
	}
	return "Registration settings updated successfully", err
}
