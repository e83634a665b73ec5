package content

import (
	"encoding/json"
	"fmt"
)

// Origin says who made a content.
type Origin string

// The origins, as scripts see them. The binding of a transformer spells the setpoint one without its last s.
const (
	FromSouth Origin = "south"
	FromAPI   Origin = "oibus-api"
	FromCloud Origin = "oianalytics-setpoints"
	FromTest  Origin = "test"
)

// Item is one item that a content of a south was read from. Entity is its whole JSON, as scripts see it.
type Item struct {
	ID, Name, GroupID string
	Entity            json.RawMessage
}

// Source says where a content came from, to choose its transformer (protocol/data-plane.md, sections 1.2 and 1.9).
// Instants are texts, "" means null.
type Source struct {
	Origin               Origin
	SouthID              string // of FromSouth
	QueryTime            string
	QueryStart, QueryEnd string // the interval that was read, "" for direct and subscription data
	Items                []Item
	DataSourceID         string // of FromAPI
}

type southJSON struct {
	Source         Origin            `json:"source"`
	SouthID        string            `json:"southId"`
	QueryTime      *string           `json:"queryTime"`
	QueryStartTime *string           `json:"queryStartTime"`
	QueryEndTime   *string           `json:"queryEndTime"`
	Items          []json.RawMessage `json:"items"`
}

type apiJSON struct {
	Source       Origin `json:"source"`
	DataSourceID string `json:"dataSourceId"`
}

type plainJSON struct {
	Source Origin `json:"source"`
}

// MarshalJSON is the source object that scripts get.
func (s Source) MarshalJSON() ([]byte, error) {
	switch s.Origin {
	case FromSouth:
		items := make([]json.RawMessage, len(s.Items))
		for i, item := range s.Items {
			if items[i] = item.Entity; len(item.Entity) == 0 {
				items[i] = json.RawMessage("null")
			}
		}
		return json.Marshal(southJSON{s.Origin, s.SouthID, orNull(s.QueryTime), orNull(s.QueryStart), orNull(s.QueryEnd), items})
	case FromAPI:
		return json.Marshal(apiJSON{s.Origin, s.DataSourceID})
	case FromCloud, FromTest:
		return json.Marshal(plainJSON{s.Origin})
	}
	return nil, fmt.Errorf("cannot describe source %q", s.Origin)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
