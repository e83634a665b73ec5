package agent

import (
	"sync"
	"time"

	"oibus/agent/web/page"
)

// flowPace is how often is looked whether data has arrived: what is stopped has its metrics on disk.
const flowPace = 2 * time.Second

// flow remembers that data was read and sent, so that nobody has to look again.
type flow struct {
	mu   sync.Mutex
	at   time.Time
	seen page.Flow
}

// dataFlow says how far this OIBus is from data that goes from a source to a target, for the guide of the page.
func (a *agent) dataFlow(now time.Time) page.Flow {
	souths, norths := a.connectors.Souths(), a.connectors.Norths()
	a.flow.mu.Lock()
	defer a.flow.mu.Unlock()
	seen := &a.flow.seen
	seen.Souths, seen.Norths = len(souths), len(norths)
	if seen.Received && seen.Delivered || now.Sub(a.flow.at) < flowPace {
		return *seen
	}
	a.flow.at = now
	for _, s := range souths {
		m, err := a.engine.SouthMetrics(s.ID) // fails when it was deleted meanwhile
		seen.Received = seen.Received || err == nil && m.NumberOfValuesRetrieved+m.NumberOfFilesRetrieved > 0
	}
	for _, n := range norths {
		m, err := a.engine.NorthMetrics(n.ID)
		seen.Delivered = seen.Delivered || err == nil && m.ContentSentSize > 0
	}
	return *seen
}
