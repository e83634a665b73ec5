package settings

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"oibus/agent/secret"
	"oibus/platform"
)

// The agent's own identity (protocol/control-plane.md, section 10.9).
const (
	identityBits = 4096
	identityDays = 36500
)

// Identity is the agent's own key and certificate. It signs the tokens of the REST API and stands for OIBus towards
// OPC UA servers. Making it takes seconds, so it is made in the background: Signer waits for it.
type Identity struct {
	dir, hostname string
	ready         chan struct{}
	signer        crypto.Signer
	err           error
	report        func(file, reason, action string)
}

// identityFiles are the files of the identity in its folder.
var identityFiles = []string{"private.pem", "public.pem", "cert.pem"}

// NewIdentity prepares the identity in the folder certs below dataDir. Make must be called, in the background; report
// is told when an identity that was there cannot be used.
func NewIdentity(dataDir, hostname string, report func(file, reason, action string)) *Identity {
	return &Identity{dir: filepath.Join(dataDir, "certs"), hostname: hostname, report: report, ready: make(chan struct{})}
}

// Make loads the identity, or makes it when one of its three files is missing or unusable.
func (i *Identity) Make() error {
	defer close(i.ready)
	if i.signer, i.err = i.load(); i.err == nil {
		return nil
	}
	if err := i.putAside(i.err); err != nil {
		i.err = err
		return err
	}
	if i.err = i.generate(); i.err != nil {
		return i.err
	}
	i.signer, i.err = i.load()
	return i.err
}

// Signer is the private key. It waits until Make has ended or ctx is done.
func (i *Identity) Signer(ctx context.Context) (crypto.Signer, error) {
	select {
	case <-i.ready:
		return i.signer, i.err
	case <-ctx.Done():
		return nil, fmt.Errorf("cannot wait for the key of this OIBus: %w", ctx.Err())
	}
}

// putAside keeps what is left of an identity that cannot be used for reason. At a first start there is nothing.
func (i *Identity) putAside(reason error) error {
	found := false
	for _, name := range identityFiles {
		err := os.Rename(i.path(name), i.path(name)+".corrupt-"+time.Now().UTC().Format("20060102T150405Z"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot put an unusable identity aside: %w", err)
		}
		found = found || err == nil
	}
	if found {
		i.report("certs", reason.Error(), "put aside as *.corrupt-*; made a new key and certificate: sign in again, and trust the new certificate where the old one was trusted")
	}
	return nil
}

func (i *Identity) path(name string) string { return filepath.Join(i.dir, name) }

func (i *Identity) load() (crypto.Signer, error) {
	for _, name := range []string{"public.pem", "cert.pem"} {
		if _, err := readPEM(i.path(name)); err != nil {
			return nil, err
		}
	}
	block, err := readPEM(i.path("private.pem"))
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot use the key of this OIBus: %w", err)
	}
	return key, nil
}

func readPEM(path string) (*pem.Block, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%q is not a PEM file", path)
	}
	return block, nil
}

func (i *Identity) generate() error {
	c, err := secret.NewCertificate(secret.CertificateRequest{
		CommonName: "OIBus", Country: "FR", State: "Savoie", Locality: "Chambery", Organization: "Optimistik",
		KeyBits: identityBits, Days: identityDays, Hostname: i.hostname,
	}, time.Now())
	if err != nil {
		return err
	}
	if _, err := os.Lstat(i.dir); err == nil {
		return write(i.dir, c)
	}
	// At a first start the whole folder appears at once: a stop in the middle leaves nothing that looks damaged.
	fresh := i.dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700), write(fresh, c)); err != nil {
		return err
	}
	if err := os.Rename(fresh, i.dir); err != nil {
		return fmt.Errorf("cannot create the folder of the identity: %w", err)
	}
	return platform.SyncDir(filepath.Dir(i.dir))
}

func write(dir string, c secret.Certificate) error {
	return errors.Join(
		platform.WriteFile(filepath.Join(dir, "private.pem"), []byte(c.PrivateKey), 0o600),
		platform.WriteFile(filepath.Join(dir, "public.pem"), []byte(c.PublicKey), 0o600),
		platform.WriteFile(filepath.Join(dir, "cert.pem"), []byte(c.Certificate), 0o600),
	)
}
