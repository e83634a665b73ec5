package catalogue

import "encoding/json"

// The keys of these structs are those of protocol/control-plane.md, sections 4.2 to 4.4.

type southCommand struct {
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Enabled     bool            `json:"enabled"`
	Settings    json.RawMessage `json:"settings"`
	Items       []any           `json:"items"`
	Groups      []any           `json:"groups"`
}

type itemCommand struct {
	ID              *string         `json:"id"`
	Name            string          `json:"name"`
	Enabled         bool            `json:"enabled"`
	Settings        json.RawMessage `json:"settings"`
	ScanModeID      *string         `json:"scanModeId"`
	ScanModeName    *string         `json:"scanModeName"`
	GroupID         *string         `json:"groupId"`
	GroupName       *string         `json:"groupName"`
	SyncWithGroup   bool            `json:"syncWithGroup"`
	MaxReadInterval *int            `json:"maxReadInterval"`
	ReadDelay       *int            `json:"readDelay"`
}

type itemN struct {
	itemCommand
	StartTimeOffset  *int    `json:"startTimeOffset"`
	EndTimeOffset    *int    `json:"endTimeOffset"`
	RecoveryStrategy *string `json:"recoveryStrategy"`
}

type itemR struct {
	itemCommand
	Overlap *int `json:"overlap"`
}

func ptr[T any](v T) *T { return &v }

func southItem(c Connector, dialect string) any {
	scanMode := "Every 10 seconds"
	if c.Subscription {
		scanMode = "Subscription"
	}
	item := itemCommand{Name: "Item 1", Enabled: true, Settings: c.Item, ScanModeName: &scanMode}
	if c.History {
		item.MaxReadInterval, item.ReadDelay = ptr(3600), ptr(200)
	}
	if dialect == DialectR {
		return itemR{itemCommand: item, Overlap: ptr(0)}
	}
	if !c.History {
		return itemN{itemCommand: item}
	}
	return itemN{itemCommand: item, StartTimeOffset: ptr(0), EndTimeOffset: ptr(0), RecoveryStrategy: ptr("oldest")}
}

func south(c Connector, dialect string) southCommand {
	return southCommand{Name: connectorName("south", c.Type), Type: c.Type, Enabled: true, Settings: c.Settings,
		Items: []any{southItem(c, dialect)}, Groups: []any{}}
}

type southHolder struct {
	Type                     string  `json:"type"`
	SouthConnectorID         string  `json:"southConnectorId,omitempty"`
	ItemID                   string  `json:"itemId,omitempty"`
	RetrieveSecretsFromSouth *string `json:"retrieveSecretsFromSouth,omitempty"`
	Content                  any     `json:"commandContent,omitempty"`
}

// createSouth has its own shape: the secret source is sent even when there is none.
type createSouth struct {
	Type                     string       `json:"type"`
	RetrieveSecretsFromSouth *string      `json:"retrieveSecretsFromSouth"`
	Content                  southCommand `json:"commandContent"`
}

type testSettings struct {
	History *timeRange `json:"history,omitempty"`
}

type timeRange struct {
	Start string `json:"startTime"`
	End   string `json:"endTime"`
}

var exampleRange = timeRange{Start: "2026-01-01T00:00:00.000Z", End: "2026-01-01T06:00:00.000Z"}

type southItemTest struct {
	South   southCommand `json:"southCommand"`
	Item    any          `json:"itemCommand"`
	Testing testSettings `json:"testingSettings"`
}

type csvImport struct {
	Type                  string `json:"type"`
	SouthConnectorID      string `json:"southConnectorId,omitempty"`
	HistoryID             string `json:"historyId,omitempty"`
	DeleteItemsNotPresent bool   `json:"deleteItemsNotPresent"`
	CSVContent            string `json:"csvContent"`
	Delimiter             string `json:"delimiter"`
}

const (
	southCSV = "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate," +
		"settings_maxFiles,settings_maxSize,settings_recursive\n" +
		"csv files,true,Every minute,.*\\.csv,1000,true,false,0,0,false\n"
	historyCSV = "name,enabled,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate," +
		"settings_maxFiles,settings_maxSize,settings_recursive\n" +
		"csv files,true,.*\\.csv,1000,true,false,0,0,false\n"
)

func southTemplates() []Template {
	secrets := []Place{{Path: "commandContent.settings", Kind: "south", TypePath: "commandContent.type"}}
	const group = "South connectors"
	create := func(c Connector, dialect string) any {
		return createSouth{Type: "create-south", Content: south(c, dialect)}
	}
	withID := func(commandType, id string) func(Connector, string) any {
		return func(c Connector, dialect string) any {
			return southHolder{Type: commandType, SouthConnectorID: id, Content: south(c, dialect)}
		}
	}
	return []Template{
		{Type: "create-south", Group: group, Title: "Create a south", Dialects: "NR", Secrets: secrets, Variants: perType(Souths, false, create),
			Help: "Items that belong to no group need a scan mode, by id or by name."},
		{Type: "update-south", Group: group, Title: "Update a south", Dialects: "NR", Secrets: secrets, Variants: perType(Souths, false, withID("update-south", "{south}")),
			Help: "Replaces the whole connector: items that are not in the list are deleted, those with an id are updated. Empty secrets keep what is stored."},
		{Type: "delete-south", Group: group, Title: "Delete a south", Dialects: "NR", Variants: one(southHolder{Type: "delete-south", SouthConnectorID: "{south}"})},
		{Type: "create-or-update-south-items-from-csv", Group: group, Title: "Import south items from CSV", Dialects: "NR",
			Variants: one(csvImport{Type: "create-or-update-south-items-from-csv", SouthConnectorID: "{south}", CSVContent: southCSV, Delimiter: ","}),
			Help:     "The example is for a folder-scanner. One column for each item setting, named settings_<key>. Secrets in a CSV are not encrypted."},
		{Type: "test-south-connection", Group: group, Title: "Test a south connection", Dialects: "NR", Secrets: secrets, Variants: perType(Souths, false, withID("test-south-connection", "create")),
			Help: "The south is the one whose stored secrets are used, or “create” for one that is not saved yet."},
		{Type: "test-south-item", Group: group, Title: "Test a south item", Dialects: "NR",
			Secrets:  []Place{{Path: "commandContent.southCommand.settings", Kind: "south", TypePath: "commandContent.southCommand.type"}},
			Variants: perType(Souths, false, southItemTestOf)},
	}
}

func southItemTestOf(c Connector, dialect string) any {
	s := south(c, dialect)
	content := southItemTest{South: s, Item: s.Items[0]}
	content.South.Items = []any{}
	if c.History {
		content.Testing.History = &exampleRange
	}
	return southHolder{Type: "test-south-item", SouthConnectorID: "create", ItemID: "create", Content: content}
}
