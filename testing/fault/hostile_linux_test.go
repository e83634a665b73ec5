package fault

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// hostileCodes are custom transformers that harm, each in its own way.
var hostileCodes = []string{
	`function transform() { while (true) {} }`,
	`async function transform() { for (;;) await null }`,
	`function transform() { for (;;) try { for (;;) {} } catch (e) {} finally { continue } }`,
	`function transform() { return { data: String(/^(a+)+\1$/.test("a".repeat(60) + "!")) } }`,
	`function transform() { const a = []; for (;;) a.push({ x: a.length, y: "y" + a.length }) }`,
	`function transform() { let s = "x"; for (;;) s += s + "é" }`,
	`function transform() { const a = []; for (;;) a.push(new Uint8Array(1 << 26).fill(1)) }`,
	`function transform() { return { data: "x".repeat(140 << 20) } }`,
	`function f(n) { return [f(n + 1)] } function transform() { f(0) }`,
	`function transform() { for (;;) console.log("x".repeat(100000)) }`,
}

const (
	hostiles       = 20
	hostileTimeout = 1000             // milliseconds for each content
	grows          = 64 << 20         // that the agent may have more resident than before: contents are in its hands
	politeWithin   = 10 * time.Second // of a well-behaved custom transformer, on a machine that is busy otherwise
)

func TestTwentyHostileTransformersDisturbNobodyElse(t *testing.T) {
	t.Parallel()
	hostile(t, 8*time.Second)
}

func TestSweepTwentyHostileTransformersDisturbNobodyElse(t *testing.T) {
	sweep(t)
	t.Parallel()
	hostile(t, 5*time.Minute)
}

// hostile runs an ordinary source and a well-behaved custom transformer beside hostile ones.
func hostile(t *testing.T, lasts time.Duration) {
	i := &isolation{t: t, s: site.Start(t, site.Options{}), within: time.Minute}
	i.m = &flow{t: t, s: i.s}
	dir := t.TempDir()
	south := i.south("ordinary", dir)
	i.healthy = newReceiver(t, harness.FreePort(t))
	i.healthy.open()
	i.north("healthy", i.healthy, []string{south}, manyElements)
	polite := &flow{t: t, s: i.s, northID: custom(i, "polite", `function transform(text) { return { data: text.toUpperCase() } }`)}
	var bad []*flow
	for n := range hostiles {
		bad = append(bad, &flow{t: t, s: i.s, northID: custom(i, fmt.Sprintf("hostile %d", n), hostileCodes[n%len(hostileCodes)]+fmt.Sprintf("// %d", n))})
	}

	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { i.feed(ctx, dir) })
	all.Go(func() { i.watch(ctx) })
	i.until("the ordinary source begins to arrive", func() bool { return i.healthy.count("o") > 0 })
	client := &http.Client{Timeout: 2 * time.Minute}
	defer client.CloseIdleConnections()
	polite.upload(ctx, client, "polite", "a") // its worker is there
	alone, before := i.arrivals(), i.memory()

	var refused, known atomic.Int64
	for _, f := range bad {
		all.Go(func() {
			for first := true; ctx.Err() == nil; first = false {
				if !f.upload(ctx, client, "bad", "a") {
					refused.Add(1)
				}
				if first {
					known.Add(1)
				}
			}
		})
	}
	i.until("each of them has run once, and is known for what it is", func() bool { return known.Load() == hostiles })
	beside, politest, n := 0, time.Duration(0), 0
	for end := time.Now().Add(lasts); time.Now().Before(end); n++ {
		begun := time.Now()
		if !polite.upload(ctx, client, "polite", "a") {
			t.Error("a well-behaved transformer does not work beside hostile ones")
		}
		politest = max(politest, time.Since(begun))
		beside = max(beside, i.arrivals())
	}
	after := i.memory()
	cancel()
	all.Wait()
	t.Logf("ordinary source in %v: %d values alone, %d beside %d hostile transformers; a well-behaved one took at most %v; slowest answer %v; resident %d MB before, %d MB after, at most %d MB; %d contents refused",
		window, alone, beside, hostiles, politest, i.slowest, before>>20, after>>20, i.resident>>20, refused.Load())
	if beside < alone/2 {
		t.Errorf("%d values of the ordinary source arrived in %v beside hostile transformers, %d without them", beside, window, alone)
	}
	if i.resident > before+grows {
		t.Errorf("the agent had %d MB resident, %d MB before", i.resident>>20, before>>20)
	}
	if politest > politeWithin || i.slowest > answersWithin {
		t.Errorf("a well-behaved transformer took %v, an answer of the page or the REST API %v", politest, i.slowest)
	}
}

// memory is what the agent has resident now.
func (i *isolation) memory() uint64 {
	i.t.Helper()
	m, err := measure.MemoryOf(i.s.PID())
	if err != nil {
		i.t.Fatal(err)
	}
	return m.Resident
}

// custom makes a north whose content a custom transformer changes.
func custom(i *isolation, name, code string) (north string) {
	id := i.m.make("/api/transformers", map[string]any{"type": "custom", "name": name, "description": "", "inputType": "any", "outputType": "any",
		"language": "javascript", "customCode": code, "timeout": hostileTimeout,
		"customManifest": map[string]any{"type": "object", "key": "options", "attributes": []any{}}})
	return i.m.make("/api/north", map[string]any{"name": name, "type": "console", "description": "", "enabled": true, "settings": map[string]any{"verbose": false},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": i.m.scanMode("Every second"), "scanModeName": nil, "numberOfElements": 1000, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 20, "maxSize": 0, "maxNumberOfElements": 1000},
			"error":      map[string]any{"retryInterval": 200, "retryCount": 3, "retentionDuration": 1},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{map[string]any{"id": "", "transformerId": id, "source": map[string]any{"type": "oibus-api", "dataSourceId": "posted"}, "options": map[string]any{}}}})
}
