package installer

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"oibus/launcher/release"
	"oibus/platform"
)

// defaultDays is how long a release key is good: longer than a site waits for an upgrade, shorter than a key stays
// secret. A package must be installed before.
const defaultDays = 5 * 365

var keygenVerb = verb{
	name: "release keygen", summary: "make a root key or a release key",
	help: `
Two kinds of keys make upgrades safe. Machines trust the public half of a root key; its private half stays offline and
signs nothing but certificates of release keys. A release key signs the packages. When a release key is lost, make and
certify another, sign the packages again, and write the serial number of the lost one into
launcher.revoked_certificates of the machines.

  oibus-installer release keygen --role root --out root.key
  oibus-installer release keygen --role release --root root.key --out release.key

The first prints the public key for launcher.trusted_keys in oibus.toml. The second makes a release key that carries
its certificate. Where the root key is on another machine, leave out --root, and use release certify there.`,
	setup: func(o *flag.FlagSet) action {
		role := o.String("role", string(release.Release), "`ROLE` of the key: root or release")
		out := o.String("out", "", "`FILE` for the private key, which must not exist")
		root := o.String("root", "", "`FILE` of the private root key that certifies the release key")
		terms := termsOptions(o)
		return func(_ context.Context, args []string) (answer, error) {
			if len(args) > 0 {
				return nil, badUsage("%q means nothing here", args[0])
			}
			return keygen(release.Role(*role), *out, *root, terms)
		}
	},
}

var certifyVerb = verb{
	name: "release certify", args: "PUBLIC-KEY", summary: "vouch for a release key with the root key",
	help: `
On the offline machine that holds the root key, with the public key that release keygen printed elsewhere:

  oibus-installer release certify --root root.key --out release.cert release:AsAjV3aC6zzChgRIZSEF1Aa4eDSNyNXD3hRcf4AFW78=

Take the certificate, which is no secret, back, and name it when signing: release sign --certificate release.cert.`,
	setup: func(o *flag.FlagSet) action {
		root := o.String("root", "", "`FILE` of the private root key")
		out := o.String("out", "", "`FILE` for the certificate, which must not exist")
		terms := termsOptions(o)
		return func(_ context.Context, args []string) (answer, error) {
			text, err := one(args, "the public key to certify")
			if err == nil {
				err = needAll("root", *root, "out", *out)
			}
			if err != nil {
				return nil, err
			}
			return certify(text, *root, *out, terms)
		}
	},
}

// terms are those of a certificate.
type terms struct {
	serial uint64
	days   int
}

func termsOptions(o *flag.FlagSet) *terms {
	t := &terms{}
	o.Uint64Var(&t.serial, "serial", 0, "serial `NUMBER` of the certificate, by which it can be revoked (default: the time in seconds)")
	o.IntVar(&t.days, "days", defaultDays, "`NUMBER` of days for which the certificate is good")
	return t
}

func (t terms) certificate(rootFile string, key release.PublicKey) (release.Certificate, error) {
	root, err := release.ReadPrivateKey(rootFile)
	if err != nil {
		return release.Certificate{}, err
	}
	now := time.Now()
	if t.serial == 0 {
		t.serial = uint64(now.Unix())
	}
	return root.Certify(key, t.serial, now, now.AddDate(0, 0, t.days))
}

func keygen(role release.Role, out, root string, t *terms) (answer, error) {
	if err := need("out", out); err != nil {
		return nil, err
	}
	if role != release.Root && role != release.Release || role == release.Root && root != "" {
		return nil, badUsage("the role is root, or release with or without --root, not %q", role)
	}
	key, err := release.NewPrivateKey(role)
	if err != nil {
		return nil, err
	}
	if root != "" {
		c, err := t.certificate(root, key.Public())
		if err != nil {
			return nil, err
		}
		key.Certificate = &c
	}
	if err := key.WriteFile(out); err != nil {
		return nil, err
	}
	return keyAnswer{out, role, key.Public().ID(), key.Public(), key.Certificate}, nil
}

type keyAnswer struct {
	File        string               `json:"file"`
	Role        release.Role         `json:"role"`
	ID          string               `json:"id"`
	Public      release.PublicKey    `json:"public"`
	Certificate *release.Certificate `json:"certificate,omitempty"`
}

func (a keyAnswer) text() string {
	text := fmt.Sprintf("Made a %s key.\n", a.Role) +
		lines("private key", a.File+"  (keep it secret, and a copy in a safe place)", "public key", a.Public.String(), "id", a.ID) + certificateLines(a.Certificate)
	switch {
	case a.Role == release.Root:
		text += fmt.Sprintf("\nWrite the public key into oibus.toml of each machine, and keep the private one offline:\n\n  [launcher]\n  trusted_keys = [%q]\n", a.Public)
	case a.Certificate == nil:
		text += fmt.Sprintf("\nHave it certified where the root key is:\n\n  oibus-installer release certify --root root.key --out release.cert %s\n", a.Public)
	}
	return text
}

func certificateLines(c *release.Certificate) string {
	if c == nil {
		return ""
	}
	return lines("certified by", "root key "+c.Issuer, "serial", strconv.FormatUint(c.Serial, 10),
		"good", c.NotBefore.Format(time.DateOnly)+" to "+c.NotAfter.Format(time.DateOnly))
}

func certify(text, root, out string, t *terms) (answer, error) {
	key, err := release.ParsePublicKey(text)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	c, err := t.certificate(root, key)
	if err != nil {
		return nil, err
	}
	encoded, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot encode the certificate: %w", err)
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot write the certificate to %q: %w", out, errors.Join(err, fs.ErrExist))
	}
	if err := platform.WriteFile(out, append(encoded, '\n'), 0o644); err != nil {
		return nil, err
	}
	return certificateAnswer{out, c}, nil
}

type certificateAnswer struct {
	File        string              `json:"file"`
	Certificate release.Certificate `json:"certificate"`
}

func (a certificateAnswer) text() string {
	return "Certified release key " + a.Certificate.Key.ID() + ".\n" + lines("certificate", a.File) + certificateLines(&a.Certificate)
}

// maxCertificateFile bounds what is read as a certificate.
const maxCertificateFile = 64 << 10

func readCertificate(path string) (*release.Certificate, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxCertificateFile {
		err = fmt.Errorf("%d bytes are more than the limit of %d", info.Size(), maxCertificateFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	c := &release.Certificate{}
	if err == nil {
		err = json.Unmarshal(text, c)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read certificate %q: %w", path, err)
	}
	return c, nil
}
