package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	flowLimit = 5 * time.Minute
	// flowBudget is what 1,000,000 values may take from an input to acknowledged delivery.
	flowBudget = 10 * time.Second
	// searchBudget is for a search in 100,000 cached files.
	searchBudget = 100 * time.Millisecond
	posters      = 32
)

// target stands for OIAnalytics: it takes values as fast as it can and counts them.
type target struct {
	url    string
	values atomic.Int64
	closed atomic.Bool // answers 503
}

// newTarget starts one that ends with the stage.
func newTarget(s *stage) *target {
	t := &target{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	server := &http.Server{Handler: t, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	s.Cleanup(func() { _ = server.Close(); <-done })
	t.url = "http://" + l.Addr().String()
	return t
}

var mark = []byte(`"pointId"`)

func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.closed.Load() {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	buf := make([]byte, 256<<10)
	n, kept := int64(0), 0
	for {
		read, err := r.Body.Read(buf[kept:])
		have := buf[:kept+read]
		n += int64(bytes.Count(have, mark))
		kept = min(len(mark)-1, len(have)) // a mark may lie across two readings
		if bytes.HasSuffix(have, mark) {
			kept = 0
		}
		copy(buf, have[len(have)-kept:])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return
		}
	}
	t.values.Add(n)
	w.WriteHeader(http.StatusOK)
}

// plant is an agent with one north to a target, which takes posted CSV.
type plant struct {
	s     *stage
	a     *harness.Agent
	t     *target
	north string
	http  *http.Client
}

func newPlant(s *stage) *plant {
	p := &plant{s: s, t: newTarget(s), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: posters}}}
	p.a = harness.Start(s, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	s.Cleanup(p.http.CloseIdleConnections)
	binding := map[string]any{"id": "", "transformerId": p.find("/api/transformers/list", "functionName", "csv-to-time-values"),
		"source": map[string]any{"type": "oibus-api", "dataSourceId": "csv"},
		"options": map[string]any{"delimiter": "SEMI_COLON", "hasHeader": true, "pointIdColumn": "id", "timestampColumn": "timestamp", "valueColumn": "value",
			"timestampSettings": map[string]any{"type": "iso-string"}}}
	var made struct{ ID string }
	s.must(p.a.JSON(s.context, "POST", "/api/north", map[string]any{"name": "target", "type": "oianalytics", "description": "", "enabled": true,
		"settings": map[string]any{"useOiaModule": false, "timeout": 30, "compress": false, "specificSettings": map[string]any{
			"host": p.t.url, "acceptUnauthorized": false, "authentication": "basic", "accessKey": "k", "secretKey": "s", "useProxy": false}},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": p.find("/api/scan-modes", "name", "Every second"), "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{binding}}, &made))
	p.north = made.ID
	p.settle()
	return p
}

// Of settle: an agent is at rest when it takes less than restCPU in each of two periods. It begins to make its keys a
// second after its start.
const (
	restPeriod  = time.Second
	restCPU     = 20 * time.Millisecond
	settleLimit = 2 * time.Minute
)

// settle waits until the agent has made its keys, so that only what it does with data is measured.
func (p *plant) settle() {
	ctx, cancel := p.s.within(settleLimit)
	defer cancel()
	before, err := measure.TimesOf(p.a.PID())
	p.s.must(err)
	for calm := 0; calm < 2; {
		p.s.must(ctx.Err())
		p.s.pause(restPeriod)
		now, err := measure.TimesOf(p.a.PID())
		p.s.must(err)
		if calm++; now.CPU-before.CPU > restCPU {
			calm = 0
		}
		before = now
	}
}

// find returns the id of an object in a list.
func (p *plant) find(path, key, value string) string {
	var list []map[string]any
	p.s.must(p.a.JSON(p.s.context, "GET", path, nil, &list))
	for _, one := range list {
		if one[key] == value {
			return fmt.Sprint(one["id"])
		}
	}
	p.s.Fatalf("%s lists no %q", path, value)
	return ""
}

// table is a CSV file.
func table(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id;timestamp;value\n")
	at := time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)
	for i := range rows {
		fmt.Fprintf(&b, "point%03d;%s;%d.5\n", i%1000, at.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000Z"), i)
	}
	return b.Bytes()
}

// post hands over one file and waits until it is acknowledged.
func (p *plant) post(ctx context.Context, file []byte) error {
	var head, end bytes.Buffer
	w := multipart.NewWriter(&head)
	if _, err := w.CreateFormFile("file", "values.csv"); err != nil {
		return err
	}
	fmt.Fprintf(&end, "\r\n--%s--\r\n", w.Boundary())
	body := io.MultiReader(&head, bytes.NewReader(file), &end)
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, p.a.URL+"/api/content/file?dataSourceId=csv&northId="+url.QueryEscape(p.north), body)
	if err != nil {
		return err
	}
	q.ContentLength = int64(head.Len() + len(file) + end.Len())
	q.Header.Set("Content-Type", w.FormDataContentType())
	q.SetBasicAuth(p.a.Login, p.a.Password)
	answer, err := p.http.Do(q)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	err = errors.Join(err, answer.Body.Close())
	if err == nil && answer.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("the upload was answered %d %s", answer.StatusCode, text)
	}
	return err
}

// postAll hands over n files from several connections at once.
func (p *plant) postAll(ctx context.Context, n, connections int, file []byte) {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, connections)
	for i := range errs {
		wg.Go(func() {
			for errs[i] == nil && int(next.Add(1)) <= n {
				errs[i] = p.post(ctx, file)
			}
		})
	}
	wg.Wait()
	p.s.must(errors.Join(errs...))
}

func (p *plant) arrived(ctx context.Context, n int64) {
	if !harness.UntilDone(ctx, func() bool { return p.t.values.Load() >= n }) {
		p.s.Fatalf("%d of %d values arrived\n%s", p.t.values.Load(), n, p.a.Output())
	}
}

// usage is what a process took while something ran.
func (p *plant) usage(f func()) (cpu time.Duration, resident uint64) {
	before, err := measure.TimesOf(p.a.PID())
	p.s.must(err)
	ctx, cancel := context.WithCancel(p.s.context)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if m, err := measure.MemoryOf(p.a.PID()); err == nil {
				resident = max(resident, m.Resident)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	f()
	cancel()
	wg.Wait()
	after, err := measure.TimesOf(p.a.PID())
	p.s.must(err)
	return after.CPU - before.CPU, resident
}

// flow measures data on its way from an upload to a target.
func flow(s *stage, n size) []measure.Row {
	rows := millionValues(s, n.values)
	for _, each := range []struct{ values, contents int }{{1, n.contents}, {100, n.contents}, {10_000, n.contents / 50}} {
		rows = append(rows, contents(s, each.values, each.contents)...)
	}
	return append(rows, searches(s, n.cached)...)
}

func millionValues(s *stage, values int) []measure.Row {
	p := newPlant(s)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	const files = 10
	file := table(values / files)
	var took, taken time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		p.postAll(ctx, files, 2, file)
		taken = time.Since(start)
		p.arrived(ctx, int64(values))
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("%s values as %d CSV files, posted, transformed, delivered", measure.Number(float64(values)), files)
	million := float64(values) / 1e6
	return []measure.Row{
		measure.Row{Group: group, Name: "until all are delivered", Value: took.Seconds(), Unit: "s",
			Detail: fmt.Sprintf("%s values/s; all durable after %.2f s", measure.Number(float64(values)/took.Seconds()), taken.Seconds())}.AtMost(flowBudget.Seconds() * million),
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / million, Unit: "s", Detail: "a million values"},
		{Group: group, Name: "most resident", Value: float64(resident) / mebibyte, Unit: "MB"},
	}
}

func contents(s *stage, values, n int) []measure.Row {
	p := newPlant(s)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	file := table(values)
	var took, taken time.Duration
	cpu, resident := p.usage(func() {
		start := time.Now()
		p.postAll(ctx, n, posters, file)
		taken = time.Since(start)
		p.arrived(ctx, int64(values*n))
		took = time.Since(start)
	})
	p.a.Stop()
	group := fmt.Sprintf("contents of %s values, posted from %d connections", measure.Number(float64(values)), posters)
	return []measure.Row{
		{Group: group, Name: "acknowledged", Value: float64(n) / taken.Seconds(), Unit: "contents/s",
			Detail: fmt.Sprintf("%s contents; the disk alone: %s flushes/s", measure.Number(float64(n)), measure.Number(1000/s.limits.Flush.Median()))},
		{Group: group, Name: "delivered", Value: float64(values*n) / took.Seconds(), Unit: "values/s"},
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds() / (float64(values*n) / 1e6), Unit: "s", Detail: "a million values; resident at most " + measure.Number(float64(resident)/mebibyte) + " MB"},
	}
}

// searches measures the search in what waits for a target that is down.
func searches(s *stage, cached int) []measure.Row {
	p := newPlant(s)
	p.t.closed.Store(true)
	ctx, cancel := s.within(flowLimit)
	defer cancel()
	p.postAll(ctx, cached, posters, table(1))
	var times measure.Sample
	path := "/api/north/" + p.north + "/cache/search?nameContains=" + strings.Repeat("z", 3) + "&maxNumberOfFilesReturned=1000"
	for range 11 {
		start := time.Now()
		s.must(p.a.JSON(ctx, "GET", path, nil, &struct{}{}))
		times.Milliseconds(time.Since(start))
	}
	m, err := measure.MemoryOf(p.a.PID())
	s.must(err)
	p.a.Stop()
	group := measure.Number(float64(cached)) + " contents wait in the cache"
	row := measure.Row{Group: group, Name: "search by name", Value: times.Median(), Unit: "ms", Detail: "median of 11"}
	if cached >= 100_000 {
		row = row.AtMost(float64(searchBudget.Milliseconds()))
	}
	return []measure.Row{row, {Group: group, Name: "resident", Value: float64(m.Resident) / mebibyte, Unit: "MB"}}
}
