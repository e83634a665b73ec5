package cloudsim

import (
	"math"
	"strconv"
	"time"
)

// series has the shape that a south oianalytics reads (protocol/data-plane.md, section 5.7).
type series struct {
	Type       string       `json:"type"`
	Unit       seriesUnit   `json:"unit"`
	Data       seriesSource `json:"data"`
	Timestamps []string     `json:"timestamps"`
	Values     []float64    `json:"values"`
}

type seriesUnit struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

type seriesSource struct {
	DataType    string `json:"dataType"`
	ID          string `json:"id"`
	Reference   string `json:"reference"`
	Description string `json:"description"`
}

const (
	seriesStep   = 10 * time.Minute
	seriesPoints = 10_000
)

// makeSeries gives a value each ten minutes that depends on the instant only: reading twice gives the same.
func makeSeries(i int, tag string, from, to time.Time) series {
	s := series{Type: "time-values", Unit: seriesUnit{ID: "2", Label: "%"}, Timestamps: []string{}, Values: []float64{},
		Data: seriesSource{DataType: "RAW_TIME_DATA", ID: "D" + strconv.Itoa(i+1), Reference: tag, Description: "made up by the simulator"}}
	first := from.Truncate(seriesStep)
	if first.Before(from) {
		first = first.Add(seriesStep)
	}
	for t := first; t.Before(to) && len(s.Values) < seriesPoints; t = t.Add(seriesStep) {
		day := float64(t.Unix()%86400) / 86400
		s.Timestamps = append(s.Timestamps, t.UTC().Format(time.RFC3339))
		s.Values = append(s.Values, math.Round(100*(50+40*math.Sin(2*math.Pi*day)))/100)
	}
	return s
}

func parseInstant(text string, def time.Time) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return def
	}
	return t
}
