package takeover

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// pathKeys are the settings of connectors that name something on this machine. The reference often runs with the rights
// of the administrator; this service must be let into them (README, hardening).
var pathKeys = map[string]bool{"inputFolder": true, "outputFolder": true, "databasePath": true, "keyFilePath": true, "certFilePath": true, "caFilePath": true}

// paths are those outside of the data folder that enabled connectors use, sorted.
func (s *Site) paths(from string) []string {
	found := map[string]bool{}
	for i := range s.Souths {
		if s.Souths[i].Enabled {
			collectPaths(s.Souths[i].Settings, found)
		}
	}
	for i := range s.Norths {
		if s.Norths[i].Enabled {
			collectPaths(s.Norths[i].Settings, found)
		}
	}
	for path := range found {
		if strings.HasPrefix(path, filepath.Clean(from)+string(filepath.Separator)) {
			s.change("it is in the data folder of the other OIBus: move it out before that folder goes", "connectors go on using %s", path)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func collectPaths(settings json.RawMessage, found map[string]bool) {
	var v any
	if json.Unmarshal(settings, &v) != nil {
		return
	}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, one := range v {
				walk(key, one)
			}
		case []any:
			for _, one := range v {
				walk(key, one)
			}
		case string:
			if pathKeys[key] && filepath.IsAbs(v) {
				found[filepath.Clean(v)] = true
			}
		}
	}
	walk("", v)
}
