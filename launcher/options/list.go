package options

import (
	"fmt"
	"strings"
)

// List is a list of texts that TOML holds as an array. It is kept in one text, so that Options can be compared.
type List string

// UnmarshalTOML implements toml.Unmarshaler.
func (l *List) UnmarshalTOML(v any) error {
	items, ok := v.([]any)
	if !ok {
		return fmt.Errorf(`it is not a list: write ["…", "…"]`)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok || text == "" || strings.ContainsAny(text, "\r\n") {
			return fmt.Errorf("item %d of the list is not a text of one line", i+1)
		}
		texts[i] = text
	}
	*l = List(strings.Join(texts, "\n"))
	return nil
}

// All gives the items.
func (l List) All() []string {
	if l == "" {
		return nil
	}
	return strings.Split(string(l), "\n")
}
