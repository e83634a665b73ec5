package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"oibus/testing/contract"
)

func exposed(t testing.TB, souths []South, norths []North) contract.Series {
	t.Helper()
	var out strings.Builder
	e := NewExposition(&out)
	e.Gauge("oibus_one", "A figure without labels.", One(1))
	e.Souths(souths)
	e.Norths(norths)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	series, err := contract.Exposition(out.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return series
}

func TestEachConnectorHasItsFiguresUnderItsName(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	series := exposed(t,
		[]South{
			{Connector: Connector{ID: "s1", Name: "Line 4", Type: "mqtt", Enabled: true, Running: true, Connected: true, Errors: 3, LastRun: at, LastRunDuration: 1500 * time.Millisecond, LastSuccess: at}, Values: 7, Files: 2, Contents: 5, Bytes: 4096},
			{Connector: Connector{ID: "s2", Name: "Off", Type: "opcua", Failing: true}},
		},
		[]North{{Connector: Connector{ID: "n1", Name: "Cloud", Type: "oianalytics", Enabled: true}, CachedBytes: 1 << 40, Sent: Held{8, 80}, Errored: Held{1, 10}, Archived: Held{2, 20},
			Refused: Held{3, 0}, Evicted: Held{4, 0}, Cache: Held{5, 50}, InError: Held{6, 60}, InArchive: Held{7, 70}, CachedElements: 500, CachedDisk: 9000}})
	s1, n1 := `{id="s1",name="Line 4",type="mqtt"}`, `{id="n1",name="Cloud",type="oianalytics"}`
	for key, want := range map[string]float64{
		"oibus_one":                1,
		"oibus_south_enabled" + s1: 1, "oibus_south_running" + s1: 1, "oibus_south_connected" + s1: 1, "oibus_south_failing" + s1: 0,
		"oibus_south_errors_total" + s1: 3, "oibus_south_values_total" + s1: 7, "oibus_south_files_total" + s1: 2, "oibus_south_contents_total" + s1: 5,
		"oibus_south_collected_bytes_total" + s1: 4096, "oibus_south_last_run_timestamp_seconds" + s1: 1767323045.678,
		"oibus_south_last_success_timestamp_seconds" + s1: 1767323045.678, "oibus_south_last_run_duration_seconds" + s1: 1.5,
		"oibus_north_enabled" + n1: 1, "oibus_north_cached_bytes_total" + n1: 1 << 40, "oibus_north_sent_contents_total" + n1: 8, "oibus_north_sent_bytes_total" + n1: 80,
		"oibus_north_errored_contents_total" + n1: 1, "oibus_north_errored_bytes_total" + n1: 10, "oibus_north_archived_contents_total" + n1: 2, "oibus_north_archived_bytes_total" + n1: 20,
		"oibus_north_refused_contents_total" + n1: 3, "oibus_north_evicted_contents_total" + n1: 4, "oibus_north_cache_contents" + n1: 5, "oibus_north_cache_bytes" + n1: 50,
		"oibus_north_error_contents" + n1: 6, "oibus_north_error_bytes" + n1: 60, "oibus_north_archive_contents" + n1: 7, "oibus_north_archive_bytes" + n1: 70,
		"oibus_north_cache_elements" + n1: 500, "oibus_north_disk_bytes" + n1: 9000,
	} {
		if got, ok := series[key]; !ok || got != want {
			t.Errorf("%s is %v (%v), not %v", key, got, ok, want)
		}
	}
	if v, ok := series.Of("oibus_south_failing", `id="s2"`); !ok || v != 1 {
		t.Errorf("the south that fails: %v, %v", v, ok)
	}
	for _, figure := range []string{"oibus_south_last_run_timestamp_seconds", "oibus_south_last_success_timestamp_seconds", "oibus_south_last_error_timestamp_seconds", "oibus_south_last_run_duration_seconds"} {
		if v, ok := series.Of(figure, `id="s2"`); ok {
			t.Errorf("%s of a south that never ran is %v", figure, v)
		}
	}
}

func TestASiteWithoutConnectorsHasNoFiguresOfThem(t *testing.T) {
	t.Parallel()
	if series := exposed(t, nil, nil); len(series) != 1 {
		t.Error(series)
	}
}

// What people enter as names can end no label and no line, and hides no other series.
func FuzzNamesBreakNoExposition(f *testing.F) {
	for _, name := range []string{"", `a"} 1` + "\noibus_registered 1", "\\", `\"`, "\x00\x1b[31m", "\xff\xfe", "é\u2028\u0085", "{id=\"s2\"}", strings.Repeat("long ", 1000)} {
		f.Add(name, name)
	}
	const others = 1
	f.Fuzz(func(t *testing.T, name, kind string) {
		souths := []South{{Connector: Connector{ID: "s1", Name: name, Type: kind}}, {Connector: Connector{ID: "s2", Name: name, Type: kind}}}
		series := exposed(t, souths, []North{{Connector: Connector{ID: "n1", Name: name, Type: kind}}})
		plain := exposed(t, []South{{Connector: Connector{ID: "s1"}}, {Connector: Connector{ID: "s2"}}}, []North{{Connector: Connector{ID: "n1"}}})
		if len(series) != len(plain) || len(series) <= others {
			t.Errorf("%d series, and %d with plain names", len(series), len(plain))
		}
		for key := range series {
			if len(key) > 4*2*longestLabel+200 {
				t.Errorf("a series of %d bytes", len(key))
			}
		}
	})
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the client has gone") }

func TestAnErrorOfWritingIsTold(t *testing.T) {
	t.Parallel()
	e := NewExposition(full{})
	for i := range 1000 {
		e.Gauge(fmt.Sprintf("oibus_%d", i), "Any.", One(1))
	}
	if e.Close() == nil {
		t.Error("nothing was written, and nobody is told")
	}
}
