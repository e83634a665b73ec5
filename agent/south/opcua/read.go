package opcua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
)

// Read reads the current values of items.
func (o *OPCUA) Read(ctx context.Context, q south.DirectQuery) (json.RawMessage, error) {
	items := o.of(q.Items, modeCurrent)
	if len(items) == 0 {
		return nil, nil
	}
	values, err := o.current(ctx, o.link, items, func(i *item, refusal error) {
		o.complain(i.ID, refused(refusal))
	})
	if err != nil {
		return nil, o.failed(ctx, err)
	}
	if len(values) == 0 {
		return nil, nil
	}
	sources := q.Items
	if len(items) != len(q.Items) {
		sources = plain(items)
	}
	if err := q.Emit(ctx, content.FromTimeValues(values), sources); err != nil {
		return nil, err
	}
	return shown(values[len(values)-1]), nil
}

// refused is what is told of an item whose node has no value.
func refused(refusal error) string {
	if refusal == nil {
		return ""
	}
	return "Error while reading: " + refusal.Error()
}

func plain(items []item) []south.Item {
	list := make([]south.Item, len(items))
	for i := range items {
		list[i] = items[i].Item
	}
	return list
}

// shown is a time value as people see it.
func shown(v content.TimeValue) json.RawMessage { return content.AppendTimeValue(nil, &v) }

// current reads the values that items have now, and tells of each whether its node refuses to have one.
func (o *OPCUA) current(ctx context.Context, l opcua.Limited, items []item, tell func(i *item, refusal error)) ([]content.TimeValue, error) {
	limit := o.client.Timeout()
	late := fmt.Errorf("BadTimeout: DA read timed out after %d ms", limit.Milliseconds())
	limited, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	nodes := make([]*ua.NodeID, len(items))
	for i := range items {
		nodes[i] = items[i].node
	}
	read, err := opcua.Read(limited, l, nodes, ua.AttributeIDValue, ua.TimestampsToReturnBoth)
	if err != nil {
		if ctx.Err() == nil && (errors.Is(context.Cause(limited), late) || opcua.StatusOf(err) == ua.StatusBadTimeout) {
			return nil, opcua.DeviceError(late)
		}
		return nil, err
	}
	now := o.now()
	values := make([]content.TimeValue, 0, len(items))
	for i, v := range read {
		t, ok := timeValue(&items[i], v, items[i].stamp(v, now))
		if ok {
			values = append(values, t)
		}
		if !ok && opcua.IsBad(v.Status) {
			tell(&items[i], fmt.Errorf("node %s of item \"%s\": %s", items[i].node, items[i].Name, opcua.StatusName(v.Status)))
		} else {
			tell(&items[i], nil)
		}
	}
	return values, nil
}

// stamp is the time of a current value.
func (i *item) stamp(v *ua.DataValue, now time.Time) time.Time {
	switch {
	case i.origin == originPoint && !v.SourceTimestamp.IsZero():
		return v.SourceTimestamp
	case i.origin == originServer && !v.ServerTimestamp.IsZero():
		return v.ServerTimestamp
	}
	return now
}

// timeValue is what is handed on of a value. There is nothing of one without a text.
func timeValue(i *item, v *ua.DataValue, at time.Time) (content.TimeValue, bool) {
	text := opcua.Text(v.Value)
	if text == "" {
		return content.TimeValue{}, false
	}
	data := append(content.AppendString([]byte(`{"value":`), text), `,"quality":`...)
	data = append(content.AppendString(data, opcua.StatusName(v.Status)), '}')
	return content.TimeValue{PointID: i.Name, Timestamp: entity.Milli(at), Data: data}, true
}

// testLookBack is the window of a test that names none.
const testLookBack = time.Hour

// TestItem reads an item once.
func (o *OPCUA) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	var result south.TestResult
	i, err := decode(t.Item)
	if err != nil {
		return result, err
	}
	var without error
	start := o.now()
	err = o.link.Use(ctx, func(l opcua.Limited) error {
		connected := o.now()
		var values []content.TimeValue
		var err error
		if i.mode == modeCurrent {
			values, err = o.current(ctx, l, []item{i}, func(_ *item, refusal error) { without = refusal })
		} else {
			values, err = o.lastOf(ctx, l, i, t.Window)
		}
		result.Content = content.FromTimeValues(values)
		result.Connection, result.Query = connected.Sub(start), o.now().Sub(connected)
		return err
	})
	if err == nil {
		err = without
	}
	return result, err
}
