package manifest

import "oibus/agent/schema"

// Type is what an attribute holds.
type Type string

// The attribute types of the wire.
const (
	TypeString      Type = "string"
	TypeSecret      Type = "secret"
	TypeNumber      Type = "number"
	TypeBoolean     Type = "boolean"
	TypeSelect      Type = "string-select"
	TypeCode        Type = "code"
	TypeInstant     Type = "instant"
	TypeScanMode    Type = "scan-mode"
	TypeCertificate Type = "certificate"
	TypeTimezone    Type = "timezone"
	TypeArray       Type = "array"
	TypeObject      Type = "object"
)

// Validator types. The last three only matter to forms: the reference does not enforce them, nor do we.
const (
	Required         = "REQUIRED"
	Minimum          = "MINIMUM"
	Maximum          = "MAXIMUM"
	Pattern          = "PATTERN"
	Unique           = "UNIQUE"
	SingleTrue       = "SINGLE_TRUE"
	Platform         = "PLATFORM"
	PositiveInteger  = "POSITIVE_INTEGER"
	ValidCron        = "VALID_CRON"
	MQTTTopicOverlap = "MQTT_TOPIC_OVERLAP"
)

// Validator is one rule for a value.
type Validator struct {
	Type      string   `json:"type"`
	Arguments []string `json:"arguments"`
}

// Operators of conditions. The reference checks settings as if all were Equals; only forms honour the others.
const (
	Equals   = "EQUALS"
	Contains = "CONTAINS"
	NotEqual = "NOT_EQUAL"
)

// Condition makes the sibling Target of an object apply only when the sibling Referral has one of Values (texts or
// booleans). Operator is empty for Equals.
type Condition struct {
	Referral string `json:"referralPathFromRoot"`
	Target   string `json:"targetPathFromRoot"`
	Values   []any  `json:"values"`
	Operator string `json:"operator,omitempty"`
}

// Display places a control in a form of 12 columns. InViewMode says whether it is shown where nothing can be edited.
type Display struct {
	Row        int  `json:"row"`
	Columns    int  `json:"columns"`
	InViewMode bool `json:"displayInViewMode"`
}

// Box says how an object is drawn.
type Box struct {
	Visible bool `json:"visible"`
	Wrap    bool `json:"wrapInBox"`
}

// Attribute is one element of a form. Which members count depends on Type.
type Attribute struct {
	Type           Type
	Key            string
	TranslationKey string
	Validators     []Validator
	Display        Display  // controls
	Default        any      // string, float64, bool or nil
	Unit           *string  // numbers
	Options        []string // selects
	ContentType    string   // code: sql or json
	AcceptableType string   // scan modes: POLL, SUBSCRIPTION or SUBSCRIPTION_AND_POLL

	Attributes []Attribute // objects
	Conditions []Condition // objects
	Box        Box         // objects

	Paginate bool       // arrays
	PageSize int        // arrays
	Root     *Attribute // arrays: the object that describes one element

	form *schema.Schema // of a finished form: what Validate checks with
	plan
}

// Has says whether the attribute has a validator of that type.
func (a *Attribute) Has(validator string) bool {
	_, ok := a.arguments(validator)
	return ok
}

func (a *Attribute) arguments(validator string) ([]string, bool) {
	for _, v := range a.Validators {
		if v.Type == validator {
			return v.Arguments, true
		}
	}
	return nil, false
}

// condition is the first condition on a child; the reference ignores further ones.
func (a *Attribute) condition(child string) (Condition, bool) {
	for _, c := range a.Conditions {
		if c.Target == child {
			return c, true
		}
	}
	return Condition{}, false
}

func (a *Attribute) child(key string) (*Attribute, bool) {
	for i := range a.Attributes {
		if a.Attributes[i].Key == key {
			return &a.Attributes[i], true
		}
	}
	return nil, false
}
