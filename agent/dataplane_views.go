package agent

import (
	"context"
	"encoding/json"

	"oibus/agent/cache"
	"oibus/agent/command"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/engine"
	"oibus/agent/web"
)

// commandEngine lets commands act on connectors at work.
type commandEngine struct{ *engine.Service }

func (e commandEngine) TestSouthItem(ctx context.Context, t command.ItemTest, secrets connectors.Secrets) (any, error) {
	body := engine.ItemTest{SouthSettings: t.SouthSettings, ItemSettings: t.ItemSettings, TestingSettings: t.TestingSettings}
	result, err := e.Service.TestSouthItem(ctx, t.SouthID, t.SouthType, t.ItemName, body, secrets)
	return result.Cut(), err
}

func (e commandEngine) SearchCache(northID string, q cache.Query) (any, error) {
	return e.Service.SearchCache(northID, q)
}

// webEngine lets the REST API and the page act on connectors at work.
type webEngine struct{ *engine.Service }

func (e webEngine) TestSouth(ctx context.Context, southID, southType string, settings json.RawMessage) (connector.Report, error) {
	return e.Service.TestSouth(ctx, southID, southType, settings, connectors.Secrets{})
}

func (e webEngine) TestSouthItem(ctx context.Context, t web.ItemTest) (any, error) {
	body := engine.ItemTest{SouthSettings: t.SouthSettings, ItemSettings: t.ItemSettings, TestingSettings: t.TestingSettings}
	return e.Service.TestSouthItem(ctx, t.SouthID, t.SouthType, t.ItemName, body, connectors.Secrets{})
}

func (e webEngine) TestNorth(ctx context.Context, northID, northType string, settings json.RawMessage) (connector.Report, error) {
	return e.Service.TestNorth(ctx, northID, northType, settings, connectors.Secrets{})
}

func (e webEngine) SearchCache(northID string, q cache.Query) (any, error) {
	return e.Service.SearchCache(northID, q)
}

func (e webEngine) SouthMetrics(id string) (any, error) { return e.Service.SouthMetrics(id) }
func (e webEngine) NorthMetrics(id string) (any, error) { return e.Service.NorthMetrics(id) }

func (e webEngine) Moved() map[string]uint64 {
	moved := map[string]uint64{}
	souths, norths := e.Service.Figures(false)
	for _, f := range souths {
		if f.State.Running {
			moved[f.South.ID] = f.Metrics.NumberOfValuesRetrieved + f.Metrics.NumberOfFilesRetrieved
		}
	}
	for _, f := range norths {
		if f.State.Running {
			moved[f.North.ID] = f.Metrics.ContentSentSize
		}
	}
	return moved
}

func (e webEngine) SouthState(id string) web.ConnectorState {
	state, err := e.Service.SouthState(id)
	if err != nil { // it was deleted meanwhile
		return web.ConnectorState{}
	}
	return web.ConnectorState(state)
}

func (e webEngine) NorthState(id string) web.ConnectorState {
	state, err := e.Service.NorthState(id)
	if err != nil {
		return web.ConnectorState{}
	}
	return web.ConnectorState(state)
}
