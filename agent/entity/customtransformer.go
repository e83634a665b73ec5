package entity

import "encoding/json"

// CustomTransformer is a transformer that people wrote. Timeout is in milliseconds; Manifest describes its options.
type CustomTransformer struct {
	Audit
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	InputType   string          `json:"inputType"`
	OutputType  string          `json:"outputType"`
	Language    string          `json:"language"`
	Code        string          `json:"customCode"`
	Timeout     float64         `json:"timeout"`
	Manifest    json.RawMessage `json:"manifest"`
}
