package conformance

import (
	"fmt"
	"maps"
	"slices"
)

// Translator turns recordings of dialect N into what the reference does in dialect R. The recordings of dialect R hold
// only what differs; the rest was repeated there with update-engine-settings in place of the four commands of dialect
// N, and went the same way (golden-R/README.md).
type Translator struct {
	settings map[string]any // flat engine settings as they stand
}

// engineCommands are the commands of dialect N that dialect R has one for, with what they answer.
var engineCommands = map[string]string{
	"update-engine-general":    "Engine name updated successfully",
	"update-engine-web-server": "Engine web server settings updated successfully",
	"update-engine-proxy":      "Engine proxy settings updated successfully",
	"update-engine-logger":     "Engine logger settings updated successfully",
}

const (
	engineSettings       = "update-engine-settings"
	engineSettingsResult = "Engine settings updated successfully"
)

// Recording translates r in place. It must be called in the order of the recordings: each one that changes the engine
// says how it stands.
func (t *Translator) Recording(r *Recording) error {
	for i := range r.Requests {
		t.configuration(r.Requests[i].Body)
	}
	contents := map[string]map[string]any{}
	for _, c := range r.Commands {
		id, kind := textAt(c, "id"), textAt(c, "type")
		if _, ok := engineCommands[kind]; !ok {
			continue
		}
		content, _ := c["commandContent"].(map[string]any)
		flat, err := t.content(content)
		if err != nil {
			return fmt.Errorf("command %s: %w", id, err)
		}
		contents[id] = flat
		c["type"], c["commandContent"] = engineSettings, flat
	}
	for _, u := range r.StatusUpdates {
		for _, c := range u.Body {
			if flat, ok := contents[textAt(c, "id")]; ok {
				if c["result"] == engineCommands[textAt(c, "type")] {
					c["result"] = engineSettingsResult
				}
				c["type"], c["commandContent"] = engineSettings, flat
			}
		}
	}
	return nil
}

// content is the whole of the settings with the name of a command in them, or its encrypted secret.
func (t *Translator) content(of map[string]any) (map[string]any, error) {
	if t.settings == nil {
		return nil, fmt.Errorf("no configuration was recorded yet that tells the other settings")
	}
	flat := clone(t.settings).(map[string]any)
	if name := textAt(of, "name"); name != "" {
		flat["name"] = name
	}
	if loki, ok := of["loki"].(map[string]any); ok {
		flat["logParameters"].(map[string]any)["loki"].(map[string]any)["password"] = loki["password"]
	}
	return flat, nil
}

// configuration turns the engine of a full-config into that of dialect R, and remembers its settings.
func (t *Translator) configuration(body any) {
	b, _ := body.(map[string]any)
	engine, _ := b["engine"].(map[string]any)
	nested, _ := engine["settings"].(map[string]any)
	if nested["general"] == nil {
		return
	}
	for _, key := range []string{"dataFolder", "binaryFolder", "ignoreIpFilters", "ignoreRemoteUpdate"} {
		delete(engine, key)
	}
	logger := maps.Clone(nested["logger"].(map[string]any))
	delete(logger, "syslog")
	proxy := nested["proxyServer"].(map[string]any)
	engine["settings"] = map[string]any{
		"name": nested["general"].(map[string]any)["name"], "port": nested["webServer"].(map[string]any)["port"],
		"proxyEnabled": proxy["enabled"], "proxyPort": proxy["port"], "logParameters": logger,
	}
	t.settings = clone(engine["settings"]).(map[string]any)
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, child := range v {
			out[k] = clone(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = clone(child)
		}
		return out
	}
	return v
}

func sortedKeys(o map[string]any) []string { return slices.Sorted(maps.Keys(o)) }
