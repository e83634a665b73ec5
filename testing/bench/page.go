package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	pageItems     = 100_000
	pageBudget    = 100 // ms, p99 of what a person waits for
	longBudget    = 300 // ms, for a look through all of the log
	wireBudget    = 300 // KB of the first page, compressed
	dashboards    = 50
	memoryBudget  = 20 // MB more with all of them open
	dashboardTime = 8 * time.Second
	pageLimit     = 4 * time.Minute
)

// page measures what a person waits for on the page, at a site with many items and many log lines, and what open pages
// cost.
func page(s *stage, n size) []measure.Row {
	a := harness.Start(s, harness.Options{Settings: fmt.Sprintf("[log.database]\nmax_number_of_logs = %d\n", max(n.lines, 100_000))})
	south := s.manyItems(a)
	a.Stop()
	s.must(prepareJournal(filepath.Join(a.Dir, "logs"), n.lines))
	a.Start()
	ctx, cancel := s.within(pageLimit)
	defer cancel()
	s.pause(2 * time.Second) // what a start leaves to do
	var rows []measure.Row
	group := fmt.Sprintf("Page and REST API with %s items and %s log lines", measure.Number(pageItems), measure.Number(float64(n.lines)))
	items := "/api/south/" + south + "/items/search"
	for _, c := range []struct {
		name, path string
		times      int
		budget     float64
	}{
		{"the dashboard", "/", 200, pageBudget},
		{"the page of a south", "/souths/" + south, 200, pageBudget},
		{"lists of connectors with states", "/api/connectors", 200, pageBudget},
		{"a south without its items", "/api/south/" + south + "?items=false", 200, pageBudget},
		{"first page of items", items + "?page=0", 200, pageBudget},
		{"last page of items", items + fmt.Sprintf("?page=%d", pageItems/50-1), 200, pageBudget},
		{"items by part of a name", items + "?name=99999", 200, pageBudget},
		{"items sorted by scan mode", items + "?sort=-scanMode", 200, pageBudget},
		{"newest page of the log", "/api/logs?start=2020-01-01T00:00:00.000Z", 100, longBudget},
		{"a level in the whole log", "/api/logs?start=2020-01-01T00:00:00.000Z&levels=error", 100, longBudget},
		{"a text in the whole log", "/api/logs?start=2020-01-01T00:00:00.000Z&messageContent=nothing-has-this", 100, longBudget},
	} {
		rows = append(rows, s.answers(ctx, a, group, c.name, c.path, c.times, c.budget))
	}
	rows = append(rows, s.past(ctx, a, group, south)...)
	rows = append(rows, s.wire(ctx, a))
	a.Stop()
	small := harness.Start(s, harness.Options{}) // what 100,000 items leave behind would hide what pages take
	s.pause(dashboardTime)
	return append(rows, s.dashboards(ctx, small))
}

// manyItems makes a south with many items.
func (s *stage) manyItems(a *harness.Agent) (id string) {
	ctx, cancel := s.within(pageLimit)
	defer cancel()
	var made struct{ ID string }
	s.must(a.JSON(ctx, "POST", "/api/south", map[string]any{"name": "Many", "type": "folder-scanner", "description": "", "enabled": false, "items": []any{}, "groups": []any{},
		"settings": map[string]any{"inputFolder": "/nowhere", "compression": false, "username": nil, "password": nil, "domain": nil}}, &made))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	s.must(errors.Join(form.WriteField("delimiter", ","), form.WriteField("deleteItemsNotPresent", "false")))
	table, err := form.CreateFormFile("itemsToImport", "items.csv")
	s.must(err)
	fmt.Fprintln(table, "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive")
	for i := range pageItems {
		fmt.Fprintf(table, "item %06d,true,Every minute,.*,1000,true,false,0,0,false\n", i)
	}
	current, err := form.CreateFormFile("currentItems", "current.json")
	s.must(err)
	_, err = io.WriteString(current, "[]")
	s.must(errors.Join(err, form.Close()))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/api/south/"+made.ID+"/items/import/table", &body)
	s.must(err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.SetBasicAuth(a.Login, a.Password)
	_, err = s.read(a, request)
	s.must(err)
	return made.ID
}

// read makes a request that must succeed.
func (s *stage) read(a *harness.Agent, request *http.Request) ([]byte, error) {
	answer, err := a.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %d - %.500s", request.Method, request.URL.Path, answer.StatusCode, text)
	}
	return text, err
}

func (s *stage) get(ctx context.Context, a *harness.Agent, path, encoding string) []byte {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+path, nil)
	s.must(err)
	request.SetBasicAuth(a.Login, a.Password)
	request.Header.Set("Accept-Encoding", encoding) // as it is on the wire: the client unpacks only what it asked for itself
	text, err := s.read(a, request)
	s.must(err)
	return text
}

// answers measures one operation, one call after the other.
func (s *stage) answers(ctx context.Context, a *harness.Agent, group, name, path string, times int, budget float64) measure.Row {
	return waits(group, name, times, budget, func() int { return len(s.get(ctx, a, path, "gzip")) })
}

// waits does something some times; do returns how many bytes were had.
func waits(group, name string, times int, budget float64, do func() int) measure.Row {
	var took measure.Sample
	bytes := 0
	for range times {
		start := time.Now()
		bytes = do()
		took.Milliseconds(time.Since(start))
	}
	return measure.Row{Group: group, Name: name + ", p99", Value: took.Percentile(99), Unit: "ms",
		Detail: fmt.Sprintf("p50 %s ms, most %s ms of %d; %s KB", measure.Number(took.Median()), measure.Number(took.Max()), len(took), measure.Number(float64(bytes)/1024))}.AtMost(budget)
}

// past makes a history query of the items of a south, opens it and saves its settings.
func (s *stage) past(ctx context.Context, a *harness.Agent, group, south string) []measure.Row {
	var modes []struct{ ID string }
	s.must(a.JSON(ctx, http.MethodGet, "/api/scan-modes", nil, &modes))
	body := map[string]any{"name": "Past", "description": "", "southType": "folder-scanner", "northType": "console", "items": []any{}, "northTransformers": []any{},
		"queryTimeRange": map[string]any{"startTime": "2026-01-01T00:00:00.000Z", "endTime": "2026-01-02T00:00:00.000Z", "maxReadInterval": 3600, "readDelay": 0},
		"southSettings":  map[string]any{"inputFolder": "/nowhere", "compression": false, "username": nil, "password": nil, "domain": nil}, "northSettings": map[string]any{"verbose": false},
		"caching": map[string]any{"trigger": map[string]any{"scanModeId": modes[0].ID, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 200, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 1000, "retryCount": 1, "retentionDuration": 24}, "archive": map[string]any{"enabled": false, "retentionDuration": 72}}}
	var made struct{ ID string }
	s.must(a.JSON(ctx, http.MethodPost, "/api/history?items=copy&fromSouth="+south, body, &made))
	at := "/api/history/" + made.ID
	return []measure.Row{
		s.answers(ctx, a, group, "a history query without its items", at+"?items=false", 200, pageBudget),
		waits(group, "its settings, saved", 50, pageBudget, func() int {
			s.must(a.JSON(ctx, http.MethodPut, at+"?items=keep", body, nil))
			return 0
		}),
	}
}

var (
	linked   = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)
	imported = regexp.MustCompile(`(?:from|import)\s*\(?['"](\.{1,2}/[^'"]+|/assets/[^'"]+)['"]`)
)

// wire adds up what a browser loads with the first page: the page, its style and its modules.
func (s *stage) wire(ctx context.Context, a *harness.Agent) measure.Row {
	packed, plain := 0, 0
	load := func(path string) string {
		text := s.get(ctx, a, path, "identity")
		plain += len(text)
		packed += len(s.get(ctx, a, path, "gzip"))
		return string(text)
	}
	seen, next := map[string]bool{}, []string{}
	for _, found := range linked.FindAllStringSubmatch(load("/"), -1) {
		next = append(next, found[1])
	}
	for len(next) > 0 {
		at := next[0]
		if next = next[1:]; seen[at] {
			continue
		}
		seen[at] = true
		text := load(at)
		if !strings.HasSuffix(at, ".js") {
			continue
		}
		for _, found := range imported.FindAllStringSubmatch(text, -1) {
			if target := found[1]; strings.HasPrefix(target, "/") {
				next = append(next, target)
			} else {
				next = append(next, path.Join(path.Dir(at), target))
			}
		}
	}
	return measure.Row{Group: "The page on the wire", Name: "first load, compressed", Value: float64(packed) / 1024, Unit: "KB",
		Detail: fmt.Sprintf("%d files, %s KB unpacked; later pages have them in the cache of the browser", len(seen)+1, measure.Number(float64(plain)/1024))}.AtMost(wireBudget)
}

// dashboards measures the memory that open pages take: each has two streams.
func (s *stage) dashboards(ctx context.Context, a *harness.Agent) measure.Row {
	row := measure.Row{Group: "The page on the wire", Name: fmt.Sprintf("memory of the agent with %d open dashboards", dashboards), Unit: "MB more"}.AtMost(memoryBudget)
	before, err := measure.MemoryOf(a.PID())
	if err != nil {
		return row.Absent(err.Error())
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for i := range 2 * dashboards {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+[]string{"/page/live", "/sse/connectors"}[i%2], nil)
		s.must(err)
		request.SetBasicAuth(a.Login, a.Password)
		answer, err := client.Do(request)
		s.must(err)
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			s.Fatalf("%s: %d", request.URL.Path, answer.StatusCode)
		}
		one := make([]byte, 1)
		if _, err := answer.Body.Read(one); err != nil {
			s.must(err)
		}
	}
	s.pause(dashboardTime) // nobody reads what is sent meanwhile: it fits into the buffers of the system
	after, err := measure.MemoryOf(a.PID())
	if err != nil {
		return row.Absent(err.Error())
	}
	row.Value = (float64(after.Resident) - float64(before.Resident)) / mebibyte
	row.Detail = fmt.Sprintf("two streams each; resident %s MB, before %s MB", measure.Number(float64(after.Resident)/mebibyte), measure.Number(float64(before.Resident)/mebibyte))
	return row
}
