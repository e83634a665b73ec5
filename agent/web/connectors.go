package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/web/shape"
)

// Engine is the Souths and Norths at work. What it returns as any is answered as its JSON.
type Engine interface {
	TestSouth(ctx context.Context, southID, southType string, settings json.RawMessage) (connector.Report, error)
	TestSouthItem(ctx context.Context, t ItemTest) (any, error)
	TestNorth(ctx context.Context, northID, northType string, settings json.RawMessage) (connector.Report, error)
	LastValue(southID, itemID string) (any, error)

	SearchCache(northID string, q cache.Query) (any, error)
	CacheNames(northID string, folder cache.Folder, q cache.Query) ([]string, error)
	CacheFile(northID string, folder cache.Folder, filename string) (cache.View, error)
	CacheReader(northID string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error)
	UpdateCache(northID string, u cache.Update) error
	// PostFile offers a content to Norths. Those that are unknown, disabled or do not want it count for nothing.
	PostFile(ctx context.Context, northIDs []string, dataSourceID string, c content.Content) error

	SouthMetrics(id string) (any, error)
	NorthMetrics(id string) (any, error)
	ResetSouthMetrics(id string) error
	ResetNorthMetrics(id string) error
	SouthState(id string) ConnectorState
	NorthState(id string) ConnectorState
	// Running are the metrics of all connectors that are enabled, by id.
	Running() (souths, norths map[string]any)
	// Moved is what each connector that runs has moved until now, by id: values and files of a South, bytes of a North.
	Moved() map[string]uint64
}

// ItemTest is one reading of an item that need not be stored. SouthID is that of a South, "create" or "history".
type ItemTest struct {
	SouthID, SouthType, ItemName                 string
	SouthSettings, ItemSettings, TestingSettings json.RawMessage
}

// ConnectorState says how a connector does.
type ConnectorState struct {
	Running     bool      `json:"running"`
	Connected   bool      `json:"connected"`
	LastError   string    `json:"lastError"`
	LastErrorAt time.Time `json:"-"`
}

// MarshalJSON shows the time of the last error as the REST API shows times, null when there was none.
func (c ConnectorState) MarshalJSON() ([]byte, error) {
	type plain ConnectorState
	var at *string
	if !c.LastErrorAt.IsZero() {
		text := entity.Milli(c.LastErrorAt)
		at = &text
	}
	return json.Marshal(struct {
		plain
		At *string `json:"lastErrorAt"`
	}{plain(c), at})
}

// dialect is that of the forms.
func (s *Server) dialect() manifest.Dialect {
	if s.o.Released {
		return manifest.R
	}
	return manifest.N
}

// plainSecrets are those of bodies of the REST API.
func plainSecrets(from string) connectors.Secrets { return connectors.Secrets{From: from} }

// failedTest is what a test that failed answers: it is the settings that are wrong, not the agent.
func failedTest(err error) error {
	var notFound *entity.NotFoundError
	if errors.As(err, &notFound) {
		return err
	}
	return &entity.InvalidError{Text: err.Error()}
}

// top reads the JSON body of r, of which only the keys are checked.
func top(r *http.Request, parts []shape.Part) (json.RawMessage, error) {
	raw, err := readBody(r)
	if err != nil {
		return nil, err
	}
	fitted, faults, err := shape.Top(raw, parts)
	if len(faults) > 0 {
		return nil, &faulty{faults}
	}
	return fitted, err
}

// changeTop serves an operation like change, for bodies that can be long.
func changeTop(parts []shape.Part, f func(r *http.Request, content json.RawMessage) error) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		content, err := top(r, parts)
		if err != nil {
			return err
		}
		if err := f(r, content); err != nil {
			return err
		}
		return noContent(w)
	}
}

// act serves an operation on what the path names that takes no body and answers with nothing.
func act(f func(r *http.Request) error) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := f(r); err != nil {
			return err
		}
		return noContent(w)
	}
}

// show serves an operation that answers with one value.
func show[T any](f func(r *http.Request) (T, error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := f(r)
		if err != nil {
			return err
		}
		return ok(w, v)
	}
}
