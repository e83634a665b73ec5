// Package opc is the South that reads the history of OPC Classic servers through the OIBus Agent on Windows
// (protocol/data-plane.md, section 5.11). It promises that items of one unit that want different aggregates are all read,
// and that none of them decides alone how far reading has come. It guards against an agent that was started again.
package opc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/connector/winagent"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	remote "oibus/agent/south/winagent"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:    "opc",
	Batch: true,
	New:   func(env south.Env) (south.Connector, error) { return build(env) },
}

const (
	connectLimit = 30 * time.Second
	readLimit    = 5 * time.Minute // a server may need long for a window
	maxRead      = 3600            // values of an item that the agent reads from the server at once
	readDelay    = 200             // ms that it waits in between
	maxLast      = 64 << 10        // bytes of an answer that are shown as the last value
)

type settings struct {
	AgentURL      string         `json:"agentUrl"`
	RetryInterval setting.Number `json:"retryInterval"` // ms
	Host          string         `json:"host"`
	ServerName    string         `json:"serverName"`
	Mode          string         `json:"mode"` // hda or da
}

type itemSettings struct {
	NodeID     string `json:"nodeId"`
	Aggregate  string `json:"aggregate"`
	Resampling string `json:"resampling"`
}

// server is the body of connect, and a part of that of read.
type server struct {
	Host       string `json:"host"`
	ServerName string `json:"serverName"`
	Mode       string `json:"mode"`
}

// reading is the body of read.
type reading struct {
	server
	MaxReadValues     int    `json:"maxReadValues,omitempty"`
	IntervalReadDelay int    `json:"intervalReadDelay,omitempty"`
	Aggregate         string `json:"aggregate"`
	Resampling        string `json:"resampling,omitempty"`
	StartTime         string `json:"startTime"`
	EndTime           string `json:"endTime"`
	Items             []node `json:"items"`
}

type node struct {
	Name   string `json:"name"`
	NodeID string `json:"nodeId"`
}

// OPC is a configured South.
type OPC struct {
	settings settings
	env      south.Env
	session  *winagent.Session
}

func build(env south.Env) (*OPC, error) {
	o := &OPC{env: env}
	if err := setting.Decode(env.Settings, &o.settings); err != nil {
		return nil, err
	}
	var err error
	if o.session, err = o.newSession(env.ID); err != nil {
		return nil, err
	}
	o.session.Lost = env.Lost
	return o, nil
}

func (o *OPC) server() server { return server{o.settings.Host, o.settings.ServerName, o.settings.Mode} }

func (o *OPC) newSession(id string) (*winagent.Session, error) {
	client, err := winagent.New(winagent.Options{Version: o.env.Host.Version, URL: o.settings.AgentURL, Family: winagent.OPC, ID: id, Before: ". "})
	if err != nil {
		return nil, err
	}
	return &winagent.Session{Client: client, Body: o.server(), Limit: connectLimit, Dir: o.env.TempDir, Retry: o.settings.RetryInterval.Duration(time.Millisecond)}, nil
}

// Connect has the agent connect.
func (o *OPC) Connect(ctx context.Context) error { return o.session.Open(ctx) }

// Disconnect has the agent leave the server.
func (o *OPC) Disconnect(ctx context.Context) error { return o.session.Close(ctx) }

// Test has the agent connect, and leave again.
func (o *OPC) Test(ctx context.Context) (connector.Report, error) {
	test, err := o.newSession(o.env.ID + remote.TestSuffix)
	if err != nil {
		return connector.Report{}, err
	}
	return connector.Report{}, remote.Try(ctx, test)
}

// kind is what items have in common that can be read at once.
type kind struct{ aggregate, resampling string }

func decode(item south.Item) (kind, node, error) {
	var s itemSettings
	if err := setting.Decode(item.Settings, &s); err != nil {
		return kind{}, node{}, err
	}
	k := kind{s.Aggregate, s.Resampling}
	if k.aggregate == "" {
		k.aggregate = "raw"
	}
	if k.resampling == "raw" { // the default of the form, which is none of its choices
		k.resampling = "none"
	}
	if k.aggregate == "raw" || k.aggregate == "annotations" { // which have no intervals
		k.resampling = ""
	}
	return k, node{item.Name, s.NodeID}, nil
}

func (o *OPC) reading(k kind, w interval.Window, nodes ...node) reading {
	return reading{server: o.server(), Aggregate: k.aggregate, Resampling: k.resampling, StartTime: remote.Milli(w.Start), EndTime: remote.Milli(w.End), Items: nodes}
}

// group are items that are read at once.
type group struct {
	kind  kind
	nodes []node
	items []south.Item
}

func groups(items []south.Item) ([]group, error) {
	var all []group
	at := map[kind]int{}
	for _, item := range items {
		k, n, err := decode(item)
		if err != nil {
			return nil, err
		}
		i, ok := at[k]
		if !ok {
			i = len(all)
			at[k], all = i, append(all, group{kind: k})
		}
		all[i].nodes, all[i].items = append(all[i].nodes, n), append(all[i].items, item)
	}
	return all, nil
}

// ReadWindow reads a window of items and hands on their values.
func (o *OPC) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	all, err := groups(q.Items)
	if err != nil {
		return result, err
	}
	for _, g := range all {
		if err := o.readGroup(ctx, q, g, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (o *OPC) readGroup(ctx context.Context, q south.WindowQuery, g group, result *south.WindowResult) error {
	body := o.reading(g.kind, q.Window, g.nodes...)
	body.MaxReadValues, body.IntervalReadDelay = maxRead, readDelay
	a, err := o.session.Read(ctx, body, readLimit)
	if err != nil {
		return err
	}
	defer a.Close()
	last, err := remote.Values(ctx, a, g.items, q.Emit, o.env.Log)
	if err != nil || last == nil {
		return err
	}
	if result.Last, err = whole(a); err != nil {
		return err
	}
	if at := remote.Instant(a, "maxInstantRetrieved", o.env.Log); at.After(q.Window.Start) && !at.Before(result.Tracked) {
		result.Tracked = at.Add(time.Millisecond)
	}
	return nil
}

// whole is an answer as the last value shows it.
func whole(a *winagent.Answer) (json.RawMessage, error) {
	raw, err := a.Beginning(maxLast)
	if err != nil {
		return nil, err
	}
	if a.Size <= maxLast && json.Valid(raw) {
		return raw, nil
	}
	return content.AppendString(nil, strings.ToValidUTF8(string(raw), "")+"…"), nil
}

// TestItem reads an item once, on a connection of its own, which the agent makes by itself.
func (o *OPC) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	var result south.TestResult
	k, n, err := decode(t.Item)
	if err != nil {
		return result, err
	}
	test, err := o.newSession(o.env.ID + remote.TestSuffix)
	if err != nil {
		return result, err
	}
	defer test.Client.Close()
	start := time.Now()
	a, err := test.Client.Read(ctx, o.reading(k, remote.Window(t, o.env.Host.Now()), n), readLimit, o.env.TempDir)
	var status *winagent.StatusError
	if errors.As(err, &status) {
		//lint:ignore ST1005 the reference's text
		return result, fmt.Errorf("Error occurred when sending connect command to remote agent. %d", status.Status)
	}
	if err != nil {
		return result, err
	}
	defer a.Close()
	result.Query = time.Since(start)
	result.Content, err = remote.Content(ctx, a, o.env.Log)
	return result, err
}
