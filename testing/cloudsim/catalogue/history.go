package catalogue

import "encoding/json"

// The keys of these structs are those of protocol/control-plane.md, section 4.6.

type historyItem struct {
	ID       *string         `json:"id"`
	Name     string          `json:"name"`
	Enabled  bool            `json:"enabled"`
	Settings json.RawMessage `json:"settings"`
}

type historyCommand struct {
	Name           string `json:"name"`
	Description    string `json:"description"`
	QueryTimeRange struct {
		timeRange
		MaxReadInterval int `json:"maxReadInterval"`
		ReadDelay       int `json:"readDelay"`
	} `json:"queryTimeRange"`
	SouthType         string          `json:"southType"`
	SouthSettings     json.RawMessage `json:"southSettings"`
	NorthType         string          `json:"northType"`
	NorthSettings     json.RawMessage `json:"northSettings"`
	Caching           caching         `json:"caching"`
	Items             []historyItem   `json:"items"`
	NorthTransformers []any           `json:"northTransformers"`
}

// historyFrom reads with a south of the type c and writes with the north oianalytics.
func historyFrom(c Connector, _ string) historyCommand {
	h := historyCommand{Name: "History of " + c.Type, SouthType: c.Type, SouthSettings: c.Settings, NorthType: "oianalytics",
		NorthSettings: json.RawMessage(`{"useOiaModule":true,"timeout":30,"compress":true}`), Caching: exampleCaching(),
		Items: []historyItem{{Name: "Item 1", Enabled: true, Settings: c.Item}}, NorthTransformers: []any{}}
	h.QueryTimeRange.timeRange = timeRange{Start: "2026-01-01T00:00:00.000Z", End: "2026-01-02T00:00:00.000Z"}
	h.QueryTimeRange.MaxReadInterval, h.QueryTimeRange.ReadDelay = 3600, 200
	return h
}

// historySouths are the types that can read the past, or files.
func historySouths(dialect string) []Connector {
	var out []Connector
	for _, c := range Souths(dialect) {
		if c.History || c.Type == "folder-scanner" || c.Type == "ftp" || c.Type == "sftp" {
			out = append(out, c)
		}
	}
	return out
}

type createHistory struct {
	Type         string         `json:"type"`
	FromSouth    *string        `json:"retrieveSecretsFromSouth"`
	FromNorth    *string        `json:"retrieveSecretsFromNorth"`
	FromHistory  *string        `json:"retrieveSecretsFromHistoryQuery"`
	HistoryQuery historyCommand `json:"commandContent"`
}

type updateHistory struct {
	ResetCache   bool           `json:"resetCache"`
	HistoryQuery historyCommand `json:"historyQuery"`
}

type historyHolder struct {
	Type               string  `json:"type"`
	HistoryID          string  `json:"historyId"`
	SouthConnectorID   *string `json:"southConnectorId,omitempty"`
	NorthConnectorID   *string `json:"northConnectorId,omitempty"`
	ItemID             string  `json:"itemId,omitempty"`
	HistoryQueryStatus string  `json:"historyQueryStatus,omitempty"`
	Content            any     `json:"commandContent,omitempty"`
}

type historyItemTest struct {
	History historyCommand `json:"historyCommand"`
	Item    historyItem    `json:"itemCommand"`
	Testing testSettings   `json:"testingSettings"`
}

func historyPlaces(prefix string) []Place {
	return []Place{
		{Path: prefix + ".southSettings", Kind: "south", TypePath: prefix + ".southType"},
		{Path: prefix + ".northSettings", Kind: "north", TypePath: prefix + ".northType"},
	}
}

func historyTemplates() []Template {
	const group = "History queries"
	places := historyPlaces("commandContent")
	const sources = "Empty secrets come from the stored history query, or from the connector named beside it when the history query is “create”."
	own := []Template{
		{Type: "create-history-query", Group: group, Title: "Create a history query", Dialects: "NR", Secrets: places, Variants: perType(historySouths, true, createHistoryOf),
			Help: "It is created waiting: “Start or pause a history query” starts it."},
		{Type: "update-history-query", Group: group, Title: "Update a history query", Dialects: "NR", Secrets: historyPlaces("commandContent.historyQuery"),
			Variants: perType(historySouths, true, updateHistoryOf), Help: "Empty secrets keep what is stored. Resetting the cache starts the query from its beginning."},
		{Type: "update-history-query-status", Group: group, Title: "Start or pause a history query", Dialects: "NR",
			Variants: one(historyHolder{Type: "update-history-query-status", HistoryID: "{history}", HistoryQueryStatus: "RUNNING"}), Help: "An agent accepts RUNNING and PAUSED only."},
		{Type: "delete-history-query", Group: group, Title: "Delete a history query", Dialects: "NR", Variants: one(historyHolder{Type: "delete-history-query", HistoryID: "{history}"})},
		{Type: "create-or-update-history-query-south-items-from-csv", Group: group, Title: "Import history items from CSV", Dialects: "NR",
			Variants: one(csvImport{Type: "create-or-update-history-query-south-items-from-csv", HistoryID: "{history}", CSVContent: historyCSV, Delimiter: ","}),
			Help:     "The example is for a folder-scanner. One column for each item setting, named settings_<key>."},
		{Type: "test-history-query-south-connection", Group: group, Title: "Test the south of a history query", Dialects: "NR", Secrets: places,
			Variants: perType(historySouths, true, testHistorySouthOf), Help: sources},
		{Type: "test-history-query-north-connection", Group: group, Title: "Test the north of a history query", Dialects: "NR", Secrets: places,
			Variants: perType(historySouths, true, testHistoryNorthOf), Help: sources},
		{Type: "test-history-query-south-item", Group: group, Title: "Test an item of a history query", Dialects: "NR", Secrets: historyPlaces("commandContent.historyCommand"),
			Variants: perType(historySouths, true, testHistoryItemOf), Help: sources},
	}
	return append(own, cacheTemplates("History query cache", "history", "historyQueryId", "{history}")...)
}

func createHistoryOf(c Connector, dialect string) any {
	return createHistory{Type: "create-history-query", HistoryQuery: historyFrom(c, dialect)}
}

func updateHistoryOf(c Connector, dialect string) any {
	return historyHolder{Type: "update-history-query", HistoryID: "{history}", Content: updateHistory{HistoryQuery: historyFrom(c, dialect)}}
}

func testHistorySouthOf(c Connector, dialect string) any {
	return historyHolder{Type: "test-history-query-south-connection", HistoryID: "create", SouthConnectorID: ptr(""), Content: historyFrom(c, dialect)}
}

func testHistoryNorthOf(c Connector, dialect string) any {
	return historyHolder{Type: "test-history-query-north-connection", HistoryID: "create", NorthConnectorID: ptr(""), Content: historyFrom(c, dialect)}
}

func testHistoryItemOf(c Connector, dialect string) any {
	h := historyFrom(c, dialect)
	return historyHolder{Type: "test-history-query-south-item", HistoryID: "create", SouthConnectorID: ptr(""), ItemID: "create",
		Content: historyItemTest{History: h, Item: h.Items[0], Testing: testSettings{History: &exampleRange}}}
}
