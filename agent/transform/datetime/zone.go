package datetime

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// Zone is a time zone. It is not safe for concurrent use: it remembers the last period it was asked about.
type Zone struct {
	loc  *time.Location
	last period
}

// period is a stretch of time with one offset from UTC, in milliseconds.
type period struct{ from, to, offset int64 }

// zones are the locations that were asked for. Their number is that of the zones there are.
var zones sync.Map

// LoadZone is the zone with an IANA name; "" is that of the agent.
func LoadZone(name string) (*Zone, error) {
	if name == "" {
		return &Zone{loc: time.Local}, nil
	}
	if loc, ok := zones.Load(name); ok {
		return &Zone{loc: loc.(*time.Location)}, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	zones.Store(name, loc)
	return &Zone{loc: loc}, nil
}

// Offset is what the clocks of the zone are ahead of UTC at an instant.
func (z *Zone) Offset(ms int64) int64 {
	if ms < z.last.from || ms >= z.last.to {
		z.last = z.period(ms)
	}
	return z.last.offset
}

func (z *Zone) period(ms int64) period {
	t := time.UnixMilli(ms).In(z.loc)
	p := period{from: math.MinInt64, to: math.MaxInt64}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		p.from = start.UnixMilli()
	}
	if !end.IsZero() {
		p.to = end.UnixMilli()
	}
	if p.to <= ms { // on the last day of leap years the library gives its beginning for the end
		p.to = ms + msPerHour
	}
	_, seconds := t.Zone()
	p.offset = int64(seconds) * 1000
	return p
}

// margin is more than the clocks of any two zones differ.
const margin = 30 * msPerHour

// Instant is when clocks of the zone show what clocks of UTC show at wall. When clocks go back and show it twice, the
// first time counts. When they go forward and never show it, it is as much later as they jumped: 02:30 is 03:30.
func (z *Zone) Instant(wall int64) int64 {
	if at := wall - z.last.offset; at-margin >= z.last.from && at < z.last.to-margin {
		return at
	}
	p := z.period(wall - margin)
	for {
		at := wall - p.offset
		if at < p.to {
			z.last = p
			return at
		}
		next := z.period(p.to)
		if wall-next.offset < next.from { // skipped
			return at
		}
		p = next
	}
}
