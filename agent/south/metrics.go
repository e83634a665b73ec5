package south

import (
	"bytes"
	"encoding/json"
	"io"
	"path"
	"reflect"
	"sync"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// Metrics of a South, as protocol/data-plane.md, section 9, has them.
type Metrics struct {
	MetricsStart            string          `json:"metricsStart"`
	LastConnection          *string         `json:"lastConnection"`
	LastRunStart            *string         `json:"lastRunStart"`
	LastRunDuration         *float64        `json:"lastRunDuration"` // milliseconds
	NumberOfValuesRetrieved uint64          `json:"numberOfValuesRetrieved"`
	NumberOfFilesRetrieved  uint64          `json:"numberOfFilesRetrieved"`
	LastValueRetrieved      json.RawMessage `json:"lastValueRetrieved"` // a time value, or null
	LastFileRetrieved       *string         `json:"lastFileRetrieved"`
}

// Limits of the search for the last value of a content.
const (
	samplePeriod = time.Second // nobody looks more often
	sampleTail   = 32 << 10    // bytes at the end of a content that are searched
)

// meter counts for Metrics.
type meter struct {
	now func() time.Time

	mu      sync.Mutex
	m       Metrics
	tally   Tally
	sampled time.Time
}

func newMeter(now func() time.Time, before Metrics) *meter {
	if before.MetricsStart == "" {
		before = Metrics{MetricsStart: entity.Milli(now())}
	}
	return &meter{now: now, m: before}
}

func (m *meter) metrics() Metrics {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.m
	if v.LastValueRetrieved == nil {
		v.LastValueRetrieved = null
	}
	return v
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m, m.sampled = Metrics{MetricsStart: entity.Milli(m.now())}, time.Time{}
}

func (m *meter) connected() {
	at := entity.Milli(m.now())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m.LastConnection = &at
}

func (m *meter) ran(start time.Time, took time.Duration) {
	at, ms := entity.Milli(start), float64(took.Milliseconds())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m.LastRunStart, m.m.LastRunDuration = &at, &ms
}

func (m *meter) succeeded() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.LastSuccess = m.now()
}

func (m *meter) counted() Tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tally
}

// retrieved counts a content that was handed on.
func (m *meter) retrieved(c content.Content) {
	sample := m.count(c)
	if !sample {
		return
	}
	if last := lastValue(c); last != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.m.LastValueRetrieved = last
	}
}

// count counts a content, and says whether its last value is to be looked for.
func (m *meter) count(c content.Content) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.Contents++
	m.tally.Bytes += uint64(max(0, c.Size))
	m.tally.LastSuccess = m.now()
	switch c.Kind {
	case content.Any:
		name := path.Base(c.FileName)
		m.m.NumberOfFilesRetrieved++
		m.m.LastFileRetrieved = &name
	case content.AnyContent:
		m.m.NumberOfValuesRetrieved++
		m.m.LastValueRetrieved = nil
	default:
		m.m.NumberOfValuesRetrieved += uint64(max(0, c.Elements))
		if age := m.now().Sub(m.sampled); c.Elements > 0 && (age < 0 || age >= samplePeriod) {
			m.sampled = m.now()
			return true
		}
	}
	return false
}

// lastValue is the last time value of an array, nil when it is not found near the end. Inside of JSON texts quotation
// marks are escaped, so what looks like the beginning of a time value is one.
func lastValue(c content.Content) json.RawMessage {
	r, err := c.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	if c.Size > sampleTail {
		if _, err := io.CopyN(io.Discard, r, c.Size-sampleTail); err != nil {
			return nil
		}
	}
	tail, err := io.ReadAll(io.LimitReader(r, sampleTail))
	tail, closed := bytes.CutSuffix(bytes.TrimSpace(tail), []byte("]"))
	at := bytes.LastIndex(tail, []byte(`{"pointId":`))
	if err != nil || !closed || at < 0 || !json.Valid(tail[at:]) {
		return nil
	}
	return json.RawMessage(bytes.Clone(bytes.TrimSpace(tail[at:])))
}

// sameMetrics compares what is stored.
func sameMetrics(a, b Metrics) bool { return reflect.DeepEqual(a, b) }
