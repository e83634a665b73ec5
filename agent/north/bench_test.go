package north

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/platform"
)

// sink is a target that reads everything and keeps nothing.
type sink struct {
	Connector
	elements, sends atomic.Int64
}

func (s *sink) Connect(context.Context) error    { return nil }
func (s *sink) Disconnect(context.Context) error { return nil }

func (s *sink) Send(_ context.Context, d Delivery) error {
	r := d.Open()
	_, err := io.Copy(io.Discard, r)
	s.elements.Add(int64(max(d.Elements, 1)))
	s.sends.Add(1)
	return errors.Join(err, r.Close())
}

func (s *sink) kind() Type {
	return Type{ID: "sink", Accepts: allKinds, New: func(Env) (Connector, error) { return s, nil }}
}

// flushRate is how often a second this machine appends a block to a file and flushes it.
func flushRate(b *testing.B, dir string, size int) float64 {
	f, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, size)
	n, start := 0, time.Now()
	for time.Since(start) < 300*time.Millisecond {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds()
}

func startBench(b *testing.B, s *sink) *Runner {
	n := north()
	n.Caching.Trigger.NumberOfElements, n.Caching.Throttling.RunMinDelay = 1000, 200
	r, err := Start(Options{North: n, Type: s.kind(), DataDir: b.TempDir(), Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stop(b, r) })
	return r
}

// BenchmarkAcceptToSend is contents taken, flushed, and sent.
func BenchmarkAcceptToSend(b *testing.B) {
	for _, values := range []int{1, 100, 10_000} {
		for _, sources := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("values=%d/sources=%d", values, sources), func(b *testing.B) {
				s := &sink{}
				r := startBench(b, s)
				c := numbered(values)
				flushes := flushRate(b, r.o.DataDir, int(c.Size))
				src := fromSouth("i1")
				cpu := platform.CPUTime()
				b.ResetTimer()
				var group sync.WaitGroup
				for w := range sources {
					group.Add(1)
					go func() {
						defer group.Done()
						for i := w; i < b.N; i += sources {
							if err := r.Accept(b.Context(), c, src); err != nil {
								b.Error(err)
							}
						}
					}()
				}
				group.Wait()
				taken := b.Elapsed()
				r.Tick("minute")
				until(b, "sent", func() bool { return s.elements.Load() >= int64(b.N*values) })
				b.StopTimer()
				total := float64(b.N * values)
				b.ReportMetric(float64(b.N)/taken.Seconds(), "taken/s")
				b.ReportMetric(total/b.Elapsed().Seconds(), "values/s")
				b.ReportMetric(flushes, "fsyncs/s")
				b.ReportMetric((platform.CPUTime()-cpu).Seconds()/total*1e6, "cpu-s/Mvalues")
				b.ReportMetric(total/float64(s.sends.Load()), "values/send")
			})
		}
	}
}

// BenchmarkFiles is files taken and sent one by one.
func BenchmarkFiles(b *testing.B) {
	s := &sink{}
	r := startBench(b, s)
	c := fileNamed("report.csv", string(make([]byte, 1000)))
	b.ResetTimer()
	var group sync.WaitGroup
	for w := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := w; i < b.N; i += 16 {
				if err := r.Accept(b.Context(), c, fromSouth("i1")); err != nil {
					b.Error(err)
				}
			}
		}()
	}
	group.Wait()
	taken := b.Elapsed()
	until(b, "sent", func() bool { return s.sends.Load() >= int64(b.N) })
	b.ReportMetric(float64(b.N)/taken.Seconds(), "taken/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// BenchmarkPortions is large arrays taken as one content each and sent in portions, as files of values that a transformer
// has read are.
func BenchmarkPortions(b *testing.B) {
	s := &sink{}
	r := startBench(b, s)
	whole := content.FromBytes(content.OIAnalytics, "", 100_000, bytesOf(b, numbered(100_000)))
	b.ResetTimer()
	for range b.N {
		if err := r.Accept(b.Context(), whole, fromSouth("i1")); err != nil {
			b.Fatal(err)
		}
	}
	taken := b.Elapsed()
	until(b, "sent", func() bool { return s.elements.Load() >= int64(b.N*100_000) })
	b.ReportMetric(float64(b.N*100_000)/taken.Seconds(), "taken-values/s")
	b.ReportMetric(float64(b.N*100_000)/b.Elapsed().Seconds(), "values/s")
}

func bytesOf(b *testing.B, c content.Content) []byte {
	r, err := c.Open()
	if err != nil {
		b.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		b.Fatal(err)
	}
	return data
}

// BenchmarkSplit is one content of 1,000,000 values in a file, split among two links and cut into slices.
func BenchmarkSplit(b *testing.B) {
	const total = 1_000_000
	path := filepath.Join(b.TempDir(), "values.json")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := content.NewArrayWriter(f)
	for i := range total {
		v := content.TimeValue{PointID: fmt.Sprint("p", i%10), Timestamp: "2026-01-02T03:04:05.000Z", Data: content.NumberData(float64(i))}
		if err := w.TimeValue(&v); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		b.Fatal(err)
	}
	c, err := content.FromFile(path, "")
	if err != nil {
		b.Fatal(err)
	}
	c.Kind, c.Elements = content.TimeValues, total
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "iso", ofSouth("p1")), link("l2", "length", ofSouth("p2"))}
	src := fromSouth("p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9")
	r, err := Start(Options{North: n, Type: (&sink{}).kind(), DataDir: b.TempDir(), Reserve: 1, Transformer: transformers})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stop(b, r) })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		if err := r.Accept(b.Context(), c, src); err != nil {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.N*total)/b.Elapsed().Seconds(), "values/s")
	b.ReportMetric(float64(after.Sys-before.Sys)/(1<<20), "more-MB")
}

// BenchmarkBacklog is 10,000,000 values that wait, then are sent, once: run it with -benchtime 1x.
func BenchmarkBacklog(b *testing.B) {
	const total, each = 10_000_000, 1000
	for b.Loop() {
		s := &sink{}
		n := onTick()
		r, err := Start(Options{North: n, Type: s.kind(), DataDir: b.TempDir(), Reserve: 1})
		if err != nil {
			b.Fatal(err)
		}
		c := numbered(each)
		start := time.Now()
		var most atomic.Uint64
		look := func() {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapInuse > most.Load() {
				most.Store(m.HeapInuse)
			}
		}
		var group sync.WaitGroup
		for range 8 {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range total / each / 8 {
					if err := r.Accept(b.Context(), c, fromSouth("i1")); err != nil {
						b.Error(err)
					}
					if i%200 == 0 {
						look()
					}
				}
			}()
		}
		group.Wait()
		b.ReportMetric(total/time.Since(start).Seconds(), "taken-values/s")
		start = time.Now()
		r.Tick("minute")
		until(b, "sent", func() bool { look(); return s.elements.Load() >= total })
		b.ReportMetric(total/time.Since(start).Seconds(), "sent-values/s")
		b.ReportMetric(float64(most.Load())/(1<<20), "heap-MB")
		b.ReportMetric(float64(platform.MemoryRSS())/(1<<20), "rss-MB")
		stop(b, r)
	}
}
