// Package manifest holds the form model: what settings each connector type and transformer has, how they are shown,
// checked and defaulted, and which of them are secrets (protocol/data-plane.md, section 2). One description serves
// the page, the REST API, the validation of commands and the walkers that seal, open, blank and decrypt secrets, so
// that no connector can forget one of them. It promises the reference's JSON, in both dialects, and its texts.
package manifest

// Dialect chooses between the two sets of forms that exist in the field (protocol/control-plane.md, section 12).
type Dialect string

// The dialects: N has the newest settings, R those of the released 3.8.8.
const (
	N Dialect = "N"
	R Dialect = "R"
)

// Modes say how a South can be read.
type Modes struct {
	Subscription bool `json:"subscription"`
	LastPoint    bool `json:"lastPoint"`
	LastFile     bool `json:"lastFile"`
	History      bool `json:"history"`
}

// South is the manifest of a South connector type.
type South struct {
	ID       string    `json:"id"`
	Category string    `json:"category"`
	Modes    Modes     `json:"modes"`
	Settings Attribute `json:"settings"`
	Items    Attribute `json:"items"`
}

// ItemSettings is the form of the settings of one item.
func (s South) ItemSettings() Attribute {
	return s.Items.Root.Attributes[len(s.Items.Root.Attributes)-1]
}

// SouthType is a South manifest without its forms.
type SouthType struct {
	ID       string `json:"id"`
	Category string `json:"category"`
	Modes    Modes  `json:"modes"`
}

// North is the manifest of a North connector type. Types are the contents it can send.
type North struct {
	ID       string    `json:"id"`
	Category string    `json:"category"`
	Types    []string  `json:"types"`
	Settings Attribute `json:"settings"`
}

// NorthType is a North manifest without its form.
type NorthType struct {
	ID       string   `json:"id"`
	Category string   `json:"category"`
	Types    []string `json:"types"`
}

// Transformer is the manifest of a standard transformer. Settings is the form of its options.
type Transformer struct {
	ID         string    `json:"id"`
	InputType  string    `json:"inputType"`
	OutputType string    `json:"outputType"`
	Settings   Attribute `json:"settings"`
}

// TransformerType is a transformer manifest without its form.
type TransformerType struct {
	ID         string `json:"id"`
	InputType  string `json:"inputType"`
	OutputType string `json:"outputType"`
}
