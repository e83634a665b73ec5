package command

import "context"

// Commands of IP filters (protocol/control-plane.md, section 5.3).

func createIPFilter(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		_, err = d.IPFilters.CreateIPFilter(author, body)
	}
	return "IP Filter created successfully", err
}

func updateIPFilter(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(ipFilterID)
	if err != nil {
		return "", err
	}
	body, err := c.body()
	if err == nil {
		err = d.IPFilters.UpdateIPFilter(author, id, body)
	}
	return "IP Filter updated successfully", err
}

func deleteIPFilter(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(ipFilterID)
	if err == nil {
		err = d.IPFilters.DeleteIPFilter(author, id)
	}
	return "IP Filter deleted successfully", err
}
