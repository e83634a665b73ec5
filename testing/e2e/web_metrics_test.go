package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"oibus/testing/contract"
	"oibus/testing/harness"
)

// scraped reads /metrics as Prometheus would.
func scraped(t *testing.T, a *harness.Agent) (contract.Series, string) {
	t.Helper()
	answer, err := a.Do(limited(t), "GET", "/metrics", nil)
	if err != nil || answer.Status != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("/metrics answers %d, %q, %v", answer.Status, answer.Header.Get("Content-Type"), err)
	}
	series, err := contract.Exposition(string(answer.Body))
	if err != nil {
		t.Fatalf("%v\n%s", err, answer.Body)
	}
	return series, string(answer.Body)
}

// TestPrometheusSeesWhatEachConnectorDid drives a south that reads files, a north that delivers them, one whose folder is
// gone, and one that is switched off, all with names that try to write figures of their own.
func TestPrometheusSeesWhatEachConnectorDid(t *testing.T) {
	t.Parallel()
	a := harness.Start(t, harness.Options{})
	const secret = "s3cret-of-the-share"
	in, out := t.TempDir(), t.TempDir()
	gone := filepath.Join(t.TempDir(), "gone")
	mode := scanMode("Each second")
	mode["cron"] = "* * * * * *"
	var made struct{ ID string }
	must(t, a.Client, "POST", "/api/scan-modes", mode, &made)
	everySecond := made.ID
	var transformers []struct{ ID, FunctionName string }
	must(t, a.Client, "GET", "/api/transformers/list", nil, &transformers)
	iso := ""
	for _, one := range transformers {
		if one.FunctionName == "iso" {
			iso = one.ID
		}
	}
	post := func(path string, body map[string]any) string {
		t.Helper()
		must(t, a.Client, "POST", path, body, &made)
		return made.ID
	}
	item := func(name string) map[string]any {
		return map[string]any{"id": nil, "name": name, "enabled": true, "scanModeId": everySecond, "scanModeName": nil, "groupId": nil, "groupName": nil,
			"syncWithGroup": false, "maxReadInterval": 3600, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest",
			"settings": map[string]any{"regex": ".*\\.csv", "minAge": 0, "preserveFiles": false, "ignoreModifiedDate": true, "maxFiles": 0, "maxSize": 0, "recursive": false}}
	}
	south := func(name, folder string, enabled bool, items ...any) string {
		return post("/api/south", map[string]any{"name": name, "type": "folder-scanner", "description": "", "enabled": enabled, "items": append([]any{}, items...), "groups": []any{},
			"settings": map[string]any{"inputFolder": folder, "compression": false, "username": nil, "password": secret, "domain": nil}})
	}
	north := func(name, folder, from string) string {
		return post("/api/north", map[string]any{"name": name, "type": "file-writer", "description": "", "enabled": true,
			"settings": map[string]any{"outputFolder": folder, "prefix": nil, "suffix": nil, "username": nil, "password": secret, "domain": nil},
			"caching": map[string]any{
				"trigger":    map[string]any{"scanModeId": everySecond, "scanModeName": nil, "numberOfElements": 1000, "numberOfFiles": 1},
				"throttling": map[string]any{"runMinDelay": 200, "maxSize": 0, "maxNumberOfElements": 10000},
				"error":      map[string]any{"retryInterval": 200, "retryCount": 1, "retentionDuration": 0},
				"archive":    map[string]any{"enabled": true, "retentionDuration": 72}},
			"transformers": []any{map[string]any{"id": "", "transformerId": iso, "source": map[string]any{"type": "south", "southId": from, "items": []any{}}, "options": map[string]any{}}}})
	}
	const hostile = "Line \"4\"\\\noibus_registered 1\n# TYPE x gauge"
	reader := south(hostile, in, true, item("item-that-must-be-no-label"))
	off := south("Off", in, false)
	broken := south("Nothing there", gone, true, item("a"))
	writer := north(hostile+"}", out, reader)
	stuck := north("No folder", gone, reader)

	const files = 3
	size := 0
	for i := range files {
		text := fmt.Sprintf("a,b\n%d,2\n", i)
		size += len(text)
		file(t, in, "values"+strconv.Itoa(i)+".csv", text)
	}
	id := func(id string) string { return `id="` + id + `"` }
	at := func(s contract.Series, figure, connector string) float64 {
		t.Helper()
		v, ok := s.Of(figure, id(connector))
		if !ok {
			t.Fatalf("no %s of %s", figure, connector)
		}
		return v
	}
	var s contract.Series
	var text string
	harness.Until(t, patience, "everything went through", func() bool {
		s, text = scraped(t, a)
		return at(s, "oibus_south_files_total", reader) == files && at(s, "oibus_north_archived_contents_total", writer) == files &&
			at(s, "oibus_north_errors_total", stuck) > 0 && at(s, "oibus_south_errors_total", broken) > 0
	})
	for _, want := range []struct {
		figure, connector string
		value             float64
	}{
		{"oibus_south_enabled", reader, 1}, {"oibus_south_running", reader, 1}, {"oibus_south_connected", reader, 1}, {"oibus_south_failing", reader, 0},
		{"oibus_south_errors_total", reader, 0}, {"oibus_south_contents_total", reader, files}, {"oibus_south_collected_bytes_total", reader, float64(size)},
		{"oibus_south_enabled", off, 0}, {"oibus_south_running", off, 0}, {"oibus_south_files_total", off, 0}, {"oibus_south_failing", broken, 1},
		{"oibus_north_enabled", writer, 1}, {"oibus_north_running", writer, 1}, {"oibus_north_connected", writer, 1}, {"oibus_north_failing", writer, 0},
		{"oibus_north_sent_contents_total", writer, files}, {"oibus_north_sent_bytes_total", writer, float64(size)}, {"oibus_north_cached_bytes_total", writer, float64(size)},
		{"oibus_north_archive_contents", writer, files}, {"oibus_north_archive_bytes", writer, float64(size)}, {"oibus_north_cache_contents", writer, 0},
		{"oibus_north_errored_contents_total", writer, 0}, {"oibus_north_failing", stuck, 1}, {"oibus_north_sent_contents_total", stuck, 0},
	} {
		if got := at(s, want.figure, want.connector); got != want.value {
			t.Errorf("%s of %s is %v, not %v", want.figure, want.connector, got, want.value)
		}
	}
	if lost := at(s, "oibus_north_cache_contents", stuck) + at(s, "oibus_north_error_contents", stuck); lost != files {
		t.Errorf("the north that cannot write has %v contents", lost)
	}
	for _, figure := range []string{"oibus_south_last_run_timestamp_seconds", "oibus_south_last_success_timestamp_seconds"} {
		if at(s, figure, reader) < 1.7e9 {
			t.Errorf("%s is %v", figure, at(s, figure, reader))
		}
		if v, ok := s.Of(figure, id(off)); ok {
			t.Errorf("%s of a south that never ran is %v", figure, v)
		}
	}
	if at(s, "oibus_north_last_success_timestamp_seconds", writer) < 1.7e9 || at(s, "oibus_south_last_error_timestamp_seconds", broken) < 1.7e9 {
		t.Error("times are not those of now")
	}
	if _, ok := s.Of("oibus_north_last_success_timestamp_seconds", id(stuck)); ok {
		t.Error("a north that never delivered has a success")
	}
	if v := s["oibus_registered"]; v != 0 {
		t.Error("the name of a connector wrote a figure of its own")
	}
	for _, never := range []string{secret, "item-that-must-be-no-label", in, gone} {
		if strings.Contains(text, never) {
			t.Errorf("/metrics holds %q", never)
		}
	}

	var shown struct{ ContentSentSize, ContentArchivedSize float64 }
	must(t, a.Client, "GET", "/api/north/"+writer+"/cache/search", nil, &struct{ Metrics any }{&shown})
	if shown.ContentSentSize != at(s, "oibus_north_sent_bytes_total", writer) || shown.ContentArchivedSize != at(s, "oibus_north_archived_bytes_total", writer) {
		t.Errorf("the page shows other figures: %+v", shown)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != files {
		t.Errorf("%d files were delivered, %v", len(left), err)
	}

	must(t, a.Client, "DELETE", "/api/south/"+broken, nil, nil)
	if s, _ := scraped(t, a); len(s) == 0 {
		t.Error("no figures")
	} else if _, ok := s.Of("oibus_south_enabled", id(broken)); ok {
		t.Error("a south that was deleted has figures")
	}
	a.Login = ""
	if answer, err := a.Do(limited(t), "GET", "/metrics", nil); err != nil || answer.Status != 401 {
		t.Errorf("without credentials: %d, %v", answer.Status, err)
	}
}
