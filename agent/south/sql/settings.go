package sql

import (
	"errors"

	"oibus/agent/connector/setting"
	"oibus/agent/south"
)

// itemSettings are the settings of an item.
type itemSettings struct {
	Query          string         `json:"query"`
	RequestTimeout setting.Number `json:"requestTimeout"` // ms, of the kinds whose items have it
	DateTimeFields []field        `json:"dateTimeFields"`
	Serialization  serialization  `json:"serialization"`
}

// field is a column that holds dates.
type field struct {
	Name      string       `json:"fieldName"`
	Reference setting.Flag `json:"useAsReference"`
	Type      string       `json:"type"`
	Timezone  string       `json:"timezone"`
	Format    string       `json:"format"`
	Locale    string       `json:"locale"`
}

// serialization says how a result becomes a file.
type serialization struct {
	FileName        string       `json:"filename"`
	Delimiter       string       `json:"delimiter"`
	Compression     setting.Flag `json:"compression"`
	TimestampFormat string       `json:"outputTimestampFormat"`
	Timezone        string       `json:"outputTimezone"`
}

func decode(i south.Item) (s itemSettings, err error) {
	if err := setting.Decode(i.Settings, &s); err != nil {
		return s, err
	}
	if s.Query == "" {
		return s, errors.New("the query is not specified")
	}
	return s, nil
}

// reference is the column that is tracked, nil for none.
func (s itemSettings) reference() *field {
	for i := range s.DateTimeFields {
		if s.DateTimeFields[i].Reference {
			return &s.DateTimeFields[i]
		}
	}
	return nil
}
