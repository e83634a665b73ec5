package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"oibus/platform/bom"
)

// billOfMaterials lists what the program of this version is made of: the same components as the bill that a release brings
// along, which covers all its programs, with the licence of each.
func billOfMaterials(version string, parts []part) ([]byte, error) {
	b := bom.New(version, "Apache-2.0")
	all := bom.Dependency{Ref: b.Metadata.Component.Ref, DependsOn: []string{}}
	for _, p := range parts {
		c := p.component()
		b.Components = append(b.Components, c)
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	slices.Sort(all.DependsOn)
	b.Dependencies = []bom.Dependency{all}
	return b.Encode()
}

func (p part) component() bom.Component {
	name, kind := p.Path, "golang"
	if rest, found := strings.CutPrefix(p.Path, scripted); found {
		name, kind = rest, "npm"
	}
	purl := "pkg:" + kind + "/" + name
	if p.Version != "" {
		purl += "@" + url.QueryEscape(p.Version)
	}
	c := bom.Component{Type: "library", Ref: purl, Name: name, Version: p.Version, PURL: purl}
	if p.Licence != "" {
		c.Licences = []bom.Licence{{Expression: p.Licence}}
	}
	if p.Sum != "" {
		c.Properties = []bom.Property{{Name: "go:sum", Value: p.Sum}}
	}
	return c
}

// materials answers with the bill of materials as a file.
func (s *Site) materials(w http.ResponseWriter, _ *http.Request) {
	version := s.o.Overview().Info.Version
	facts, err := build()
	var text []byte
	if err == nil {
		text, err = billOfMaterials(version, facts.Parts)
	}
	if err != nil {
		s.o.Log.Error("cannot make the bill of materials", "error", err)
		http.Error(w, "500 cannot make the bill of materials", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", bom.ContentType)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "oibus-"+strings.Map(plain, version)+".cdx.json"))
	_, _ = w.Write(text) // a browser that went away is no one to tell
}

// plain keeps of a version what a file name can have everywhere.
func plain(r rune) rune {
	if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '_'
}
