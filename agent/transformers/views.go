package transformers

import (
	"encoding/json"
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// StandardView is the DTO of a standard transformer (protocol/data-plane.md, section 7.0).
type StandardView struct {
	ID         string             `json:"id"`
	Type       string             `json:"type"`
	Function   string             `json:"functionName"`
	InputType  string             `json:"inputType"`
	OutputType string             `json:"outputType"`
	Manifest   manifest.Attribute `json:"manifest"`
}

// CustomView is the DTO of a custom transformer.
type CustomView struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	InputType   string          `json:"inputType"`
	OutputType  string          `json:"outputType"`
	Code        string          `json:"customCode"`
	Language    string          `json:"language"`
	Timeout     float64         `json:"timeout"`
	Manifest    json.RawMessage `json:"manifest"`
	CreatedBy   person          `json:"createdBy"`
	UpdatedBy   person          `json:"updatedBy"`
	CreatedAt   string          `json:"createdAt"`
	UpdatedAt   string          `json:"updatedAt"`
}

type person struct {
	ID   string `json:"id"`
	Name string `json:"friendlyName"`
}

// Views are the transformers as the REST API shows them.
type Views struct {
	*Service
	FriendlyName func(userID string) string
}

// All lists the standard transformers, by name, and then the custom ones.
func (v Views) All() []any {
	ids := v.o.StandardIDs()
	standard := []StandardView{}
	for _, t := range manifest.Transformers() {
		if id, ok := ids[t.ID]; ok {
			standard = append(standard, StandardView{id, "standard", t.ID, t.InputType, t.OutputType, t.Settings})
		}
	}
	slices.SortFunc(standard, func(a, b StandardView) int { return strings.Compare(a.Function, b.Function) })
	list := []any{}
	for _, t := range standard {
		list = append(list, t)
	}
	for _, t := range v.List() {
		list = append(list, v.custom(t))
	}
	return list
}

// View is the DTO of a transformer.
func (v Views) View(id string) (any, error) {
	if function, ok := v.standard(id); ok {
		t, _ := manifest.FindTransformer(function)
		return StandardView{id, "standard", t.ID, t.InputType, t.OutputType, t.Settings}, nil
	}
	t, err := v.Custom(id)
	if err != nil {
		return nil, err
	}
	return v.custom(t), nil
}

func (v Views) custom(t entity.CustomTransformer) CustomView {
	return CustomView{t.ID, "custom", t.Name, t.Description, t.InputType, t.OutputType, t.Code, t.Language, t.Timeout, t.Manifest,
		person{t.CreatedBy, v.FriendlyName(t.CreatedBy)}, person{t.UpdatedBy, v.FriendlyName(t.UpdatedBy)}, t.CreatedAt, t.UpdatedAt}
}

// block is a custom transformer as the full configuration has it (protocol/control-plane.md, section 4).
type block struct {
	ID        string          `json:"oIBusInternalId"`
	CreatedBy string          `json:"oIBusCreatedBy"`
	UpdatedBy string          `json:"oIBusUpdatedBy"`
	CreatedAt string          `json:"oIBusCreatedAt"`
	UpdatedAt string          `json:"oIBusUpdatedAt"`
	Type      string          `json:"type"`
	Settings  blockSettings   `json:"settings"`
	Manifest  json.RawMessage `json:"manifest"`
}

type blockSettings struct {
	Name        string  `json:"name"`
	Description *string `json:"description"`
	InputType   string  `json:"inputType"`
	Language    string  `json:"language"`
	Timeout     float64 `json:"timeout"`
	OutputType  string  `json:"outputType"`
	Code        string  `json:"customCode"`
}

// Blocks are the custom transformers as the full configuration has them.
func (s *Service) Blocks() ([]json.RawMessage, error) {
	var list []json.RawMessage
	for _, t := range s.List() {
		one, err := json.Marshal(block{t.ID, t.CreatedBy, t.UpdatedBy, t.CreatedAt, t.UpdatedAt, "custom",
			blockSettings{t.Name, t.Description, t.InputType, t.Language, t.Timeout, t.OutputType, t.Code}, t.Manifest})
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}
