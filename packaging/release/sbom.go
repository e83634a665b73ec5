package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The bill of materials is in the format CycloneDX 1.5, with the fields in the order that its schema has.
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber,omitempty"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// billOfMaterials lists what the programs were linked from, as they say themselves.
func billOfMaterials(version string, created time.Time, programs []program) ([]byte, error) {
	product := component{Type: "application", Ref: "oibus@" + version, Name: "oibus", Version: version}
	b := bill{
		Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{Timestamp: created.UTC().Format(time.RFC3339), Component: product},
	}
	whole := dependency{Ref: product.Ref}
	libraries := map[string]component{}
	for _, p := range programs {
		c, linked, err := describe(p, version)
		if err != nil {
			return nil, err
		}
		needs := dependency{Ref: c.Ref}
		for _, l := range linked {
			libraries[l.Ref] = l
			needs.DependsOn = append(needs.DependsOn, l.Ref)
		}
		b.Components, b.Dependencies = append(b.Components, c), append(b.Dependencies, needs)
		whole.DependsOn = append(whole.DependsOn, c.Ref)
	}
	b.Dependencies = append([]dependency{whole}, b.Dependencies...)
	for _, l := range libraries {
		b.Components = append(b.Components, l)
	}
	slices.SortStableFunc(b.Components, func(x, y component) int { return strings.Compare(x.Type+x.Ref, y.Type+y.Ref) })
	return b.encode()
}

// encode gives the bill a serial number made of its content, so that the same programs have the same one.
func (b bill) encode() ([]byte, error) {
	text, err := encodeJSON(b)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(text)
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8, of our own making
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	return encodeJSON(b)
}

func encodeJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("cannot encode the bill of materials: %w", err)
	}
	return text.Bytes(), nil
}

// describe returns a program and the modules that it was linked from.
func describe(p program, version string) (component, []component, error) {
	info, err := buildinfo.ReadFile(p.file)
	if err != nil {
		return component{}, nil, fmt.Errorf("cannot read what %q was built from: %w", p.file, err)
	}
	sum, err := hashFile(p.file)
	if err != nil {
		return component{}, nil, err
	}
	c := component{
		Type: "application", Ref: p.path, Name: strings.TrimSuffix(path.Base(p.path), ".exe"), Version: version,
		Hashes: []hash{{"SHA-256", sum}},
	}
	for _, s := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified"}, s.Key) {
			c.Properties = append(c.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	goVersion := strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")
	linked := []component{{Type: "library", Ref: "pkg:golang/std@" + goVersion, Name: "std", Version: goVersion, PURL: "pkg:golang/std@" + goVersion}}
	for _, m := range info.Deps {
		linked = append(linked, library(m))
	}
	return c, linked, nil
}

func library(m *debug.Module) component {
	for m.Replace != nil {
		m = m.Replace
	}
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	c := component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
	if m.Sum != "" {
		c.Properties = []property{{"go:sum", m.Sum}}
	}
	return c
}

func hashFile(file string) (sum string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return hex.EncodeToString(h.Sum(nil)), err
}
