package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// scenario is a recording of commands of the families of this package.
type scenario struct {
	Name     string
	Raw      []json.RawMessage `json:"commands"` // the order of keys shows in texts
	Outcomes []struct {
		Status string
		Result string
	}
	ResultingRequests []struct {
		Path string
		Body any
	}
}

func (s *scenario) command(i int) (c tree) {
	if err := json.Unmarshal(s.Raw[i], &c); err != nil {
		panic(err)
	}
	return c
}

// after is the configuration that was sent after the command.
func (s *scenario) after() tree {
	for _, r := range slices.Backward(s.ResultingRequests) {
		if o, ok := r.Body.(tree); ok && strings.HasSuffix(r.Path, "/configuration") {
			for _, south := range o["southConnectors"].([]any) {
				meant(south.(tree), s.Name)
			}
			return o
		}
	}
	return nil
}

var families = regexp.MustCompile(`^(create-south|update-south|delete-south|create-north|update-north|delete-north|disable-north|create-or-update-south-items).*\.json$`)

// number is the place of a scenario in the order of recording.
func (s *scenario) number() int {
	n, _ := strconv.Atoi(regexp.MustCompile(`cmd-(\d+)-`).FindStringSubmatch(s.command(0)["id"].(string))[1])
	return n
}

func scenarios(t *testing.T, folder string) []*scenario {
	t.Helper()
	dir := shared(t, folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []*scenario
	for _, e := range entries {
		if !families.MatchString(e.Name()) || strings.Contains(e.Name(), "cache-content") {
			continue
		}
		s := &scenario{}
		readJSON(t, filepath.Join(dir, e.Name()), s)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *scenario) int { return a.number() - b.number() })
	return all
}

// Texts that are meant to differ from the recorded ones.
var ownTexts = map[string]string{
	"create-south-unknown-type": `"type" must be one of [folder-scanner, mqtt, opcua, opc, mssql, mysql, odbc, oledb, oracle, postgresql, sqlite, ads, modbus, oianalytics, ` +
		`osisoft-pi, rest, sftp, ftp, influxdb], "teleporter" is not known to this OIBus`,
	"create-south-influxdb": `"type" must be one of [folder-scanner, mqtt, opcua, opc, mssql, mysql, odbc, oledb, oracle, postgresql, sqlite, ads, modbus, oianalytics, ` +
		`osisoft-pi, rest, sftp, ftp], "influxdb" is not known to this OIBus`,
	"create-north-unknown-type": `"type" must be one of [console, oianalytics, azure-blob, aws-s3, file-writer, sftp, rest, opcua, modbus, mqtt], "teleporter" is not known to this OIBus`,
}

// player repeats recordings on our Service.
type player struct {
	*bench
	names map[string]string // recorded id of a connector → its name
}

// learn takes what a recorded configuration says of objects that are not of this package, and of names.
func (p *player) learn(configuration tree) {
	p.modes = nil
	for _, m := range configuration["scanModes"].([]any) {
		o := m.(tree)
		p.modes = append(p.modes, entity.ScanMode{Audit: entity.Audit{ID: o["oIBusInternalId"].(string)}, Name: o["settings"].(tree)["name"].(string)})
	}
	for _, tr := range configuration["transformers"].([]any) {
		p.links[tr.(tree)["oIBusInternalId"].(string)] = true
	}
	for _, kind := range []string{"southConnectors", "northConnectors"} {
		for _, c := range configuration[kind].([]any) {
			p.names[c.(tree)["oIBusInternalId"].(string)] = c.(tree)["settings"].(tree)["name"].(string)
		}
	}
}

// ours is the id of our connector for a recorded one; itself when there is none.
func (p *player) ours(recorded any) string {
	id, _ := recorded.(string)
	name, ok := p.names[id]
	if !ok {
		return id
	}
	for _, s := range p.Souths() {
		if s.Name == name {
			return s.ID
		}
	}
	for _, n := range p.Norths() {
		if n.Name == name {
			return n.ID
		}
	}
	return id
}

// bring makes a connector as a recorded block has it.
func (p *player) bring(block tree, south bool) {
	p.t.Helper()
	name, content := block["settings"].(tree)["name"].(string), body(p.t, p.withOurIDs(block["settings"]))
	ours, exists := p.blocks(south)[name]
	id := p.ours(block["oIBusInternalId"])
	switch {
	case exists && reflect.DeepEqual(likeness(ours), likeness(block)):
	case exists && south:
		p.must(p.UpdateSouth(entity.System, id, content, Secrets{}))
	case exists:
		p.must(p.UpdateNorth(entity.System, id, content, Secrets{}))
	case south:
		p.makeSouth(p.withOurIDs(block["settings"]).(tree))
	default:
		p.makeNorth(p.withOurIDs(block["settings"]).(tree))
	}
}

// withOurIDs is a recorded value with the ids of our connectors.
func (p *player) withOurIDs(v any) any {
	switch v := v.(type) {
	case tree:
		out := tree{}
		for k, child := range v {
			out[k] = p.withOurIDs(child)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = p.withOurIDs(child)
		}
		return out
	case string:
		return p.ours(v)
	}
	return v
}

// withRecordedIDs is a text with recorded ids in place of ours.
func (p *player) withRecordedIDs(text string) string {
	for id := range p.names {
		text = strings.ReplaceAll(text, quoted(p.ours(id)), quoted(id))
	}
	return text
}

// decrypt stands for the key pair: what has the length of one block is a secret.
func decrypt(cipher string) (string, error) {
	if len(cipher) != 684 {
		return "", errors.New("error:02000079:rsa routines::oaep decoding error")
	}
	return "plain", nil
}

// run executes a command, and returns its result.
func (p *player) run(c tree, raw json.RawMessage) (string, error) {
	south, north := p.ours(c["southConnectorId"]), p.ours(c["northConnectorId"])
	for id := range p.names {
		raw = bytes.ReplaceAll(raw, []byte(quoted(id)), []byte(quoted(p.ours(id))))
	}
	var command struct {
		Content json.RawMessage `json:"commandContent"`
	}
	p.must(unmarshal(raw, &command))
	content := command.Content
	const author = entity.OIAnalytics
	switch c["type"] {
	case "create-south":
		_, err := p.CreateSouth(author, content, Secrets{p.ours(c["retrieveSecretsFromSouth"]), decrypt})
		return "South connector created successfully", err
	case "update-south":
		return "South connector updated successfully", p.UpdateSouth(author, south, content, Secrets{Decrypt: decrypt})
	case "delete-south":
		return "South connector deleted successfully", p.DeleteSouth(author, south)
	case "create-north":
		_, err := p.CreateNorth(author, content, Secrets{p.ours(c["retrieveSecretsFromNorth"]), decrypt})
		return "North connector created successfully", err
	case "update-north":
		return "North connector updated successfully", p.UpdateNorth(author, north, content, Secrets{Decrypt: decrypt})
	case "delete-north":
		return "North connector deleted successfully", p.DeleteNorth(author, north)
	case "create-or-update-south-items-from-csv":
		n, name, err := p.ImportCSV(author, south, c["csvContent"].(string), c["delimiter"].(string), c["deleteItemsNotPresent"].(bool))
		return fmt.Sprintf("%d items imported on South connector %s", n, name), err
	}
	p.t.Fatalf("what is %v?", c["type"])
	return "", nil
}

// ids are the keys that hold random values or dates.
var ids = map[string]bool{
	"oIBusInternalId": true, "id": true, "oIBusCreatedAt": true, "oIBusUpdatedAt": true, "southId": true, "groupId": true,
	"oIBusCreatedBy": true, "oIBusUpdatedBy": true,
}

// likeness is a block with random values replaced by whether they are there.
func likeness(v any) any {
	switch v := v.(type) {
	case tree:
		out := tree{}
		for k, child := range v {
			if out[k] = likeness(child); ids[k] && child != nil {
				out[k] = "there"
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = likeness(child)
		}
		return out
	}
	return v
}

// numbers are the settings of items that the reference keeps as texts when they come from a table (W-28).
var numbers = []string{"minAge", "maxFiles", "maxSize"}

// meant changes in a recorded block what is meant to differ.
func meant(block tree, name string) {
	for _, i := range block["settings"].(tree)["items"].([]any) {
		item := i.(tree)
		settings := item["settings"].(tree)
		for _, key := range numbers {
			if text, ok := settings[key].(string); ok {
				settings[key], _ = strconv.ParseFloat(text, 64)
			}
		}
		if name == "create-or-update-south-items-from-csv-overlap" && item["name"] == "ov" {
			item["overlap"] = 250.0 // the reference forgets the column (W-28)
		}
	}
}

func (p *player) blocks(south bool) map[string]tree {
	p.t.Helper()
	raw, err := p.NorthBlocks()
	if south {
		raw, err = p.SouthBlocks()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	all := map[string]tree{}
	for _, r := range raw {
		var block tree
		p.must(unmarshal(r, &block))
		all[block["settings"].(tree)["name"].(string)] = block
	}
	return all
}

// compare compares our configuration with a recorded one.
func (p *player) compare(s *scenario) {
	p.t.Helper()
	for _, kind := range []string{"southConnectors", "northConnectors"} {
		ours := p.blocks(kind == "southConnectors")
		var recorded []string
		for _, c := range s.after()[kind].([]any) {
			block := c.(tree)
			name := block["settings"].(tree)["name"].(string)
			recorded = append(recorded, name)
			if got, want := likeness(ours[name]), likeness(block); !reflect.DeepEqual(got, want) {
				p.t.Errorf("%s: %s %q is\n%s\nrecorded\n%s", s.Name, kind, name, body(p.t, got), body(p.t, want))
			}
		}
		if got := slices.Sorted(maps.Keys(ours)); !slices.Equal(got, slices.Sorted(slices.Values(recorded))) {
			p.t.Errorf("%s: our %s are %v, recorded %v", s.Name, kind, got, recorded)
		}
	}
}

func (p *player) play(s *scenario) {
	p.t.Helper()
	for i := range s.Raw {
		result, err := p.run(s.command(i), s.Raw[i])
		if err != nil {
			result = p.withRecordedIDs(err.Error())
		}
		want := s.Outcomes[i]
		if own, ok := ownTexts[s.Name]; ok {
			want.Result = own
		}
		if (want.Status == "COMPLETED") != (err == nil) || result != want.Result {
			p.t.Errorf("%s: %q (%v), recorded %s %q", s.Name, result, err, want.Status, want.Result)
		}
	}
}

// unrecorded was done before a scenario, but is not among the recordings.
var unrecorded = map[string]func(p *player){
	"create-or-update-south-items-from-csv": func(p *player) {
		i := slices.IndexFunc(p.Souths(), func(s entity.South) bool { return s.Name == "FS" })
		south := p.Souths()[i]
		old := p.blocks(true)["FS"]["settings"].(tree)
		items := old["items"].([]any)
		settings := with(items[0].(tree)["settings"].(tree), "regex", ".*\\.txt")
		more := with(items[0].(tree), "name", "txt", "settings", settings)
		delete(more, "id")
		change := with(old, "settings", with(old["settings"].(tree), "compression", true), "items", append(items, more))
		p.must(p.UpdateSouth(entity.OIAnalytics, south.ID, body(p.t, change), Secrets{}))
	},
	"create-or-update-south-items-from-csv-overlap": func(p *player) {
		i := slices.IndexFunc(p.Souths(), func(s entity.South) bool { return s.Name == "FS" })
		_, _, err := p.ImportCSV(entity.OIAnalytics, p.Souths()[i].ID, "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,"+
			"settings_maxFiles,settings_maxSize,settings_recursive\nonly,true,Every 24 hours,.*a,100,true,false,0,0,false\n", ",", true)
		p.must(err)
	},
}

func playAll(t *testing.T, folder string, d manifest.Dialect) {
	p := &player{newBench(t, d), map[string]string{}}
	p.strict = true
	p.open()
	all := scenarios(t, folder)
	for i, s := range all {
		// What was configured is known from the next configuration that was sent.
		for _, later := range all[i:] {
			if c := later.after(); c != nil {
				p.learn(c)
				break
			}
		}
		if arrange := unrecorded[s.Name]; arrange != nil {
			arrange(p)
		}
		if s.after() != nil {
			p.prepare(s)
		}
		p.play(s)
		if s.after() != nil {
			p.compare(s)
		}
	}
	p.sameAfterRestart()
}

// prepare brings the connectors that a scenario does not change to the state in which it found them: not all that was
// done is recorded.
func (p *player) prepare(s *scenario) {
	p.t.Helper()
	command := s.command(0)
	content, _ := command["commandContent"].(tree)
	touched, _ := content["name"].(string)
	target := p.ours(command["southConnectorId"]) + p.ours(command["northConnectorId"])
	recorded := map[string]bool{}
	for _, kind := range []string{"southConnectors", "northConnectors"} {
		for _, c := range s.after()[kind].([]any) {
			block := c.(tree)
			name := block["settings"].(tree)["name"].(string)
			recorded[name] = true
			if exists := p.ours(block["oIBusInternalId"]) != block["oIBusInternalId"]; name == touched && command["southConnectorId"] == nil && command["northConnectorId"] == nil ||
				exists && p.ours(block["oIBusInternalId"]) == target {
				continue
			}
			p.bring(block, kind == "southConnectors")
		}
	}
	for _, south := range p.Souths() {
		if !recorded[south.Name] && south.ID != target {
			p.must(p.DeleteSouth(entity.System, south.ID))
		}
	}
	for _, north := range p.Norths() {
		if !recorded[north.Name] && north.ID != target {
			p.must(p.DeleteNorth(entity.System, north.ID))
		}
	}
}

func TestRecordedCommandsOfDialectNHaveTheRecordedResultsAndConfigurations(t *testing.T) {
	t.Parallel()
	playAll(t, "golden", manifest.N)
}

func TestRecordedCommandsOfDialectRHaveTheRecordedResultsAndConfigurations(t *testing.T) {
	t.Parallel()
	playAll(t, "golden-R", manifest.R)
}
