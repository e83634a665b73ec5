package winagent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"oibus/agent/connector/winagent"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/agent/transform/datetime"
	"oibus/agent/wording"
	"oibus/platform/task"
)

// batch is how many values are handed on at once.
const batch = 10_000

// maxTestValues bounds the values of a test.
const maxTestValues = 1_000_000

// Values hands on the time values of an answer, and returns the last one, nil when there is none. What has no
// point or no instant is left out.
func Values(ctx context.Context, a *winagent.Answer, items []south.Item, emit south.Emit, log *slog.Logger) (last json.RawMessage, err error) {
	values := make([]content.TimeValue, 0, 64)
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		last = content.AppendTimeValue(nil, &values[len(values)-1])
		c := content.FromTimeValues(values)
		values = values[:0]
		return emit(ctx, c, items)
	}
	err = each(ctx, a, log, func(v content.TimeValue) error {
		if values = append(values, v); len(values) < batch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return last, err
}

// Content is the time values of an answer of a test.
func Content(ctx context.Context, a *winagent.Answer, log *slog.Logger) (content.Content, error) {
	var values []content.TimeValue
	err := each(ctx, a, log, func(v content.TimeValue) error {
		if values = append(values, v); len(values) > maxTestValues {
			return fmt.Errorf("there are more than %d values: choose a shorter interval for the test", maxTestValues)
		}
		return nil
	})
	return content.FromTimeValues(values), err
}

func each(ctx context.Context, a *winagent.Answer, log *slog.Logger, take func(content.TimeValue) error) error {
	raw := a.Raw("content")
	if raw == nil {
		return nil
	}
	utc, err := datetime.LoadZone("UTC")
	if err != nil {
		return err
	}
	d := content.NewDecoder(task.Reader(ctx, raw))
	useless := 0
	for v := (content.Value{}); ; {
		err := d.Next(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the values of the remote agent cannot be read: %w", err)
		}
		value, ok := understood(&v, utc)
		if !ok {
			useless++
			continue
		}
		if err := take(value); err != nil {
			return err
		}
	}
	if useless > 0 {
		log.Warn(fmt.Sprintf("%d values of the remote agent have no point, no instant or no data: they are left out", useless))
	}
	return nil
}

// understood is a value with an instant as the agent writes them.
func understood(v *content.Value, utc *datetime.Zone) (content.TimeValue, bool) {
	t := v.TimeValue()
	if len(v.PointID) == 0 || t.PointID == "" || t.PointID == "null" || !bytes.HasPrefix(t.Data, []byte("{")) {
		return t, false
	}
	if datetime.IsInstant([]byte(t.Timestamp)) {
		return t, true
	}
	ms, ok := datetime.ParseISO([]byte(t.Timestamp), utc)
	t.Timestamp = string(datetime.AppendInstant(nil, ms))
	return t, ok
}

// Instant is an instant of an answer, zero for none.
func Instant(a *winagent.Answer, name string, log *slog.Logger) time.Time {
	var text string
	if err := a.Decode(name, &text); err != nil {
		log.Warn(err.Error())
		return time.Time{}
	}
	if text == "" {
		return time.Time{}
	}
	utc, err := datetime.LoadZone("UTC")
	if err != nil {
		log.Warn(err.Error())
		return time.Time{}
	}
	ms, ok := datetime.ParseISO([]byte(text), utc)
	if !ok {
		log.Warn(fmt.Sprintf("%q in the answer of the remote agent is no instant: %.40q", name, text))
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Line is text that a person reads, on one line of at most limit bytes.
func Line(text string, limit int) string {
	return wording.Clip(strings.Join(strings.Fields(text), " "), limit)
}
