package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Limits are what the machine can do at best. Figures of the product are to be seen beside them.
type Limits struct {
	Flush     Sample  // times to add 4 KiB to a file and flush it, ms
	Trip      Sample  // times of a request and its answer over the loopback, one after the other, ms
	TripsRate float64 // such requests a second, as many at once as there are processors
}

// sampleTime is how long each limit is measured.
const sampleTime = time.Second

// Measure measures the limits, those of the disk in the folder dir.
func Measure(ctx context.Context, dir string) (l Limits, err error) {
	if l.Flush, err = flushes(ctx, dir, sampleTime); err != nil {
		return l, fmt.Errorf("cannot measure the disk: %w", err)
	}
	if l.Trip, l.TripsRate, err = trips(ctx, sampleTime); err != nil {
		return l, fmt.Errorf("cannot measure the loopback: %w", err)
	}
	return l, nil
}

// Facts describe the machine and its limits.
func (l Limits) Facts(dir string) []Fact {
	return []Fact{
		{"processor", fmt.Sprintf("%s, %d cores, %s", CPUModel(), runtime.NumCPU(), load())},
		{"system", runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version()},
		{"fsync in " + dir, fmt.Sprintf("%s/s; median %s ms, p95 %s ms", Number(float64(int(1000/l.Flush.mean()))), Number(l.Flush.Median()), Number(l.Flush.Percentile(95)))},
		{"loopback HTTP", fmt.Sprintf("%s round trips/s on %d connections; one at a time: median %s ms, p95 %s ms",
			Number(float64(int(l.TripsRate))), runtime.NumCPU(), Number(l.Trip.Median()), Number(l.Trip.Percentile(95)))},
	}
}

func (s Sample) mean() float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(1, len(s)))
}

// ParseCPUModel finds the name of the processor in /proc/cpuinfo.
func ParseCPUModel(text string) string {
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor of unknown model"
}

// CPUModel is the name of the processor, as far as the system tells.
func CPUModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ParseCPUModel("")
	}
	return ParseCPUModel(string(text))
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return "load " + one + " before the start"
}

func flushes(ctx context.Context, dir string, d time.Duration) (times Sample, err error) {
	f, err := os.Create(filepath.Join(dir, "flush"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	for end := time.Now().Add(d); ctx.Err() == nil && time.Now().Before(end); {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		times.Milliseconds(time.Since(start))
	}
	return times, ctx.Err()
}

// trips asks a server that answers nothing, first one request at a time, then as many at once as there are processors.
func trips(ctx context.Context, d time.Duration) (times Sample, rate float64, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	defer serving.Wait()
	defer server.Close()
	url := "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: runtime.NumCPU()}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	if times, err = tripsOfOne(ctx, client, url, d); err != nil {
		return nil, 0, err
	}
	counts, errs := make([]int, runtime.NumCPU()), make([]error, runtime.NumCPU())
	var all sync.WaitGroup
	start := time.Now()
	for i := range counts {
		all.Go(func() {
			var s Sample
			s, errs[i] = tripsOfOne(ctx, client, url, d)
			counts[i] = len(s)
		})
	}
	all.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return times, float64(total) / time.Since(start).Seconds(), errors.Join(errs...)
}

func tripsOfOne(ctx context.Context, client *http.Client, url string, d time.Duration) (times Sample, err error) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		start := time.Now()
		if err := Get(ctx, client, url, ""); err != nil {
			return nil, err
		}
		times.Milliseconds(time.Since(start))
	}
	return times, nil
}

// Get makes a request, with an access token unless that is empty, and reads the answer, which must be a success.
func Get(ctx context.Context, client *http.Client, url, token string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("%s answered %d", url, response.StatusCode))
	}
	return errors.Join(err, response.Body.Close())
}
