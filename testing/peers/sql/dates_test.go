package sql_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// change is when clocks of a zone change.
type change struct {
	zone string
	at   string
	back time.Duration // by how much they go back, 0 when they go forward
}

var changes = []change{
	{"Europe/Paris", "2024-03-31T01:00:00Z", 0}, {"Europe/Paris", "2024-10-27T01:00:00Z", time.Hour},
	{"America/New_York", "2024-03-10T07:00:00Z", 0}, {"America/New_York", "2024-11-03T06:00:00Z", time.Hour},
	{"Australia/Lord_Howe", "2024-10-05T15:30:00Z", 0}, {"Australia/Lord_Howe", "2024-04-06T15:00:00Z", 30 * time.Minute},
}

// dateType is a type of column, how a date is written into it, and what the settings say of it.
type dateType struct {
	column string
	value  func(at time.Time, local *time.Location) any
	field  map[string]any
	clock  bool // it shows clocks, not instants
}

func iso(at time.Time, _ *time.Location) any { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

func clock(at time.Time, local *time.Location) any { return at.In(local).Format("2006-01-02 15:04:05") }

func shared(text, integer string) map[string]dateType {
	return map[string]dateType{
		"iso-string":    {text, iso, nil, false},
		"unix-epoch":    {integer, func(at time.Time, _ *time.Location) any { return at.Unix() }, nil, false},
		"unix-epoch-ms": {integer, func(at time.Time, _ *time.Location) any { return at.UnixMilli() }, nil, false},
		"string":        {text, clock, map[string]any{"format": "yyyy-MM-dd HH:mm:ss", "locale": "en-En"}, true},
	}
}

func dateTypes(kind string) map[string]dateType {
	switch kind {
	case "postgresql":
		all := shared("text", "bigint")
		all["timestamp"] = dateType{"timestamp", clock, nil, true} // in the zone of the agent
		all["timestamptz"] = dateType{"timestamptz", iso, nil, false}
		return all
	case "mysql":
		all := shared("varchar(40)", "bigint")
		all["date-time"] = dateType{"datetime(3)", clock, nil, true}
		return all
	}
	return shared("TEXT", "INTEGER")
}

const (
	dateStep = 10 * time.Minute
	dateSpan = 5 * time.Hour // before and after the change
)

// allDates has dates read across changes of the clocks: one, or all in a sweep.
func (s *source) allDates(t *testing.T) {
	for i, c := range changes {
		if sweep() || i == 1 {
			s.dates(t, c, i)
		}
	}
}

// dates writes dates of each type around a change, and has them read hour by hour.
func (s *source) dates(t *testing.T, c change, i int) {
	local, err := time.LoadLocation(c.zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, c.at)
	if err != nil {
		t.Fatal(err)
	}
	first, last := at.Add(-dateSpan), at.Add(dateSpan)
	o := &order{Kind: s.kind, Settings: s.settings, Items: map[string]json.RawMessage{}, Dir: t.TempDir(), MaxRead: 3600, Zone: c.zone,
		Nows: []time.Time{first.Add(time.Hour), at.Add(2 * dateStep), last}}
	types := dateTypes(s.kind)
	for name, d := range types {
		table := fmt.Sprintf("dates_%d_%s", i, strings.ReplaceAll(name, "-", "_"))
		s.exec(t, fmt.Sprintf("CREATE TABLE %s (ts %s, n int)", table, d.column))
		var rows []string
		for n := 0; !first.Add(time.Duration(n) * dateStep).After(last); n++ {
			rows = append(rows, fmt.Sprintf("('%v', %d)", d.value(first.Add(time.Duration(n)*dateStep), local), n))
		}
		if column := d.column; strings.HasPrefix(strings.ToLower(column), "int") || column == "bigint" {
			for j := range rows {
				rows[j] = strings.ReplaceAll(rows[j], "'", "")
			}
		}
		s.exec(t, "INSERT INTO "+table+" VALUES "+strings.Join(rows, ", "))
		field := map[string]any{"fieldName": "ts", "useAsReference": true, "type": name, "timezone": c.zone}
		for k, v := range d.field {
			field[k] = v
		}
		o.Items[name] = itemSettings("SELECT n, ts FROM "+table+" WHERE ts > @StartTime AND ts <= @EndTime ORDER BY ts", field)
	}
	finish(t, o.start(t))
	got := map[string][]string{}
	for _, one := range o.arrived(t) {
		got[one.Item] = append(got[one.Item], one.Rows...)
	}
	for name, d := range types {
		checkDates(t, fmt.Sprintf("%s, %s at %s", name, c.zone, c.at), d, c, at, got[name])
	}
}

// checkDates wants each date once, at its instant; but those that clocks show twice come at least once, at one of both.
func checkDates(t *testing.T, what string, d dateType, c change, at time.Time, rows []string) {
	t.Helper()
	seen := map[int][]time.Time{}
	for _, row := range rows {
		var n int
		number, stamp, _ := strings.Cut(row, ";")
		if _, err := fmt.Sscan(number, &n); err != nil {
			t.Fatalf("%s: %q", what, row)
		}
		ts, err := time.Parse(time.RFC3339, stamp)
		if err != nil {
			t.Fatalf("%s: %q", what, row)
		}
		seen[n] = append(seen[n], ts)
	}
	first := at.Add(-dateSpan)
	for n := 1; n <= int(2*dateSpan/dateStep); n++ {
		want := first.Add(time.Duration(n) * dateStep)
		twice := d.clock && c.back > 0 && !want.Before(at.Add(-c.back)) && want.Before(at.Add(c.back))
		switch {
		case !twice && (len(seen[n]) != 1 || !seen[n][0].Equal(want)):
			t.Errorf("%s: %s came as %v", what, want, seen[n])
		case twice && (len(seen[n]) == 0 || len(seen[n]) > 3):
			t.Errorf("%s: %s, which clocks show twice, came as %v", what, want, seen[n])
		}
		for _, ts := range seen[n] {
			if off := ts.Sub(want).Abs(); twice && off != 0 && off != c.back {
				t.Errorf("%s: %s, which clocks show twice, came as %s", what, want, ts)
			}
		}
	}
}
