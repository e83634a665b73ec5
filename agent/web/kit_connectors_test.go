package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/secret"
	"oibus/agent/settings"
	"oibus/agent/store"
)

// openConnectors makes the Souths and Norths of a site, with none in them.
func openConnectors(t *testing.T, s *settings.Service) *connectors.Service {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, ScanModes: s.ScanModes, Now: time.Now,
		Transformer: func(id string) bool {
			for _, known := range s.StandardTransformers() {
				if known == id {
					return true
				}
			}
			return false
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// fakeEngine answers with what the document describes, and notes what it is asked.
type fakeEngine struct {
	mu     sync.Mutex
	calls  []string
	posted []string // what was uploaded: name and content
	fail   error
	known  *connectors.Service
}

func (f *fakeEngine) note(parts ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.Join(parts, " "))
	return f.fail
}

func (f *fakeEngine) failWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *fakeEngine) uploaded() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.posted...)
}

var errClosedPort = errors.New("connect ECONNREFUSED 10.0.0.5:443")

// draft fails like a test of settings whose form, or whose target, is wrong.
func draft(kind string, settings json.RawMessage) error {
	if kind == "teleporter" {
		return entity.Invalid(`"type" must be one of [rest], "teleporter" is not known to this OIBus`)
	}
	if strings.Contains(string(settings), "closed") {
		return errClosedPort
	}
	return nil
}

func (f *fakeEngine) TestSouth(_ context.Context, id, kind string, settings json.RawMessage) (connector.Report, error) {
	r := connector.Report{}
	r.Add("Version", "1 < 2")
	return r, errors.Join(draft(kind, settings), f.note("test south", id, kind, string(settings)))
}

func (f *fakeEngine) TestSouthItem(_ context.Context, t ItemTest) (any, error) {
	values := json.RawMessage(`{"type":"time-values","content":[{"pointId":"a","timestamp":"2024-01-01T00:00:00.000Z","data":{"value":"1"}}]}`)
	return map[string]any{"raw": values, "transformed": nil, "connectionDuration": 1, "queryDuration": 2},
		errors.Join(draft(t.SouthType, t.SouthSettings), f.note("test item", t.SouthID, t.SouthType, t.ItemName, string(t.ItemSettings), string(t.TestingSettings)))
}

func (f *fakeEngine) TestNorth(_ context.Context, id, kind string, settings json.RawMessage) (connector.Report, error) {
	return connector.Report{}, errors.Join(draft(kind, settings), f.note("test north", id, kind))
}

func (f *fakeEngine) LastValue(southID, itemID string) (any, error) {
	item, err := f.known.Item(southID, itemID)
	return map[string]any{"itemId": item.ID, "itemName": item.Name, "groupId": nil, "groupName": "", "queryTime": nil, "value": nil, "trackedInstant": nil}, err
}

const sampleFile = `{"filename":"x8Kd01LmQ2za","metadata":{"contentFile":"sub/flöw-2026.csv","contentSize":8,"createdAt":"2026-03-04T08:10:00.000Z","numberOfElement":0,"contentType":"any"}}`

func (f *fakeEngine) SearchCache(northID string, q cache.Query) (any, error) {
	north, err := f.north(northID)
	text, _ := json.Marshal(q)
	return map[string]any{"searchDate": "2026-03-04T08:20:00.000Z", "metrics": northMetrics, "cache": []any{json.RawMessage(sampleFile)}, "error": []any{}, "archive": []any{}},
		errors.Join(err, f.note("search", north, string(text)))
}

func (f *fakeEngine) CacheNames(northID string, folder cache.Folder, q cache.Query) ([]string, error) {
	north, err := f.north(northID)
	return []string{"x8Kd01LmQ2za"}, errors.Join(err, f.note("names", north, string(folder), q.NameContains))
}

func (f *fakeEngine) north(id string) (string, error) {
	north, err := f.known.North(id)
	if err != nil {
		return "", entity.NotFound("Could not find North %q in engine", id)
	}
	return north.Name, nil
}

func (f *fakeEngine) CacheFile(northID string, folder cache.Folder, filename string) (cache.View, error) {
	if _, err := f.north(northID); err != nil {
		return cache.View{}, err
	}
	if filename != "x8Kd01LmQ2za" {
		return cache.View{}, entity.NotFound("Error while reading file %q: no such file or directory", filename)
	}
	return cache.View{Content: "a,b\n1,2\n", ContentFilename: "flow-2026.csv", TotalSize: 8, ContentType: "csv"}, nil
}

func (f *fakeEngine) CacheReader(northID string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error) {
	if _, err := f.CacheFile(northID, folder, filename); err != nil {
		return cache.File{}, nil, err
	}
	var file cache.File
	err := json.Unmarshal([]byte(sampleFile), &file)
	return file, io.NopCloser(strings.NewReader("a,b\n1,2\n")), err
}

func (f *fakeEngine) UpdateCache(northID string, u cache.Update) error {
	_, err := f.north(northID)
	text, _ := json.Marshal(u)
	return errors.Join(err, f.note("update", string(text)))
}

func (f *fakeEngine) PostFile(_ context.Context, northIDs []string, source string, c content.Content) error {
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posted = append(f.posted, strings.Join([]string{strings.Join(northIDs, "+"), source, string(c.Kind), c.FileName, string(text)}, "|"))
	return f.fail
}

var (
	southMetrics = map[string]any{"metricsStart": "2026-03-01T00:00:00.000Z", "lastConnection": nil, "lastRunStart": nil, "lastRunDuration": nil,
		"numberOfValuesRetrieved": 7, "numberOfFilesRetrieved": 0, "lastValueRetrieved": nil, "lastFileRetrieved": nil}
	northMetrics = map[string]any{"metricsStart": "2026-03-01T00:00:00.000Z", "lastConnection": nil, "lastRunStart": nil, "lastRunDuration": nil, "lastContentSent": nil,
		"contentSentSize": 9, "contentErroredSize": 0, "contentArchivedSize": 0, "contentCachedSize": 0, "currentCacheSize": 0, "currentErrorSize": 0, "currentArchiveSize": 0}
)

func (f *fakeEngine) SouthMetrics(id string) (any, error) {
	_, err := f.known.South(id)
	return southMetrics, err
}
func (f *fakeEngine) NorthMetrics(id string) (any, error) {
	_, err := f.known.North(id)
	return northMetrics, err
}
func (f *fakeEngine) ResetSouthMetrics(id string) error {
	_, err := f.known.South(id)
	return errors.Join(err, f.note("reset south"))
}
func (f *fakeEngine) ResetNorthMetrics(id string) error {
	_, err := f.known.North(id)
	return errors.Join(err, f.note("reset north"))
}
func (f *fakeEngine) SouthState(string) ConnectorState { return ConnectorState{Running: true} }
func (f *fakeEngine) NorthState(string) ConnectorState { return ConnectorState{LastError: "no route"} }
func (f *fakeEngine) Moved() map[string]uint64 {
	moved := map[string]uint64{}
	for _, s := range f.known.Souths() {
		moved[s.ID] = 42
	}
	return moved
}
func (f *fakeEngine) Running() (souths, norths map[string]any) {
	souths, norths = map[string]any{}, map[string]any{}
	for _, s := range f.known.Souths() {
		souths[s.ID] = southMetrics
	}
	for _, n := range f.known.Norths() {
		norths[n.ID] = northMetrics
	}
	return souths, norths
}
