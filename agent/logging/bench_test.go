package logging

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkLog is what one call costs the one who logs, with the journal keeping up.
func BenchmarkLog(b *testing.B) {
	h := openHub(b, b.TempDir(), Options{})
	apply(b, h, settings())
	log := h.Logger(Scope{Type: South, ID: "k3JdQ9", Name: "PLC 1", ItemID: "x1Y2z3", ItemName: "Temp 1"})
	b.ReportAllocs()
	for b.Loop() {
		log.Info("Connected to device", "address", "10.0.0.5:502", "attempt", 3)
	}
}

// BenchmarkLogDisabled is what a call below every level costs.
func BenchmarkLogDisabled(b *testing.B) {
	h := openHub(b, b.TempDir(), Options{})
	s := settings()
	s.File.Level, s.Database.Level = "info", "info"
	apply(b, h, s)
	log := h.Logger(Scope{})
	b.ReportAllocs()
	for b.Loop() {
		log.Debug("not logged")
	}
}

// fill writes n lines as fast as the journal takes them.
func fill(b *testing.B, h *Hub, n int) {
	b.Helper()
	log := h.Logger(Scope{Type: South, ID: "k3JdQ9", Name: "PLC 1"})
	for i := range n {
		log.Info("File added to cache, value of a sensor somewhere in the plant", "n", i)
		if i%10_000 == 0 {
			flush(b, h)
		}
	}
	flush(b, h)
}

// BenchmarkSearch looks through 100,000 entries.
func BenchmarkSearch(b *testing.B) {
	h := openHub(b, b.TempDir(), Options{})
	apply(b, h, settings())
	fill(b, h, 100_000)
	for name, q := range map[string]Query{
		"all":   {},
		"level": {Levels: []slog.Level{slog.LevelError}},
		"text":  {Text: "n=99998"},
		"rare":  {Text: "NO SUCH TEXT", ScopeTypes: []string{"south"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Search(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkForward sends 200,000 lines to OIAnalytics, through a function and through HTTP, to Loki and to nothing.
func BenchmarkForward(b *testing.B) {
	const lines = 200_000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64<<10)
		for {
			if _, err := r.Body.Read(buf); err != nil {
				break
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	overHTTP := func(ctx context.Context, body []byte) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(string(body)))
		if err != nil {
			return err
		}
		res, err := server.Client().Do(req)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	for name, send := range map[string]func(context.Context, []byte) error{
		"function": func(context.Context, []byte) error { return nil }, "http": overHTTP,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				h := openHub(b, b.TempDir(), Options{})
				apply(b, h, oiaSettings("info"))
				h.SetSender(func(context.Context, []byte) error { return fmt.Errorf("not yet") })
				fill(b, h, lines)
				var sent atomic.Int64
				done := make(chan struct{})
				b.StartTimer()
				h.SetSender(func(ctx context.Context, body []byte) error {
					if err := send(ctx, body); err != nil {
						return err
					}
					if n := sent.Add(int64(strings.Count(string(body), `"timestamp"`))); n >= lines {
						close(done)
					}
					return nil
				})
				<-done
				b.StopTimer()
				stop(h)
				b.StartTimer()
			}
			b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
