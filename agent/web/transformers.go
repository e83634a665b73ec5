package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/transformers"
)

// transformersPerPage is how many transformers a page of a search has, as in the reference.
const transformersPerPage = 10

// StandardTransformer is a StandardTransformerDTO.
type StandardTransformer struct {
	ID         string             `json:"id"`
	Type       string             `json:"type"`
	InputType  string             `json:"inputType"`
	OutputType string             `json:"outputType"`
	Function   string             `json:"functionName"`
	Manifest   manifest.Attribute `json:"manifest"`
}

// standardTransformers are the transformers of the product, in the order of their names.
func (s *Server) standardTransformers() []StandardTransformer {
	if s.o.Transformers == nil {
		return []StandardTransformer{}
	}
	ids := s.o.Transformers()
	list := []StandardTransformer{}
	for _, t := range manifest.Transformers() {
		if id := ids[t.ID]; id != "" {
			list = append(list, StandardTransformer{id, "standard", t.InputType, t.OutputType, t.ID, t.Settings})
		}
	}
	slices.SortFunc(list, func(a, b StandardTransformer) int { return strings.Compare(a.Function, b.Function) })
	return list
}

// allTransformers are the DTOs of all transformers.
func (s *Server) allTransformers() []any {
	if s.o.Custom != nil {
		return s.o.Custom.All()
	}
	list := []any{}
	for _, t := range s.standardTransformers() {
		list = append(list, t)
	}
	return list
}

// transformer is the DTO of a transformer, null when it is gone.
func (s *Server) transformer(id string) any {
	if s.o.Custom != nil {
		if view, err := s.o.Custom.View(id); err == nil {
			return view
		}
		return nil
	}
	for _, t := range s.standardTransformers() {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func (s *Server) transformerTypes(*http.Request) ([]manifest.TransformerType, error) {
	return manifest.TransformerTypes(), nil
}

func (s *Server) transformerManifest(r *http.Request) (manifest.Transformer, error) {
	form, ok := manifest.FindTransformer(r.PathValue("type"))
	if !ok {
		return form, entity.NotFound("Transformer manifest %q not found", r.PathValue("type"))
	}
	return form, nil
}

func (s *Server) listTransformers(*http.Request) ([]any, error) {
	return s.allTransformers(), nil
}

func (s *Server) findTransformer(r *http.Request) (any, error) {
	found := s.transformer(r.PathValue("id"))
	if found == nil {
		return nil, entity.NotFound("Transformer %q not found", r.PathValue("id"))
	}
	return found, nil
}

func (s *Server) searchTransformers(r *http.Request) (page, error) {
	q := queryOf(r)
	number := q.page()
	if err := q.err(); err != nil {
		return page{}, err
	}
	found := slices.DeleteFunc(s.allTransformers(), func(t any) bool {
		kind, input, output := kindsOf(t)
		differs := func(name, value string) bool { return q.text(name) != "" && q.text(name) != value }
		return differs("type", kind) || differs("inputType", input) || differs("outputType", output)
	})
	from := min(number*transformersPerPage, len(found))
	content := found[from:min(from+transformersPerPage, len(found))]
	return page{content, len(found), transformersPerPage, number, (len(found) + transformersPerPage - 1) / transformersPerPage}, nil
}

// kindsOf says what a transformer is, takes and makes.
func kindsOf(t any) (kind, input, output string) {
	switch t := t.(type) {
	case StandardTransformer:
		return t.Type, t.InputType, t.OutputType
	case transformers.StandardView:
		return t.Type, t.InputType, t.OutputType
	case transformers.CustomView:
		return t.Type, t.InputType, t.OutputType
	}
	return "", "", ""
}

// inputTemplate is an InputTemplate: a sample to try a transformer with. %s stands for the present instant.
type inputTemplate struct {
	Type        string `json:"type"`
	Data        string `json:"data"`
	Description string `json:"description"`
}

const (
	anySample = `{
  "timestamp": "%s",
  "source": "test_device",
  "measurements": {
    "temperature": 23.5,
    "humidity": 65.2,
    "pressure": 1013.25
  },
  "metadata": {
    "device_id": "sensor_001",
    "location": "building_a_floor_2",
    "firmware_version": "1.2.3"
  }
}`
	valueSample = `  {
    "pointId": "%s_sensor_01",
    "timestamp": "%%s",
    "data": {
      "value": %s,
      "unit": "%s",
      "quality": "good"
    }
  }`
	setpointSample = `[
  {
    "reference": "setpoint_temperature",
    "value": 22
  },
  {
    "reference": "setpoint_pressure",
    "value": 1000
  },
  {
    "reference": "setpoint_enabled",
    "value": true
  },
  {
    "reference": "setpoint_mode",
    "value": "auto"
  }
]`
)

// template is the sample for a type of input; that of setpoints for types that nobody knows, as in the reference.
func (s *Server) template(r *http.Request) (inputTemplate, error) {
	t := inputTemplate{Type: r.PathValue("type")}
	switch t.Type {
	case "any", "any-content":
		t.Data, t.Description = anySample, "Sample file content with structured data"
	case "time-values":
		t.Description = "Sample time-series data with multiple sensor readings"
		t.Data = "[\n" + fmt.Sprintf(valueSample, "temperature", "23.5", "°C") + ",\n" + fmt.Sprintf(valueSample, "pressure", "1013.25", "hPa") + ",\n" +
			fmt.Sprintf(valueSample, "humidity", "65.2", "%") + "\n]"
	default:
		t.Type, t.Data, t.Description = "setpoint", setpointSample, "Sample setpoint commands for various parameters"
	}
	t.Data = strings.ReplaceAll(t.Data, "%s", entity.Milli(s.o.Now()))
	return t, nil
}
