package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkInterruption is what a backup of a large cache costs: prepare while the agent runs, complete while it does
// not, restore after a failed trial.
func BenchmarkInterruption(b *testing.B) {
	for _, files := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			dir := b.TempDir()
			for i := range files {
				folder := filepath.Join(dir, "cache", "north", fmt.Sprint(i/1000))
				if i%1000 == 0 {
					if err := os.MkdirAll(folder, 0o755); err != nil {
						b.Fatal(err)
					}
				}
				path := filepath.Join(folder, fmt.Sprint(i))
				if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
					b.Fatal(err)
				}
				if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
					b.Fatal(err)
				}
			}
			var prepare, complete, restore time.Duration
			for range b.N {
				s, err := NewScope("")
				if err != nil {
					b.Fatal(err)
				}
				backup := New(dir, "b", s)
				for _, step := range []struct {
					do   func() error
					took *time.Duration
				}{
					{func() error { return backup.Prepare(b.Context()) }, &prepare},
					{func() error { return backup.Complete(b.Context()) }, &complete},
					{func() error { return backup.Restore(b.Context(), KeepContent) }, &restore},
				} {
					begin := time.Now()
					if err := step.do(); err != nil {
						b.Fatal(err)
					}
					*step.took += time.Since(begin)
				}
				if err := backup.Discard(); err != nil {
					b.Fatal(err)
				}
			}
			for name, took := range map[string]time.Duration{"prepare": prepare, "complete": complete, "restore": restore} {
				b.ReportMetric(took.Seconds()*1000/float64(b.N), name+"-ms/op")
			}
		})
	}
}
