package page

import (
	"bufio"
	"cmp"
	"embed"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// The folder holds the licence texts of everything that the programs are linked from, and list.tsv with the SPDX
// expression of each. A test compares it with what the programs of this source are linked from.
//
//go:embed licences
var licenceFiles embed.FS

// part is something that OIBus is built from, with the licence it is used under.
type part struct {
	Path, Version, Licence string
	File                   string // where the text of the licence is, below /page/licences/
	Sum                    string // as go.sum has it
}

// scripted names the libraries that custom transformers may use, which are compiled in as source.
const scripted = "npm:"

// scriptVersions are those of the files in agent/script/lib: jsonpath-plus is its dist/index-browser-umd.min.cjs.
var scriptVersions = map[string]string{"npm:jsonpath-plus": "10.4.0", "npm:luxon": "3.7.2", "npm:papaparse": "5.7.1"}

// licences is the SPDX expression of each part.
var licences = sync.OnceValues(func() (map[string]string, error) {
	file, err := licenceFiles.Open("licences/list.tsv")
	if err != nil {
		return nil, fmt.Errorf("cannot open list of licences: %w", err)
	}
	defer file.Close()
	known := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if name, licence, ok := strings.Cut(lines.Text(), "\t"); ok {
			known[name] = licence
		}
	}
	return known, lines.Err()
})

// licenceFile is the name of the file with the licence of a part.
func licenceFile(path string) string {
	return strings.NewReplacer("/", "_", ":", "_").Replace(path) + ".txt"
}

// buildFacts is what the program knows of how it was made.
type buildFacts struct {
	Go    string
	Parts []part
}

// build reads them once: the modules that the linker noted, the standard library and the libraries of transformers.
var build = sync.OnceValues(func() (buildFacts, error) {
	known, err := licences()
	if err != nil {
		return buildFacts{}, err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return buildFacts{}, nil
	}
	version := strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")
	facts := buildFacts{Go: info.GoVersion, Parts: []part{{Path: "std", Version: version}}}
	for _, m := range info.Deps {
		for m.Replace != nil {
			m = m.Replace
		}
		facts.Parts = append(facts.Parts, part{Path: m.Path, Version: m.Version, Sum: m.Sum})
	}
	for name, version := range scriptVersions {
		facts.Parts = append(facts.Parts, part{Path: name, Version: version})
	}
	for i, p := range facts.Parts {
		if licence, ok := known[p.Path]; ok {
			facts.Parts[i].Licence, facts.Parts[i].File = licence, licenceFile(p.Path)
		}
	}
	slices.SortFunc(facts.Parts, func(a, b part) int { return cmp.Compare(strings.ToLower(a.Path), strings.ToLower(b.Path)) })
	return facts, nil
})

// licence answers with the text of a licence.
func (s *Site) licence(w http.ResponseWriter, r *http.Request) {
	text, err := licenceFiles.ReadFile("licences/" + r.PathValue("name"))
	if err != nil || !strings.HasSuffix(r.PathValue("name"), ".txt") {
		s.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text) // a browser that went away is no one to tell
}
