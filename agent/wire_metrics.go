package agent

import (
	"io"
	"runtime"
	"time"

	"oibus/agent/cache"
	"oibus/agent/engine"
	"oibus/agent/entity"
	"oibus/agent/metrics"
	"oibus/platform"
)

// prometheus writes the metrics in the text format of Prometheus.
func (a *agent) prometheus(w io.Writer) error {
	m, c, r := a.meter.Engine(), a.commands.State(), a.registration.State()
	e := metrics.NewExposition(w)
	e.Gauge("oibus_info", "What runs.", metrics.Sample{Value: 1, Labels: []metrics.Label{
		{Name: "version", Value: platform.Version}, {Name: "platform", Value: platform.Platform()}, {Name: "architecture", Value: platform.Architecture()}}})
	gauge := func(name, help string, value float64) { e.Gauge(name, help, metrics.One(value)) }
	gauge("oibus_uptime_seconds", "Time since the start of the agent.", m.ProcessUptime/1000)
	gauge("oibus_cpu_ratio", "Processor use in fractions of one core.", m.ProcessCPUUsageInstant)
	gauge("oibus_memory_resident_bytes", "Resident memory of the agent.", float64(m.CurrentRSS))
	gauge("oibus_heap_used_bytes", "Heap in use.", float64(m.CurrentHeapUsed))
	gauge("oibus_goroutines", "Goroutines of the agent.", float64(runtime.NumGoroutine()))
	if free, total, err := platform.DiskFree(a.line.DataDir); err == nil {
		gauge("oibus_disk_free_bytes", "Space that is free on the disk of the data folder.", float64(free))
		gauge("oibus_disk_size_bytes", "Size of the disk of the data folder.", float64(total))
	}
	gauge("oibus_registered", "1 while OIAnalytics knows this OIBus.", metrics.Flag(r.Status == entity.Registered))
	gauge("oibus_commands_waiting", "Commands that wait for their turn.", float64(c.Waiting))
	gauge("oibus_commands_unconfirmed", "Commands that ended and that OIAnalytics did not confirm.", float64(c.Unconfirmed))
	gauge("oibus_messages_pending", "Configuration messages that wait to be sent.", float64(a.messages.Pending()))
	gauge("oibus_state_incidents", "State files that were not as they should be since the start.", float64(len(a.store.Incidents())))
	souths, norths := a.engine.Figures(true)
	e.Souths(each(souths, southFigures))
	e.Norths(each(norths, northFigures))
	return e.Close()
}

func each[A, B any](list []A, f func(A) B) []B {
	made := make([]B, len(list))
	for i, v := range list {
		made[i] = f(v)
	}
	return made
}

func southFigures(f engine.SouthFigures) metrics.South {
	v := metrics.South{Values: f.Metrics.NumberOfValuesRetrieved, Files: f.Metrics.NumberOfFilesRetrieved, Contents: f.Tally.Contents, Bytes: f.Tally.Bytes}
	v.Connector = metrics.Connector{
		ID: f.South.ID, Name: f.South.Name, Type: f.South.Type, Enabled: f.South.Enabled,
		Running: f.State.Running, Connected: f.State.Connected, Failing: f.State.LastError != "", Errors: f.Tally.Errors,
		LastSuccess: f.Tally.LastSuccess, LastError: f.State.LastErrorAt, LastRun: moment(f.Metrics.LastRunStart), LastRunDuration: milliseconds(f.Metrics.LastRunDuration),
	}
	return v
}

func northFigures(f engine.NorthFigures) metrics.North {
	held := func(t cache.Tally) metrics.Held { return metrics.Held{Contents: t.Contents, Bytes: t.Bytes} }
	s, t := &f.Cache, &f.Cache.Totals
	v := metrics.North{
		CachedBytes: t.Cached, Sent: held(t.Sent), Errored: held(t.Errored), Archived: held(t.Archived), Refused: held(t.Refused), Evicted: held(t.Evicted),
		Cache: lying(s.Cached, s.CacheSize), InError: lying(s.Errored, s.ErrorSize), InArchive: lying(s.Archived, s.ArchiveSize),
		CachedElements: uint64(max(0, s.Elements)), CachedDisk: uint64(max(0, s.DiskSize)),
	}
	v.Connector = metrics.Connector{
		ID: f.North.ID, Name: f.North.Name, Type: f.North.Type, Enabled: f.North.Enabled,
		Running: f.State.Running, Connected: f.State.Connected, Failing: f.State.LastError != "", Errors: f.Tally.Errors,
		LastSuccess: f.Tally.LastSuccess, LastError: f.State.LastErrorAt, LastRun: moment(f.Metrics.LastRunStart), LastRunDuration: milliseconds(f.Metrics.LastRunDuration),
	}
	return v
}

func lying(contents int, bytes int64) metrics.Held {
	return metrics.Held{Contents: uint64(max(0, contents)), Bytes: uint64(max(0, bytes))}
}

// moment is a time as the metrics of connectors write it; zero when there is none.
func moment(s *string) time.Time {
	t, err := time.Parse(time.RFC3339, text(s))
	if err != nil {
		return time.Time{}
	}
	return t
}

func milliseconds(ms *float64) time.Duration {
	if ms == nil {
		return 0
	}
	return time.Duration(*ms * float64(time.Millisecond))
}
