package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"oibus/launcher/release"
	"oibus/platform"
)

// target is a platform that packages are made for, in the words of Go and of the packages.
type target struct{ folder, system, architecture string }

var targets = []target{
	{"linux-amd64", release.Linux, release.X64},
	{"linux-arm64", release.Linux, release.ARM64},
	{"windows-amd64", release.Windows, release.X64},
	{"windows-arm64", release.Windows, release.ARM64},
	{"darwin-amd64", release.MacOS, release.X64},
	{"darwin-arm64", release.MacOS, release.ARM64},
}

// sbomName is where the bill of materials lies in a package.
const sbomName = "oibus-sbom.json"

// sbomSuffix ends the name of the bill of materials beside a package.
const sbomSuffix = ".cdx.json"

// sumsName is the file with the checksums of all packages, as sha256sum --check reads it.
const sumsName = "SHA256SUMS"

func newJob() job {
	return job{probe: askVersion, environment: os.Getenv, now: time.Now(), system: platform.Platform(), architecture: platform.Architecture()}
}

// made is a package that was made.
type made struct {
	name, sha256 string
	size         int64
}

// packages makes a package for each folder of programs.
func (j job) packages(ctx context.Context) ([]made, error) {
	key, err := j.readKey()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(j.out, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder for packages: %w", err)
	}
	var all []made
	var sums strings.Builder
	for _, t := range targets {
		if _, err := os.Stat(filepath.Join(j.from, t.folder)); errors.Is(err, os.ErrNotExist) {
			continue
		}
		m, err := j.pack(ctx, t, key)
		if err != nil {
			return all, fmt.Errorf("cannot make the package for %s %s: %w", t.system, t.architecture, err)
		}
		all = append(all, m)
		fmt.Fprintf(&sums, "%s  %s\n", m.sha256, m.name)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no programs in %q: build them first", j.from)
	}
	return all, platform.WriteFile(filepath.Join(j.out, sumsName), []byte(sums.String()), 0o644)
}

func (j job) readKey() (*release.PrivateKey, error) {
	if j.key == "" {
		return nil, nil
	}
	key, err := release.ReadPrivateKey(j.key)
	if err == nil && j.certificate != "" {
		var text []byte
		if text, err = os.ReadFile(j.certificate); err == nil {
			key.Certificate = &release.Certificate{}
			err = json.Unmarshal(text, key.Certificate)
		}
	}
	if err == nil {
		err = key.CheckUsable(time.Now())
	}
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	return &key, nil
}

// program is where a program comes from and where in the package it goes.
type program struct{ path, file string }

func (j job) programs(t target) []program {
	dir := filepath.Join(j.from, t.folder)
	list := []program{{path: release.LauncherPath(t.system)}, {path: release.AgentPath(t.system)}, {path: "oibus-installer" + filepath.Ext(release.AgentPath(t.system))}}
	for i := range list {
		list[i].file = filepath.Join(dir, filepath.Base(list[i].path))
	}
	return list
}

func (j job) pack(ctx context.Context, t target, key *release.PrivateKey) (made, error) {
	programs := j.programs(t)
	agent := programs[1].file
	if t.system == j.system && t.architecture == j.architecture {
		if got, err := j.probe(ctx, agent); err != nil || got != j.version {
			return made{}, errors.Join(fmt.Errorf("%s says that its version is %q, not %q", agent, got, j.version), err)
		}
	}
	created, err := j.creation(agent)
	if err != nil {
		return made{}, err
	}
	sources := []release.Source{
		release.FileSource("LICENSE", filepath.Join(j.root, "LICENSE"), false),
		release.FileSource("oibus.toml.example", filepath.Join(j.root, "oibus.toml.example"), false),
	}
	for _, p := range programs {
		sources = append(sources, release.FileSource(p.path, p.file, true))
	}
	bill, err := billOfMaterials(j.version, created, programs)
	if err != nil {
		return made{}, err
	}
	sources = append(sources, release.Source{Path: sbomName, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(bill)), nil
	}})
	m := release.Manifest{
		Version: j.version, Platform: t.system, Architecture: t.architecture, Created: created,
		State: release.StateLevels{MinReadable: j.minState, Written: j.state},
	}
	result, err := j.write(ctx, m, sources, key)
	if err != nil {
		return result, err
	}
	// The bill beside the package, too, for those who read it and for the packages of operating systems.
	beside := strings.TrimSuffix(result.name, ".zip") + sbomSuffix
	return result, platform.WriteFile(filepath.Join(j.out, beside), bill, 0o644)
}

// write makes the package under another name, verifies it, and only then gives it its own.
func (j job) write(ctx context.Context, m release.Manifest, sources []release.Source, key *release.PrivateKey) (made, error) {
	result := made{name: release.FileName(m.Version, m.Platform, m.Architecture)}
	path := filepath.Join(j.out, result.name)
	f, err := os.CreateTemp(j.out, result.name+".*.part")
	if err != nil {
		return result, err
	}
	sum := sha256.New()
	_, err = release.Write(ctx, io.MultiWriter(f, sum), m, sources, key)
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if info, statErr := f.Stat(); statErr == nil {
		result.size = info.Size()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = verify(ctx, f.Name(), m, key)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return result, errors.Join(err, os.Remove(f.Name()))
	}
	result.sha256 = hex.EncodeToString(sum.Sum(nil))
	return result, platform.SyncDir(j.out)
}

// verify does what the machines will do.
func verify(ctx context.Context, path string, m release.Manifest, key *release.PrivateKey) (err error) {
	p, err := release.Open(path, release.DefaultLimits())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	policy := release.Policy{Platform: m.Platform, Architecture: m.Architecture, Version: m.Version, StateLevel: m.State.Written}
	if key != nil {
		policy.Trusted = []release.PublicKey{key.Public()}
	}
	_, err = p.Verify(ctx, policy)
	return err
}

// creation is the time that the package bears: as given, of the environment, of the commit, or now.
func (j job) creation(agent string) (time.Time, error) {
	if j.createdText != "" {
		return time.Parse(time.RFC3339, j.createdText)
	}
	if epoch := j.environment("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, which is no number of seconds", epoch)
		}
		return time.Unix(seconds, 0), nil
	}
	info, err := buildinfo.ReadFile(agent)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read what %q was built from: %w", agent, err)
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			return time.Parse(time.RFC3339, s.Value)
		}
	}
	return j.now, nil
}

// probeLimit bounds how long an agent may take to say its version.
const probeLimit = time.Minute

var versionLine = regexp.MustCompile(`(?m)^OIBus version: v?(\S+)$`)

func askVersion(ctx context.Context, agent string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	path, err := filepath.Abs(agent)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask %q for its version: %w", agent, err)
	}
	found := versionLine.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%q answers %q when asked for its version", agent, out)
	}
	return strings.TrimSpace(string(found[1])), nil
}
