package conformance

import (
	"encoding/json"
	"net/http"
	"regexp"

	"oibus/testing/cloudsim"
)

// transformerScenarios are the recordings about transformers, in the order of recording. They are played by an agent of
// their own. Dialect R plays those of dialect N, and its own where it has one.
var transformerScenarios = map[Dialect][]string{
	N: {
		"create-custom-transformer", "create-custom-transformer-duplicate", "create-custom-transformer-invalid", "update-custom-transformer",
		"update-custom-transformer-unknown-id", "update-custom-transformer-standard", "test-custom-transformer", "test-custom-transformer-typescript",
		"test-custom-transformer-throws", "test-custom-transformer-timeout", "test-custom-transformer-no-function", "test-custom-transformer-dto-form",
		"test-transformer", "test-transformer-south-item", "test-transformer-unknown-id", "test-transformer-bad-input",
		"delete-custom-transformer-unknown-id", "delete-custom-transformer-standard", "delete-custom-transformer",
	},
	R: {"test-transformer"},
}

// catalogueScenarios are the recordings of what the REST API says about types, before there is a custom transformer.
// Dialect R has its own of some.
var catalogueScenarios = map[Dialect][]string{
	N: {"south-types", "north-types", "manifests-south", "manifests-north", "manifests-transformers", "transformers-list", "transformer-templates"},
	R: {"south-types", "manifests-south", "manifests-north"},
}

// unrecordedIDs are ids of objects that no recorded configuration has, with names.
var unrecordedIDs = map[string]string{"aeKg9A": "transformers Suffixer"}

// transformerScripts arrange what these scenarios need: the recording of dialect R leaves an IP filter.
var transformerScripts = map[Dialect]map[string]script{
	R: {"test-transformer-south-item": {before: []step{command("delete the IP filter", func(p *Player) map[string]any {
		return map[string]any{"type": "delete-ip-filter", "ipFilterId": p.find("ipFilters 10.9.9.9")}
	})}}},
}

// registered are the registration settings that all later recordings have.
var registered = step{"edit the registration", func(p *Player) error {
	r, err := LoadRecording(p.folder, "update-registration-settings")
	if err != nil {
		return err
	}
	return p.succeed(r.Commands[0])
}, configurations}

// answerReads lets OIAnalytics answer the reads of data that a recording has as it did then.
func answerReads(r *Recording) ([]cloudsim.Rule, error) {
	var rules []cloudsim.Rule
	for _, e := range r.Requests {
		if e.Path != "/api/oianalytics/time-values/query" {
			continue
		}
		body, err := json.Marshal(e.Answer.Body)
		if err != nil {
			return nil, err
		}
		rules = append(rules, cloudsim.Rule{Endpoint: "D4", Status: e.Answer.Status, Body: body, Count: 1})
	}
	return rules, nil
}

// playCatalogue asks the REST API for a catalogue as it is recorded in a folder.
func (p *Player) playCatalogue(folder, name string) comparison {
	var recorded any
	if err := loadJSON(folder, name, &recorded); err != nil {
		return failed(err)
	}
	ours, err := p.catalogue(name, recorded)
	if err != nil {
		return failed(err)
	}
	return func() ([]Difference, error) {
		n := &Normaliser{}
		return Compare(instants(n.Normalise(byFunction(recorded))), instants(n.Normalise(byFunction(ours)))), nil
	}
}

// cataloguePaths are where catalogues are asked for: as a whole, or one by one with the id at the end.
var cataloguePaths = map[string]string{
	"south-types": "/api/south/types", "north-types": "/api/north/types", "transformers-list": "/api/transformers/list",
	"manifests-south": "/api/south/manifests/", "manifests-north": "/api/north/manifests/", "manifests-transformers": "/api/transformers/manifests/",
	"transformer-templates": "/api/transformers/template/",
}

func (p *Player) catalogue(name string, recorded any) (any, error) {
	path := cataloguePaths[name]
	switch recorded := recorded.(type) {
	case map[string]any:
		ours := map[string]any{}
		for id := range recorded {
			one, err := p.get(path + id)
			if err != nil {
				return nil, err
			}
			ours[id] = one
		}
		return ours, nil
	case []any:
		if path[len(path)-1] != '/' {
			return p.get(path)
		}
		ours := make([]any, len(recorded))
		for i, entry := range recorded {
			o, _ := entry.(map[string]any)
			one, err := p.get(path + textAt(o, "id"))
			if err != nil {
				return nil, err
			}
			ours[i] = one
		}
		return ours, nil
	}
	return p.get(path)
}

func (p *Player) get(path string) (v any, err error) {
	return v, p.agent.JSON(p.t.Context(), http.MethodGet, path, nil, &v)
}

// byFunction turns the list of the transformers into one by their names: the order of the reference is that in which
// its versions brought them.
func byFunction(v any) any {
	list, _ := v.([]any)
	named := map[string]any{}
	for _, entry := range list {
		o, _ := entry.(map[string]any)
		if name := textAt(o, "functionName"); name != "" {
			named[name] = entry
		}
	}
	if len(named) != len(list) || len(list) == 0 {
		return v
	}
	return named
}

var instantInText = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// instants replaces the instants inside of texts: samples show the time at which they were asked for.
func instants(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			v[k] = instants(child)
		}
	case []any:
		for i, child := range v {
			v[i] = instants(child)
		}
	case string:
		return instantInText.ReplaceAllString(v, "‹instant›")
	}
	return v
}
