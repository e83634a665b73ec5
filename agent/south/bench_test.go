package south

import (
	"context"
	"encoding/json"
	"runtime"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
)

// BenchmarkRead is one tick of 100,000 items whose content goes nowhere: what the machinery costs, one by one and in
// groups of 1000.
func BenchmarkRead(b *testing.B) {
	for name, together := range map[string]bool{"alone": false, "groups": true} {
		b.Run(name, func(b *testing.B) {
			const n = 100_000
			tracking, _ := openTracking(b, b.TempDir())
			var done sync.WaitGroup
			text := content.FromText("x")
			conn := &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
				defer done.Add(-len(q.Items))
				return json.RawMessage("1"), q.Emit(ctx, text, q.Items)
			}}
			e := bigSouth(n)
			e.ID = "S"
			r, err := Start(Options{
				South: e, Type: Type{ID: "fake", Batch: together, New: func(Env) (Connector, error) { return quiet100k{conn}, nil }},
				TempDir: b.TempDir(), Tracking: tracking, Host: connector.Host{Now: time.Now},
				ScanMode: func(id string) (entity.ScanMode, bool) { return entity.ScanMode{}, false },
				Emit:     func(context.Context, content.Content, content.Source) error { return nil },
			})
			if err != nil {
				b.Fatal(err)
			}
			for !r.State().Connected {
				runtime.Gosched()
			}
			for b.Loop() {
				done.Add(n)
				r.Tick("m")
				done.Wait()
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MB-heap")
			runtime.KeepAlive(e)
			if err := r.Stop(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// quiet100k is a connector that keeps no list of calls.
type quiet100k struct{ *direct }

func (q quiet100k) Read(ctx context.Context, query DirectQuery) (json.RawMessage, error) {
	return q.read(ctx, query)
}

// BenchmarkDescribe is what making an item for one reading costs.
func BenchmarkDescribe(b *testing.B) {
	e := bigSouth(1000)
	p := newPlan(&e, false)
	d := &describer{plan: p, modes: func(id string) (entity.ScanMode, bool) { return entity.ScanMode{Audit: entity.Audit{ID: id}}, true }}
	i := 0
	for b.Loop() {
		if _, err := d.items(p.units[i%1000].members); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
