package metrics

import (
	"testing"
	"time"
)

func TestAMeterFollowsMinimaMaximaAndProcessorUse(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := New(func() time.Time { return at })
	m.sampled, m.lastCPU, m.sinceCPU = false, 0, 0
	for i, o := range []observation{{rss: 50, heap: 20, heapUsed: 10}, {rss: 40, heap: 30, heapUsed: 5}, {rss: 60, heap: 25, heapUsed: 7}} {
		o.at, o.cpu = at.Add(time.Duration(i+1)*time.Second), time.Duration(i+1)*250*time.Millisecond
		m.record(o)
	}
	e := m.Engine()
	if e.MinRSS != 40 || e.CurrentRSS != 60 || e.MaxRSS != 60 || e.MinHeapTotal != 20 || e.MaxHeapTotal != 30 || e.MinHeapUsed != 5 {
		t.Errorf("sizes %+v", e)
	}
	if e.ProcessCPUUsageInstant != 0.25 || e.ProcessCPUUsageAverage != 0.25 || e.ProcessUptime != 3000 {
		t.Errorf("processor %v, average %v, uptime %v", e.ProcessCPUUsageInstant, e.ProcessCPUUsageAverage, e.ProcessUptime)
	}
}

func TestResetBeginsAnewFromThisProcess(t *testing.T) {
	t.Parallel()
	m := New(time.Now)
	m.current.MaxRSS = 1 << 60
	m.Reset()
	if e := m.Engine(); e.MaxRSS == 0 || e.MaxRSS == 1<<60 || e.MaxRSS != e.CurrentRSS || e.CurrentHeapUsed == 0 {
		t.Errorf("%+v", e)
	}
}
