package release

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxCertificate bounds the text of a certificate.
const maxCertificate = 64 << 10

// Certificate is the word of a root key that a release key may sign packages: for how long, and under which serial
// number, by which it can be revoked. A lost release key is replaced by certifying another and revoking the serial of
// the lost one; the machines go on trusting the root key alone.
type Certificate struct {
	Key       PublicKey `json:"key"`
	Serial    uint64    `json:"serial"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	Issuer    string    `json:"issuer"` // ID of the root key
	Signature []byte    `json:"signature"`

	form, text []byte // what is signed, and all of it
}

// certificateFields has the fields of Certificate without its methods.
type certificateFields Certificate

// UnmarshalJSON decodes from the form that is signed.
func (c *Certificate) UnmarshalJSON(text []byte) error {
	if len(text) > maxCertificate {
		return fmt.Errorf("a certificate of %d bytes is longer than the limit of %d", len(text), maxCertificate)
	}
	form, signature, err := canonical(text)
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	fields := certificateFields{}
	if err := json.Unmarshal(form, &fields); err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	fields.Signature = nil // what the form holds under a similar name is none
	if signature != nil {
		if err := json.Unmarshal(signature, &fields.Signature); err != nil {
			return fmt.Errorf("cannot read the signature of the certificate: %w", err)
		}
	}
	*c = Certificate(fields)
	c.form, c.text = form, append([]byte(nil), text...)
	return nil
}

// MarshalJSON gives back what was read, with what this version does not know.
func (c Certificate) MarshalJSON() ([]byte, error) {
	if c.text != nil {
		return c.text, nil
	}
	return json.Marshal(certificateFields(c))
}

// issue signs a certificate with a root key.
func (c *Certificate) issue(root PrivateKey) error {
	text, err := json.Marshal(certificateFields(*c))
	if err != nil {
		return fmt.Errorf("cannot encode the certificate: %w", err)
	}
	if c.form, _, err = canonical(text); err != nil {
		return err
	}
	c.Signature = root.sign(certificatePurpose, c.form)
	return nil
}

// check says why a release key is not vouched for, or nil. Now is never before what the certificate is used for.
func (c *Certificate) check(root PublicKey, p Policy, now time.Time) error {
	switch {
	case c.Key.Role != Release || len(c.Key.Key) == 0:
		return refuse("", "the certificate with serial %d is not for a release key", c.Serial)
	case !root.verify(certificatePurpose, c.form, c.Signature):
		return refuse("", "the certificate of release key %s does not bear the signature of root key %s", c.Key.ID(), root.ID())
	case p.isRevoked(c.Serial):
		return refuse("", "the release key %s with serial %d is revoked", c.Key.ID(), c.Serial)
	case now.After(c.NotAfter):
		return refuse("", "the release key %s is expired since %s", c.Key.ID(), day(c.NotAfter))
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
