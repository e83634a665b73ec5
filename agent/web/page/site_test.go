package page

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"oibus/agent/cache"
	"oibus/agent/config"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/secret"
	configured "oibus/agent/settings"
	"oibus/agent/store"
	"oibus/agent/web"
	"oibus/testing/harness/browser"
)

// plant is the real REST API with real Souths and Norths behind the pages; only what runs them is played.
type plant struct {
	t        *testing.T
	settings *configured.Service
	*connectors.Service
	engine       *playedEngine
	histories    plantHistories
	transformers plantTransformers
	server       *web.Server
	modes        map[string]string // ids of scan modes by name
	installed    []string          // types of Souths that can run; nil means all
}

// playedEngine runs nothing. Its counts rise with time, its caches hold what the test puts there.
type playedEngine struct {
	connectors *connectors.Service
	start      time.Time

	mu     sync.Mutex
	errors map[string]string // by id of the connector
	files  map[cache.Folder][]cache.File
}

func (e *playedEngine) change(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func (e *playedEngine) TestSouth(_ context.Context, _, _ string, settings json.RawMessage) (connector.Report, error) {
	if strings.Contains(string(settings), "nowhere") {
		return connector.Report{}, errors.New(`Folder "/nowhere" does not exist: no such file or directory`)
	}
	r := connector.Report{}
	r.Add("Folder", "/srv/in")
	r.Add("Files", "3")
	return r, nil
}

func (e *playedEngine) TestNorth(context.Context, string, string, json.RawMessage) (connector.Report, error) {
	return connector.Report{}, nil
}

func (e *playedEngine) TestSouthItem(_ context.Context, t web.ItemTest) (any, error) {
	values := `[{"pointId":"` + t.ItemName + `","timestamp":"2026-03-04T08:00:00.000Z","data":{"value":"21.4"}},{"pointId":"` + t.ItemName + `","timestamp":"2026-03-04T08:01:00.000Z","data":{"value":"21.6"}}]`
	result := map[string]any{"raw": map[string]any{"type": "time-values", "content": json.RawMessage(values)}, "transformed": nil, "connectionDuration": 12, "queryDuration": 48}
	if strings.Contains(string(t.TestingSettings), "transformerId") {
		if t.ItemName == "broken" {
			result["transformerError"] = "no such column"
			return result, nil
		}
		result["transformed"] = map[string]any{"type": "any", "filePath": "values.csv", "content": "Reference,Value,Timestamp\n" + t.ItemName + ",21.4,2026-03-04T08:00:00.000Z\n"}
	}
	return result, nil
}

func (e *playedEngine) LastValue(_, itemID string) (any, error) {
	return map[string]any{"itemId": itemID, "itemName": "x", "groupId": nil, "groupName": "", "queryTime": "2026-03-04T08:00:00.000Z", "value": []map[string]any{{"filename": "flow.csv", "modifiedTime": 1}}, "trackedInstant": nil}, nil
}

func (e *playedEngine) SearchCache(_ string, q cache.Query) (any, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := map[string]any{"searchDate": entity.Milli(time.Now()), "metrics": e.north("")}
	for _, folder := range cache.Folders {
		list := []cache.File{}
		for _, f := range e.files[folder] {
			if strings.Contains(f.Metadata.ContentFile+f.Filename, q.NameContains) && (q.Max == 0 || len(list) < q.Max) {
				list = append(list, f)
			}
		}
		found[string(folder)] = list
	}
	return found, nil
}

func (e *playedEngine) CacheNames(_ string, folder cache.Folder, _ cache.Query) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := []string{}
	for _, f := range e.files[folder] {
		names = append(names, f.Filename)
	}
	return names, nil
}

func (e *playedEngine) CacheFile(string, cache.Folder, string) (cache.View, error) {
	return cache.View{Content: `[{"pointId":"a","timestamp":"2026-03-04T08:00:00.000Z","data":{"value":"1"}}]`, ContentFilename: "values.json", TotalSize: 80, ContentType: "json"}, nil
}

func (e *playedEngine) CacheReader(string, cache.Folder, string) (cache.File, io.ReadCloser, error) {
	return cache.File{}, io.NopCloser(strings.NewReader("x")), nil
}

func (e *playedEngine) UpdateCache(_ string, u cache.Update) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for folder, change := range map[cache.Folder]cache.FolderUpdate{cache.InCache: u.Cache, cache.InError: u.Error, cache.InArchive: u.Archive} {
		moves := map[string]cache.Folder{}
		for _, name := range change.Remove {
			moves[name] = ""
		}
		for _, m := range change.Move {
			moves[m.Filename] = m.To
		}
		e.files[folder] = slices.DeleteFunc(e.files[folder], func(f cache.File) bool {
			to, ok := moves[f.Filename]
			if ok && to != "" {
				e.files[to] = append(e.files[to], f)
			}
			return ok
		})
	}
	return nil
}

func (e *playedEngine) PostFile(context.Context, []string, string, content.Content) error { return nil }
func (e *playedEngine) SouthMetrics(id string) (any, error)                               { return e.south(id), nil }
func (e *playedEngine) NorthMetrics(id string) (any, error)                               { return e.north(id), nil }
func (e *playedEngine) ResetSouthMetrics(string) error                                    { return nil }
func (e *playedEngine) ResetNorthMetrics(string) error                                    { return nil }

// moved is how much a connector has moved: more each second.
func (e *playedEngine) moved() int { return int(time.Since(e.start)/time.Millisecond) * 37 / 100 }

func (e *playedEngine) south(string) map[string]any {
	now := entity.Milli(time.Now().Add(-3 * time.Second))
	return map[string]any{"metricsStart": "2026-03-01T00:00:00.000Z", "lastConnection": now, "lastRunStart": now, "lastRunDuration": 41, "numberOfValuesRetrieved": 48_211 + e.moved(),
		"numberOfFilesRetrieved": 12, "lastValueRetrieved": map[string]any{"pointId": "Temperature", "timestamp": now, "data": map[string]any{"value": "21.4"}}, "lastFileRetrieved": "flow-2026.csv"}
}

func (e *playedEngine) north(string) map[string]any {
	now := entity.Milli(time.Now().Add(-3 * time.Second))
	return map[string]any{"metricsStart": "2026-03-01T00:00:00.000Z", "lastConnection": now, "lastRunStart": now, "lastRunDuration": 12, "lastContentSent": "flow-2026.csv", "contentSentSize": 7_340_032 + 512*e.moved(),
		"contentErroredSize": 2048, "contentArchivedSize": 0, "contentCachedSize": 9_000_000, "currentCacheSize": 24_576, "currentErrorSize": 2048, "currentArchiveSize": 0}
}

func (e *playedEngine) state(id string, enabled bool) web.ConnectorState {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := web.ConnectorState{Running: enabled, Connected: enabled && e.errors[id] == ""}
	if text := e.errors[id]; text != "" {
		s.LastError, s.LastErrorAt = text, time.Now().Add(-40*time.Second)
	}
	return s
}

func (e *playedEngine) SouthState(id string) web.ConnectorState {
	c, err := e.connectors.South(id)
	return e.state(id, err == nil && c.Enabled)
}

func (e *playedEngine) NorthState(id string) web.ConnectorState {
	c, err := e.connectors.North(id)
	return e.state(id, err == nil && c.Enabled)
}

func (e *playedEngine) Moved() map[string]uint64 {
	moved := map[string]uint64{}
	for _, c := range e.connectors.Souths() {
		moved[c.ID] = uint64(48_223 + e.moved())
	}
	for _, c := range e.connectors.Norths() {
		moved[c.ID] = uint64(7_340_032 + 512*e.moved())
	}
	return moved
}

func (e *playedEngine) Running() (souths, norths map[string]any) {
	souths, norths = map[string]any{}, map[string]any{}
	for _, c := range e.connectors.Souths() {
		souths[c.ID] = e.south(c.ID)
	}
	for _, c := range e.connectors.Norths() {
		norths[c.ID] = e.north(c.ID)
	}
	return souths, norths
}

type nothingRegistered struct{}

func (nothingRegistered) Register(context.Context, string, json.RawMessage) error { return nil }
func (nothingRegistered) Edit(string, json.RawMessage) error                      { return nil }
func (nothingRegistered) TestConnection(context.Context, json.RawMessage) error   { return nil }
func (nothingRegistered) Unregister() error                                       { return nil }

type noCommands struct{}

func (noCommands) Search(web.CommandQuery) any { return map[string]any{} }
func (noCommands) Delete(string) error         { return nil }

const plantPassword = "S3cret-pass"

var plantHash = sync.OnceValues(func() (string, error) { return secret.HashPassword(plantPassword) })
var plantKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// newPlant starts the site.
func newPlant(t *testing.T) *plant {
	t.Helper()
	return newPlantIn(t, "en")
}

// newPlantIn starts a site whose administrator speaks a language.
func newPlantIn(t *testing.T, lang string) *plant {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes long")
	}
	p := &plant{t: t, modes: map[string]string{}}
	hash, err := plantHash()
	p.must(err)
	dir := t.TempDir()
	st, err := store.Open(dir)
	p.must(err)
	p.must(store.Save(st, "users", []entity.User{{Audit: entity.NewAudit("yFHk16", entity.System, time.Now()), Login: "admin", PasswordHash: hash, Language: lang, Timezone: "Europe/Paris"}}))
	keys, err := secret.Open(dir)
	p.must(err)
	c, err := config.Parse("oibus.toml", nil)
	p.must(err)
	p.settings, err = configured.Open(configured.Options{Store: st, Keys: keys, Config: c, DataDir: dir, Hostname: "edge-07", Now: time.Now})
	p.must(err)
	p.Service, err = connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, ScanModes: p.settings.ScanModes, Now: time.Now, Transformer: func(string) bool { return true }})
	p.must(err)
	t.Cleanup(func() { p.must(p.Close()) })
	for _, m := range p.settings.ScanModes() {
		p.modes[m.Name] = m.ID
	}
	p.engine = &playedEngine{connectors: p.Service, start: time.Now(), errors: map[string]string{}, files: map[cache.Folder][]cache.File{}}
	p.histories = openHistories(p, st, keys, dir)
	p.transformers = openTransformers(p, st)
	p.server, err = web.New(web.Options{
		Address: "127.0.0.1", Settings: p.settings, FriendlyName: func(string) string { return "admin" }, Registration: nothingRegistered{},
		Registered: func(func(string) any) any { return map[string]any{} }, Commands: noCommands{}, Logs: playedLogs{}, Info: func() web.Info { return web.Info{} }, Restart: func() {},
		Signer:     func(context.Context) (crypto.Signer, error) { return plantKey() },
		Connectors: p.Service, Engine: p.engine, Histories: p.histories, Transformers: p.transformers, Uploads: t.TempDir(),
	})
	p.must(err)
	p.server.Mount(New(Options{Session: p.server, User: p.settings.User, Overview: func() Overview {
		return Overview{Info: Info{Name: "Line 4 gateway", Version: "3.9.0", StartedAt: entity.Milli(p.engine.start)}}
	}, Installed: func() (souths, norths []string) { return p.installed, nil }}).Routes()...)
	p.must(p.server.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		p.must(p.server.Close(ctx))
	})
	return p
}

func (p *plant) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// tab opens a tab that is signed in.
func (p *plant) tab() *tab {
	p.t.Helper()
	if browser.Path() == "" {
		p.t.Skip("no chromium on this machine")
	}
	if sharedBrowser.once.Do(startBrowser); sharedBrowser.err != nil {
		p.t.Fatal(sharedBrowser.err)
	}
	address := "http://" + p.server.Addr().String()
	jar, err := cookiejar.New(nil)
	p.must(err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.PostForm(address+"/login", url.Values{"login": {"admin"}, "password": {plantPassword}})
	p.must(err)
	p.must(answer.Body.Close())
	at, err := url.Parse(address)
	p.must(err)
	ctx, cancel := chromedp.NewContext(sharedBrowser.ctx, chromedp.WithNewBrowserContext())
	p.t.Cleanup(cancel)
	b := &tab{t: p.t, ctx: ctx, url: address}
	p.must(chromedp.Listen(ctx, b.listen))
	on := true
	b.run(call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}), call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}), call(network.Enable, network.EnableParams{}))
	for _, c := range jar.Cookies(at) {
		b.run(call(network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: address, HTTPOnly: &on}))
	}
	b.size(1280, 900, "light")
	return b
}

const scannerItem = `{"id":null,"name":%q,"enabled":true,"settings":{"regex":".*\\.csv","minAge":1000,"preserveFiles":true,"ignoreModifiedDate":false,"maxFiles":0,"maxSize":0,"recursive":false},
	"scanModeId":%q,"scanModeName":null,"groupId":null,"groupName":null,"syncWithGroup":false,"maxReadInterval":null,"readDelay":null,"startTimeOffset":null,"endTimeOffset":null,"recoveryStrategy":null}`

// scanner makes a folder scanner with items of these names.
func (p *plant) scanner(name string, items ...string) string {
	p.t.Helper()
	var list []string
	for _, item := range items {
		list = append(list, fmt.Sprintf(scannerItem, item, p.modes["Every minute"]))
	}
	south, err := p.CreateSouth("u1", json.RawMessage(`{"name":"`+name+`","type":"folder-scanner","description":"Files of the line","enabled":true,"settings":{"inputFolder":"/srv/in","compression":false,"username":"","password":"","domain":""},
		"items":[`+strings.Join(list, ",")+`],"groups":[]}`), connectors.Secrets{})
	p.must(err)
	return south.ID
}

// console makes a North that shows what it gets.
func (p *plant) console(name string) string {
	p.t.Helper()
	north, err := p.CreateNorth("u1", json.RawMessage(`{"name":"`+name+`","type":"console","description":"","enabled":true,"settings":{"verbose":false},
		"caching":{"trigger":{"scanModeId":"`+p.modes["Every minute"]+`","scanModeName":null,"numberOfElements":1000,"numberOfFiles":1},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
		"error":{"retryInterval":5000,"retryCount":3,"retentionDuration":0},"archive":{"enabled":false,"retentionDuration":72}},"transformers":[]}`), connectors.Secrets{})
	p.must(err)
	return north.ID
}

// cached puts contents into the caches.
func (p *plant) cached(folder cache.Folder, names ...string) {
	p.engine.change(func() {
		for i, name := range names {
			p.engine.files[folder] = append(p.engine.files[folder], cache.File{Filename: fmt.Sprintf("x8Kd%02d%s", i, folder), Metadata: cache.Metadata{
				ContentFile: name, ContentSize: 5120, CreatedAt: "2026-03-04T08:10:00.000Z", NumberOfElement: 120 * (i % 2), ContentType: content.TimeValues}})
		}
	})
}
