package release

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Package is an open upgrade package whose layout is in order. Close it.
type Package struct {
	name    string // for messages
	r       io.ReaderAt
	close   func() error
	limits  Limits
	entries []*entry
	proven  *Report // what Verify found
	disk    disk
}

// Open opens the package at path and checks everything that can be checked without unpacking: that it is a whole zip
// archive within the limits, and that all its names, modes and sizes are harmless. Errors are a *RefusedError when the
// package is to blame, of which one that may only be incomplete is ErrTruncated. The file must not change while open:
// what Verify has seen is what Unpack demands.
func Open(path string, l Limits) (*Package, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open package: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = refuse("", "it is not a file")
	}
	var p *Package
	if err == nil {
		p, err = openReader(filepath.Base(path), f, info.Size(), l)
	} else {
		err = fmt.Errorf("package %q: %w", filepath.Base(path), err)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.close = f.Close
	return p, nil
}

func openReader(name string, r io.ReaderAt, size int64, l Limits) (*Package, error) {
	p := &Package{name: name, r: r, limits: l, close: func() error { return nil }, disk: realDisk{}}
	var err error
	if p.entries, err = readEntries(r, size, l); err == nil {
		err = checkEntries(p.entries, l)
	}
	if err != nil {
		return nil, p.wrap(err)
	}
	return p, nil
}

// Close closes the file.
func (p *Package) Close() error { return p.close() }

func (p *Package) wrap(err error) error { return fmt.Errorf("package %q: %w", p.name, err) }

// Size is how much space the files take when unpacked, in bytes.
func (p *Package) Size() (total int64) {
	for _, e := range p.entries {
		total += e.size
	}
	return total
}

func (p *Package) entry(name string) *entry {
	i := slices.IndexFunc(p.entries, func(e *entry) bool { return e.name == name })
	if i < 0 {
		return nil
	}
	return p.entries[i]
}

// Manifest returns what the package says of itself, unproven. It is false when the package has no manifest.
func (p *Package) Manifest() (Manifest, bool, error) {
	m, found, err := p.manifest()
	if err != nil {
		err = p.wrap(err)
	}
	return m, found, err
}

func (p *Package) manifest() (m Manifest, found bool, err error) {
	e := p.entry(ManifestName)
	if e == nil {
		return m, false, nil
	}
	text, err := io.ReadAll(e.open(p.r)) // at most Limits.ManifestSize
	if err == nil {
		m, err = parseManifest(text, p.limits)
	}
	if err == nil && m.Version == "" {
		err = refuse(ManifestName, "has no version")
	}
	return m, true, err
}

// system is the platform that a package without a manifest is for, after the name of its launcher.
func (p *Package) system(policy Policy) string {
	named, _ := orThisMachine(policy.Platform, "")
	for _, system := range []string{named, Windows, Linux} {
		if p.entry(LauncherPath(system)) != nil {
			return system
		}
	}
	return named
}

// Machine returns the platform and architecture that the package is for, as far as it says so: without a manifest the
// architecture is empty.
func (p *Package) Machine() (system, architecture string, err error) {
	m, found, err := p.Manifest()
	if err == nil && !found {
		return p.system(Policy{}), "", nil
	}
	return m.Platform, m.Architecture, err
}
