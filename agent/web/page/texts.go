package page

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed texts/*.json
var textFiles embed.FS

// language is the one of people who have chosen none that is known; it is also the first of languages.
const language = "en"

// languages are those that there is a table for in texts. A test keeps the tables alike.
var languages = []string{language, "fr"}

// known is lang, or the usual language when there is no table for it.
func known(lang string) string {
	if slices.Contains(languages, lang) {
		return lang
	}
	return language
}

// preferred is the first of the languages that a browser asks for which is known.
func preferred(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		lang, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains(languages, lang) {
			return lang
		}
	}
	return language
}

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
