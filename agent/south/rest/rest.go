// Package rest is the South that reads from any HTTP source (protocol/data-plane.md, section 5.8). It promises that an
// answer is handed on byte for byte, but for the white space between the parts of JSON; that answers of any size are
// read in little memory; that a window counts as read only when all of its answer was taken; and that no error shows a
// key. It guards against sources that call JSON something else, answer half, or without end.
package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
	"oibus/agent/interval"
	"oibus/agent/south"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "rest",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

// testLookBack is the window of a test that names none.
const testLookBack = time.Hour

type settings struct {
	Host               string                    `json:"host"`
	AcceptUnauthorized setting.Flag              `json:"acceptUnauthorized"`
	Timeout            setting.Number            `json:"timeout"` // s
	Authentication     httpclient.Authentication `json:"authentication"`
	Proxy              httpclient.ProxySettings  `json:"proxy"`
	Test               struct {
		Method      string         `json:"method"`
		Endpoint    string         `json:"endpoint"`
		SuccessCode setting.Number `json:"successCode"`
		Body        string         `json:"body"`
	} `json:"test"`
}

type itemSettings struct {
	Method      string  `json:"method"`
	Endpoint    string  `json:"endpoint"`
	ReturnType  string  `json:"returnType"` // body or file
	QueryParams []field `json:"queryParams"`
	Headers     []field `json:"headers"`
	Body        *struct {
		Content  string    `json:"content"`
		DateTime *spelling `json:"dateTimeInput"`
	} `json:"body"`
	Tracking *struct {
		Track    setting.Flag `json:"trackInstant"`
		JSONPath string       `json:"jsonPath"`
		DateTime *spelling    `json:"dateTimeInput"`
	} `json:"trackingInstant"`
}

// REST is a configured South.
type REST struct {
	settings settings
	name     string
	temp     string
	client   *httpclient.Client
	log      *slog.Logger
	now      func() time.Time
}

func build(env south.Env) (*REST, error) {
	r := &REST{name: env.Name, temp: env.TempDir, log: env.Log, now: env.Host.Now}
	if err := setting.Decode(env.Settings, &r.settings); err != nil {
		return nil, err
	}
	s := &r.settings
	proxy, err := s.Proxy.Proxy("Proxy URL not specified")
	if err != nil {
		return nil, err
	}
	r.client, err = httpclient.New(httpclient.Options{
		Version: env.Host.Version, AcceptUnauthorized: bool(s.AcceptUnauthorized), Proxy: proxy,
		Timeout: s.Timeout.Duration(time.Second), Secrets: s.Authentication.Secrets(),
	})
	return r, err
}

// Connect has nothing to do: connections are made when they are needed.
func (r *REST) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (r *REST) Disconnect(context.Context) error {
	r.client.Close()
	return nil
}

// Test makes the request that the settings describe for it.
func (r *REST) Test(ctx context.Context) (connector.Report, error) {
	s, test := &r.settings, &r.settings.Test
	u, err := httpclient.Resolve(s.Host, test.Endpoint, s.Authentication.Params())
	if err != nil {
		return connector.Report{}, err
	}
	request := httpclient.Request{Method: test.Method, URL: u, Header: s.Authentication.Header()}
	if test.Method != "GET" {
		withBody(&request, test.Body)
	}
	res, err := r.do(ctx, request)
	if err != nil {
		return connector.Report{}, err
	}
	defer res.Close()
	if want := test.SuccessCode.Int(); int64(res.Status) != want {
		return connector.Report{}, fmt.Errorf("HTTP request failed with status code %d, expected %d. Message: %s", res.Status, want, res.Message())
	}
	return connector.Report{}, nil
}

func (r *REST) do(ctx context.Context, request httpclient.Request) (*httpclient.Response, error) {
	res, err := r.client.Do(ctx, request)
	if err != nil && !httpclient.IsLocal(err) {
		//lint:ignore ST1005 the reference's text
		err = fmt.Errorf("Fetch error: %w", err)
	}
	return res, err
}

// TestItem reads an item once.
func (r *REST) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	window := interval.Window{Start: r.now().Add(-testLookBack), End: r.now()}
	if t.Window != nil {
		window = *t.Window
	}
	start := r.now()
	a, err := r.fetch(ctx, t.Item, window)
	if err != nil {
		return south.TestResult{}, err
	}
	c, err := a.content()
	return south.TestResult{Content: c, FilePath: a.name, Query: r.now().Sub(start)}, err
}

// ReadWindow reads a window of items and hands on the answers.
func (r *REST) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	for i := range q.Items {
		a, err := r.fetch(ctx, q.Items[i], q.Window)
		if err != nil {
			return result, err
		}
		last, err := r.handOn(ctx, a, q.Items[i:i+1], q.Emit)
		a.remove()
		if err != nil {
			return result, err
		}
		if a.tracked.After(result.Tracked) {
			result.Tracked = a.tracked
		}
		if last != nil {
			result.Last = last
		}
	}
	return result, nil
}

func (r *REST) handOn(ctx context.Context, a *answer, items []south.Item, emit south.Emit) (last json.RawMessage, err error) {
	if a.size == 0 {
		return nil, nil
	}
	c, err := a.content()
	if err != nil {
		return nil, err
	}
	if err := emit(ctx, c, items); err != nil {
		return nil, err
	}
	return a.beginning(), nil
}
