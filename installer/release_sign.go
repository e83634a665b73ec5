package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"oibus/launcher/release"
	"oibus/platform"
)

var signVerb = verb{
	name: "release sign", args: "PACKAGE", summary: "sign an upgrade package with a release key",
	help: `
The package is read whole and checked first, and replaced by the signed one only when that one is complete:

  oibus-installer release sign --key release.key oibus-linux_x64-v3.9.0.zip

A package that was signed before gets the new signature. One without a manifest, as the reference makes them, gets one,
and what it says must be given: --version, and --arch where it is not that of this machine.`,
	setup: func(o *flag.FlagSet) action {
		s := signing{manifest: release.Manifest{Created: time.Now()}}
		o.StringVar(&s.key, "key", "", "`FILE` of the private release key")
		o.StringVar(&s.certificate, "certificate", "", "`FILE` of the certificate of the key, unless the key carries it")
		o.StringVar(&s.out, "out", "", "`FILE` for the signed package (default: the package itself)")
		o.StringVar(&s.manifest.Version, "version", "", "`VERSION` of a package without a manifest")
		o.StringVar(&s.manifest.Architecture, "arch", platform.Architecture(), "`ARCH`: x64 or arm64, of a package without a manifest")
		o.IntVar(&s.manifest.State.MinReadable, "state-min", 0, "lowest schema `LEVEL` of data folders that it reads, of a package without a manifest")
		o.IntVar(&s.manifest.State.Written, "state-written", 0, "schema `LEVEL` of data folders that it writes, of a package without a manifest")
		return func(ctx context.Context, args []string) (answer, error) {
			path, err := one(args, "the package")
			if err == nil {
				err = need("key", s.key)
			}
			if err != nil {
				return nil, err
			}
			return s.run(ctx, path)
		}
	},
}

// signing is what the command line says of a package to sign.
type signing struct {
	key, certificate, out string
	manifest              release.Manifest // what a package without one lacks
}

func (s signing) run(ctx context.Context, path string) (answer, error) {
	key, err := s.readKey()
	if err != nil {
		return nil, err
	}
	if s.out == "" {
		s.out = path
	}
	signed, err := s.write(ctx, path, key)
	if err != nil {
		return nil, err
	}
	r, err := check(ctx, signed, release.Policy{Trusted: []release.PublicKey{key.Public()}}, true)
	if err != nil {
		return nil, errors.Join(err, os.Remove(signed))
	}
	r.Path = s.out
	return r, moveTo(signed, s.out)
}

func (s signing) readKey() (release.PrivateKey, error) {
	key, err := release.ReadPrivateKey(s.key)
	if err == nil && s.certificate != "" {
		key.Certificate, err = readCertificate(s.certificate)
	}
	if err == nil {
		err = key.CheckUsable(time.Now())
	}
	return key, err
}

// write makes the signed package under another name, complete and flushed, beside where it shall be.
func (s signing) write(ctx context.Context, path string, key release.PrivateKey) (name string, err error) {
	p, err := release.Open(path, release.DefaultLimits())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	m := s.manifest
	policy := release.Policy{Unproven: release.UnprovenAccept}
	if policy.Platform, policy.Architecture, err = p.Machine(); err != nil {
		return "", err
	}
	if policy.Architecture == "" {
		policy.Architecture = m.Architecture
	}
	m.Platform = policy.Platform
	if _, err := p.Verify(ctx, policy); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(s.out), filepath.Base(s.out)+".*.signing")
	if err != nil {
		return "", fmt.Errorf("cannot write the signed package: %w", err)
	}
	_, err = p.Sign(ctx, f, m, key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// moveTo gives a complete file its final name for good.
func moveTo(from, to string) error {
	err := os.Chmod(from, 0o644)
	if err == nil {
		err = os.Rename(from, to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write the signed package: %w", err), os.Remove(from))
	}
	return platform.SyncDir(filepath.Dir(to))
}
