// Package catalogue holds one ready-made form for each command type that OIAnalytics can send: the 47 types of the
// newest dialect and the one more of the released 3.8.8 (protocol/control-plane.md, sections 5 and 12). A form is an
// example that an agent accepts, so that a person changes a value instead of writing a command from memory, and says
// where its secrets are, so that none is sent in clear by mistake.
package catalogue

import "encoding/json"

// Template is the form of one command type.
type Template struct {
	Type     string    `json:"type"`
	Group    string    `json:"group"`
	Title    string    `json:"title"`
	Help     string    `json:"help"`
	Dialects string    `json:"dialects"` // "N", "R" or "NR"
	Variants []Variant `json:"variants"` // at least one
	Secrets  []Place   `json:"secrets,omitempty"`
}

// Variant is one example. Command has every key of the command but id and targetVersion. A text like "{south}" in it
// stands for the id of an object of that kind that the agent has.
type Variant struct {
	Name     string          `json:"name"`
	Dialects string          `json:"dialects"`
	Command  json.RawMessage `json:"command"`
}

// Place says where a command holds secrets: at Path itself when Kind is empty, otherwise Path is the settings of a
// south or north connector (Kind), whose type stands at TypePath, and SecretsOf tells the paths inside it.
type Place struct {
	Path     string `json:"path"`
	Kind     string `json:"kind,omitempty"`
	TypePath string `json:"typePath,omitempty"`
}

// Field describes a key of a command that stands beside commandContent.
type Field struct {
	Label    string   `json:"label"`
	Kind     string   `json:"kind"` // text, lines, flag, choice, or the kind of object it names: south, north, history, …
	Optional bool     `json:"optional,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// Fields describes the keys of every command beside type and commandContent.
var Fields = map[string]Field{
	"southConnectorId":                {Label: "South connector", Kind: "south"},
	"northConnectorId":                {Label: "North connector", Kind: "north"},
	"historyId":                       {Label: "History query", Kind: "history"},
	"historyQueryId":                  {Label: "History query", Kind: "history"},
	"scanModeId":                      {Label: "Scan mode", Kind: "scanMode"},
	"ipFilterId":                      {Label: "IP filter", Kind: "ipFilter"},
	"certificateId":                   {Label: "Certificate", Kind: "certificate"},
	"transformerId":                   {Label: "Transformer", Kind: "transformer"},
	"itemId":                          {Label: "Item", Kind: "text"},
	"retrieveSecretsFromSouth":        {Label: "Copy secrets from south", Kind: "south", Optional: true},
	"retrieveSecretsFromNorth":        {Label: "Copy secrets from north", Kind: "north", Optional: true},
	"retrieveSecretsFromHistoryQuery": {Label: "Copy secrets from history query", Kind: "history", Optional: true},
	"assetId":                         {Label: "Package", Kind: "asset"},
	"version":                         {Label: "Version of the package", Kind: "text"},
	"updateLauncher":                  {Label: "Update the launcher too", Kind: "flag"},
	"backupFoldersPattern":            {Label: "Folders to back up (glob)", Kind: "text"},
	"deleteItemsNotPresent":           {Label: "Replace all items", Kind: "flag"},
	"csvContent":                      {Label: "CSV", Kind: "lines"},
	"delimiter":                       {Label: "Delimiter", Kind: "text"},
	"historyQueryStatus":              {Label: "New status", Kind: "choice", Choices: []string{"RUNNING", "PAUSED", "FINISHED", "PENDING", "ERRORED"}},
}

// Choices lists the values of keys inside commandContent that have only a few, by the end of their path.
var Choices = map[string][]string{
	"level":             {"silent", "error", "warn", "info", "debug", "trace"},
	"authTokenDuration": {"1h", "6h", "1d", "3d", "7d", "14d", "30d"},
	"syslog.protocol":   {"udp4", "tcp"},
	"folder":            {"cache", "error", "archive"},
	"recoveryStrategy":  {"oldest", "newest"},
	"language":          {"javascript", "typescript"},
}

// Templates returns the forms in the order in which a page lists them.
func Templates() []Template { return templates }

// Find returns the form of a command type.
func Find(commandType string) (Template, bool) {
	for _, t := range templates {
		if t.Type == commandType {
			return t, true
		}
	}
	return Template{}, false
}

var templates = build()

func build() []Template {
	all := append([]Template{}, engineTemplates()...)
	all = append(all, southTemplates()...)
	all = append(all, northTemplates()...)
	all = append(all, historyTemplates()...)
	return append(all, transformerTemplates()...)
}

// one is the list of a single variant for both dialects.
func one(command any) []Variant { return []Variant{variant("Example", "NR", command)} }

func variant(name, dialects string, command any) Variant {
	raw, err := json.Marshal(command)
	if err != nil {
		panic("catalogue: example " + name + ": " + err.Error()) // only constants of this package come here
	}
	return Variant{Name: name, Dialects: dialects, Command: raw}
}
