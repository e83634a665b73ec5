package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// Isolation: a target that is dead or slow and a source that floods disturb nobody else.
const (
	slowAnswer    = 2 * time.Second
	ordinaryPause = 50 * time.Millisecond // between two files of the ordinary source
	window        = 3 * time.Second       // in which the files of the ordinary source that arrive are counted
	windows       = 3                     // of which one must be good: other programs use the machine, too
	answersWithin = 10 * time.Second      // the page, and the REST API
	residentBound = 160 << 20             // of the agent, however much waits
	floodFiles    = 2000                  // of one value each
	rowsABigFile  = 10_000
	manyElements  = 10_000 // in one request
	fewElements   = 500    // fewer than the ordinary source makes while the slow target answers
	slowRequests  = 500    // that a large backlog makes at least, which takes a quarter of an hour
)

func TestABadTargetAndAFloodDisturbNobodyElse(t *testing.T) {
	t.Parallel()
	(&isolation{t: t, backlog: 200_000, within: time.Minute}).run()
}

func TestSweepABacklogOfTenMillionValuesTakesNoMemory(t *testing.T) {
	sweep(t)
	t.Parallel()
	(&isolation{t: t, backlog: 10_000_000, within: 15 * time.Minute}).run()
}

// isolation is an agent with an ordinary source and a good target, next to which others misbehave.
type isolation struct {
	t       *testing.T
	s       *site.Site
	m       *flow // makes connectors
	backlog int   // values that wait for the dead target
	within  time.Duration

	healthy, slow, dead      *receiver
	norths                   []string
	ordinary, flood, uploads atomic.Int64 // values that were handed over
	resident                 uint64
	slowest                  time.Duration // answer of the page or the REST API
}

func (i *isolation) run() {
	i.s = site.Start(i.t, site.Options{})
	begun := time.Now()
	i.m = &flow{t: i.t, s: i.s}
	ordinary, flood := i.t.TempDir(), i.t.TempDir()
	souths := []string{i.south("ordinary", ordinary)}
	ctx, cancel := context.WithCancel(i.t.Context())
	var source, watcher sync.WaitGroup
	defer watcher.Wait()
	defer source.Wait()
	defer cancel()
	feeding, dry := context.WithCancel(ctx)
	defer dry()

	i.healthy = newReceiver(i.t, harness.FreePort(i.t))
	i.healthy.open()
	souths = append(souths, i.south("flood", flood))
	i.norths = []string{i.north("healthy", i.healthy, souths, manyElements)}
	source.Go(func() { i.feed(feeding, ordinary) })
	watcher.Go(func() { i.watch(ctx) })
	i.until("the ordinary source begins to arrive", func() bool { return i.healthy.count("o") > 0 })
	alone := i.arrivals()

	i.slow, i.dead = newReceiver(i.t, harness.FreePort(i.t)), newReceiver(i.t, harness.FreePort(i.t))
	i.slow.delay.Store(int64(slowAnswer))
	i.slow.open()
	i.norths = append(i.norths, i.north("slow", i.slow, souths, max(fewElements, i.backlog/slowRequests)), i.north("dead", i.dead, souths, manyElements))
	from := i.ordinary.Load() // what the dead and the slow target are to get at the latest
	i.pour(flood)
	flooding, stop := context.WithCancel(ctx)
	var posters sync.WaitGroup
	for range 2 {
		posters.Go(func() { i.post(flooding) })
	}
	beside := 0
	for range windows {
		if beside = i.arrivals(); beside >= alone/2 {
			break
		}
	}
	stop()
	posters.Wait()
	dry()
	source.Wait()
	if beside < alone/2 || beside == 0 {
		i.t.Errorf("%d values of the ordinary source arrived in %v beside bad targets and a flood, %d without them", beside, window, alone)
	}
	i.t.Logf("ordinary source in %v: %d values alone, %d beside bad targets and a flood; slow target %d values; slowest answer %v",
		window, alone, beside, i.slow.count("o"), i.slowest)

	i.until("everything is at the healthy target, and out of the folders", func() bool { return i.complete(i.healthy, 0) && empty(ordinary) && empty(flood) })
	if n := i.dead.total(); n > 0 {
		i.t.Errorf("%d values arrived at the dead target", n)
	}
	if i.complete(i.slow, from) {
		i.t.Error("the slow target has everything already: it is not slow")
	}
	i.slow.delay.Store(0)
	i.dead.open()
	for name, r := range map[string]*receiver{"healthy": i.healthy, "slow": i.slow, "dead": i.dead} {
		least := from
		if r == i.healthy {
			least = 0
		}
		i.until("everything is at the target that was "+name, func() bool { return i.complete(r, least) })
		if twice := r.twice(); twice > 0 {
			i.t.Errorf("%d values arrived at the target that was %s more than once", twice, name)
		}
	}
	cancel()
	watcher.Wait()
	i.t.Logf("took %v", time.Since(begun))
	i.t.Logf("%d values of the ordinary source, %d of the flood, %d uploaded; resident at most %d MB",
		i.ordinary.Load(), i.flood.Load(), i.uploads.Load(), i.resident>>20)
	if i.resident > residentBound {
		i.t.Errorf("the agent had %d MB resident, at most %d are allowed", i.resident>>20, residentBound>>20)
	}
	if i.slowest > answersWithin {
		i.t.Errorf("an answer of the page or the REST API took %v", i.slowest)
	}
}

func (i *isolation) until(what string, reached func() bool) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), i.within)
	defer cancel()
	if !harness.UntilDone(ctx, reached) {
		text := ""
		for name, r := range map[string]*receiver{"healthy": i.healthy, "slow": i.slow, "dead": i.dead} {
			if r != nil {
				text += fmt.Sprintf("\n%s: %d ordinary, %d flood, %d uploads", name, r.count("o"), r.count("f"), r.count("u"))
			}
		}
		i.t.Fatalf("not within %v: %s; handed over: %d ordinary, %d flood, %d uploads%s", i.within, what, i.ordinary.Load(), i.flood.Load(), i.uploads.Load(), text)
	}
}

// arrivals counts the values of the ordinary source that arrive at the healthy target in one window.
func (i *isolation) arrivals() int {
	before := i.healthy.count("o")
	pause(window)
	return i.healthy.count("o") - before
}

// complete says whether r has everything that was handed over, of the ordinary source from a value on.
func (i *isolation) complete(r *receiver, from int64) bool {
	return r.has("o", from, i.ordinary.Load()) && r.has("f", 0, i.flood.Load()) && r.has("u", 0, i.uploads.Load())
}

// watch looks at the memory of the agent, and whether it answers.
func (i *isolation) watch(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		if m, err := measure.MemoryOf(i.s.PID()); err == nil {
			i.resident = max(i.resident, m.Resident)
		}
		if n%10 == 0 {
			path := []string{"/", "/api/north", "/api/south"}[n/10%3]
			start := time.Now()
			answer, err := i.s.Do(ctx, "GET", path, nil)
			if ctx.Err() != nil {
				return
			}
			if err != nil || answer.Status != http.StatusOK {
				i.t.Errorf("GET %s: %d, %v", path, answer.Status, err)
			}
			i.slowest = max(i.slowest, time.Since(start))
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// rows makes a file whose values are those of source from first on.
func rows(source string, first int64, n int) string {
	var b bytes.Buffer
	b.WriteString("id;timestamp;value\n")
	for at := range int64(n) {
		fmt.Fprintf(&b, "%s%09d;2024-01-15T10:00:00.000Z;%d\n", source, first+at, at)
	}
	return b.String()
}

// put moves a file into dir at once.
func (i *isolation) put(dir, name, text string) {
	temporary := filepath.Join(dir, "new.part")
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		i.t.Error(err)
		return
	}
	if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
		i.t.Error(err)
	}
}

// feed is the ordinary source.
func (i *isolation) feed(ctx context.Context, dir string) {
	for n := 0; ctx.Err() == nil; n++ {
		first := i.ordinary.Load()
		i.put(dir, fmt.Sprintf("%06d.csv", n), rows("o", first, rowsAFile))
		i.ordinary.Add(rowsAFile)
		select {
		case <-ctx.Done():
		case <-time.After(ordinaryPause):
		}
	}
}

// pour puts the flood into its folder: thousands of small files, and the backlog.
func (i *isolation) pour(dir string) {
	for n := range floodFiles {
		i.put(dir, fmt.Sprintf("small-%06d.csv", n), rows("f", i.flood.Load(), 1))
		i.flood.Add(1)
	}
	for left := i.backlog; left > 0; left -= rowsABigFile {
		i.put(dir, fmt.Sprintf("big-%09d.csv", left), rows("f", i.flood.Load(), rowsABigFile))
		i.flood.Add(rowsABigFile)
	}
}

func empty(dir string) bool {
	left, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	return err == nil && len(left) == 0
}

// post uploads as fast as the agent takes it, for all norths.
func (i *isolation) post(ctx context.Context) {
	client := http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	f := &flow{t: i.t, s: i.s, northID: i.norths[0] + "&northId=" + i.norths[1] + "&northId=" + i.norths[2]}
	for ctx.Err() == nil {
		n := i.uploads.Add(1)
		if !f.upload(i.t.Context(), &client, "u", rows("u", n-1, 1)) {
			i.t.Error("an upload was not taken")
			return
		}
	}
}

func (i *isolation) south(name, dir string) string {
	return i.m.make("/api/south", map[string]any{"name": name, "type": "folder-scanner", "description": "", "enabled": true, "groups": []any{},
		"settings": map[string]any{"inputFolder": dir, "compression": false},
		"items": []any{map[string]any{"id": "", "name": "files", "enabled": true, "scanModeId": i.m.scanMode("Every second"), "scanModeName": nil, "groupId": nil, "groupName": nil,
			"syncWithGroup": false, "maxReadInterval": nil, "readDelay": nil, "startTimeOffset": nil, "endTimeOffset": nil, "recoveryStrategy": nil,
			"settings": map[string]any{"regex": `.*\.csv$`, "minAge": 1, "preserveFiles": false, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}}}})
}

func (i *isolation) north(name string, to *receiver, souths []string, elements int) string {
	transformer := i.m.transformer("csv-to-time-values")
	binding := func(source map[string]any) map[string]any {
		return map[string]any{"id": "", "transformerId": transformer, "source": source, "options": map[string]any{
			"delimiter": "SEMI_COLON", "hasHeader": true, "pointIdColumn": "id", "timestampColumn": "timestamp", "valueColumn": "value",
			"timestampSettings": map[string]any{"type": "iso-string"}}}
	}
	bindings := []any{binding(map[string]any{"type": "oibus-api", "dataSourceId": "posted"})}
	for _, id := range souths {
		bindings = append(bindings, binding(map[string]any{"type": "south", "southId": id, "items": []any{}}))
	}
	return i.m.make("/api/north", map[string]any{"name": name, "type": "oianalytics", "description": "", "enabled": true,
		"settings": map[string]any{"useOiaModule": false, "timeout": 30, "compress": false, "specificSettings": map[string]any{
			"host": to.url(), "acceptUnauthorized": false, "authentication": "basic", "accessKey": "k", "secretKey": "s", "useProxy": false}},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": i.m.scanMode("Every second"), "scanModeName": nil, "numberOfElements": 1000, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 20, "maxSize": 0, "maxNumberOfElements": elements},
			"error":      map[string]any{"retryInterval": 200, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": bindings})
}

// receiver is a target that notes which values it got, at a port where nothing listens until it is opened.
type receiver struct {
	t     *testing.T
	port  int
	delay atomic.Int64 // of each answer

	mu      sync.Mutex
	got     map[string]*numbers // by source
	doubled int
}

// numbers is a set of small numbers.
type numbers struct {
	bits []uint64
	n    int
}

func (s *numbers) holds(n int64) bool {
	return n/64 < int64(len(s.bits)) && s.bits[n/64]&(1<<(n%64)) != 0
}

func newReceiver(t *testing.T, port int) *receiver {
	return &receiver{t: t, port: port, got: map[string]*numbers{"o": {}, "f": {}, "u": {}}}
}

func (r *receiver) url() string { return "http://127.0.0.1:" + strconv.Itoa(r.port) }

// open begins to listen, until the end of the test.
func (r *receiver) open() {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	r.t.Cleanup(func() { _ = server.Close(); <-done })
}

var pointID = []byte(`"pointId":"`)

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	if d := time.Duration(r.delay.Load()); d > 0 {
		select {
		case <-q.Context().Done():
			return
		case <-time.After(d):
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		_, rest, found := bytes.Cut(body, pointID)
		if !found {
			break
		}
		id, _, _ := bytes.Cut(rest, []byte{'"'})
		body = rest
		n, err := strconv.ParseInt(string(id[1:]), 10, 64)
		set := r.got[string(id[:1])]
		if err != nil || set == nil {
			r.t.Errorf("nobody handed over %q", id)
			continue
		}
		r.add(set, n)
	}
}

func (r *receiver) add(s *numbers, n int64) {
	for n/64 >= int64(len(s.bits)) {
		s.bits = append(s.bits, 0)
	}
	if s.holds(n) {
		r.doubled++
		return
	}
	s.bits[n/64] |= 1 << (n % 64)
	s.n++
}

func (r *receiver) count(source string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[source].n
}

func (r *receiver) total() int { return r.count("o") + r.count("f") + r.count("u") }

func (r *receiver) twice() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doubled
}

// has says whether the values of source from from to before to are all there.
func (r *receiver) has(source string, from, to int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := from; n < to; n++ {
		if !r.got[source].holds(n) {
			return false
		}
	}
	return true
}
