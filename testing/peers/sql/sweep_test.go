package sql_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

// flatLimit is what the heap may grow by while a result of any length is read.
const flatLimit = 32 << 20

func TestSweepTenMillionRowsOfPostgreSQLAreReadInFlatMemory(t *testing.T) {
	if !sweep() {
		t.Skip("OIBUS_SWEEP is not 1")
	}
	newPostgreSQL(t).flat(t, "SELECT i AS n, 1704067200000 + i AS ts, 'point ' || i AS name, i / 7.0::float8 AS value FROM generate_series(1, 10000000::bigint) AS t(i)")
}

func TestSweepTenMillionRowsOfMariaDBAreReadInFlatMemory(t *testing.T) {
	if !sweep() {
		t.Skip("OIBUS_SWEEP is not 1")
	}
	newMariaDB(t).flat(t, "SELECT seq AS n, 1704067200000 + seq AS ts, CONCAT('point ', seq) AS name, seq / 7e0 AS value FROM seq_1_to_10000000 WHERE @StartTime < @EndTime")
}

// flat reads ten million rows.
func (s *source) flat(t *testing.T, query string) {
	const rows = 10_000_000
	settings := itemSettings(query, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "unix-epoch-ms"})
	settings = bytes.Replace(settings, []byte(`"requestTimeout":60000`), []byte(`"requestTimeout":600000`), 1)
	c := build(t, s.kind, s.with(map[string]any{"requestTimeout": 600000}))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun, ends := time.Now(), 0
	var size int64
	emit := func(_ context.Context, c content.Content, _ []south.Item) error {
		runtime.ReadMemStats(&after)
		size = c.Size
		r, err := c.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := r.Read(buf)
			ends += bytes.Count(buf[:n], []byte{'\n'})
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	w := interval.Window{Start: longStart, End: longStart.Add(24 * time.Hour)}
	r, err := c.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{{ID: "i", Name: "i", Settings: settings}}, Window: w, Emit: emit})
	took := time.Since(begun)
	if err != nil || ends != rows || !r.Tracked.Equal(longStart.Add(rows*time.Millisecond)) {
		t.Fatalf("%d rows, tracked %s, error %v", ends, r.Tracked, err)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > flatLimit {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	t.Logf("%.0f rows/s, %.1f MB/s", rows/took.Seconds(), float64(size)/1e6/took.Seconds())
}
