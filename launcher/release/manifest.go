package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	manifestFormat = 1
	product        = "oibus"
)

// Manifest says what a release is: manifest.json in the package and in the unpacked folder. That of a package without
// one is made while the package is verified; it then lacks the version, the state levels and the signature.
type Manifest struct {
	Format       int         `json:"format"`
	Product      string      `json:"product"`
	Version      string      `json:"version"` // without a leading v
	Platform     string      `json:"platform"`
	Architecture string      `json:"architecture"`
	State        StateLevels `json:"state"`
	Created      time.Time   `json:"created"`
	Files        []File      `json:"files"` // all but the manifest, sorted by path
	Signature    *Signature  `json:"signature,omitempty"`

	form []byte // what is signed
}

// StateLevels are the schema levels of the data folder that a release understands. Zeros mean that it is not known.
type StateLevels struct {
	MinReadable int `json:"minReadable"`
	Written     int `json:"written"` // and the highest that it reads
}

// File is one file of a release.
type File struct {
	Path       string `json:"path"` // with slashes
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"` // in hexadecimal
	Executable bool   `json:"executable"`
}

// Check refuses a data folder of the given level that the release would not read. What is not known passes: the
// release checks for itself when it starts.
func (s StateLevels) Check(level int) error {
	if s.Written == 0 || level == 0 || level >= s.MinReadable && level <= s.Written {
		return nil
	}
	return refuse("", "it reads data folders of schema level %d to %d, the one here has level %d", s.MinReadable, s.Written, level)
}

// Digest names the release: releases with the same digest have the same files and manifest, signature aside.
func (m Manifest) Digest() string {
	sum := sha256.Sum256(m.form)
	return hex.EncodeToString(sum[:])
}

// Size is that of all files together, in bytes, as unpacked. The manifest itself is small beside it.
func (m Manifest) Size() (total int64) {
	for _, f := range m.Files {
		total += f.Size
	}
	return total
}

func (m Manifest) file(path string) (File, bool) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return m.Files[i], true
}

// parseManifest decodes the canonical form of a manifest and checks everything about it but its signature.
func parseManifest(text []byte, l Limits) (m Manifest, err error) {
	form, signature, err := canonical(text)
	if err != nil {
		return m, refuse(ManifestName, "cannot be read: %v", err)
	}
	// An older agent shall say that the format is newer, whatever else has changed.
	var head struct{ Format int }
	if err := json.Unmarshal(form, &head); err == nil && head.Format > manifestFormat {
		return m, refuse(ManifestName, "has format %d, this version knows format %d: a newer OIBus must do this", head.Format, manifestFormat)
	}
	err = json.Unmarshal(form, &m)
	m.Signature = nil // what the form holds under a similar name is none
	if err == nil && signature != nil {
		err = json.Unmarshal(signature, &m.Signature)
	}
	if err != nil {
		return m, refuse(ManifestName, "cannot be read: %v", err)
	}
	m.form = form
	return m, m.check(l)
}

// seal gives a manifest made here its canonical form.
func (m *Manifest) seal() error {
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("cannot encode the manifest: %w", err)
	}
	m.form, _, err = canonical(text)
	return err
}

// encode gives the text of manifest.json, for people too: indented, but otherwise what is signed.
func (m Manifest) encode() ([]byte, error) {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(string(m.form)))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("cannot encode the manifest: %w", err)
	}
	if m.Signature != nil {
		object[signatureKey] = m.Signature
	}
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot encode the manifest: %w", err)
	}
	return append(text, '\n'), nil
}

// check refuses a manifest that says something impossible. The version may be missing: it is known later.
func (m Manifest) check(l Limits) error {
	if m.Format != manifestFormat || m.Product != product {
		return refuse(ManifestName, "has format %d of product %q instead of %d of %q", m.Format, m.Product, manifestFormat, product)
	}
	if m.Version != "" {
		v, err := ParseVersion(m.Version)
		if err != nil {
			return refuse(ManifestName, "has no valid version: %v", err)
		}
		if v.String() != m.Version {
			return refuse(ManifestName, "has version %q instead of %q", m.Version, v)
		}
	}
	if !slices.Contains([]string{Linux, Windows, MacOS}, m.Platform) || !slices.Contains([]string{X64, ARM64}, m.Architecture) {
		return refuse(ManifestName, "is for %q %q, which is not known", m.Platform, m.Architecture)
	}
	if s := m.State; s.MinReadable < 0 || s.Written < s.MinReadable || s.MinReadable == 0 && s.Written != 0 {
		return refuse(ManifestName, "has impossible state levels, %d to %d", s.MinReadable, s.Written)
	}
	return m.checkFiles(l)
}

func (m Manifest) checkFiles(l Limits) error {
	if len(m.Files) > l.Entries {
		return refuse(ManifestName, "lists %d files, the limit is %d", len(m.Files), l.Entries)
	}
	names := nameSet{ManifestName: {name: ManifestName, listed: true}}
	var total int64
	for _, f := range m.Files {
		if err := checkName(f.Path, l.NameLength); err != nil {
			return err
		}
		if err := names.add(f.Path, false); err != nil {
			return err
		}
		if f.Size < 0 || f.Size > l.FileSize {
			return refuse(f.Path, "has %d bytes in the manifest, the limit is %d", f.Size, l.FileSize)
		}
		if total += f.Size; total > l.TotalSize {
			return refuse(f.Path, "makes the files larger than the limit of %d bytes for all together", l.TotalSize)
		}
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size || strings.ToLower(f.SHA256) != f.SHA256 {
			return refuse(f.Path, "has %q in the manifest, which is no SHA-256", shorten(f.SHA256))
		}
	}
	return m.checkPrograms()
}

// checkPrograms makes sure that there is something to start.
func (m Manifest) checkPrograms() error {
	for _, path := range []string{LauncherPath(m.Platform), AgentPath(m.Platform)} {
		f, there := m.file(path)
		if !there {
			return refuse(path, "is missing: a package for %s has it", m.Platform)
		}
		if !f.Executable {
			return refuse(path, "is not executable after the manifest")
		}
	}
	return nil
}
