package page

import (
	"fmt"
	"strings"
)

// formField is one control of a form with its label, hint and place for errors; templates/_field.html draws it. Its
// name is the path of the value in the body that the REST API takes ("forward.url"), which is also how the API's
// error texts name it.
type formField struct {
	ID, Name, Kind   string
	Label, Hint      string
	Unit             string
	Placeholder      string
	Autocomplete     string
	InputMode        string
	Min, Max, Length string
	Rows             string
	Suggest          string // id of a list of suggestions
	Required, Mono   bool
	Options          []option
	Pin              *pin // what decides the value, nil when it can be changed here
}

// pin is a key of the machine's settings file that decides a setting.
type pin struct{ Key, File string }

type option struct{ Value, Label string }

// fields makes form fields with the texts of a language and what the machine's settings file decides.
type fields struct {
	texts texts
	pin   func(path string) *pin
}

// make describes a field: kind is text, password, number, select, textarea or switch; key names its label in the
// texts, key.hint its hint. The rest are words ("required", "mono") and pairs ("min=1", "unit=s", "pin=webServer.port",
// "options=udp4,tcp" with labels under key.<value> where there are such texts).
func (f fields) make(kind, name, key string, rest ...string) (formField, error) {
	field := formField{
		ID: "f-" + strings.NewReplacer(".", "-", "#", "-").Replace(key), Name: name, Kind: kind,
		Label: f.texts.get(key),
	}
	if f.texts.has(key + ".hint") {
		field.Hint = f.texts.get(key + ".hint")
	}
	for _, word := range rest {
		if err := f.set(&field, key, word); err != nil {
			return field, fmt.Errorf("cannot make field %q: %w", name, err)
		}
	}
	return field, nil
}

func (f fields) set(field *formField, key, word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "required":
		field.Required = true
	case "mono":
		field.Mono = true
	case "unit":
		field.Unit = f.texts.get("unit." + value)
	case "placeholder":
		field.Placeholder = value
	case "autocomplete":
		field.Autocomplete = value
	case "inputmode":
		field.InputMode = value
	case "min":
		field.Min = value
	case "max":
		field.Max = value
	case "length":
		field.Length = value
	case "rows":
		field.Rows = value
	case "suggest":
		field.Suggest = value
	case "id":
		field.ID = value
	case "options":
		field.Options = f.options(key, value)
	case "pin":
		field.Pin = f.pin(value)
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

// options lists comma-separated values with their labels: the text key.<value>, else the value itself.
func (f fields) options(key, values string) []option {
	var list []option
	for _, v := range strings.Split(values, ",") {
		label := v
		for _, k := range []string{key + "." + v, "level." + v} {
			if f.texts.has(k) {
				label = f.texts.get(k)
				break
			}
		}
		list = append(list, option{v, label})
	}
	return list
}

// Describes is the value of aria-describedby: what a screen reader reads after the label.
func (f formField) Describes() string {
	ids := []string{f.ID + "-error"}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Pin != nil {
		ids = append(ids, f.ID+"-pinned")
	}
	return strings.Join(ids, " ")
}
