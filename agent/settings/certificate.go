package settings

import (
	"encoding/json"
	"time"

	"oibus/agent/entity"
	"oibus/agent/schema"
	"oibus/agent/secret"
)

// Bounds of a generated certificate. The reference takes any number and then fails or never ends.
const (
	minKeyBits     = 1024
	maxKeyBits     = 8192
	defaultKeyBits = 2048
	maxDays        = 36500
	defaultDays    = 365
)

var optionsForm = schema.Object(
	schema.Required("commonName", schema.String()),
	schema.Required("countryName", schema.String()),
	schema.Required("localityName", schema.String()),
	schema.Required("organizationName", schema.String()),
	schema.Required("stateOrProvinceName", schema.String()),
	schema.Optional("daysBeforeExpiry", schema.Integer().Min(1).Max(maxDays)),
	schema.Optional("keySize", schema.Integer().Min(minKeyBits).Max(maxKeyBits)),
)

var certificateForm = schema.Object(
	schema.Required("name", schema.String()),
	schema.Required("description", textOrEmpty),
	schema.Required("regenerateCertificate", schema.Boolean()),
	schema.Required("options", optionsForm).If("regenerateCertificate", schema.Optional("options", optionsForm.Nullable()), true),
)

// certificateBody is the body of a create or update.
type certificateBody struct {
	Name                  string  `json:"name"`
	Description           *string `json:"description"`
	RegenerateCertificate bool    `json:"regenerateCertificate"`
	Options               *struct {
		CommonName          string `json:"commonName"`
		CountryName         string `json:"countryName"`
		StateOrProvinceName string `json:"stateOrProvinceName"`
		LocalityName        string `json:"localityName"`
		OrganizationName    string `json:"organizationName"`
		KeySize             int    `json:"keySize"`
		DaysBeforeExpiry    int    `json:"daysBeforeExpiry"`
	} `json:"options"`
}

// Certificates lists the certificates in the order they were made.
func (s *Service) Certificates() []entity.Certificate { return all(s, &s.certificates) }

// Certificate returns one of them.
func (s *Service) Certificate(id string) (entity.Certificate, error) {
	return one(s, &s.certificates, "Certificate", id)
}

// CertificateKey opens the private key of a certificate, as PEM.
func (s *Service) CertificateKey(id string) (string, error) {
	c, err := s.Certificate(id)
	if err != nil {
		return "", err
	}
	return s.o.Keys.Open(c.PrivateKey)
}

// CreateCertificate makes a key pair and a certificate. It takes seconds for large keys.
func (s *Service) CreateCertificate(author string, body json.RawMessage) (entity.Certificate, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	var b certificateBody
	if err := schema.Decode(certificateForm, body, &b); err != nil {
		return entity.Certificate{}, err
	}
	if b.Options == nil {
		return entity.Certificate{}, entity.Invalid(`"options" is required`)
	}
	b.RegenerateCertificate = true // there is none yet
	c := entity.Certificate{Audit: entity.NewAudit(s.certificates.newID(), author, s.o.Now())}
	err := s.storeCertificate(&c, b)
	return c, err
}

// UpdateCertificate changes name and description, and, when the body asks for it, the key and certificate.
func (s *Service) UpdateCertificate(author, id string, body json.RawMessage) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	var b certificateBody
	if err := schema.Decode(certificateForm, body, &b); err != nil {
		return err
	}
	c, err := s.Certificate(id)
	if err != nil {
		return err
	}
	c.Audit = c.Touched(author, s.o.Now())
	return s.storeCertificate(&c, b)
}

func (s *Service) storeCertificate(c *entity.Certificate, b certificateBody) error {
	c.Name, c.Description = b.Name, b.Description
	if b.RegenerateCertificate {
		if err := s.generate(c, b); err != nil {
			return err
		}
	}
	if err := save(s, &s.certificates, s.certificates.with(*c)); err != nil {
		return err
	}
	s.announce(Certificates)
	return nil
}

func (s *Service) generate(c *entity.Certificate, b certificateBody) error {
	bits, days := b.Options.KeySize, b.Options.DaysBeforeExpiry
	if bits == 0 {
		bits = defaultKeyBits
	}
	if days == 0 {
		days = defaultDays
	}
	now := s.o.Now()
	made, err := secret.NewCertificate(secret.CertificateRequest{
		CommonName: b.Options.CommonName, Country: b.Options.CountryName, State: b.Options.StateOrProvinceName,
		Locality: b.Options.LocalityName, Organization: b.Options.OrganizationName,
		KeyBits: bits, Days: days, Hostname: s.o.Hostname,
	}, now)
	if err != nil {
		return err
	}
	c.PublicKey, c.Certificate = made.PublicKey, made.Certificate
	c.Expiry = expiry(now, days)
	c.PrivateKey, err = s.o.Keys.Seal(made.PrivateKey)
	return err
}

// expiry is the local midnight of today and days later, with the local offset (section 0).
func expiry(now time.Time, days int) string {
	local := now.Local()
	return time.Date(local.Year(), local.Month(), local.Day()+days, 0, 0, 0, 0, time.Local).Format("2006-01-02T15:04:05.000-07:00")
}

// DeleteCertificate removes a certificate.
func (s *Service) DeleteCertificate(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.Certificate(id); err != nil {
		return err
	}
	if err := save(s, &s.certificates, s.certificates.without(id)); err != nil {
		return err
	}
	s.announce(Certificates)
	return nil
}
