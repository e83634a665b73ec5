package opcua

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

// base is where the history of the servers begins: a value each 100 ms.
var base = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func past(t *testing.T, name, node, aggregate, resampling string) south.Item {
	t.Helper()
	return item(t, name, node, map[string]any{"mode": "ha", "haMode": map[string]any{"aggregate": aggregate, "resampling": resampling}})
}

func (r *rig) window(start, end time.Time, items ...south.Item) (south.WindowResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return r.conn.(south.Historian).ReadWindow(ctx, south.WindowQuery{Items: items, Window: interval.Window{Start: start, End: end}, Emit: r.emit})
}

// counts is how often each value of each point came.
func counts(values []content.TimeValue) map[string]int {
	n := map[string]int{}
	for _, v := range values {
		n[v.PointID+" "+v.Timestamp+" "+string(v.Data)]++
	}
	return n
}

func historyIsReadPageByPage(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	items := []south.Item{past(t, "a", "ns=1;s=H0", "raw", ""), past(t, "b", "ns=1;s=H1", "raw", ""), past(t, "c", "ns=1;s=H2", "raw", "")}
	start := base
	for n := range 2 {
		end := base.Add(time.Duration(n+1) * 251 * time.Second)
		result, err := r.window(start, end, items...)
		if err != nil {
			t.Fatal(err)
		}
		if want := base.Add(min(time.Duration(n+1)*251*time.Second, 500*time.Second) - 100*time.Millisecond); result.Tracked.Before(want) || result.Tracked.After(end) {
			t.Errorf("tracked %s, want %s", result.Tracked, want)
		}
		start = result.Tracked
	}
	seen := counts(r.got())
	if len(r.got()) != 15000 || len(seen) != 15000 {
		t.Errorf("%d values came, %d different ones, of 15000", len(r.got()), len(seen))
	}
	if v := r.got()[0]; v.Timestamp != "2024-01-01T00:00:00.000Z" || string(v.Data) != `{"value":"0","quality":"Good"}` {
		t.Errorf("got %v", v)
	}
}

func aggregatesAreMade(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	for resampling, length := range map[string]time.Duration{"1s": time.Second, "10s": 10 * time.Second, "30s": 30 * time.Second, "1min": time.Minute} {
		for _, aggregate := range []string{"average", "minimum", "maximum", "count"} {
			r.clear()
			if _, err := r.window(base, base.Add(2*time.Minute), past(t, "a", "ns=1;s=H0", aggregate, resampling)); err != nil {
				t.Fatalf("%s %s: %v", aggregate, resampling, err)
			}
			got := r.got()
			if want := int(2 * time.Minute / length); len(got) != want {
				t.Fatalf("%s %s: %d values, want %d", aggregate, resampling, len(got), want)
			}
			for i, v := range got {
				if want := base.Add(time.Duration(i) * length).Format("2006-01-02T15:04:05.000Z"); v.Timestamp != want {
					t.Fatalf("%s %s: value %d is of %s, want %s", aggregate, resampling, i, v.Timestamp, want)
				}
			}
			perInterval := int(length / (100 * time.Millisecond))
			want := map[string]string{"minimum": strconv.Itoa(perInterval), "maximum": strconv.Itoa(2*perInterval - 1), "count": strconv.Itoa(perInterval)}[aggregate]
			if value := valueOf(t, got[1]); want != "" && value != want {
				t.Errorf("%s %s: got %s, want %s", aggregate, resampling, value, want)
			}
		}
	}
	r.clear()
	result, err := r.window(base, base.Add(time.Minute), past(t, "a", "ns=1;s=H0", "count", "none"))
	if err != nil || len(r.got()) != 1 || valueOf(t, r.got()[0]) != "600" || !result.Tracked.Equal(base.Add(time.Minute)) {
		t.Errorf("without resampling: %v, %+v, %v", r.got(), result, err)
	}
}

func valueOf(t *testing.T, v content.TimeValue) string {
	t.Helper()
	text, ok := content.Text(content.Member(v.Data, "value"))
	if !ok {
		t.Fatalf("%s has no text", v.Data)
	}
	return string(text)
}

func aMissingNodeKeepsNoOther(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	if _, err := r.window(base, base.Add(999*time.Millisecond), past(t, "a", "ns=1;s=H0", "raw", ""), past(t, "b", "ns=1;s=Nowhere", "raw", "")); err != nil {
		t.Fatal(err)
	}
	if n := len(r.got()); n != 10 {
		t.Errorf("%d values came", n)
	}
}

func aWindowThatWasNotTaken(t *testing.T, server *peer) {
	r := newRig(t, plain(server.url()))
	r.connect()
	r.refuse = errRefused
	if _, err := r.window(base, base.Add(time.Hour), past(t, "a", "ns=1;s=H0", "raw", "")); err == nil {
		t.Error("the window counts as read")
	}
	if len(r.lost) > 0 {
		t.Errorf("the connection is given up: %v", <-r.lost)
	}
	r.refuse = nil
	if _, err := r.window(base, base.Add(time.Hour), past(t, "a", "ns=1;s=H0", "raw", "")); err != nil || len(counts(r.got())) != 5000 {
		t.Errorf("%d values, %v", len(r.got()), err)
	}
}

// TestSweepHistoryIsWholeWhateverHappensToTheServer reads history while the server is killed and the line is cut.
func TestSweepHistoryIsWholeWhateverHappensToTheServer(t *testing.T) {
	t.Parallel()
	nodes, each, kills := 2, 6000, 1
	if sweep() {
		nodes, each, kills = 4, 25000, 5
	}
	server := startNode(t, map[string]any{"histories": nodes, "history": each})
	line := newLine(t, server)
	settings := plain(line.url)
	settings["readTimeout"] = 3000
	r := newRig(t, settings)
	r.connect()
	var items []south.Item
	for i := range nodes {
		items = append(items, past(t, fmt.Sprintf("h%d", i), fmt.Sprintf("ns=1;s=H%d", i), "raw", ""))
	}
	end := base.Add(time.Duration(each) * 100 * time.Millisecond)
	pieces := 2 * (kills + 1)
	length := end.Sub(base) / time.Duration(pieces)
	again := 0
	for n := range pieces {
		switch { // in the middle of a window, when a page of it has come
		case n%2 == 1 && n/2 < kills:
			r.afterwards(server.Kill)
		case n%4 == 0:
			r.afterwards(line.Cut)
		}
		from := base.Add(time.Duration(n) * length)
		for {
			_, err := r.window(from, from.Add(length), items...)
			if err == nil {
				break
			}
			again++
			if n%2 == 1 {
				server.Restart()
			}
			line.Mend()
			r.again()
		}
	}
	got := r.got()
	seen := counts(got)
	t.Logf("%d values, %d of them came again; %d windows were read again after %d kills and a cut", len(seen), len(got)-len(seen), again, kills)
	if len(seen) != nodes*each {
		t.Errorf("%d different values came, of %d", len(seen), nodes*each)
	}
	if len(got) != len(seen) {
		t.Errorf("%d values came again", len(got)-len(seen))
	}
	if again < kills {
		t.Errorf("only %d windows failed", again)
	}
}

// afterwards calls f once when values come the next time.
func (r *rig) afterwards(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = func() {
		r.taken = nil
		f()
	}
}
