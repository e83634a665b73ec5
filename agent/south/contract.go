// Package south runs connectors that collect data (protocol/data-plane.md, sections 1.4 to 1.8). It promises that what
// was read is durable where it goes before it counts as read: tracked instants, acknowledgements and deletions come
// after; that each unit of items is read at the ticks of its scan mode, one run at a time; and that editing items takes
// effect without a gap and without reading anything twice. It guards against sources that fail, hang, or flood.
//
// This file is the contract of a connector: a Connector that is also a Direct, a Historian or a Subscriber, or
// several of them.
package south

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
)

// Type is one type of connector: a row of the catalogue.
type Type struct {
	ID    string // as in its manifest
	Batch bool   // items of a synced group are read together
	// Parallel is how many units may be read at once; nil means one.
	Parallel func(settings json.RawMessage) int
	New      func(Env) (Connector, error)
}

// Env is what a South connector is made from.
type Env struct {
	connector.Env
	// Emit hands on what arrives by itself, on a subscription. It returns nil once all of it is durable wherever it
	// goes, and not before: acknowledge then. It blocks while nothing can be taken.
	Emit Emit
	// Lost says that the connection is gone: the connector is disconnected, and connected again after a while, until
	// it succeeds; then what was subscribed is subscribed again. It does not block.
	Lost func(reason error, after time.Duration)
}

// Emit hands on one content that was read for items. When it returns nil the content is durable wherever it goes;
// otherwise it counts as not read: nothing may be deleted, acknowledged or remembered.
type Emit func(ctx context.Context, c content.Content, items []Item) error

// Item is one item to read.
type Item struct {
	ID, Name  string
	GroupID   string // "" when it has none
	GroupName string
	Settings  json.RawMessage
	Entity    json.RawMessage // its whole JSON, as scripts see it
}

// Connector is one configured South. Its methods are called by one goroutine at a time, except for those of Subscriber
// items that arrive, and unless Type.Parallel allows more.
type Connector interface {
	// Connect opens what lasts. It is called before anything is read, and again after Disconnect. A connector that needs
	// no connection returns nil.
	Connect(ctx context.Context) error
	// Disconnect ends everything that Connect and Subscribe began, and flushes what was received.
	Disconnect(ctx context.Context) error
	// Test tries the settings, without Connect, and tells what it found. Its error is the result of the test.
	Test(ctx context.Context) (connector.Report, error)
	// TestItem reads an item once, without Connect and without any effect on the source.
	TestItem(ctx context.Context, t TestRequest) (TestResult, error)
}

// Direct is a South whose items have a current state, read once a tick.
type Direct interface {
	// Read reads items and emits what there is. last is shown to people as the last value of the unit; nil for none.
	Read(ctx context.Context, q DirectQuery) (last json.RawMessage, err error)
}

// DirectQuery is one direct reading of a unit.
type DirectQuery struct {
	Items  []Item
	Emit   Emit
	Memory Memory // of the unit's first item
}

// Memory is what a connector remembers of an item between runs and restarts, such as which files it has sent. Keys are
// its own. It is forgotten with the item.
type Memory interface {
	Get(key string) (json.RawMessage, bool)
	All() iter.Seq2[string, json.RawMessage]
	// Set changes some keys, nil deletes one; what it says is durable when it returns nil.
	Set(changes map[string]json.RawMessage) error
}

// Historian is a South that is read over windows of time.
type Historian interface {
	// ReadWindow reads what items have in a window and emits it. It may emit several contents; when it fails, the whole
	// window is read again.
	ReadWindow(ctx context.Context, q WindowQuery) (WindowResult, error)
}

// WindowQuery is one reading of a window.
type WindowQuery struct {
	Items  []Item
	Window interval.Window
	Emit   Emit
}

// WindowResult says what was in a window.
type WindowResult struct {
	Tracked time.Time       // the greatest instant that was read; zero for none
	Last    json.RawMessage // shown to people as the last value; nil for none
}

// Subscriber is a South that is told of changes. Items whose scan mode is the subscription are subscribed.
type Subscriber interface {
	Subscribe(ctx context.Context, items []Item) error
	Unsubscribe(ctx context.Context, items []Item) error
}

// TestRequest asks for one reading of an item. Window is nil when none was given.
type TestRequest struct {
	Item   Item
	Window *interval.Window
}

// TestResult is what a test of an item read.
type TestResult struct {
	Content    content.Content
	FilePath   string // where a real run would have written a file, for contents that are one
	Connection time.Duration
	Query      time.Duration
}
