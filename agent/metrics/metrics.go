// Package metrics measures this process for the page, the live streams and Prometheus: processor, memory, uptime
// (protocol/data-plane.md, section 9). It promises one sample a second shared by all readers, and no measuring at
// all that could stop the agent: what the system does not tell is 0.
package metrics

import (
	"context"
	"runtime/metrics"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/platform"
)

// samplePeriod is how often the process is measured: the live streams of the reference tick once a second.
const samplePeriod = time.Second

// Engine is the metrics object of the engine. Sizes are in bytes, ProcessUptime in milliseconds, processor use is a
// fraction of one core. External and ArrayBuffers are parts of the reference's runtime that this one does not have.
type Engine struct {
	MetricsStart           string  `json:"metricsStart"`
	ProcessCPUUsageInstant float64 `json:"processCpuUsageInstant"`
	ProcessCPUUsageAverage float64 `json:"processCpuUsageAverage"`
	ProcessUptime          float64 `json:"processUptime"`
	FreeMemory             uint64  `json:"freeMemory"`
	TotalMemory            uint64  `json:"totalMemory"`
	MinRSS                 uint64  `json:"minRss"`
	CurrentRSS             uint64  `json:"currentRss"`
	MaxRSS                 uint64  `json:"maxRss"`
	MinHeapTotal           uint64  `json:"minHeapTotal"`
	CurrentHeapTotal       uint64  `json:"currentHeapTotal"`
	MaxHeapTotal           uint64  `json:"maxHeapTotal"`
	MinHeapUsed            uint64  `json:"minHeapUsed"`
	CurrentHeapUsed        uint64  `json:"currentHeapUsed"`
	MaxHeapUsed            uint64  `json:"maxHeapUsed"`
	MinExternal            uint64  `json:"minExternal"`
	CurrentExternal        uint64  `json:"currentExternal"`
	MaxExternal            uint64  `json:"maxExternal"`
	MinArrayBuffers        uint64  `json:"minArrayBuffers"`
	CurrentArrayBuffers    uint64  `json:"currentArrayBuffers"`
	MaxArrayBuffers        uint64  `json:"maxArrayBuffers"`
}

// Meter measures this process. It is safe for concurrent use.
type Meter struct {
	now     func() time.Time
	started time.Time

	mu       sync.Mutex
	since    time.Time // of the minima, maxima and the average
	sinceCPU time.Duration
	lastAt   time.Time
	lastCPU  time.Duration
	current  Engine
	sampled  bool
}

// New returns a meter; now is the clock.
func New(now func() time.Time) *Meter {
	m := &Meter{now: now, started: now()}
	m.lastAt = m.started
	m.Reset()
	return m
}

// Reset begins the minima, maxima and the average anew.
func (m *Meter) Reset() {
	m.mu.Lock()
	m.since, m.sinceCPU, m.sampled = m.now(), platform.CPUTime(), false
	m.mu.Unlock()
	m.sample()
}

// Run measures once a second until ctx is done.
func (m *Meter) Run(ctx context.Context) error {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.sample()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Engine returns the last sample.
func (m *Meter) Engine() Engine {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current
}

// observation is what was read at one moment.
type observation struct {
	at                  time.Time
	cpu                 time.Duration
	rss, heap, heapUsed uint64
	free, total         uint64
}

func (m *Meter) sample() {
	heap, used := heapSizes()
	o := observation{at: m.now(), cpu: platform.CPUTime(), rss: platform.MemoryRSS(), heap: heap, heapUsed: used}
	o.free, o.total = platform.MemoryTotal()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.record(o)
}

func (m *Meter) record(o observation) {
	c := &m.current
	c.MetricsStart = entity.Milli(m.since)
	c.ProcessUptime = float64(o.at.Sub(m.started).Microseconds()) / 1000
	c.ProcessCPUUsageInstant = share(o.cpu-m.lastCPU, o.at.Sub(m.lastAt))
	c.ProcessCPUUsageAverage = share(o.cpu-m.sinceCPU, o.at.Sub(m.since))
	c.FreeMemory, c.TotalMemory = o.free, o.total
	first := !m.sampled
	follow(o.rss, first, &c.MinRSS, &c.CurrentRSS, &c.MaxRSS)
	follow(o.heap, first, &c.MinHeapTotal, &c.CurrentHeapTotal, &c.MaxHeapTotal)
	follow(o.heapUsed, first, &c.MinHeapUsed, &c.CurrentHeapUsed, &c.MaxHeapUsed)
	m.lastAt, m.lastCPU, m.sampled = o.at, o.cpu, true
}

func share(used, elapsed time.Duration) float64 {
	if elapsed <= 0 || used < 0 {
		return 0
	}
	return float64(used) / float64(elapsed)
}

func follow(v uint64, first bool, low, current, high *uint64) {
	if first {
		*low, *high = v, v
	}
	*low, *current, *high = min(*low, v), v, max(*high, v)
}

// heapSizes reads the heap of this process: what is mapped and what is in use.
func heapSizes() (mapped, used uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	for i, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			continue
		}
		mapped += s.Value.Uint64()
		if i == 0 {
			used = s.Value.Uint64()
		}
	}
	return mapped, used
}
