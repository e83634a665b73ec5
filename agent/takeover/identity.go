package takeover

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/platform"
)

// identityFolder holds the key and the certificate by which OPC UA servers know an OIBus, here as in the reference
// (protocol/control-plane.md, section 10.9).
const identityFolder = "certs"

// identity are the files of that folder, by name; none when a new one is to be made.
type identity map[string][]byte

// readIdentity reads the certificate of the other OIBus, so that servers that trust it trust this one.
func (s *Source) readIdentity(site *Site) identity {
	found, err := openIdentity(filepath.Join(s.Dir, identityFolder))
	if errors.Is(err, fs.ErrNotExist) {
		site.change("the other OIBus has none", "the certificate towards OPC UA servers is made anew")
	} else if err != nil {
		site.change(err.Error(), "the certificate towards OPC UA servers is made anew: let them trust it")
	}
	return found
}

func openIdentity(dir string) (identity, error) {
	i := identity{}
	for _, name := range []string{"private.pem", "cert.pem"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		i[name] = raw
	}
	key, _ := pem.Decode(i["private.pem"])
	certificate, _ := pem.Decode(i["cert.pem"])
	if key == nil || certificate == nil {
		return nil, errors.New("the key or the certificate that is there is none")
	}
	private, err := x509.ParsePKCS1PrivateKey(key.Bytes)
	if err != nil {
		return nil, errors.New("the key that is there cannot be used") // the error may tell of it
	}
	if _, err := x509.ParseCertificate(certificate.Bytes); err != nil {
		return nil, err
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "public.pem")); err == nil {
		i["public.pem"] = raw
		return i, nil
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	i["public.pem"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return i, err
}

func (i identity) write(dir string) error {
	if len(i) == 0 {
		return nil
	}
	folder := filepath.Join(dir, identityFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, text := range i {
		if err := platform.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
