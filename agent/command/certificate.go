package command

import "context"

// Commands of certificates (protocol/control-plane.md, section 5.3).

func createCertificate(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		_, err = d.Certificates.CreateCertificate(author, body)
	}
	return "Certificate created successfully", err
}

func updateCertificate(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(certificateID)
	if err != nil {
		return "", err
	}
	body, err := c.body()
	if err == nil {
		err = d.Certificates.UpdateCertificate(author, id, body)
	}
	return "Certificate updated successfully", err
}

func deleteCertificate(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(certificateID)
	if err == nil {
		err = d.Certificates.DeleteCertificate(author, id)
	}
	return "Certificate deleted successfully", err
}
