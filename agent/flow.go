package agent

import (
	"sync"
	"time"

	"oibus/agent/engine"
	"oibus/agent/metrics"
	"oibus/agent/web/page"
)

// Paces at which the connectors are looked at for the page, however many look at it. What is stopped has its metrics on
// disk, and is looked at only until data was seen.
const (
	flowPace = time.Second
	firstAge = 2 * time.Second
)

// troublesShown is how many of the connectors that fail the overview names.
const troublesShown = 4

// flow remembers how the connectors did a moment ago, and that data was read and sent.
type flow struct {
	mu             sync.Mutex
	at, stored     time.Time
	seen           page.Flow
	souths, norths page.Side
}

// dataFlow says how far this OIBus is from data that goes from a source to a target, and how its connectors do.
func (a *agent) dataFlow(now time.Time) (flow page.Flow, souths, norths page.Side) {
	f := &a.flow
	f.mu.Lock()
	defer f.mu.Unlock()
	if age := now.Sub(f.at); age < 0 || age >= flowPace {
		f.at = now
		all := !f.seen.Received && now.Sub(f.stored) >= firstAge
		if all {
			f.stored = now
		}
		f.look(a.engine.Figures(all))
	}
	return f.seen, f.souths, f.norths
}

// look takes notice of how the connectors do.
func (f *flow) look(souths []engine.SouthFigures, norths []engine.NorthFigures) {
	f.souths, f.norths = page.Side{Troubles: []page.Trouble{}}, page.Side{Troubles: []page.Trouble{}}
	f.seen.Souths, f.seen.Norths = len(souths), len(norths)
	for i := range souths {
		s := southFigures(souths[i])
		f.seen.Received = f.seen.Received || s.Values+s.Files > 0
		count(&f.souths, &s.Connector, souths[i].State.LastError)
	}
	for i := range norths {
		n := northFigures(norths[i])
		f.seen.Delivered = f.seen.Delivered || norths[i].Metrics.ContentSentSize > 0
		count(&f.norths, &n.Connector, norths[i].State.LastError)
		add(&f.norths.Waiting, n.Cache)
		add(&f.norths.Errored, n.InError)
	}
}

// count adds a connector to those of its side.
func count(side *page.Side, c *metrics.Connector, problem string) {
	switch {
	case !c.Enabled:
		side.Stopped++
	case c.Failing:
		side.Failing++
		if len(side.Troubles) < troublesShown {
			side.Troubles = append(side.Troubles, page.Trouble{ID: c.ID, Name: c.Name, Error: problem})
		}
	default:
		side.Running++
	}
}

func add(sum *page.Held, h metrics.Held) {
	sum.Contents += h.Contents
	sum.Bytes += h.Bytes
}
