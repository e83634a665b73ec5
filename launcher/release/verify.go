package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"oibus/platform/task"
)

// Report is what Verify found out about a package.
type Report struct {
	Manifest Manifest `json:"manifest"`
	Signer   Signer   `json:"signer,omitzero"`
	// Warnings are for a person and the log. The package is accepted all the same.
	Warnings []string `json:"warnings,omitempty"`
}

// Verify reads the whole package and checks it against its manifest and the policy. Without a manifest it makes one
// of what is there, if the policy lets it: the version is then empty, and to be asked of the program (see Adopt). It
// needs little memory whatever the size of the package.
func (p *Package) Verify(ctx context.Context, policy Policy) (Report, error) {
	policy.Platform, policy.Architecture = orThisMachine(policy.Platform, policy.Architecture)
	r, found, err := p.judge(policy)
	if err == nil {
		err = p.verifyFiles(ctx, &r.Manifest, found)
	}
	if err == nil && !found {
		err = r.Manifest.seal()
	}
	if err != nil {
		return Report{}, p.wrap(err)
	}
	p.proven = &r
	return r, nil
}

// judge checks all that the files themselves are not needed for.
func (p *Package) judge(policy Policy) (r Report, found bool, err error) {
	m, found, err := p.manifest()
	switch {
	case err != nil:
		return r, found, err
	case found:
		err = p.matchEntries(m)
	default:
		m = p.bareManifest(policy)
		err = m.checkPrograms() // says which program is missing
	}
	if err == nil {
		err = m.Fits(policy)
	}
	if err == nil {
		r.Signer, r.Warnings, err = m.Prove(policy)
	}
	r.Manifest = m
	return r, found, err
}

// Fits refuses a release that is for another machine, or is not the one asked for.
func (m Manifest) Fits(p Policy) error {
	p.Platform, p.Architecture = orThisMachine(p.Platform, p.Architecture)
	if m.Platform != p.Platform || m.Architecture != p.Architecture {
		return refuse("", "it is for %s %s, this machine is %s %s", m.Platform, m.Architecture, p.Platform, p.Architecture)
	}
	if asked := strings.TrimPrefix(p.Version, "v"); asked != "" && m.Version != "" && m.Version != asked {
		return refuse("", "it holds version %s, but version %s was asked for", m.Version, asked)
	}
	return m.State.Check(p.StateLevel)
}

// bareManifest begins the manifest of a package that has none.
func (p *Package) bareManifest(policy Policy) Manifest {
	m := Manifest{
		Format: manifestFormat, Product: product, Platform: p.system(policy), Architecture: policy.Architecture,
		Created: policy.now().UTC(),
	}
	programs := []string{LauncherPath(m.Platform), AgentPath(m.Platform)}
	for _, e := range p.entries {
		if !e.isFolder() {
			m.Files = append(m.Files, File{
				Path: e.name, Size: e.size,
				// The tools that make such packages may lose the mode of the programs.
				Executable: e.unixMode()&unixExecute != 0 || slices.Contains(programs, e.name),
			})
		}
	}
	return m
}

// matchEntries refuses files that are missing, too many or of another size than the manifest says.
func (p *Package) matchEntries(m Manifest) error {
	listed := map[string]File{}
	for _, f := range m.Files {
		listed[f.Path] = f
	}
	for _, e := range p.entries {
		f, there := listed[e.name]
		delete(listed, e.name)
		switch {
		case e.isFolder() || e.name == ManifestName:
		case !there:
			return refuse(e.name, "is not in the manifest")
		case f.Size != e.size:
			return refuse(e.name, "has %d bytes, the manifest says %d", e.size, f.Size)
		}
	}
	for _, f := range m.Files {
		if _, missing := listed[f.Path]; missing {
			return refuse(f.Path, "is in the manifest, but missing")
		}
	}
	return nil
}

// verifyFiles reads the files and compares their checksums with those of the manifest, or puts them there.
func (p *Package) verifyFiles(ctx context.Context, m *Manifest, compare bool) error {
	byName := map[string]*entry{}
	for _, e := range p.entries {
		byName[e.name] = e
	}
	for i := range m.Files {
		f := &m.Files[i]
		sum, head, err := hashContent(ctx, byName[f.Path].open(p.r))
		switch {
		case err != nil:
			return err
		case !compare:
			f.SHA256 = sum
		case f.SHA256 != sum:
			return refuse(f.Path, "was changed: its SHA-256 is %s, the manifest says %s", sum, f.SHA256)
		}
		if f.Path == LauncherPath(m.Platform) || f.Path == AgentPath(m.Platform) {
			if err := checkProgram(f.Path, head, *m); err != nil {
				return err
			}
		}
	}
	return nil
}

// hashContent reads to the end and returns the SHA-256 in hexadecimal and the beginning of what was read.
func hashContent(ctx context.Context, r io.Reader) (sum string, head []byte, err error) {
	r = task.Reader(ctx, r)
	h := sha256.New()
	begin := make([]byte, machineHead)
	n, err := io.ReadFull(r, begin)
	h.Write(begin[:n])
	if err == nil {
		_, err = io.CopyBuffer(h, r, make([]byte, copyBuffer))
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", nil, err
	}
	return hex.EncodeToString(h.Sum(nil)), begin[:n], nil
}
