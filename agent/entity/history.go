package entity

// Statuses of a history query (protocol/data-plane.md, section 4.2).
const (
	HistoryPending  = "PENDING"
	HistoryRunning  = "RUNNING"
	HistoryPaused   = "PAUSED"
	HistoryFinished = "FINISHED"
	HistoryErrored  = "ERRORED"
)

// HistoryQuery reads a range of the past from a South of its own and sends it with a North of its own. South and North
// have its id, and its name. Items have no scan mode and no group; the transformer links have the South as their source.
type HistoryQuery struct {
	Audit
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Status      string       `json:"status"`
	Reason      string       `json:"reason,omitempty"` // why it is HistoryErrored
	Range       HistoryRange `json:"queryTimeRange"`
	South       South        `json:"south"`
	North       North        `json:"north"`
}

// HistoryRange is what a history query reads, and in which steps. Start and End are instants in milliseconds.
type HistoryRange struct {
	Start           string  `json:"startTime"`
	End             string  `json:"endTime"`
	MaxReadInterval float64 `json:"maxReadInterval"` // seconds, 0 for no splitting
	ReadDelay       float64 `json:"readDelay"`       // milliseconds between two intervals
}

// Compose gives the South and the North what they have from the query.
func (q *HistoryQuery) Compose() {
	for _, c := range []*Connector{&q.South.Connector, &q.North.Connector} {
		c.Audit, c.Name, c.Description, c.Enabled = q.Audit, q.Name, q.Description, q.Status == HistoryRunning
	}
}
