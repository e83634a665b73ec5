package folder

import (
	"strings"
	"testing"
	"time"
)

func FuzzNamer(f *testing.F) {
	f.Add("../x.csv", "@ConnectorName-", "")
	f.Add(`C:\x`, "..", "/../")
	f.Fuzz(func(t *testing.T, name, prefix, suffix string) {
		n := Namer{Connector: "a/../b", Prefix: prefix, Suffix: suffix, Now: func() time.Time { return time.Unix(0, 0) }}
		got := n.Name(name)
		if strings.Count(got, "/")+strings.Count(got, `\`) > strings.Count(prefix+suffix, "/")+strings.Count(prefix+suffix, `\`) {
			t.Errorf("the content made a path: %q", got)
		}
	})
}

func TestNoTwoNamesHoldTheSameDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 15, 12, 0, 0, 7_000_000, time.UTC)
	n := Namer{Suffix: "-@CurrentDate", Now: func() time.Time { return now }}
	if got := n.Name("x.csv"); got != "x-2024_01_15_12_00_00_007.csv" {
		t.Errorf("got %s", got)
	}
	if got := n.Name("x.csv"); got != "x-2024_01_15_12_00_00_008.csv" {
		t.Errorf("got %s", got)
	}
	now = now.Add(-time.Hour)
	if got := n.Name("x.csv"); got != "x-2024_01_15_11_00_00_007.csv" {
		t.Errorf("after the clock was put back: got %s", got)
	}
}
