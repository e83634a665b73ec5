package command

import "context"

// Commands of scan modes (protocol/control-plane.md, section 5.3).

func createScanMode(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		_, err = d.ScanModes.CreateScanMode(author, body)
	}
	return "Scan mode created successfully", err
}

func updateScanMode(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(scanModeID)
	if err != nil {
		return "", err
	}
	body, err := c.body()
	if err == nil {
		err = d.ScanModes.UpdateScanMode(author, id, body)
	}
	return "Scan mode updated successfully", err
}

func deleteScanMode(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(scanModeID)
	if err == nil {
		err = d.ScanModes.DeleteScanMode(author, id)
	}
	return "Scan mode deleted successfully", err
}
