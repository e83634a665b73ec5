package agent

import (
	"context"
	"errors"
	"log/slog"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/engine"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/logging"
	"oibus/agent/manifest"
	"oibus/agent/message"
	"oibus/agent/transformers"
)

// openHistory makes the history queries, which share scan modes and connectors with the engine.
func (a *agent) openHistory(c catalogue, dialect manifest.Dialect, host connector.Host) error {
	var err error
	a.history, err = history.Open(history.Options{
		Connectors: a.connectors, Souths: c.souths, Norths: c.norths, Transformer: a.transformers.Find, Dialect: dialect, Open: a.keys.Open,
		Host: host, Store: a.store, DataDir: a.line.DataDir, Log: a.log, Reschedule: a.engine.Reschedule,
		QueryLog: func(id, name string) *slog.Logger {
			return a.logs.Logger(logging.Scope{Type: logging.HistoryQuery, ID: id, Name: name})
		},
	})
	if err != nil {
		return err
	}
	a.engine.Serve(a.history)
	return nil
}

// connectHistory lets changes take effect.
func (a *agent) connectHistory() {
	a.settings.UseScanModes(func(id string) bool { return a.connectors.UsesScanMode(id) || a.history.UsesScanMode(id) })
	a.history.OnChange(func(string) { a.messages.Changed(message.HistoryQueries) })
	a.transformers.OnChange(func(id string, what transformers.What) {
		if what != transformers.Reshaped && what != transformers.Deleted { // an edited one is used from the next content on
			return
		}
		if err := a.history.DeleteLinksTo(context.Background(), entity.System, id); err != nil {
			a.log.Error("The bindings of a transformer cannot be removed", "transformer", id, "error", err)
		}
	})
}

// stopHistory stops the history queries. They may take half of the time that is left.
func (a *agent) stopHistory(ctx context.Context) error {
	if a.history == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, left(ctx)/2)
	defer cancel()
	if err := a.history.Stop(ctx); err != nil {
		return errors.Join(errors.New("the history queries"), err)
	}
	return nil
}

// histories lets the REST API and the page act on history queries.
type histories struct {
	*history.Service
	engine *engine.Service
}

func (h histories) TestSouth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error) {
	draft, err := h.DraftSouth(t)
	if err != nil {
		return connector.Report{}, err
	}
	return h.engine.TrySouth(ctx, draft)
}

func (h histories) TestNorth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error) {
	draft, err := h.DraftNorth(t)
	if err != nil {
		return connector.Report{}, err
	}
	return h.engine.TryNorth(ctx, draft)
}

func (h histories) testItem(ctx context.Context, t connectors.HistoryTest) (engine.ItemTestResult, error) {
	draft, err := h.DraftSouth(t)
	if err != nil {
		return engine.ItemTestResult{}, err
	}
	return h.engine.TrySouthItem(ctx, draft, t.ItemName, engine.ItemTest{ItemSettings: t.ItemSettings, TestingSettings: t.Testing})
}

func (h histories) TestItem(ctx context.Context, t connectors.HistoryTest) (any, error) {
	return h.testItem(ctx, t)
}

func (h histories) SearchCache(id string, q cache.Query) (any, error) {
	return h.Service.SearchCache(id, q)
}
func (h histories) Metrics(id string) (any, error) { return h.Service.Metrics(id) }
func (h histories) State(id string) (any, error)   { return h.Service.State(id) }

// commandHistories lets commands act on history queries.
type commandHistories struct{ histories }

func (h commandHistories) TestItem(ctx context.Context, t connectors.HistoryTest) (any, error) {
	result, err := h.testItem(ctx, t)
	return result.Cut(), err
}
