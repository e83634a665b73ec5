package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"oibus/agent/entity"
)

// Check returns nil when raw matches s, else an *entity.InvalidError whose text is all violations joined by ". ".
// A missing document reads as one whose root is required.
func Check(s Schema, raw json.RawMessage) error {
	_, err := parseAndCheck(s, raw)
	return err
}

func parseAndCheck(s Schema, raw json.RawMessage) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, entity.Invalid(`"value" is required`)
	}
	v, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	if texts := s.Validate(v); len(texts) > 0 {
		return nil, &entity.InvalidError{Text: strings.Join(texts, ". ")}
	}
	return v, nil
}

// Decode checks raw against s and decodes it into the value that into points to. What was accepted in another
// spelling arrives in the right one: "2223" as a number, "TRUE" and 1 as true. An empty text where a number, boolean
// or container is meant arrives as null. Keys that are absent leave their part of into as it was.
func Decode(s Schema, raw json.RawMessage, into any) error {
	v, err := parseAndCheck(s, raw)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(s.Coerced(v))
	if err != nil {
		return fmt.Errorf("cannot write checked JSON: %w", err)
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return entity.Invalid("cannot read JSON: %v", err)
	}
	return nil
}
