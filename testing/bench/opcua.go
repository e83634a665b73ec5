package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/north"
	northopcua "oibus/agent/north/opcua"
	"oibus/agent/south"
	southopcua "oibus/agent/south/opcua"
	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	monitoredItems = 5_000
	aloneNodes     = 1_000 // in one reading, or one content
	archives       = 10    // nodes with a history
	changeEach     = time.Second
	opcuaGroup     = "the OPC UA connectors alone, with node-opcua"
)

// opcuaFlow measures how values come from a server of OPC UA and go to one. The server is node-opcua, which is the
// slower side: its processor time stands beside the figures.
func opcuaFlow(s *stage, n size) []measure.Row {
	server, why := nodeServer(s, n)
	if server == nil {
		return []measure.Row{measure.Row{Group: opcuaGroup, Name: "values"}.Absent(why)}
	}
	rows := server.alone(n)
	ticks := max(5, n.values/100_000)
	rows = append(rows, server.read(ticks)...)
	return append(rows, server.monitored(ticks)...)
}

// opcuaServer is a server that ends with the stage.
type opcuaServer struct {
	*harness.Peer
	s       *stage
	url     string
	history int // values of each archive
}

func nodeServer(s *stage, n size) (server *opcuaServer, why string) {
	root := harness.Root(s)
	module := filepath.Join(root, "dist", "peers", "node_modules", "node-opcua")
	path, err := exec.LookPath("node")
	if _, there := os.Stat(module); err != nil || there != nil {
		return nil, "node-opcua is not installed"
	}
	port := harness.FreePort(s)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	history := max(2_000, n.values/100)
	options, err := json.Marshal(map[string]any{"port": port, "dir": s.TempDir(), "many": monitoredItems, "histories": archives, "history": history,
		"limits": map[string]any{"maxNodesPerRead": 0, "maxNodesPerWrite": 0, "maxNodesPerHistoryReadData": 0, "maxMonitoredItemsPerCall": 0}})
	s.must(err)
	return &opcuaServer{s: s, url: "opc.tcp://" + address + "/UA", history: history, Peer: harness.StartPeer(s, harness.PeerOptions{Path: path, Address: address,
		Args: []string{filepath.Join(root, "testing", "peers", "opcua", "server.js"), module, string(options)}})}, ""
}

func (o *opcuaServer) settings() map[string]any {
	return map[string]any{"url": o.url, "keepSessionAlive": true, "readTimeout": 15000, "retryInterval": 1000, "securityMode": "none", "maxParallelRun": 1,
		"maxNumberOfMessages": 1000, "flushMessageTimeout": 1000, "authentication": map[string]any{"type": "none"}}
}

func (o *opcuaServer) env() connector.Env {
	raw, err := json.Marshal(o.settings())
	o.s.must(err)
	return connector.Env{ID: "b", Name: "bench", Type: "opcua", Settings: raw, Log: slog.New(slog.DiscardHandler), Host: connector.Host{Now: time.Now}}
}

// alone measures the connectors in this process, one request after the other.
func (o *opcuaServer) alone(n size) []measure.Row {
	ctx, cancel := o.s.within(flowLimit)
	defer cancel()
	conn, err := southopcua.Type.New(south.Env{Env: o.env(), Lost: func(error, time.Duration) {}})
	o.s.must(err)
	o.s.must(conn.Connect(ctx))
	defer func() { o.s.must(conn.Disconnect(context.WithoutCancel(ctx))) }()
	var values atomic.Int64
	emit := func(_ context.Context, c content.Content, _ []south.Item) error {
		values.Add(int64(c.Elements))
		return nil
	}
	items := opcuaItems(aloneNodes, "M", `{"nodeId":"ns=1;s=%s","mode":"da","timestampOrigin":"point"}`)
	rows := []measure.Row{o.rate("current values", "values", func() int {
		values.Store(0)
		_, err := conn.(south.Direct).Read(ctx, south.DirectQuery{Items: items, Emit: emit})
		o.s.must(err)
		return int(values.Load())
	})}
	past := opcuaItems(archives, "H", `{"nodeId":"ns=1;s=%s","mode":"ha","haMode":{"aggregate":"raw"}}`)
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	window := interval.Window{Start: begin, End: begin.Add(time.Duration(o.history) * 100 * time.Millisecond)}
	read := 0
	rows = append(rows, o.rate("history", "values", func() int {
		values.Store(0)
		read++
		for i := range past { // another item each time, as nothing is remembered of it
			past[i].ID = fmt.Sprint(read, past[i].Name)
		}
		_, err := conn.(south.Historian).ReadWindow(ctx, south.WindowQuery{Items: past, Window: window, Emit: emit})
		o.s.must(err)
		return int(values.Load())
	}))
	return append(rows, o.writes(ctx))
}

func (o *opcuaServer) writes(ctx context.Context) measure.Row {
	conn := o.driver(ctx)
	var b strings.Builder
	for i := range aloneNodes {
		fmt.Fprintf(&b, `,{"nodeId":"ns=1;s=M%d","value":%d}`, i, i)
	}
	text := "[" + b.String()[1:] + "]"
	return o.rate("writes", "values", func() int {
		o.s.must(conn.Send(ctx, opcuaDelivery(text)))
		return aloneNodes
	})
}

// driver is a North that ends with the stage.
func (o *opcuaServer) driver(ctx context.Context) north.Connector {
	conn, err := northopcua.Type.New(north.Env{Env: o.env(), Lost: func(error, time.Duration) {}})
	o.s.must(err)
	o.s.must(conn.Connect(ctx))
	o.s.Cleanup(func() { _ = conn.Disconnect(context.WithoutCancel(ctx)) })
	return conn
}

func opcuaDelivery(text string) north.Delivery {
	return north.Delivery{Kind: content.OPCUA, Name: "bench", Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func opcuaItems(n int, prefix, settings string) []south.Item {
	items := make([]south.Item, n)
	for i := range items {
		name := fmt.Sprint(prefix, i)
		items[i] = south.Item{ID: name, Name: name, Settings: json.RawMessage(fmt.Sprintf(settings, name))}
	}
	return items
}

// rate repeats f, which says how much it did, for a while.
func (o *opcuaServer) rate(name, unit string, f func() int) measure.Row {
	f() // what is made once
	own, err := measure.TimesOf(os.Getpid())
	o.s.must(err)
	its, err := measure.TimesOf(o.Pid())
	o.s.must(err)
	done, start := 0, time.Now()
	for time.Since(start) < 2*aloneFor {
		done += f()
	}
	took := time.Since(start).Seconds()
	ownNow, err := measure.TimesOf(os.Getpid())
	o.s.must(err)
	itsNow, err := measure.TimesOf(o.Pid())
	o.s.must(err)
	return measure.Row{Group: opcuaGroup, Name: name, Value: float64(done) / took, Unit: unit + "/s",
		Detail: fmt.Sprintf("%.2f s of processor a million %s, the server %.2f s", (ownNow.CPU-own.CPU).Seconds()/float64(done)*1e6, unit, (itsNow.CPU-its.CPU).Seconds()/float64(done)*1e6)}
}

// south makes a South with a number of nodes.
func (o *opcuaServer) south(p *plant, nodes int, scanMode string, group bool) {
	items := make([]any, nodes)
	for i := range items {
		one := map[string]any{"id": nil, "name": fmt.Sprintf("node%d", i), "enabled": true, "scanModeId": nil, "scanModeName": scanMode, "groupId": nil, "syncWithGroup": false,
			"maxReadInterval": 3600, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest",
			"settings": map[string]any{"nodeId": fmt.Sprintf("ns=1;s=M%d", i), "mode": "da", "timestampOrigin": "oibus"}}
		if group {
			one["groupId"], one["syncWithGroup"] = "temp_all", true
		}
		items[i] = one
	}
	groups := []any{}
	if group {
		groups = append(groups, map[string]any{"id": "temp_all", "standardSettings": map[string]any{"name": "all", "scanModeId": p.find("/api/scan-modes", "name", scanMode)},
			"historySettings": map[string]any{"maxReadInterval": 3600, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest"}})
	}
	p.s.must(p.a.JSON(p.s.context, http.MethodPost, "/api/south", map[string]any{"name": "server", "type": "opcua", "description": "", "enabled": true,
		"settings": o.settings(), "items": items, "groups": groups}, &struct{}{}))
}

// read measures nodes that are read every second and delivered.
func (o *opcuaServer) read(ticks int) []measure.Row {
	p := newPlant(o.s)
	ctx, cancel := o.s.within(flowLimit)
	defer cancel()
	o.south(p, monitoredItems, "Every second", true)
	group := fmt.Sprintf("%s OPC UA nodes, read every second, delivered", measure.Number(monitoredItems))
	rows := p.steady(ctx, group, "values", monitoredItems, ticks, func(values int) bool { return p.t.values.Load() >= int64(values) })
	p.a.Stop()
	return rows
}

// monitored measures nodes that are subscribed and all change every second.
func (o *opcuaServer) monitored(ticks int) []measure.Row {
	p := newPlant(o.s)
	ctx, cancel := o.s.within(flowLimit)
	defer cancel()
	driver := o.driver(ctx)
	o.south(p, monitoredItems, "Subscription", false)
	value, next := 0, time.Now()
	group := fmt.Sprintf("%s OPC UA monitored items, all of which change every second, delivered", measure.Number(monitoredItems))
	rows := p.steady(ctx, group, "values", monitoredItems, ticks, func(values int) bool {
		if now := time.Now(); !now.Before(next) {
			value, next = value+1, now.Add(changeEach)
			o.s.must(driver.Send(ctx, opcuaDelivery(fmt.Sprintf(`[{"nodeId":"ns=1;s=Tick","value":%d}]`, value))))
		}
		return p.t.values.Load() >= int64(values)
	})
	p.a.Stop()
	return rows
}
