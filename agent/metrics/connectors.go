package metrics

import (
	"time"
)

// Connector is what souths and norths have in common, as Prometheus sees them.
type Connector struct {
	ID, Name, Type              string
	Enabled, Running, Connected bool
	Failing                     bool // the last attempt failed
	Errors                      uint64
	LastRun, LastSuccess        time.Time // zero when there was none
	LastError                   time.Time
	LastRunDuration             time.Duration
}

// South is a south as Prometheus sees it. What counts up begins anew when its metrics are reset; errors, contents and bytes
// also when it is started anew.
type South struct {
	Connector
	Values, Files, Contents, Bytes uint64 // collected
}

// Held is what lies in one folder of a cache. Sizes are in bytes.
type Held struct{ Contents, Bytes uint64 }

// North is a north as Prometheus sees it. What counts up begins anew when it is started anew.
type North struct {
	Connector
	CachedBytes                uint64 // that came into the cache
	Sent, Errored, Archived    Held   // in all
	Refused, Evicted           Held   // in all, for want of room
	Cache, InError, InArchive  Held   // now
	CachedElements, CachedDisk uint64
}

// figure is one figure of a kind of connector. What has none at the moment, such as the time of a run that never was, is
// left out.
type figure[T any] struct {
	name, help string
	counter    bool
	value      func(T) (value float64, ok bool)
}

func always[T any](f func(T) float64) func(T) (float64, bool) {
	return func(v T) (float64, bool) { return f(v), true }
}

func gauge[T any](name, help string, value func(T) float64) figure[T] {
	return figure[T]{name, help, false, always(value)}
}

func counter[T any](name, help string, value func(T) uint64) figure[T] {
	return figure[T]{name + "_total", help, true, always(func(v T) float64 { return float64(value(v)) })}
}

func moment[T any](name, help string, value func(T) time.Time) figure[T] {
	return figure[T]{name + "_timestamp_seconds", help, false, func(v T) (float64, bool) { return Stamp(value(v)) }}
}

// common are the figures of both kinds; of finds what they have in common.
func common[T any](prefix string, of func(T) *Connector) []figure[T] {
	flag := func(name, help string, value func(*Connector) bool) figure[T] {
		return gauge(prefix+name, help, func(v T) float64 { return Flag(value(of(v))) })
	}
	at := func(name, help string, value func(*Connector) time.Time) figure[T] {
		return moment(prefix+name, help, func(v T) time.Time { return value(of(v)) })
	}
	return []figure[T]{
		flag("enabled", "1 when it is switched on.", func(c *Connector) bool { return c.Enabled }),
		flag("running", "1 while it runs.", func(c *Connector) bool { return c.Running }),
		flag("connected", "1 while it is connected.", func(c *Connector) bool { return c.Connected }),
		flag("failing", "1 while its last attempt is one that failed.", func(c *Connector) bool { return c.Failing }),
		counter(prefix+"errors", "Attempts that failed.", func(v T) uint64 { return of(v).Errors }),
		at("last_run", "When it ran last.", func(c *Connector) time.Time { return c.LastRun }),
		at("last_success", "When it last did what it is for.", func(c *Connector) time.Time { return c.LastSuccess }),
		at("last_error", "When an attempt failed last.", func(c *Connector) time.Time { return c.LastError }),
		{prefix + "last_run_duration_seconds", "How long its last run took.", false, func(v T) (float64, bool) {
			return of(v).LastRunDuration.Seconds(), !of(v).LastRun.IsZero()
		}},
	}
}

var southFigures = append(common("oibus_south_", func(s South) *Connector { return &s.Connector }),
	counter("oibus_south_values", "Values that were collected.", func(s South) uint64 { return s.Values }),
	counter("oibus_south_files", "Files that were collected.", func(s South) uint64 { return s.Files }),
	counter("oibus_south_contents", "Contents that were handed on to norths.", func(s South) uint64 { return s.Contents }),
	counter("oibus_south_collected_bytes", "Size of the contents that were handed on to norths.", func(s South) uint64 { return s.Bytes }),
)

var northFigures = append(common("oibus_north_", func(n North) *Connector { return &n.Connector }),
	counter("oibus_north_cached_bytes", "Size of what came into the cache.", func(n North) uint64 { return n.CachedBytes }),
	counter("oibus_north_sent_contents", "Contents that were delivered.", func(n North) uint64 { return n.Sent.Contents }),
	counter("oibus_north_sent_bytes", "Size of what was delivered.", func(n North) uint64 { return n.Sent.Bytes }),
	counter("oibus_north_errored_contents", "Contents that were moved into the error folder.", func(n North) uint64 { return n.Errored.Contents }),
	counter("oibus_north_errored_bytes", "Size of what was moved into the error folder.", func(n North) uint64 { return n.Errored.Bytes }),
	counter("oibus_north_archived_contents", "Contents that were archived after they were delivered.", func(n North) uint64 { return n.Archived.Contents }),
	counter("oibus_north_archived_bytes", "Size of what was archived.", func(n North) uint64 { return n.Archived.Bytes }),
	counter("oibus_north_refused_contents", "Contents that the cache had no room for.", func(n North) uint64 { return n.Refused.Contents }),
	counter("oibus_north_evicted_contents", "Contents that were deleted to make room.", func(n North) uint64 { return n.Evicted.Contents }),
	gauge("oibus_north_cache_contents", "Contents that wait in the cache.", func(n North) float64 { return float64(n.Cache.Contents) }),
	gauge("oibus_north_cache_elements", "Values that wait in the cache.", func(n North) float64 { return float64(n.CachedElements) }),
	gauge("oibus_north_cache_bytes", "Size of what waits in the cache.", func(n North) float64 { return float64(n.Cache.Bytes) }),
	gauge("oibus_north_error_contents", "Contents in the error folder.", func(n North) float64 { return float64(n.InError.Contents) }),
	gauge("oibus_north_error_bytes", "Size of the error folder.", func(n North) float64 { return float64(n.InError.Bytes) }),
	gauge("oibus_north_archive_contents", "Contents in the archive.", func(n North) float64 { return float64(n.InArchive.Contents) }),
	gauge("oibus_north_archive_bytes", "Size of the archive.", func(n North) float64 { return float64(n.InArchive.Bytes) }),
	gauge("oibus_north_disk_bytes", "What cache, errors and archive take on the disk.", func(n North) float64 { return float64(n.CachedDisk) }),
)

// Souths writes the figures of souths.
func (e *Exposition) Souths(list []South) {
	expose(e, southFigures, list, func(s South) *Connector { return &s.Connector })
}

// Norths writes the figures of norths.
func (e *Exposition) Norths(list []North) {
	expose(e, northFigures, list, func(n North) *Connector { return &n.Connector })
}

// expose writes each figure of all connectors: as many series as there are connectors, whatever these collect.
func expose[T any](e *Exposition, figures []figure[T], list []T, of func(T) *Connector) {
	for _, f := range figures {
		var samples []Sample
		for _, v := range list {
			if value, ok := f.value(v); ok {
				c := of(v)
				samples = append(samples, Sample{[]Label{{"id", c.ID}, {"name", c.Name}, {"type", c.Type}}, value})
			}
		}
		if f.counter {
			e.Counter(f.name, f.help, samples...)
		} else {
			e.Gauge(f.name, f.help, samples...)
		}
	}
}
