package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Dialect is one of the two ways of the wire (protocol/control-plane.md, section 12).
type Dialect string

// The dialects.
const (
	N Dialect = "N"
	R Dialect = "R"
)

// Folder is where the recordings of the dialect are.
func (d Dialect) Folder() string {
	if d == R {
		return "golden-R"
	}
	return "golden"
}

// Recording is a recorded scenario: commands handed out in one answer, and what followed.
type Recording struct {
	Name          string           `json:"name"`
	Note          string           `json:"note"`
	Commands      []map[string]any `json:"commands"`
	Outcomes      []Outcome        `json:"outcomes"`
	NotReported   []string         `json:"notReported"`
	StatusUpdates []StatusUpdate   `json:"statusUpdates"`
	Requests      []Exchange       `json:"resultingRequests"`
}

// Outcome is the end of a command.
type Outcome struct {
	ID     string  `json:"id"`
	Type   string  `json:"type"`
	Status string  `json:"status"`
	Result *string `json:"result"`
}

// StatusUpdate is one request that reports commands (E6).
type StatusUpdate struct {
	Answer int              `json:"answer"`
	Body   []map[string]any `json:"body"`
}

// Exchange is one request with its answer.
type Exchange struct {
	Method  string      `json:"method"`
	Path    string      `json:"path"`
	Query   string      `json:"query"`
	Headers [][2]string `json:"headers"`
	Body    any         `json:"body"`
	Answer  struct {
		Status int `json:"status"`
		Body   any `json:"body"`
	} `json:"answer"`
}

// LoadRecording reads the scenario of a name.
func LoadRecording(folder, name string) (*Recording, error) {
	var r Recording
	if err := loadJSON(folder, name, &r); err != nil {
		return nil, err
	}
	if len(r.Commands) == 0 {
		return nil, fmt.Errorf("%s holds no commands", name)
	}
	return &r, nil
}

func loadJSON(folder, name string, into any) error {
	text, err := os.ReadFile(filepath.Join(folder, name+".json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("cannot read %s.json: %w", name, err)
	}
	return nil
}

// Names lists what is recorded in a folder, without the index.
func Names(folder string) ([]string, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		name, isJSON := strings.CutSuffix(f.Name(), ".json")
		if isJSON && name != "INDEX" {
			names = append(names, name)
		}
	}
	return names, nil
}

// objectLists are the lists of configurations whose objects a command can name, with the setting that tells them apart.
var objectLists = map[string]string{"scanModes": "name", "ipFilters": "address", "certificates": "name", "users": "login", "transformers": "functionName",
	"southConnectors": "name", "northConnectors": "name", "historyQueries": "name"}

// KnownIDs finds the identifiers of objects in every configuration below v, with the name of the object.
func KnownIDs(v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for list, key := range objectLists {
			objects, _ := v[list].([]any)
			for _, o := range objects {
				if id, name := identified(o, key); id != "" && name != "" {
					into[id] = list + " " + name
				}
			}
		}
		for _, child := range v {
			KnownIDs(child, into)
		}
	case []any:
		for _, child := range v {
			KnownIDs(child, into)
		}
	}
}

func identified(object any, key string) (id, name string) {
	o, _ := object.(map[string]any)
	settings, _ := o["settings"].(map[string]any)
	id, _ = o["oIBusInternalId"].(string)
	if name, _ = settings[key].(string); name == "" {
		name, _ = settings["name"].(string) // of custom transformers
	}
	return id, name
}

// RecordedIDs finds the identifiers of objects in all recordings of a folder.
func RecordedIDs(folder string) (map[string]string, error) {
	names, err := Names(folder)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for _, name := range names {
		var v any
		if err := loadJSON(folder, name, &v); err != nil {
			return nil, err
		}
		KnownIDs(v, ids)
	}
	return ids, nil
}
