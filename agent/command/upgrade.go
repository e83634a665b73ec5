package command

import "context"

// The command that installs another version (protocol/control-plane.md, sections 5.1 and 9).

// updateVersion is resumed after each restart that it takes, until it is known what became of it.
func updateVersion(ctx context.Context, d *Deps, c Command) (string, error) {
	content, err := c.body()
	if err != nil {
		return "", err
	}
	if d.Upgrades == nil {
		return "", errInterrupted
	}
	return d.Upgrades.Run(ctx, c.ID, content, c.note)
}

func updateSettled(d *Deps, id string) {
	if d.Upgrades != nil {
		d.Upgrades.Settled(id)
	}
}

// onTrial says whether nothing may be fetched or executed yet.
func (s *Service) onTrial() bool {
	return s.o.Deps.Upgrades != nil && s.o.Deps.Upgrades.OnTrial()
}
