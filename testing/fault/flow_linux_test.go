package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// flow is data on its way from sources through an agent to a cloud, while everything in between fails.
type flow struct {
	t   *testing.T
	rng *rand.Rand
	s   *site.Site

	duration, everyKill time.Duration
	folders, posters    int
	full                bool // the disk in the middle

	mu      sync.Mutex
	handed  map[string]bool // values that a source handed over
	northID string
	resent  int // values that a source handed over again, because it had no answer
	arrived map[string]int
	after   uint64
}

const (
	rowsAFile    = 20
	arriveWithin = 30 * time.Second // something at least, of what is on its way
	everyFile    = 30 * time.Millisecond
)

func TestWhatASourceHandedOverArrives(t *testing.T) {
	t.Parallel()
	(&flow{t: t, duration: 15 * time.Second, everyKill: 4 * time.Second, folders: 5, posters: 5, full: true}).run()
}

func TestSweepWhatASourceHandedOverArrives(t *testing.T) {
	sweep(t)
	t.Parallel()
	(&flow{t: t, duration: 10 * time.Minute, everyKill: 4 * time.Second, folders: 5, posters: 5, full: true}).run()
}

// Without kills and without answers that are lost after the fact, nothing arrives twice, whatever else fails.
func TestNothingArrivesTwiceWhileAnswersArrive(t *testing.T) {
	t.Parallel()
	f := &flow{t: t, duration: 8 * time.Second, folders: 3, posters: 3}
	f.run()
	if twice, _ := f.doubled(); twice > 0 {
		t.Errorf("%d values arrived more than once", twice)
	}
}

// rules are the ways in which the target fails. Those that process a request and lose the answer come with kills only.
func (f *flow) rules() []cloudsim.Rule {
	rules := []cloudsim.Rule{
		{Endpoint: "D1", Probability: 0.10, Status: 429, RetryAfter: "1"},
		{Endpoint: "D1", Probability: 0.10, Status: 500},
		{Endpoint: "D1", Probability: 0.05, Status: 503},
		{Endpoint: "D1", Probability: 0.05, Drop: true},
		{Endpoint: "D1", Probability: 0.20, DelayMS: 300},
	}
	if f.everyKill > 0 {
		rules = append(rules,
			cloudsim.Rule{Endpoint: "D1", Probability: 0.05, Drop: true, Process: true},
			cloudsim.Rule{Endpoint: "D1", Probability: 0.03, DelayMS: 4000}) // longer than the north waits
	}
	for i := range rules {
		rules[i].Seed = f.rng.Uint64()
	}
	return rules
}

func (f *flow) run() {
	f.rng = dice(f.t)
	f.handed, f.arrived = map[string]bool{}, map[string]int{}
	var o site.Options
	var d *disk
	if f.full {
		d = newDisk(f.t, 192)
		o.Dir = filepath.Join(d.dir, "data")
	}
	f.s = site.Start(f.t, o)
	inputs := f.configure()
	for _, r := range f.rules() {
		if _, err := f.s.Sim.AddRule(r); err != nil {
			f.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), f.duration)
	defer cancel()
	var sources sync.WaitGroup
	for i, dir := range inputs {
		sources.Go(func() { f.feed(ctx, dir, fmt.Sprintf("f%d", i)) })
	}
	for i := range f.posters {
		sources.Go(func() { f.post(ctx, fmt.Sprintf("p%d", i)) })
	}
	f.torment(ctx, d)
	sources.Wait()
	f.s.Sim.ResetRules()
	f.settle(inputs)
}

// torment kills the agent, fills the disk, and collects what arrives, until ctx is done.
func (f *flow) torment(ctx context.Context, d *disk) {
	start, killed, kills := time.Now(), time.Now(), 0
	var free func()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		f.collect()
		if f.everyKill > 0 && time.Since(killed) > f.everyKill {
			f.s.Kill()
			f.s.Start()
			killed = time.Now()
			kills++
		}
		switch since := time.Since(start); {
		case d != nil && free == nil && since > f.duration/3:
			free = fill(f.t, d.dir)
		case free != nil && d != nil && since > f.duration/3+fullFor:
			free()
			d = nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	if free != nil && d != nil {
		free()
	}
	f.t.Logf("%d kills in %v", kills, f.duration)
}

// settle waits until everything that was handed over has arrived.
func (f *flow) settle(inputs []string) {
	missing := func() (n int, example string) {
		f.collect()
		f.mu.Lock()
		defer f.mu.Unlock()
		for v := range f.handed {
			if f.arrived[v] == 0 {
				n, example = n+1, v
			}
		}
		return n, example
	}
	done := func() bool {
		for _, dir := range inputs {
			if left, err := filepath.Glob(filepath.Join(dir, "*.csv")); err != nil || len(left) > 0 {
				return false
			}
		}
		n, _ := missing()
		return n == 0
	}
	for before := -1; ; { // as long as there is progress: the backlog of ten minutes takes its time
		ctx, cancel := context.WithTimeout(f.t.Context(), arriveWithin)
		arrived := harness.UntilDone(ctx, done)
		cancel()
		n, example := missing()
		if arrived {
			break
		}
		if n == before {
			f.t.Errorf("%d of %d values that were handed over did not arrive, for example %q", n, len(f.handed), example)
			break
		}
		before = n
	}
	twice, most := f.doubled()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.handed) == 0 {
		f.t.Error("no source could hand over anything")
	}
	f.t.Logf("%d values handed over, %d handed over again, %d arrived more than once, at most %d times", len(f.handed), f.resent, twice, most)
}

func (f *flow) doubled() (values, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.arrived {
		most = max(most, n)
		if n > 1 {
			values++
		}
	}
	return values, most
}

// collect counts the values that arrived since it was called last.
func (f *flow) collect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.s.Sim.Data(cloudsim.DataFilter{After: f.after}) {
		f.after = max(f.after, d.Seq)
		var values []struct{ PointID string }
		if err := json.Unmarshal(d.Content, &values); err != nil {
			f.t.Errorf("delivery %d is no array of values: %v", d.Seq, err)
			continue
		}
		for _, v := range values {
			f.arrived[v.PointID]++
		}
	}
}

// table makes the rows of one file, whose values nobody else has.
func table(source string, n int) (text string, values []string) {
	var b strings.Builder
	b.WriteString("id;timestamp;value\n")
	for row := range rowsAFile {
		id := fmt.Sprintf("%s-%06d-%02d", source, n, row)
		values = append(values, id)
		fmt.Fprintf(&b, "%s;2024-01-15T10:00:00.000Z;%d\n", id, row)
	}
	return b.String(), values
}

func (f *flow) hand(values []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range values {
		f.handed[v] = true
	}
}

// feed puts files into a folder, where the agent takes and deletes them.
func (f *flow) feed(ctx context.Context, dir, name string) {
	for n := 0; ctx.Err() == nil; n++ {
		text, values := table(name, n)
		temporary := filepath.Join(dir, "new.part")
		path := filepath.Join(dir, fmt.Sprintf("%06d.csv", n))
		if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
			f.t.Error(err)
			return
		}
		if err := os.Rename(temporary, path); err != nil {
			f.t.Error(err)
			return
		}
		f.hand(values)
		f.pause(ctx)
	}
}

func (f *flow) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(everyFile):
	}
}

// post uploads files until each was taken.
func (f *flow) post(ctx context.Context, name string) {
	client := http.Client{Timeout: 5 * time.Second}
	for n := 0; ctx.Err() == nil; n++ {
		text, values := table(name, n)
		for tries := 0; ctx.Err() == nil; tries++ {
			if tries > 0 {
				f.mu.Lock()
				f.resent += len(values)
				f.mu.Unlock()
			}
			if f.upload(ctx, &client, name, text) {
				f.hand(values)
				break
			}
			f.pause(ctx)
		}
		f.pause(ctx)
	}
}

func (f *flow) upload(ctx context.Context, client *http.Client, name, text string) bool {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", name+".csv")
	if err != nil {
		f.t.Error(err)
		return false
	}
	if _, err := part.Write([]byte(text)); err != nil {
		f.t.Error(err)
		return false
	}
	if err := w.Close(); err != nil {
		f.t.Error(err)
		return false
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, f.s.URL+"/api/content/file?dataSourceId=posted&northId="+f.north(), &body)
	if err != nil {
		f.t.Error(err)
		return false
	}
	q.Header.Set("Content-Type", w.FormDataContentType())
	q.SetBasicAuth(f.s.Login, f.s.Password)
	answer, err := client.Do(q)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusNoContent
}

func (f *flow) north() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.northID
}

// configure makes souths that scan folders, and a north to the cloud with a transformer for all.
func (f *flow) configure() (inputs []string) {
	transformer := f.transformer("csv-to-time-values")
	second := f.scanMode("Every second")
	binding := func(source map[string]any) map[string]any {
		return map[string]any{"id": "", "transformerId": transformer, "source": source, "options": map[string]any{
			"delimiter": "SEMI_COLON", "hasHeader": true, "pointIdColumn": "id", "timestampColumn": "timestamp", "valueColumn": "value",
			"timestampSettings": map[string]any{"type": "iso-string"}}}
	}
	bindings := []any{binding(map[string]any{"type": "oibus-api", "dataSourceId": "posted"})}
	for i := range f.folders {
		dir := f.t.TempDir()
		inputs = append(inputs, dir)
		id := f.make("/api/south", map[string]any{"name": fmt.Sprintf("folder %d", i), "type": "folder-scanner", "description": "", "enabled": true, "groups": []any{},
			"settings": map[string]any{"inputFolder": dir, "compression": false},
			"items": []any{map[string]any{"id": "", "name": "files", "enabled": true, "scanModeId": second, "scanModeName": nil, "groupId": nil, "groupName": nil, "syncWithGroup": false,
				"maxReadInterval": nil, "readDelay": nil, "startTimeOffset": nil, "endTimeOffset": nil, "recoveryStrategy": nil,
				"settings": map[string]any{"regex": `.*\.csv$`, "minAge": 1, "preserveFiles": false, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}}}})
		bindings = append(bindings, binding(map[string]any{"type": "south", "southId": id, "items": []any{}}))
	}
	f.northID = f.make("/api/north", map[string]any{"name": "cloud", "type": "oianalytics", "description": "", "enabled": true,
		"settings": map[string]any{"useOiaModule": true, "timeout": 2, "compress": false},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": second, "scanModeName": nil, "numberOfElements": 1000, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 20, "maxSize": 0, "maxNumberOfElements": 500},
			"error":      map[string]any{"retryInterval": 200, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": bindings})
	return inputs
}

func (f *flow) make(path string, body map[string]any) string {
	f.t.Helper()
	var made struct{ ID string }
	if err := f.s.JSON(f.t.Context(), "POST", path, body, &made); err != nil {
		f.t.Fatal(err)
	}
	return made.ID
}

func (f *flow) transformer(function string) string {
	f.t.Helper()
	var list []struct{ ID, FunctionName string }
	if err := f.s.JSON(f.t.Context(), "GET", "/api/transformers/list", nil, &list); err != nil {
		f.t.Fatal(err)
	}
	for _, one := range list {
		if one.FunctionName == function {
			return one.ID
		}
	}
	f.t.Fatalf("there is no transformer %q", function)
	return ""
}

func (f *flow) scanMode(name string) string {
	f.t.Helper()
	var list []struct{ ID, Name string }
	if err := f.s.JSON(f.t.Context(), "GET", "/api/scan-modes", nil, &list); err != nil {
		f.t.Fatal(err)
	}
	for _, one := range list {
		if one.Name == name {
			return one.ID
		}
	}
	f.t.Fatalf("there is no scan mode %q", name)
	return ""
}
