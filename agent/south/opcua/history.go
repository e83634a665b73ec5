package opcua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

// Sizes of history requests.
const (
	perNode    = 1000 // values of a node in an answer
	emptyPages = 10   // in a row, before a server is taken to have no more
)

// releaseLimit is how long the server is told that nobody continues.
const releaseLimit = 2 * time.Second

// raw is the aggregate that is none.
const raw = "raw"

var aggregates = map[string]uint32{
	"average": id.AggregateFunction_Average, "minimum": id.AggregateFunction_Minimum,
	"maximum": id.AggregateFunction_Maximum, "count": id.AggregateFunction_Count,
}

// resamplings are the intervals of aggregates. The default of the form, raw, is none; the long names are those of
// settings that another version wrote.
var resamplings = map[string]time.Duration{
	"": 0, "none": 0, "raw": 0, "1s": time.Second, "10s": 10 * time.Second, "30s": 30 * time.Second,
	"1min": time.Minute, "1h": time.Hour, "1d": 24 * time.Hour,
	"second": time.Second, "10Seconds": 10 * time.Second, "30Seconds": 30 * time.Second,
	"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
}

// history remembers the last values that were handed on of each item, so that the end of one window is not read again as
// the beginning of the next. It is safe for concurrent use.
type history struct {
	mu    sync.Mutex
	last  map[string]mark
	spans map[string]span
}

// mark is the instant of the last values of an item, and those values.
type mark struct {
	at    time.Time
	datas [][]byte
}

func (m mark) has(data []byte) bool {
	for _, d := range m.datas {
		if bytes.Equal(d, data) {
			return true
		}
	}
	return false
}

func (h *history) of(item string) mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[item]
}

func (h *history) set(item string, m mark) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = map[string]mark{}
	}
	h.last[item] = m
}

// span is what an item has given of a window that was not read wholly, and is read again: what it has up to end.
type span struct{ start, end, tracked time.Time }

func (h *history) read(item string) span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spans[item]
}

func (h *history) note(spans map[string]span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spans == nil {
		h.spans = map[string]span{}
	}
	maps.Copy(h.spans, spans)
}

func (h *history) done(items []item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range items {
		delete(h.spans, i.ID)
	}
}

// kind is how items are read together.
type kind struct {
	aggregate string
	interval  time.Duration
	start     time.Time
}

// reading is the reading of one window.
type reading struct {
	o      *OPCUA
	l      opcua.Limited
	window interval.Window
	emit   func(ctx context.Context, values []content.TimeValue, items []item) error

	tracked time.Time
	last    json.RawMessage
	failed  []string        // nodes that have not answered, and why
	behind  map[string]bool // their items
	given   map[string]span // what the others gave
}

// ReadWindow reads what items have in a window. It fails when a node has not given what it has.
func (o *OPCUA) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	r := &reading{o: o, l: o.link, window: q.Window, emit: func(ctx context.Context, values []content.TimeValue, items []item) error {
		return q.Emit(ctx, content.FromTimeValues(values), plain(items))
	}}
	err := r.all(ctx, o.of(q.Items, modeHistory))
	return south.WindowResult{Tracked: r.tracked, Last: r.last}, o.failed(ctx, err)
}

// lastOf is the last value that an item has in a window.
func (o *OPCUA) lastOf(ctx context.Context, l opcua.Limited, i item, w *interval.Window) (last []content.TimeValue, err error) {
	window := interval.Window{Start: o.now().Add(-testLookBack), End: o.now()}
	if w != nil {
		window = *w
	}
	i.ID = "" // nothing is remembered of it
	r := &reading{o: o, l: l, window: window, emit: func(_ context.Context, values []content.TimeValue, _ []item) error {
		last = values[len(values)-1:]
		return nil
	}}
	err = r.all(ctx, []item{i})
	return last, err
}

// all reads items, those of one kind together.
func (r *reading) all(ctx context.Context, items []item) error {
	r.behind, r.given = map[string]bool{}, map[string]span{}
	var kinds []kind
	byKind := map[kind][]item{}
	for _, i := range items {
		k, ok := r.kind(&i)
		if !ok {
			continue
		}
		if byKind[k] == nil {
			kinds = append(kinds, k)
		}
		byKind[k] = append(byKind[k], i)
	}
	for _, k := range kinds {
		same := byKind[k]
		err := opcua.Batches(ctx, r.l, opcua.ReadingHistory, len(same), func(from, to int) error {
			n := to - from
			p := &pages{r: r, kind: k, items: same[from:to], points: make([][]byte, n), firsts: make([]time.Time, n), empty: make([]int, n)}
			return p.read(ctx)
		})
		if err != nil {
			r.remember(items, false)
			//lint:ignore ST1005 the reference's text
			return fmt.Errorf("Error while reading history: %w", err)
		}
	}
	if len(r.failed) == 0 {
		r.o.history.done(items)
		return nil
	}
	r.remember(items, true)
	//lint:ignore ST1005 the reference's text
	return opcua.DeviceError(fmt.Errorf("Error while reading history: %s", opcua.Some(r.failed)))
}

// remember notes what items have given of a window that will be read again: all of it, when the window was read to its
// end but for those that are behind, or what was handed on before it failed. Aggregates are computed anew.
func (r *reading) remember(items []item, toItsEnd bool) {
	for _, i := range items {
		s := r.given[i.ID]
		switch {
		case i.ID == "" || i.aggregate != raw:
			delete(r.given, i.ID)
			continue
		case toItsEnd && !r.behind[i.ID]:
			s.end = r.window.End
		default:
			s.end = s.tracked
		}
		s.start = r.window.Start
		r.given[i.ID] = s
	}
	r.o.history.note(r.given)
}

// kind is how an item is read in this window, unless it has given all of it already.
func (r *reading) kind(i *item) (kind, bool) {
	k := kind{i.aggregate, i.interval, r.window.Start}
	s := r.o.history.read(i.ID)
	if i.ID == "" || i.aggregate != raw || !s.start.Equal(r.window.Start) || s.end.IsZero() {
		return k, true
	}
	r.given[i.ID] = span{tracked: s.tracked}
	if s.tracked.After(r.tracked) {
		r.tracked = s.tracked
	}
	k.start = s.end
	return k, s.end.Before(r.window.End)
}

// pages is the reading of some nodes, answer by answer.
type pages struct {
	r      *reading
	kind   kind
	items  []item
	points [][]byte    // continuation points, nil for none
	firsts []time.Time // first instant of the last page of each node
	empty  []int       // pages in a row without a value
}

// read asks until no node has more. What is left open when it fails is released.
func (p *pages) read(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			p.release(ctx)
		}
	}()
	turn := make([]int, len(p.items))
	for i := range turn {
		turn[i] = i
	}
	for first := true; len(turn) > 0; first = false {
		results, err := p.ask(ctx, turn)
		if err != nil {
			if !first { // what was read is handed on already: it must not be read in other batches now
				return opcua.Final(err)
			}
			return err
		}
		if turn, err = p.take(ctx, turn, results); err != nil {
			return err
		}
	}
	p.release(ctx)
	return nil
}

func (p *pages) ask(ctx context.Context, turn []int) ([]*ua.HistoryReadResult, error) {
	request := &ua.HistoryReadRequest{HistoryReadDetails: p.details(len(turn)), TimestampsToReturn: ua.TimestampsToReturnBoth}
	for _, i := range turn {
		request.NodesToRead = append(request.NodesToRead, &ua.HistoryReadValueID{NodeID: p.items[i].node, DataEncoding: &ua.QualifiedName{}, ContinuationPoint: p.points[i]})
	}
	response, err := opcua.Ask[*ua.HistoryReadResponse](ctx, p.r.l, request)
	if err != nil {
		return nil, err
	}
	if len(response.Results) != len(turn) {
		return nil, fmt.Errorf("the server answers %d of %d", len(response.Results), len(turn))
	}
	return response.Results, nil
}

func (p *pages) details(nodes int) *ua.ExtensionObject {
	w := p.r.window
	if p.kind.aggregate == raw {
		return ua.NewExtensionObject(&ua.ReadRawModifiedDetails{StartTime: p.kind.start, EndTime: w.End, NumValuesPerNode: perNode})
	}
	d := &ua.ReadProcessedDetails{StartTime: w.Start, EndTime: w.End, ProcessingInterval: float64(p.kind.interval / time.Millisecond),
		AggregateConfiguration: &ua.AggregateConfiguration{UseServerCapabilitiesDefaults: true}}
	for range nodes {
		d.AggregateType = append(d.AggregateType, ua.NewNumericNodeID(0, aggregates[p.kind.aggregate]))
	}
	return ua.NewExtensionObject(d)
}

// take hands on what an answer holds, and returns the nodes that have more.
func (p *pages) take(ctx context.Context, turn []int, results []*ua.HistoryReadResult) (more []int, err error) {
	var values []content.TimeValue
	var items []item
	marks := map[int]mark{}
	for n, i := range turn {
		result := results[n]
		before := p.points[i]
		p.points[i] = nil
		if result == nil || !p.good(i, result.StatusCode) {
			continue
		}
		found, err := dataValues(result)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", p.items[i].node, err)
		}
		count := len(values)
		values = p.convert(values, i, found, marks)
		if len(values) > count {
			items = append(items, p.items[i])
		}
		if p.points[i] = result.ContinuationPoint; len(p.points[i]) == 0 {
			continue
		}
		goOn, err := p.goesOn(i, before, found)
		if err != nil {
			return nil, err
		}
		if goOn {
			more = append(more, i)
		}
	}
	if len(values) == 0 {
		return more, nil
	}
	if err := p.r.emit(ctx, values, items); err != nil {
		return nil, opcua.DeviceError(opcua.Final(err))
	}
	for i, m := range marks {
		if id := p.items[i].ID; id != "" {
			p.r.o.history.set(id, m)
			if m.at.After(p.r.given[id].tracked) {
				p.r.given[id] = span{tracked: m.at}
			}
		}
		if m.at.After(p.r.tracked) {
			p.r.tracked = m.at
		}
	}
	if p.kind.aggregate != raw && p.kind.interval == 0 && p.r.window.End.After(p.r.tracked) {
		p.r.tracked = p.r.window.End // one value for the whole window
	}
	p.r.last = shown(values[len(values)-1])
	return more, nil
}

// good says whether a node has answered. One that never will is left out, one that may later fails the window.
func (p *pages) good(i int, status ua.StatusCode) bool {
	switch status & 0xffff0000 {
	case ua.StatusGood, ua.StatusGoodNoData, ua.StatusGoodMoreData:
		p.r.o.complain(p.items[i].ID, "")
		return true
	case ua.StatusBadNoData, ua.StatusBadBoundNotFound:
		return false // nothing in this window
	}
	text := fmt.Sprintf("node %s of item \"%s\": %s", p.items[i].node, p.items[i].Name, opcua.StatusName(status))
	if opcua.IsForGood(status) && p.items[i].ID != "" {
		p.r.o.complain(p.items[i].ID, "Error while reading history: "+text)
		return false
	}
	p.r.failed = append(p.r.failed, text)
	p.r.behind[p.items[i].ID] = true
	return false
}

func dataValues(r *ua.HistoryReadResult) ([]*ua.DataValue, error) {
	if r.HistoryData == nil || r.HistoryData.Value == nil {
		return nil, nil
	}
	switch data := r.HistoryData.Value.(type) {
	case *ua.HistoryData:
		return data.DataValues, nil
	case *ua.HistoryModifiedData:
		return data.DataValues, nil
	}
	return nil, fmt.Errorf("the server answers with %T", r.HistoryData.Value)
}

// convert appends the values of a node. marks get the last ones.
func (p *pages) convert(values []content.TimeValue, i int, found []*ua.DataValue, marks map[int]mark) []content.TimeValue {
	it := &p.items[i]
	known := p.r.o.history.of(it.ID)
	last := known
	if it.ID == "" || !known.at.Equal(p.kind.start) {
		known = mark{}
	}
	for _, v := range found {
		if v == nil {
			continue
		}
		at := v.SourceTimestamp
		if at.IsZero() {
			at = v.ServerTimestamp
		}
		if at.IsZero() {
			at = p.r.o.now()
		}
		t, ok := timeValue(it, v, at)
		if !ok || at.Equal(known.at) && known.has(t.Data) {
			continue
		}
		values = append(values, t)
		if m, begun := marks[i]; begun {
			last = m
		}
		switch {
		case at.Equal(last.at):
			marks[i] = mark{at, append(slices.Clip(last.datas), t.Data)}
		case marks[i].at.IsZero() || at.After(last.at):
			marks[i] = mark{at, [][]byte{t.Data}}
		}
	}
	return values
}

var errRepeats = errors.New("the server gives the same page of its history again and again")

// goesOn says whether a node with a continuation point is asked again.
func (p *pages) goesOn(i int, before []byte, found []*ua.DataValue) (bool, error) {
	if len(found) == 0 || found[0] == nil {
		p.empty[i]++
		return p.empty[i] < emptyPages, nil
	}
	first := found[0].SourceTimestamp
	if len(before) > 0 && bytes.Equal(before, p.points[i]) && first.Equal(p.firsts[i]) && len(found) > 1 && !found[len(found)-1].SourceTimestamp.Equal(first) {
		return false, errRepeats
	}
	p.firsts[i], p.empty[i] = first, 0
	return true, nil
}

// release tells the server that nobody continues where something was left open.
func (p *pages) release(ctx context.Context) {
	request := &ua.HistoryReadRequest{HistoryReadDetails: p.details(0), TimestampsToReturn: ua.TimestampsToReturnBoth, ReleaseContinuationPoints: true}
	for i, point := range p.points {
		if len(point) > 0 {
			request.NodesToRead = append(request.NodesToRead, &ua.HistoryReadValueID{NodeID: p.items[i].node, DataEncoding: &ua.QualifiedName{}, ContinuationPoint: point})
			p.points[i] = nil
		}
	}
	if len(request.NodesToRead) == 0 {
		return
	}
	request.HistoryReadDetails = p.details(len(request.NodesToRead))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if _, err := p.r.l.Do(ctx, request); err != nil {
		p.r.o.log.Debug("continuation points were not released", "error", err)
	}
}
