package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"oibus/platform/bom"
)

// billOfMaterials lists what the programs were linked from, as they say themselves.
func billOfMaterials(version string, created time.Time, programs []program) ([]byte, error) {
	b := bom.New(version, "")
	b.Metadata.Timestamp = created.UTC().Format(time.RFC3339)
	whole := bom.Dependency{Ref: b.Metadata.Component.Ref}
	libraries := map[string]bom.Component{}
	for _, p := range programs {
		c, linked, err := describe(p, version)
		if err != nil {
			return nil, err
		}
		needs := bom.Dependency{Ref: c.Ref}
		for _, l := range linked {
			libraries[l.Ref] = l
			needs.DependsOn = append(needs.DependsOn, l.Ref)
		}
		b.Components, b.Dependencies = append(b.Components, c), append(b.Dependencies, needs)
		whole.DependsOn = append(whole.DependsOn, c.Ref)
	}
	b.Dependencies = append([]bom.Dependency{whole}, b.Dependencies...)
	for _, l := range libraries {
		b.Components = append(b.Components, l)
	}
	slices.SortStableFunc(b.Components, func(x, y bom.Component) int { return strings.Compare(x.Type+x.Ref, y.Type+y.Ref) })
	return b.Encode()
}

// describe returns a program and the modules that it was linked from.
func describe(p program, version string) (bom.Component, []bom.Component, error) {
	info, err := buildinfo.ReadFile(p.file)
	if err != nil {
		return bom.Component{}, nil, fmt.Errorf("cannot read what %q was built from: %w", p.file, err)
	}
	sum, err := hashFile(p.file)
	if err != nil {
		return bom.Component{}, nil, err
	}
	c := bom.Component{
		Type: "application", Ref: p.path, Name: strings.TrimSuffix(path.Base(p.path), ".exe"), Version: version,
		Hashes: []bom.Hash{{Algorithm: "SHA-256", Content: sum}},
	}
	for _, s := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified"}, s.Key) {
			c.Properties = append(c.Properties, bom.Property{Name: "go:" + s.Key, Value: s.Value})
		}
	}
	goVersion := strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")
	linked := []bom.Component{{Type: "library", Ref: "pkg:golang/std@" + goVersion, Name: "std", Version: goVersion, PURL: "pkg:golang/std@" + goVersion}}
	for _, m := range info.Deps {
		linked = append(linked, library(m))
	}
	return c, linked, nil
}

func library(m *debug.Module) bom.Component {
	for m.Replace != nil {
		m = m.Replace
	}
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	c := bom.Component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
	if m.Sum != "" {
		c.Properties = []bom.Property{{Name: "go:sum", Value: m.Sum}}
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
