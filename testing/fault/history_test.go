package fault

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"oibus/testing/harness"
)

// backfill is a history query from a source that tells which interval it was asked for, to files.
type backfill struct {
	t         *testing.T
	agent     *harness.Agent
	out       string
	id        string
	intervals int
	asked     atomic.Int64
}

func startBackfill(t *testing.T, intervals int) *backfill {
	t.Helper()
	b := &backfill{t: t, agent: harness.Start(t, harness.Options{}), out: t.TempDir(), intervals: intervals}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		fmt.Fprintf(w, "%s %s", r.FormValue("from"), r.FormValue("to"))
	}))
	t.Cleanup(source.Close)
	var modes []struct{ ID string }
	b.json("GET", "/api/scan-modes", nil, &modes)
	type tree = map[string]any
	instant := func(key, value string) tree {
		return tree{"key": key, "value": value, "dateTimeInput": tree{"type": "iso-string"}}
	}
	var made struct{ ID string }
	b.json("POST", "/api/history?fromSouth=&fromNorth=&duplicate=", tree{
		"name": "Backfill", "description": "",
		"queryTimeRange": tree{"startTime": "2024-01-01T00:00:00.000Z", "maxReadInterval": 3600, "readDelay": 0,
			"endTime": time.Date(2024, 1, 1, intervals, 0, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000Z")},
		"southType": "rest", "southSettings": tree{"host": source.URL, "acceptUnauthorized": false, "timeout": 10, "authentication": tree{"type": "none"},
			"proxy": tree{"useProxy": false}, "test": tree{"method": "GET", "endpoint": "/", "successCode": 200}},
		"northType": "file-writer", "northSettings": tree{"outputFolder": b.out, "prefix": "", "suffix": "", "username": nil, "password": nil, "domain": nil},
		"caching": tree{"trigger": tree{"scanModeId": modes[0].ID, "scanModeName": nil, "numberOfElements": 0, "numberOfFiles": 1},
			"throttling": tree{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 0}, "error": tree{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
			"archive": tree{"enabled": false, "retentionDuration": 0}},
		"items": []tree{{"id": nil, "name": "r", "enabled": true, "settings": tree{"method": "GET", "endpoint": "/data", "returnType": "file",
			"queryParams": []tree{instant("from", "@StartTime"), instant("to", "@EndTime")}, "headers": []any{}, "trackingInstant": tree{"trackInstant": false}}}},
		"northTransformers": []any{},
	}, &made)
	b.id = made.ID
	b.json("POST", "/api/history/"+b.id+"/start", nil, nil)
	return b
}

func (b *backfill) json(method, path string, body, result any) {
	b.t.Helper()
	if err := b.agent.JSON(b.t.Context(), method, path, body, result); err != nil {
		b.t.Fatal(err)
	}
}

// state is how the query does.
func (b *backfill) state() (s struct {
	Status, Reason string
	Progress       float64
}) {
	b.t.Helper()
	b.json("GET", "/api/history/"+b.id+"/state", nil, &s)
	return s
}

// delivered counts how often each interval was written.
func (b *backfill) delivered() map[string]int {
	b.t.Helper()
	files, err := os.ReadDir(b.out)
	if err != nil {
		b.t.Fatal(err)
	}
	times := map[string]int{}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(b.out, f.Name()))
		if err != nil {
			b.t.Fatal(err)
		}
		times[string(data)]++
	}
	return times
}

// Each kill may make the agent read one interval again, and send one content again: those that were in flight.
func TestABackfillThatIsKilledAgainAndAgainDeliversEachIntervalOnce(t *testing.T) {
	t.Parallel()
	const intervals, kills = 1000, 8
	b := startBackfill(t, intervals)
	done := 0
	for range kills {
		next := b.asked.Load() + 1 + rand.Int64N(intervals/kills)
		for deadline := time.Now().Add(time.Minute); b.asked.Load() < next && b.state().Status == "RUNNING" && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		b.agent.Kill()
		done++
		b.agent.Start()
	}
	harness.Until(t, 3*time.Minute, "the end of the query", func() bool { return b.state().Status != "RUNNING" })
	if s := b.state(); s.Status != "FINISHED" || s.Progress != 1 {
		t.Fatalf("%+v\n%s", s, b.agent.Output())
	}
	times := b.delivered()
	again := 0
	for _, n := range times {
		again += n - 1
	}
	if len(times) != intervals || again > 2*done {
		t.Errorf("%d of %d intervals were delivered, %d again after %d kills", len(times), intervals, again, done)
	}
	t.Logf("%d intervals, %d kills, %d delivered again", len(times), done, again)
}
