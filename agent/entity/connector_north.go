package entity

import "encoding/json"

// North is a connector that sends on.
type North struct {
	Connector
	Caching      Caching           `json:"caching"`
	Transformers []TransformerLink `json:"transformers"`
}

// Caching says how a North collects what it sends.
type Caching struct {
	Trigger    CachingTrigger    `json:"trigger"`
	Throttling CachingThrottling `json:"throttling"`
	Error      CachingError      `json:"error"`
	Archive    CachingArchive    `json:"archive"`
}

// CachingTrigger says when a North sends: at the ticks of a scan mode, and when so much waits (0 is "never").
type CachingTrigger struct {
	ScanModeID       string  `json:"scanModeId"`
	NumberOfElements float64 `json:"numberOfElements"`
	NumberOfFiles    float64 `json:"numberOfFiles"`
}

// CachingThrottling bounds a North: RunMinDelay in milliseconds, MaxSize in MB (0 is "no limit"), MaxNumberOfElements
// in one sending (0 is "no limit").
type CachingThrottling struct {
	RunMinDelay         float64 `json:"runMinDelay"`
	MaxSize             float64 `json:"maxSize"`
	MaxNumberOfElements float64 `json:"maxNumberOfElements"`
}

// CachingError says what becomes of content that cannot be sent: RetryInterval in milliseconds, RetentionDuration in
// hours (0 is "for ever").
type CachingError struct {
	RetryInterval     float64 `json:"retryInterval"`
	RetryCount        float64 `json:"retryCount"`
	RetentionDuration float64 `json:"retentionDuration"`
}

// CachingArchive says whether content is kept after it was sent, and how many hours (0 is "for ever").
type CachingArchive struct {
	Enabled           bool    `json:"enabled"`
	RetentionDuration float64 `json:"retentionDuration"`
}

// Kinds of sources of a TransformerLink.
const (
	SourceSouth    = "south"
	SourceAPI      = "oibus-api"
	SourceSetpoint = "oianalytics-setpoint"
)

// TransformerLink says through which transformer, with which options, content of a source goes on its way to a North.
type TransformerLink struct {
	ID            string          `json:"id"`
	TransformerID string          `json:"transformerId"`
	Options       json.RawMessage `json:"options"`
	Source        LinkSource      `json:"source"`
}

// LinkSource is where content comes from. For a South it is all of it, one group of it, or some items of it.
type LinkSource struct {
	Type         string   `json:"type"`
	SouthID      string   `json:"southId,omitempty"`
	GroupID      string   `json:"groupId,omitempty"`
	ItemIDs      []string `json:"itemIds,omitempty"`
	DataSourceID string   `json:"dataSourceId,omitempty"`
}
