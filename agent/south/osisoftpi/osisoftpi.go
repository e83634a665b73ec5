// Package osisoftpi is the South that reads the history of PI servers through the OIBus Agent on Windows
// (protocol/data-plane.md, section 5.11). It promises that what the agent complains about is in the log, and that a test
// leaves a running connector alone. It guards against an agent that was started again.
package osisoftpi

import (
	"context"
	"fmt"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/connector/winagent"
	"oibus/agent/interval"
	"oibus/agent/south"
	remote "oibus/agent/south/winagent"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:    "osisoft-pi",
	Batch: true,
	New:   func(env south.Env) (south.Connector, error) { return build(env) },
}

const (
	connectLimit = 30 * time.Second
	readLimit    = 5 * time.Minute // a server may need long for a window
	maxLogs      = 100             // lines of one answer that are logged
	maxLog       = 500             // bytes of each
)

type settings struct {
	AgentURL      string         `json:"agentUrl"`
	RetryInterval setting.Number `json:"retryInterval"` // ms
}

type itemSettings struct {
	Type    string `json:"type"` // point-id or point-query
	PIPoint string `json:"piPoint"`
	PIQuery string `json:"piQuery"`
}

// reading is the body of read.
type reading struct {
	StartTime string  `json:"startTime"`
	EndTime   string  `json:"endTime"`
	Items     []point `json:"items"`
}

type point struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	PIPoint string `json:"piPoint,omitempty"`
	PIQuery string `json:"piQuery,omitempty"`
}

// PI is a configured South.
type PI struct {
	settings settings
	env      south.Env
	session  *winagent.Session
}

func build(env south.Env) (*PI, error) {
	p := &PI{env: env}
	if err := setting.Decode(env.Settings, &p.settings); err != nil {
		return nil, err
	}
	var err error
	if p.session, err = p.newSession(env.ID); err != nil {
		return nil, err
	}
	p.session.Lost = env.Lost
	return p, nil
}

func (p *PI) newSession(id string) (*winagent.Session, error) {
	client, err := winagent.New(winagent.Options{Version: p.env.Host.Version, URL: p.settings.AgentURL, Family: winagent.PI, ID: id, Before: ". "})
	if err != nil {
		return nil, err
	}
	return &winagent.Session{Client: client, Limit: connectLimit, Dir: p.env.TempDir, Retry: p.settings.RetryInterval.Duration(time.Millisecond)}, nil
}

// Connect has the agent connect.
func (p *PI) Connect(ctx context.Context) error { return p.session.Open(ctx) }

// Disconnect has the agent leave the server.
func (p *PI) Disconnect(ctx context.Context) error { return p.session.Close(ctx) }

// Test has the agent connect, and leave again.
func (p *PI) Test(ctx context.Context) (connector.Report, error) {
	test, err := p.newSession(p.env.ID + remote.TestSuffix)
	if err != nil {
		return connector.Report{}, err
	}
	return connector.Report{}, remote.Try(ctx, test)
}

func request(items []south.Item, w interval.Window) (reading, error) {
	r := reading{StartTime: remote.Milli(w.Start), EndTime: remote.Milli(w.End)}
	for _, item := range items {
		var s itemSettings
		if err := setting.Decode(item.Settings, &s); err != nil {
			return r, err
		}
		one := point{Name: item.Name, Type: "pointId", PIPoint: s.PIPoint}
		if s.Type == "point-query" {
			one = point{Name: item.Name, Type: "pointQuery", PIQuery: s.PIQuery}
		}
		r.Items = append(r.Items, one)
	}
	return r, nil
}

// ReadWindow reads a window of items and hands on their values.
func (p *PI) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	body, err := request(q.Items, q.Window)
	if err != nil {
		return result, err
	}
	a, err := p.session.Read(ctx, body, readLimit)
	if err != nil {
		return result, err
	}
	defer a.Close()
	p.warn(a)
	if result.Last, err = remote.Values(ctx, a, q.Items, q.Emit, p.env.Log); err != nil {
		return result, err
	}
	if at := remote.Instant(a, "maxInstantRetrieved", p.env.Log); result.Last != nil && at.After(q.Window.Start) {
		result.Tracked = at
	}
	return result, nil
}

// warn logs what the agent had to say.
func (p *PI) warn(a *winagent.Answer) {
	var logs []string
	if err := a.Decode("logs", &logs); err != nil {
		p.env.Log.Warn(err.Error())
	}
	for i, line := range logs {
		if i == maxLogs {
			p.env.Log.Warn(fmt.Sprintf("The remote agent has %d more warnings", len(logs)-maxLogs))
			return
		}
		p.env.Log.Warn(remote.Line(line, maxLog))
	}
}

// TestItem reads an item once, on a connection of its own.
func (p *PI) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	body, err := request([]south.Item{t.Item}, remote.Window(t, p.env.Host.Now()))
	if err != nil {
		return result, err
	}
	test, err := p.newSession(p.env.ID + remote.TestSuffix)
	if err != nil {
		return result, err
	}
	err = remote.During(ctx, test, &result, func() error {
		a, err := test.Read(ctx, body, readLimit)
		if err != nil {
			return err
		}
		defer a.Close()
		p.warn(a)
		result.Content, err = remote.Content(ctx, a, p.env.Log)
		return err
	})
	return result, err
}
