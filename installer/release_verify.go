package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"oibus/launcher/options"
	"oibus/launcher/release"
)

var verifyVerb = verb{
	name: "release verify", args: "PACKAGE|FOLDER", summary: "check whether a package or an unpacked release would be accepted",
	help: `
Everything that a machine checks before an upgrade: the archive, the names, the checksums, the signature. The exit code
is 5 when it is refused, and the text names the entry and the reason. With the settings of a machine, its policy counts:

  oibus-installer release verify --settings /etc/oibus/oibus.toml oibus-linux_x64-v3.9.0.zip
  oibus-installer release verify --trust root:AsAjV3aC6zzChgRIZSEF1Aa4eDSNyNXD3hRcf4AFW78= oibus-win_x64-v3.9.0.zip

A folder is an unpacked release, such as one of those in versions/ of the data folder.`,
	setup: func(o *flag.FlagSet) action {
		p := &release.Policy{}
		settings := o.String("settings", "", "`FILE` oibus.toml whose policy counts")
		trustOptions(o, p)
		o.StringVar(&p.Version, "version", "", "the only `VERSION` that is accepted")
		o.StringVar(&p.Platform, "platform", "", "`PLATFORM`: linux or windows that it must be for (default: what it says itself)")
		o.StringVar(&p.Architecture, "arch", "", "`ARCH`: x64 or arm64 that it must be for (default: what it says itself)")
		return func(ctx context.Context, args []string) (answer, error) {
			path, err := one(args, "the package or folder")
			if err == nil && *settings != "" {
				err = addSettings(p, *settings)
			}
			if err != nil {
				return nil, err
			}
			return check(ctx, path, *p, false)
		}
	},
}

var inspectVerb = verb{
	name: "release inspect", args: "PACKAGE|FOLDER", summary: "show what a package or an unpacked release holds",
	help: `
Shows the manifest, the signature and the files. The checksums are checked, the signature is not, because no key is
trusted here: release verify does that.

  oibus-installer release inspect oibus-linux_x64-v3.9.0.zip`,
	setup: func(*flag.FlagSet) action {
		return func(ctx context.Context, args []string) (answer, error) {
			path, err := one(args, "the package or folder")
			if err != nil {
				return nil, err
			}
			r, err := check(ctx, path, release.Policy{Unproven: release.UnprovenAccept}, true)
			if err != nil {
				return nil, err
			}
			r.Signer, r.Warnings = release.Signer{}, nil // nothing was proven, nor asked for
			return inspection(r), nil
		}
	},
}

func trustOptions(o *flag.FlagSet, p *release.Policy) {
	o.Func("trust", "public `KEY` of which one must vouch for it; can be given more than once", func(text string) error {
		key, err := release.ParsePublicKey(text)
		p.Trusted = append(p.Trusted, key)
		return err
	})
	o.Func("revoked", "serial `NUMBER` of a certificate that is no longer good; can be given more than once", func(text string) error {
		serial, err := strconv.ParseUint(text, 10, 64)
		p.Revoked = append(p.Revoked, serial)
		return err
	})
	o.Func("unproven", "`WHAT` to do, accept or refuse, with a release that nothing proves (default: refuse when a key is trusted)", func(text string) error {
		return p.Unproven.UnmarshalText([]byte(text))
	})
}

// addSettings adds the policy of a machine to what the command line says.
func addSettings(p *release.Policy, file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("cannot read the settings: %w", err)
	}
	o, err := options.Load(file)
	if err != nil {
		return err
	}
	of, err := o.Policy()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	p.Trusted, p.Revoked = append(p.Trusted, of.Trusted...), append(p.Revoked, of.Revoked...)
	if p.Unproven == release.UnprovenDefault {
		p.Unproven = of.Unproven
	}
	return nil
}

// reportAnswer is what was found out about a release.
type reportAnswer struct {
	Path   string `json:"path"`
	Digest string `json:"digest"`
	release.Report
	quiet bool // a person did not ask for warnings
}

// check verifies a package or folder. What the policy does not say about the machine is taken from the package.
func check(ctx context.Context, path string, p release.Policy, quiet bool) (reportAnswer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return reportAnswer{}, fmt.Errorf("cannot open the release: %w", err)
	}
	verify := checkPackage
	if info.IsDir() {
		verify = checkFolder
	}
	r, err := verify(ctx, path, p)
	if err != nil {
		return reportAnswer{}, err
	}
	return reportAnswer{Path: path, Digest: r.Manifest.Digest(), Report: r, quiet: quiet}, nil
}

func checkPackage(ctx context.Context, path string, policy release.Policy) (r release.Report, err error) {
	p, err := release.Open(path, release.DefaultLimits())
	var other *release.NotZipError
	if errors.As(err, &other) { // its text is for OIAnalytics
		return r, fmt.Errorf("%w: not a zip archive", err)
	}
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	system, architecture, err := p.Machine()
	if err != nil {
		return r, err
	}
	if policy.Platform == "" {
		policy.Platform = system
	}
	if policy.Architecture == "" {
		policy.Architecture = architecture
	}
	return p.Verify(ctx, policy)
}

func checkFolder(ctx context.Context, path string, policy release.Policy) (r release.Report, err error) {
	if r.Manifest, err = release.VerifyTree(ctx, path); err != nil {
		return r, err
	}
	if policy.Platform == "" {
		policy.Platform = r.Manifest.Platform
	}
	if policy.Architecture == "" {
		policy.Architecture = r.Manifest.Architecture
	}
	if err := r.Manifest.Fits(policy); err != nil {
		return r, err
	}
	r.Signer, r.Warnings, err = r.Manifest.Prove(policy)
	return r, err
}

func (a reportAnswer) text() string {
	text := "In order: " + a.Path + "\n" + manifestLines(a.Manifest, a.Digest) + lines("proven by", provenBy(a.Signer))
	for _, warning := range a.Warnings {
		if !a.quiet {
			text += "Warning: " + warning + "\n"
		}
	}
	return text
}

func provenBy(s release.Signer) string {
	switch {
	case s.KeyID == "":
		return "nobody"
	case s.RootID == "":
		return "release key " + s.KeyID
	}
	return fmt.Sprintf("release key %s, serial %d, certified by root key %s", s.KeyID, s.Serial, s.RootID)
}

func manifestLines(m release.Manifest, digest string) string {
	levels := ""
	if m.State.Written != 0 {
		levels = fmt.Sprintf("reads schema levels %d to %d of the data folder", m.State.MinReadable, m.State.Written)
	}
	version := m.Version
	if version == "" {
		version = "unknown, there is no manifest"
	}
	return lines("version", version, "for", m.Platform+" "+m.Architecture, "state", levels, "created", m.Created.Format(time.RFC3339),
		"size", fmt.Sprintf("%d files, %d bytes", len(m.Files), m.Size()), "digest", digest)
}

// inspection is a report with all files and what the signature claims.
type inspection reportAnswer

func (a inspection) text() string {
	var b strings.Builder
	b.WriteString(a.Path + "\n" + manifestLines(a.Manifest, a.Digest))
	if s := a.Manifest.Signature; s == nil {
		b.WriteString(lines("signature", "none"))
	} else {
		b.WriteString(lines("signature", "claims to be of release key "+s.KeyID) + certificateLines(s.Certificate))
	}
	b.WriteString("  files\n")
	for _, f := range a.Manifest.Files {
		mode := " "
		if f.Executable {
			mode = "x"
		}
		fmt.Fprintf(&b, "    %12d %s %s  %s\n", f.Size, mode, f.SHA256, f.Path)
	}
	return b.String()
}
