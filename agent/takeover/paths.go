package takeover

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"oibus/launcher/diagnostics"
)

// paths are those outside of the data folder that enabled connectors use, sorted. The reference often runs with the rights
// of the administrator; this service must be let into them (README, hardening).
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
	diagnostics.EachPath(settings, func(_, path string) {
		if filepath.IsAbs(path) {
			found[filepath.Clean(path)] = true
		}
	})
}
