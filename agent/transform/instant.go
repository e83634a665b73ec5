package transform

import (
	"fmt"

	"oibus/agent/transform/datetime"
)

var instantTypes = []string{string(datetime.ISOString), string(datetime.UnixEpoch), string(datetime.UnixEpochMs), string(datetime.String)}

// instantSpec reads the options of a date inside name, whose own names begin with prefix: "", "input" or "output".
func (o *options) instantSpec(name, prefix string) datetime.Spec {
	g := o.group(name)
	key := func(s string) string {
		if prefix == "" {
			return s
		}
		return prefix + string(s[0]-'a'+'A') + s[1:]
	}
	spec := datetime.Spec{Type: datetime.Type(g.textOr(key("type"), ""))}
	if spec.Type != "" {
		g.choice(key("type"), "", instantTypes...)
	}
	if spec.Type == datetime.String {
		spec.Timezone, spec.Locale = g.textOr(key("timezone"), ""), g.textOr(key("locale"), "")
		spec.Format = g.text(key("format"))
	}
	return spec
}

func optionError(name string, err error) error { return fmt.Errorf("option %q: %w", name, err) }
