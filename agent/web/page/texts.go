package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed texts/*.json
var textFiles embed.FS

// language is the one whose table is complete; another language is one more file in texts and one more row here.
const language = "en"

// texts is the table of every text of the pages, shared by the templates and the modules: key to text, with {name}
// where a value goes.
type texts map[string]string

// loadTexts reads the table of a language.
func loadTexts(lang string) (texts, error) {
	raw, err := textFiles.ReadFile("texts/" + lang + ".json")
	if err != nil {
		return nil, fmt.Errorf("cannot open texts of %q: %w", lang, err)
	}
	var t texts
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("cannot read texts of %q: %w", lang, err)
	}
	return t, nil
}

// get is the text of key, with values put in from pairs of name and value. A key without a text shows itself.
func (t texts) get(key string, pairs ...string) string {
	text, ok := t[key]
	if !ok {
		return key
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// has tells whether key has a text.
func (t texts) has(key string) bool {
	_, ok := t[key]
	return ok
}

// textModule is the table as a JavaScript module.
func textModule(lang string) ([]byte, error) {
	raw, err := textFiles.ReadFile("texts/" + lang + ".json")
	if err != nil {
		return nil, fmt.Errorf("cannot open texts of %q: %w", lang, err)
	}
	var b bytes.Buffer
	b.WriteString("export default ")
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("cannot read texts of %q: %w", lang, err)
	}
	b.WriteString(";\n")
	return b.Bytes(), nil
}
