package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// connectorScenarios are the recordings about Souths, Norths and their caches, in the order of recording. They are
// played by an agent of their own: those of the other sequences have no connectors.
var connectorScenarios = map[Dialect][]string{
	N: {
		"create-south", "create-south-duplicate-name", "create-south-unknown-type", "create-south-invalid-settings", "create-south-invalid-item",
		"create-south-unknown-scan-mode", "create-south-scan-mode-by-name", "create-south-scan-mode-by-unknown-name", "create-south-secret", "create-south-bad-secret",
		"create-south-retrieve-secrets", "create-south-retrieve-secrets-wrong-type", "create-south-retrieve-secrets-unknown", "create-south-sqlite-groups",
		"update-south-unknown-id", "update-south-duplicate-name", "update-south-invalid",
		"create-or-update-south-items-from-csv", "create-or-update-south-items-from-csv-unknown-setting", "create-or-update-south-items-from-csv-wrong-delimiter",
		"create-or-update-south-items-from-csv-delete-not-present", "create-or-update-south-items-from-csv-empty",
		"test-south-connection", "test-south-connection-create", "test-south-connection-secret-saved", "test-south-connection-failing", "test-south-connection-unknown-id",
		"test-south-item", "test-south-item-sqlite", "test-south-item-rest", "test-south-item-oianalytics", "test-south-item-failing", "test-south-item-no-history",
		"delete-south", "delete-south-unknown-id",
		"create-north", "create-north-secret", "create-north-oianalytics-specific", "create-north-duplicate-name", "create-north-unknown-type",
		"create-north-invalid-settings", "create-north-unknown-scan-mode", "create-north-unknown-south-source", "create-north-retrieve-secrets",
		"update-north", "update-north-invalid", "update-north-duplicate-name", "test-north-connection-oianalytics", "test-north-connection-oianalytics-specific",
		"test-north-connection-console", "test-north-connection-failing", "test-north-connection-unknown-id", "test-north-connection-unknown-type",
		"setpoint-dto-form", "setpoint-unknown-north", "setpoint-file-writer", "setpoint-ignored-transformer", "disable-north", "setpoint-disabled-north",
		"search-north-cache-content-filter", "search-north-cache-content-unknown-north", "get-north-cache-file-content", "get-north-cache-file-content-1",
		"get-north-cache-file-content-2", "get-north-cache-file-content-unknown-file", "get-north-cache-file-content-unknown-north",
		"get-north-cache-file-content-path-traversal", "update-north-cache-content-remove", "update-north-cache-content-unknown-north",
		"search-north-cache-content-after-move", "delete-north", "delete-north-unknown-id",
		"create-south-sqlite-groups-temp-id", "get-north-cache-file-content-path-traversal-2", "flow-create-OIA-plain", "flow-create-OIA-gz-e",
		"flow-update-north-subscribe", "flow-delete-FSFLOW", "create-north-new-key-secret", "test-north-connection-new-key", "kill9-while-running",
	},
	R: {
		"create-south", "create-south-dialect-N-item", "create-south-dialect-N-settings", "create-south-ftp-dialect-N-settings", "create-south-influxdb",
		"create-or-update-south-items-from-csv", "create-or-update-south-items-from-csv-overlap", "test-south-item-sqlite", "test-south-item-rest",
		"test-south-item-oianalytics", "create-north-secret", "create-north-rest-without-test-body",
		"create-north-file-writer-dialect-N-settings", "create-south-sqlite-groups-temp-id", "create-south-dialect-N-group",
	},
}

// lateScenarios were recorded after all sequences. What these left in the configuration is compared where they are
// played: here it is the connectors.
var lateScenarios = map[Dialect][]string{
	N: {"create-south-sqlite-groups-temp-id", "flow-create-OIA-plain", "flow-create-OIA-gz-e", "flow-update-north-subscribe", "flow-delete-FSFLOW",
		"create-north-new-key-secret", "kill9-while-running"},
	R: {"create-south-dialect-N-group"},
}

// connectorsOnly leaves out of the configurations of a late recording what is not about connectors.
func (p *Plant) connectorsOnly(name string, view map[string]any) map[string]any {
	if !slices.Contains(lateScenarios[p.dialect], name) {
		return view
	}
	requests, _ := view["requests"].([]any)
	for _, r := range requests {
		body, _ := r.(map[string]any)["body"].(map[string]any)
		for section := range body {
			if section != "southConnectors" && section != "northConnectors" {
				delete(body, section)
			}
		}
	}
	return view
}

// connectorFamily is the family of one of them.
func connectorFamily(name string) string {
	switch {
	case strings.Contains(name, "cache"):
		return famCache
	case strings.HasPrefix(name, "setpoint"):
		return famSetpoint
	case name == killedScenario:
		return famLifeCycle
	case strings.Contains(name, "north"), strings.HasPrefix(name, "flow-create"):
		return famNorths
	}
	return famSouths
}

// cacheIDs are the contents of the recorded cache, by what they hold.
var cacheIDs = map[string]string{"Rz369AHktesY": "cache hello.csv", "eW3eR5EMUOmp": "cache setpoint", "xwbNvp2QhShj": "cache second.json"}

// recordedWork is where the recordings have their folders.
const recordedWork = "/srv/oibus/work"

// Plant is a player with connectors.
type Plant struct {
	*Player
	work  string            // stands for recordedWork
	extra map[string]string // ids of ours that no configuration has, with names

	copies int // of each row in the source
	front  *front
}

func newPlant(t *testing.T, d Dialect) *Plant {
	t.Helper()
	p := &Plant{Player: newPlayer(t, d, d), work: t.TempDir(), extra: map[string]string{}}
	for _, dir := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(p.work, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.work, "in", "sample.csv"), []byte("id,timestamp,value\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.fillSource(1); err != nil {
		t.Fatal(err)
	}
	maps.Copy(p.recorded, cacheIDs)
	for i, id := range historyCacheIDs {
		p.recorded[id] = historyContent(i)
	}
	p.Texts = map[string]string{recordedWork: p.work}
	p.front = newFront(t, p.sim.URL(), p.lastSeq)
	for _, url := range recordedClouds {
		p.Texts[url] = p.front.url
	}
	p.Clouds, p.Asked = []string{p.front.url}, p.front.during
	p.View, p.Extra, p.Tests = p.connectorsOnly, p.extra, true
	return p
}

// prepareFor brings the connectors to where they were before a recorded command.
func (p *Plant) prepareFor(name string) (*Recording, error) {
	r, err := LoadRecording(p.folder, name)
	if err != nil {
		return nil, err
	}
	if arrange := arrangements[name]; arrange != nil {
		if err := arrange(p); err != nil {
			return nil, err
		}
	}
	c := r.Commands[0]
	after := configurationOf(r)
	for _, kind := range []string{"south", "north"} {
		if err := p.bringKind(kind, c, after); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// configurationOf is the last configuration that a recording has, nil for none.
func configurationOf(r *Recording) map[string]any {
	for _, e := range slices.Backward(r.Requests) {
		if body, ok := e.Body.(map[string]any); ok && body["southConnectors"] != nil {
			return body
		}
	}
	return nil
}

// bringKind makes, changes and deletes connectors until ours are those of a recorded configuration, but for the one
// that the command is about.
func (p *Plant) bringKind(kind string, c map[string]any, after map[string]any) error {
	if after == nil {
		return nil
	}
	list, _ := after[kind+"Connectors"].([]any)
	ours, err := p.ours(kind)
	if err != nil {
		return err
	}
	subject := p.subject(kind, c)
	if err := p.dropOthers(kind, list, ours, subject); err != nil {
		return err
	}
	for _, b := range list {
		block := b.(map[string]any)
		name := block["settings"].(map[string]any)["name"].(string)
		wanted := clone(block["settings"]).(map[string]any)
		if name == subject {
			if textAt(c, "type") != "create-or-update-south-items-from-csv" || c["deleteItemsNotPresent"] == true {
				continue
			}
			withoutTable(wanted, textAt(c, "csvContent"))
		}
		if err := p.bring(kind, name, wanted, ours[name]); err != nil {
			return err
		}
	}
	return nil
}

// dropOthers deletes the connectors of ours that a recorded configuration does not have.
func (p *Plant) dropOthers(kind string, list []any, ours map[string]map[string]any, subject string) error {
	for name, block := range ours {
		recorded := slices.ContainsFunc(list, func(b any) bool { return textAt(b.(map[string]any)["settings"].(map[string]any), "name") == name })
		if recorded || name == subject {
			continue
		}
		if err := p.between(map[string]any{"type": "delete-" + kind, kind + "ConnectorId": block["oIBusInternalId"]}); err != nil {
			return fmt.Errorf("deleting %s: %w", name, err)
		}
	}
	return nil
}

// between executes a command that no recording has, and waits until nothing of it is left to happen.
func (p *Plant) between(command map[string]any) error {
	rewritten, err := p.rewriter().Command(command)
	if err != nil {
		return err
	}
	if err := p.closeWindow(); err != nil {
		return err
	}
	before := p.lastSeq()
	if err := p.succeed(rewritten); err != nil {
		return err
	}
	if !p.await("E7", before, 1) {
		return fmt.Errorf("no configuration followed")
	}
	return p.passPolls(1)
}

// subject is the name of the connector that a command makes, changes or deletes.
func (p *Plant) subject(kind string, c map[string]any) string {
	if kind != "south" && kind != "north" || !strings.Contains(textAt(c, "type"), kind) {
		return ""
	}
	if content, ok := c["commandContent"].(map[string]any); ok && textAt(content, "name") != "" {
		return textAt(content, "name")
	}
	name, _ := strings.CutPrefix(p.recorded[textAt(c, kind+"ConnectorId")], kind+"Connectors ")
	return name
}

// withoutTable leaves out the items that a table adds.
func withoutTable(settings map[string]any, table string) {
	added := map[string]bool{}
	for line := range strings.SplitSeq(table, "\n") {
		name, _, _ := strings.Cut(line, ",")
		added[name] = true
	}
	items, _ := settings["items"].([]any)
	settings["items"] = slices.DeleteFunc(items, func(i any) bool { return added[textAt(i.(map[string]any), "name")] })
}

// ours are our connectors as the newest configuration has them.
func (p *Plant) ours(kind string) (map[string]map[string]any, error) {
	blocks := map[string]map[string]any{}
	all := p.sim.Configurations(cloudsim.ConfigurationFilter{Agent: p.id, Kind: cloudsim.FullConfig})
	if len(all) == 0 {
		return blocks, nil
	}
	var body map[string]any
	if err := json.Unmarshal(all[len(all)-1].Body, &body); err != nil {
		return nil, err
	}
	list, _ := body[kind+"Connectors"].([]any)
	for _, b := range list {
		block := b.(map[string]any)
		blocks[block["settings"].(map[string]any)["name"].(string)] = block
	}
	return blocks, nil
}

// bring makes or changes one connector, unless it is as wanted.
func (p *Plant) bring(kind, name string, wanted, have map[string]any) error {
	theirs := &Normaliser{Names: p.recorded, Clouds: recordedClouds}
	mine := &Normaliser{Names: p.ourNames(), Clouds: []string{p.sim.URL(), p.front.url}, Paths: map[string]string{p.work: recordedWork}}
	if have != nil && len(Compare(undated(theirs.Normalise(wanted)), undated(mine.Normalise(have["settings"])))) == 0 {
		return nil
	}
	command := map[string]any{"type": "create-" + kind, "commandContent": withSecrets(wanted)}
	if have != nil {
		command["type"], command[kind+"ConnectorId"] = "update-"+kind, have["oIBusInternalId"]
	}
	if err := p.between(command); err != nil {
		return fmt.Errorf("bringing %s: %w", name, err)
	}
	return nil
}

// withSecrets puts a secret where a configuration does not show one.
func withSecrets(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			v[k] = withSecrets(child)
		}
		if v["type"] == "basic" && v["password"] == "" {
			v["password"] = recordedCipher
		}
	case []any:
		for i, child := range v {
			v[i] = withSecrets(child)
		}
	}
	return v
}

// recordedCipher has the form of an encrypted secret, which is replaced by one that is encrypted for our agent.
var recordedCipher = strings.Repeat("A", 683) + "="

// undated leaves out who made what when, and what ids are.
func undated(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, child := range v {
			if !strings.HasPrefix(k, "oIBus") && k != "id" && k != "groupId" && !strings.HasPrefix(k, "created") && !strings.HasPrefix(k, "updated") {
				out[k] = undated(child)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = undated(child)
		}
		return out
	}
	return v
}

// arrangements are what was done in between without a command.
var arrangements = map[string]func(p *Plant) error{
	"search-north-cache-content-filter": func(p *Plant) error {
		for _, f := range [][2]string{{"hello.csv", "a,b\n1,2\n"}, {"second.json", `{"x":1}`}} {
			if err := p.upload(f[0], f[1]); err != nil {
				return err
			}
		}
		return p.learnCache()
	},
	"create-north-new-key-secret": func(p *Plant) error { return p.between(map[string]any{"type": "regenerate-cipher-keys"}) },
	"search-north-cache-content-after-move": func(p *Plant) error {
		id := p.find("cache hello.csv")
		none := map[string]any{"remove": []any{}, "move": []any{}}
		moves := map[string]any{"remove": []any{}, "move": []any{map[string]any{"filename": id, "to": "error"}}}
		return p.agent.JSON(p.t.Context(), http.MethodPost, p.fileWriter()+"/cache/update", map[string]any{"cache": moves, "error": none, "archive": none}, nil)
	},
}

// find is the id of ours that has a name.
func (p *Player) find(name string) string {
	for id, n := range p.ourNames() {
		if n == name {
			return id
		}
	}
	return ""
}

func (p *Plant) fileWriter() string { return "/api/north/" + p.find("northConnectors FW") }

func (p *Plant) upload(name, text string) error {
	return p.uploadTo("lab", p.find("northConnectors FW"), name, text)
}

// uploadTo hands a file over as one of a source, for Norths.
func (p *Plant) uploadTo(source, norths, name, text string) error {
	body := "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + text + "\r\n--edge--\r\n"
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.agent.URL+"/api/content/file?dataSourceId="+source+"&northId="+norths, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "multipart/form-data; boundary=edge")
	request.SetBasicAuth(p.agent.Login, p.agent.Password)
	response, err := p.agent.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("uploading %s: %s", name, response.Status)
	}
	return nil
}

// learnCache notes the ids of the contents.
func (p *Plant) learnCache() error {
	var found struct {
		Cache []struct {
			Filename string
			Metadata struct{ ContentFile, ContentType string }
		}
	}
	if err := p.agent.JSON(p.t.Context(), http.MethodGet, p.fileWriter()+"/cache/search", nil, &found); err != nil {
		return err
	}
	for _, f := range found.Cache {
		name := f.Metadata.ContentFile
		if f.Metadata.ContentType == "setpoint" {
			name = "setpoint"
		}
		p.extra[f.Filename] = "cache " + name
	}
	if len(p.extra) != len(cacheIDs) {
		return fmt.Errorf("the cache holds %v", p.extra)
	}
	return nil
}

// catchUp brings the agent to the settings that it had when the connectors were recorded.
func (p *Plant) catchUp() error {
	var commands []any
	for _, name := range caughtUp[p.dialect] {
		r, err := LoadRecording(p.folder, name)
		if err != nil {
			return err
		}
		c, err := p.rewriter().Command(r.Commands[0])
		if err != nil {
			return err
		}
		commands = append(commands, c)
	}
	if p.dialect == N {
		commands = append(commands, p.rename("OIBus golden"), fiveFieldsCommand())
	} else {
		commands = append(commands, fiveFieldsCommand())
	}
	registration, err := LoadRecording(harness.Shared(p.t, N.Folder()), "update-registration-settings")
	if err != nil {
		return err
	}
	if err := p.succeed(append(commands, registration.Commands[0])...); err != nil {
		return err
	}
	return p.sentObject("scanModes " + fiveFieldsName)
}
