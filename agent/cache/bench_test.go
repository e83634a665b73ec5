package cache

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/platform"
)

// flushRate is how often a second this machine appends a block to a file and flushes it.
func flushRate(b *testing.B, dir string) float64 {
	f, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 200)
	n, start := 0, time.Now()
	for time.Since(start) < 500*time.Millisecond {
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

func report(b *testing.B, contents float64) {
	b.ReportMetric(contents/b.Elapsed().Seconds(), "contents/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkPutSmall(b *testing.B) {
	one := []byte(values(1, 1))
	m := Meta{Kind: content.TimeValues, Elements: 1}
	for _, writers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			dir := b.TempDir()
			rate := flushRate(b, dir)
			c := openCache(b, dir, Options{})
			b.ResetTimer()
			var group sync.WaitGroup
			for w := range writers {
				group.Add(1)
				go func() {
					defer group.Done()
					for i := w; i < b.N; i += writers {
						if _, err := c.PutBytes(b.Context(), m, one); err != nil {
							b.Error(err)
						}
					}
				}()
			}
			group.Wait()
			report(b, float64(b.N))
			b.ReportMetric(rate, "fsyncs/s")
		})
	}
	b.Run("many=1000", func(b *testing.B) {
		c := openCache(b, b.TempDir(), Options{})
		items := make([]Item, 1000)
		for i := range items {
			items[i] = Item{m, one}
		}
		for b.Loop() {
			if _, err := c.PutMany(b.Context(), items); err != nil {
				b.Fatal(err)
			}
		}
		report(b, float64(b.N)*1000)
	})
}

func BenchmarkPutLarge(b *testing.B) {
	for _, size := range []int{1 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("MB=%d", size>>20), func(b *testing.B) {
			c := openCache(b, b.TempDir(), Options{})
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := c.Put(b.Context(), Meta{Kind: content.Any}, io.LimitReader(zeros{}, int64(size))); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if _, err := c.Clear(InCache); err != nil {
					b.Fatal(err)
				}
				c.clean(b.Context())
				b.StartTimer()
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// filled is a cache folder with n small contents. It is closed in order, or left as a kill leaves it.
func filled(b *testing.B, n int, inOrder bool) string {
	dir := b.TempDir()
	c := openCache(b, dir, Options{})
	items := make([]Item, 1000)
	for done := 0; done < n; done += len(items) {
		for i := range items {
			items[i] = Item{Meta{Kind: content.TimeValues, Elements: 1, FileName: fmt.Sprintf("report-%07d.json", done+i)}, []byte(values(done+i, 1))}
		}
		if _, err := c.PutMany(b.Context(), items); err != nil {
			b.Fatal(err)
		}
	}
	if inOrder {
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		return dir
	}
	copied := b.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		b.Fatal(err)
	}
	return copied
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		for _, inOrder := range []bool{true, false} {
			b.Run(fmt.Sprintf("contents=%d/closed=%v", n, inOrder), func(b *testing.B) {
				if testing.Short() && n > 100_000 {
					b.Skip("takes long")
				}
				dir := filled(b, n, inOrder)
				before := heap()
				start := time.Now()
				c := openCache(b, dir, Options{})
				took := time.Since(start)
				if got := c.Stats().Cached; got != n {
					b.Fatalf("%d contents", got)
				}
				after := heap()
				b.ReportMetric(float64(took.Microseconds())/1000, "ms/open")
				b.ReportMetric(float64(after-min(before, after))/float64(n), "heap-bytes/content")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkBacklog lets contents of one value wait.
func BenchmarkBacklog(b *testing.B) {
	if testing.Short() {
		b.Skip("takes long")
	}
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("contents=%d", n), func(b *testing.B) {
			before := heap()
			c := openCache(b, filled(b, n, true), Options{})
			batch := next(b, c, 10_000)
			if _, err := batch.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
			if err := batch.Done(false); err != nil {
				b.Fatal(err)
			}
			batch = nil
			after := heap()
			b.ReportMetric(float64(after-min(before, after))/1e6, "MB-of-heap")
			b.ReportMetric(float64(platform.MemoryRSS())/1e6, "MB-RSS")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkSearch100000(b *testing.B) {
	c := openCache(b, filled(b, 100_000, true), Options{})
	for name, q := range map[string]Query{
		"name":  {NameContains: "99999"},
		"time":  {Start: "2026-01-01T00:00:00.000Z", End: "2026-01-01T00:00:01.000Z"},
		"all":   {},
		"first": {Max: 1000},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Search(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThroughput brings values from PutMany to Done, in batches of 10,000 elements.
func BenchmarkThroughput(b *testing.B) {
	for _, each := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("elements=%d", each), func(b *testing.B) {
			c := openCache(b, b.TempDir(), Options{})
			one := []byte(values(0, each))
			const total = 1_000_000
			before := heap()
			for b.Loop() {
				items := make([]Item, min(1000, max(1, 10_000/each)))
				for i := range items {
					items[i] = Item{Meta{Kind: content.TimeValues, Elements: each}, one}
				}
				for done := 0; done < total; done += each * len(items) {
					if _, err := c.PutMany(b.Context(), items); err != nil {
						b.Fatal(err)
					}
				}
				backlog := heap()
				b.ReportMetric(float64(backlog-min(before, backlog))/1e6, "MB-of-heap-with-backlog")
				sent := 0
				for batch := next(b, c, 10_000); batch != nil; batch = next(b, c, 10_000) {
					if _, err := batch.WriteTo(io.Discard); err != nil {
						b.Fatal(err)
					}
					sent += batch.Elements
					if err := batch.Done(false); err != nil {
						b.Fatal(err)
					}
				}
				if sent != total {
					b.Fatalf("sent %d", sent)
				}
			}
			b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "values/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
