package catalogue

import "encoding/json"

// The keys of these structs are those of protocol/control-plane.md, section 4.5.

type caching struct {
	Trigger struct {
		ScanModeID       *string `json:"scanModeId"`
		ScanModeName     *string `json:"scanModeName"`
		NumberOfElements int     `json:"numberOfElements"`
		NumberOfFiles    int     `json:"numberOfFiles"`
	} `json:"trigger"`
	Throttling struct {
		RunMinDelay         int `json:"runMinDelay"`
		MaxSize             int `json:"maxSize"`
		MaxNumberOfElements int `json:"maxNumberOfElements"`
	} `json:"throttling"`
	Error struct {
		RetryInterval     int `json:"retryInterval"`
		RetryCount        int `json:"retryCount"`
		RetentionDuration int `json:"retentionDuration"`
	} `json:"error"`
	Archive struct {
		Enabled           bool `json:"enabled"`
		RetentionDuration int  `json:"retentionDuration"`
	} `json:"archive"`
}

func exampleCaching() (c caching) {
	c.Trigger.ScanModeName, c.Trigger.NumberOfElements, c.Trigger.NumberOfFiles = ptr("Every 10 seconds"), 1000, 1
	c.Throttling.RunMinDelay, c.Throttling.MaxNumberOfElements = 200, 10000
	c.Error.RetryInterval, c.Error.RetryCount, c.Error.RetentionDuration = 5000, 3, 72
	return c
}

type northCommand struct {
	Name         string          `json:"name"`
	Type         string          `json:"type"`
	Description  string          `json:"description"`
	Enabled      bool            `json:"enabled"`
	Settings     json.RawMessage `json:"settings"`
	Caching      caching         `json:"caching"`
	Transformers []any           `json:"transformers"`
}

func north(c Connector) northCommand {
	return northCommand{Name: connectorName("north", c.Type), Type: c.Type, Enabled: true, Settings: c.Settings,
		Caching: exampleCaching(), Transformers: []any{}}
}

type northHolder struct {
	Type             string `json:"type"`
	NorthConnectorID string `json:"northConnectorId"`
	Content          any    `json:"commandContent,omitempty"`
}

type createNorth struct {
	Type                     string       `json:"type"`
	RetrieveSecretsFromNorth *string      `json:"retrieveSecretsFromNorth"`
	Content                  northCommand `json:"commandContent"`
}

type setpoint struct {
	Reference string `json:"reference"`
	Value     string `json:"value"`
}

func northTemplates() []Template {
	secrets := []Place{{Path: "commandContent.settings", Kind: "north", TypePath: "commandContent.type"}}
	const group = "North connectors"
	withID := func(commandType, id string) func(Connector, string) any {
		return func(c Connector, _ string) any {
			return northHolder{Type: commandType, NorthConnectorID: id, Content: north(c)}
		}
	}
	create := func(c Connector, _ string) any { return createNorth{Type: "create-north", Content: north(c)} }
	own := []Template{
		{Type: "create-north", Group: group, Title: "Create a north", Dialects: "NR", Secrets: secrets, Variants: append(perType(Norths, true, create), createLinkedNorth()),
			Help: "The trigger needs a scan mode, by id or by name."},
		{Type: "update-north", Group: group, Title: "Update a north", Dialects: "NR", Secrets: secrets, Variants: perType(Norths, true, withID("update-north", "{north}")),
			Help: "Replaces the whole connector, its transformer links too. Empty secrets keep what is stored."},
		{Type: "delete-north", Group: group, Title: "Delete a north", Dialects: "NR", Variants: one(northHolder{Type: "delete-north", NorthConnectorID: "{north}"})},
		{Type: "test-north-connection", Group: group, Title: "Test a north connection", Dialects: "NR", Secrets: secrets, Variants: perType(Norths, true, withID("test-north-connection", "create")),
			Help: "The north is the one whose stored secrets are used, or “create” for one that is not saved yet."},
		{Type: "setpoint", Group: group, Title: "Write setpoints", Dialects: "NR",
			Variants: one(northHolder{Type: "setpoint", NorthConnectorID: "{north}", Content: []setpoint{{Reference: "PUMP_1_SPEED", Value: "45.5"}}}),
			Help:     "“Completed” says that the setpoints are in the cache of the north, not that they were delivered."},
	}
	return append(own, cacheTemplates("North cache", "north", "northConnectorId", "{north}")...)
}

// createLinkedNorth is a north that receives the values of one south through a transformer.
func createLinkedNorth() Variant {
	n := north(Connector{Type: "oianalytics", Settings: json.RawMessage(`{"useOiaModule":true,"timeout":30,"compress":true}`)})
	n.Name = "North with transformer"
	n.Transformers = []any{map[string]any{"id": "temp_1", "transformerId": "{transformer}", "options": map[string]any{},
		"source": map[string]any{"type": "south", "southId": "{south}", "items": []any{}}}}
	return variant("oianalytics, fed by a south through a transformer", "NR", createNorth{Type: "create-north", Content: n})
}

type cacheSearch struct {
	Start         *string `json:"start"`
	End           *string `json:"end"`
	NameContains  *string `json:"nameContains"`
	MaximumNumber int     `json:"maxNumberOfFilesReturned"`
}

type cacheFile struct {
	Folder   string `json:"folder"`
	Filename string `json:"filename"`
}

type cacheChange struct {
	Remove []string `json:"remove"`
	Move   []any    `json:"move"`
}

type cacheChanges struct {
	Cache   cacheChange `json:"cache"`
	Error   cacheChange `json:"error"`
	Archive cacheChange `json:"archive"`
}

// cacheTemplates are the three forms about the cache of a north or of a history query.
func cacheTemplates(group, what, idKey, id string) []Template {
	command := func(commandType string, content any) []Variant {
		raw := variant("Example", "NR", content).Command
		return one(json.RawMessage(`{"type":"` + commandType + `","` + idKey + `":"` + id + `","commandContent":` + string(raw) + `}`))
	}
	none := cacheChange{Remove: []string{}, Move: []any{}}
	retry := cacheChange{Remove: []string{}, Move: []any{map[string]string{"filename": "x8Kd01LmQ2za", "to": "cache"}}}
	search, get, update := "search-"+what+"-cache-content", "get-"+what+"-cache-file-content", "update-"+what+"-cache-content"
	return []Template{
		{Type: search, Group: group, Title: "Search the cache", Dialects: "NR", Variants: command(search, cacheSearch{MaximumNumber: 100}),
			Help: "Start, end and a part of the cache id narrow the search. 0 files at most means no limit."},
		{Type: get, Group: group, Title: "Read a cached file", Dialects: "NR", Variants: command(get, cacheFile{Folder: "cache", Filename: "x8Kd01LmQ2za"}),
			Help: "The file name is the one that a search returned."},
		{Type: update, Group: group, Title: "Remove or move cached files", Dialects: "NR", Variants: command(update, cacheChanges{Cache: none, Error: retry, Archive: none}),
			Help: "The example sends a file in error again. File names are those that a search returned."},
	}
}
