package page

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/logging"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/secret"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/agent/web"
)

// plantHistories are real history queries between a database that has a row for each hour and a target that takes all.
type plantHistories struct {
	*history.Service
	played *playedPast
}

// playedPast is what the database does.
type playedPast struct {
	mu   sync.Mutex
	fail error
	hold chan struct{} // closed: intervals are read; nil for the same
}

func (p *playedPast) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *playedPast) Connect(context.Context) error                        { return nil }
func (p *playedPast) Disconnect(context.Context) error                     { return nil }
func (p *playedPast) Test(context.Context) (r connector.Report, err error) { return r, nil }
func (p *playedPast) TestItem(context.Context, south.TestRequest) (r south.TestResult, err error) {
	return r, nil
}

func (p *playedPast) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	p.mu.Lock()
	fail, hold := p.fail, p.hold
	p.mu.Unlock()
	if fail != nil {
		return south.WindowResult{}, fail
	}
	if hold != nil && q.Window.Start.Hour() >= 6 {
		select {
		case <-hold:
		case <-ctx.Done():
			return south.WindowResult{}, ctx.Err()
		}
	}
	values := `[{"pointId":"` + q.Items[0].Name + `","timestamp":"` + entity.Milli(q.Window.Start) + `","data":{"value":"21.4"}}]`
	err := q.Emit(ctx, content.FromBytes(content.TimeValues, "", 1, []byte(values)), q.Items)
	return south.WindowResult{Tracked: q.Window.End}, err
}

// swallow is a target that takes everything.
type swallow struct{}

func (swallow) Connect(context.Context) error                        { return nil }
func (swallow) Disconnect(context.Context) error                     { return nil }
func (swallow) Test(context.Context) (r connector.Report, err error) { return r, nil }
func (swallow) Send(context.Context, north.Delivery) error           { return nil }

func (h plantHistories) TestSouth(_ context.Context, t connectors.HistoryTest) (r connector.Report, err error) {
	if strings.Contains(string(t.Settings), "nowhere") {
		return r, errors.New("unable to open database file")
	}
	r.Add("Tables", "3")
	return r, nil
}

func (h plantHistories) TestNorth(context.Context, connectors.HistoryTest) (r connector.Report, err error) {
	return r, nil
}

func (h plantHistories) TestItem(_ context.Context, t connectors.HistoryTest) (any, error) {
	values := json.RawMessage(`[{"pointId":"` + t.ItemName + `","timestamp":"2026-03-04T08:00:00.000Z","data":{"value":"21.4"}}]`)
	return map[string]any{"raw": map[string]any{"type": "time-values", "content": values}, "transformed": nil, "connectionDuration": 12, "queryDuration": 48}, nil
}

func (h plantHistories) SearchCache(id string, q cache.Query) (any, error) {
	return h.Service.SearchCache(id, q)
}
func (h plantHistories) Metrics(id string) (any, error) { return h.Service.Metrics(id) }
func (h plantHistories) State(id string) (any, error)   { return h.Service.State(id) }

func openHistories(p *plant, st *store.Store, keys *secret.Keyring, dir string) plantHistories {
	p.t.Helper()
	played := &playedPast{}
	s, err := history.Open(history.Options{
		Connectors: p.Service, Dialect: manifest.N, Open: keys.Open, Store: st, DataDir: dir, Log: slog.New(slog.DiscardHandler), Reserve: 1,
		Souths:      []south.Type{{ID: "sqlite", New: func(south.Env) (south.Connector, error) { return played, nil }}},
		Norths:      []north.Type{{ID: "console", Accepts: []content.Kind{content.TimeValues, content.Any}, New: func(north.Env) (north.Connector, error) { return swallow{}, nil }}},
		Transformer: func(string) (transform.Transformer, string, bool) { return nil, "", false },
	})
	p.must(err)
	s.Start(context.Background())
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		p.must(s.Stop(ctx))
	})
	return plantHistories{s, played}
}

const (
	sqliteSettings = `{"databasePath":"/srv/plant.db"}`
	sqliteItem     = `{"id":null,"name":"{name}","enabled":true,"settings":{"query":"SELECT * FROM t WHERE at > @StartTime AND at <= @EndTime","dateTimeFields":[],
		"serialization":{"type":"csv","filename":"x.csv","delimiter":"COMMA","compression":false,"outputTimestampFormat":"yyyy-MM-dd HH:mm:ss.SSS","outputTimezone":"UTC"}}}`
)

// backfill makes a history query of one day with items of these names.
func (p *plant) backfill(name string, items ...string) string {
	p.t.Helper()
	var list []string
	for _, item := range items {
		list = append(list, strings.Replace(sqliteItem, "{name}", item, 1))
	}
	q, err := p.histories.Create(p.t.Context(), "u1", json.RawMessage(`{"name":"`+name+`","description":"Before the move","queryTimeRange":{"startTime":"2026-01-01T00:00:00.000Z","endTime":"2026-01-02T00:00:00.000Z","maxReadInterval":3600,"readDelay":0},
		"southType":"sqlite","southSettings":`+sqliteSettings+`,"northType":"console","northSettings":{"verbose":false},
		"caching":{"trigger":{"scanModeId":"`+p.modes["Every minute"]+`","scanModeName":null,"numberOfElements":1,"numberOfFiles":1},"throttling":{"runMinDelay":0,"maxSize":0,"maxNumberOfElements":10000},
		"error":{"retryInterval":5000,"retryCount":3,"retentionDuration":0},"archive":{"enabled":true,"retentionDuration":72}},
		"items":[`+strings.Join(list, ",")+`],"northTransformers":[]}`), connectors.HistorySecrets{})
	p.must(err)
	return q.ID
}

// query finds a history query by its name.
func (p *plant) query(name string) entity.HistoryQuery {
	p.t.Helper()
	all := p.histories.Queries()
	i := slices.IndexFunc(all, func(q entity.HistoryQuery) bool { return q.Name == name })
	if i < 0 {
		p.t.Fatalf("there is no history query %q", name)
	}
	return all[i]
}

// playedLogs is a journal of what custom transformers print.
type playedLogs struct{ web.Logs }

func (playedLogs) Search(logging.Query) (logging.Page, error) {
	return logging.Page{Entries: []logging.Entry{{Time: time.Now(), Level: slog.LevelInfo, Message: "CUSTOM TRANSFORMER: 3 values", Scope: logging.Scope{Type: logging.Internal}}}, Total: 1, Size: 50}, nil
}
