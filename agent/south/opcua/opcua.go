// Package opcua is the South that reads from servers of OPC UA (protocol/data-plane.md, section 5.6): current values,
// history as it was recorded or as aggregates, and changes as they happen. It promises that a window of history counts
// as read only when all of it was, node by node; that a connection which is lost is gone on with where the server still
// has what was missed; and that what arrives faster than it can be handed on waits at the server. It guards against
// servers that give half of an answer, forget sessions, or say the same page for ever.
package opcua

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector"
	"oibus/agent/connector/opcua"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:    "opcua",
	Batch: true,
	Parallel: func(raw json.RawMessage) int {
		var s settings
		if setting.Decode(raw, &s) != nil {
			return 1
		}
		return int(min(max(1, s.MaxParallelRun.Int()), mostParallel))
	},
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

const mostParallel = 32

// Numbers that the form has defaults for.
const (
	defaultMessages = 1000
	defaultFlush    = time.Second
	defaultRetry    = 10 * time.Second
)

type settings struct {
	opcua.Settings
	MaxNumberOfMessages setting.Number `json:"maxNumberOfMessages"`
	FlushMessageTimeout setting.Number `json:"flushMessageTimeout"` // ms
	MaxParallelRun      setting.Number `json:"maxParallelRun"`
}

// OPCUA is a configured South.
type OPCUA struct {
	settings settings
	client   *opcua.Client
	link     *opcua.Link
	stream   *stream
	history  history
	emit     south.Emit
	tell     func(reason error, after time.Duration)
	log      *slog.Logger
	now      func() time.Time

	mu   sync.Mutex
	gone bool           // the connection was lost, not given up
	held *opcua.Session // at the server still, perhaps
	told map[string]string
}

func build(env south.Env) (*OPCUA, error) {
	o := &OPCUA{emit: env.Emit, tell: env.Lost, log: env.Log, now: env.Host.Now, told: map[string]string{}}
	if err := setting.Decode(env.Settings, &o.settings); err != nil {
		return nil, err
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	s := &o.settings
	if s.MaxNumberOfMessages <= 0 {
		s.MaxNumberOfMessages = defaultMessages
	}
	if s.RetryInterval <= 0 {
		s.RetryInterval = setting.Number(defaultRetry / time.Millisecond)
	}
	timeout := s.ReadTimeout.Duration(time.Millisecond)
	client, err := opcua.New(env.Env, s.Settings, timeout)
	if err != nil {
		return nil, err
	}
	o.client, o.link = client, opcua.NewLink(client, o.lose)
	flush := s.FlushMessageTimeout.Duration(time.Millisecond)
	if flush <= 0 {
		flush = defaultFlush
	}
	o.stream = newStream(o, int(s.MaxNumberOfMessages.Int()), flush)
	return o, nil
}

// lose says that the connection is gone, so that the session is not closed but taken up again.
func (o *OPCUA) lose(reason error, after time.Duration) {
	o.mu.Lock()
	o.gone = true
	o.mu.Unlock()
	if o.tell != nil {
		o.tell(reason, after)
	}
}

// Connect opens a session, or takes up the one whose connection was lost when something was subscribed with it.
func (o *OPCUA) Connect(ctx context.Context) error {
	o.mu.Lock()
	held := o.held
	o.gone = false
	o.mu.Unlock()
	var resumed *opcua.Session
	if held != nil {
		s, err := o.client.Resume(ctx, held)
		if err != nil {
			o.log.Debug("the OPC UA session is not to be had again", "error", err)
		}
		resumed = s
	}
	if err := o.link.Connect(ctx, resumed); err != nil {
		return err
	}
	o.mu.Lock()
	o.held = nil
	o.mu.Unlock()
	o.stream.connected(ctx, resumed != nil)
	return nil
}

// Disconnect hands on what was received, and ends the session, unless its connection was lost: then what was subscribed
// is left to the server, which keeps what changes until it is connected again.
func (o *OPCUA) Disconnect(ctx context.Context) error {
	s := o.link.Disconnect(ctx)
	err := o.stream.flushAll(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	if s == nil {
		return err
	}
	if o.gone && o.stream.alive() {
		o.held = s
		s.Cut()
		return err
	}
	s.Close(ctx)
	o.stream.forget()
	return err
}

// Test connects, and tells what the server is and offers.
func (o *OPCUA) Test(ctx context.Context) (connector.Report, error) { return o.link.Test(ctx, true) }

// failed decides what becomes of the connection after an error of reading, and returns the error.
func (o *OPCUA) failed(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || opcua.KeepsSession(err) {
		return err
	}
	o.link.Lose(err)
	return err
}

// item is what an item is read by.
type item struct {
	south.Item
	node      *ua.NodeID
	mode      string
	origin    string
	aggregate string
	interval  time.Duration // 0 for none
}

// Modes of items.
const (
	modeHistory = "ha"
	modeCurrent = "da"
)

// Origins of timestamps.
const (
	originPoint  = "point"
	originServer = "server"
)

func decode(i south.Item) (item, error) {
	var s struct {
		NodeID string `json:"nodeId"`
		Mode   string `json:"mode"`
		HaMode struct {
			Aggregate  string `json:"aggregate"`
			Resampling string `json:"resampling"`
		} `json:"haMode"`
		TimestampOrigin string `json:"timestampOrigin"`
	}
	if err := setting.Decode(i.Settings, &s); err != nil {
		return item{}, fmt.Errorf("item %q: %w", i.Name, err)
	}
	node, err := opcua.ParseNode(s.NodeID)
	if err != nil {
		return item{}, fmt.Errorf("item %q: %w", i.Name, err)
	}
	d := item{Item: i, node: node, mode: s.Mode, origin: s.TimestampOrigin, aggregate: s.HaMode.Aggregate}
	if d.mode == "" {
		d.mode = modeHistory
	}
	if d.aggregate == "" {
		d.aggregate = raw
	}
	if d.aggregate == raw {
		return d, nil
	}
	if _, ok := aggregates[d.aggregate]; !ok {
		return item{}, fmt.Errorf("item %q: unknown aggregate %q", i.Name, d.aggregate)
	}
	interval, ok := resamplings[s.HaMode.Resampling]
	if !ok {
		return item{}, fmt.Errorf("item %q: unknown resampling %q", i.Name, s.HaMode.Resampling)
	}
	d.interval = interval
	return d, nil
}

// of decodes the items of a mode. One that cannot be read keeps no other from being read.
func (o *OPCUA) of(items []south.Item, mode string) []item {
	decoded := make([]item, 0, len(items))
	for _, i := range items {
		d, err := decode(i)
		if err != nil {
			o.complain(i.ID, err.Error())
			continue
		}
		if d.mode == mode {
			decoded = append(decoded, d)
		}
	}
	return decoded
}

// complain logs what is wrong with an item, once.
func (o *OPCUA) complain(id, text string) {
	o.mu.Lock()
	again := o.told[id] == text
	if text == "" {
		delete(o.told, id)
	} else {
		o.told[id] = text
	}
	o.mu.Unlock()
	if text != "" && !again {
		o.log.Error(text)
	}
}
