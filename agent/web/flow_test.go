package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestTheFlowOfTheLastMinutesIsRemembered(t *testing.T) {
	t.Parallel()
	var b flowBook
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	after := func(d time.Duration, moved map[string]uint64) {
		now = now.Add(d)
		b.note(now, moved)
	}
	after(0, map[string]uint64{"a": 10, "gone": 1})
	after(time.Minute, map[string]uint64{"a": 15, "new": 3})
	got := b.past(now.Add(time.Second))
	if len(got) != 2 || len(got["a"]) != 2 || got["a"][0] != [2]int64{61000, 10} || got["a"][1] != [2]int64{1000, 15} || len(got["new"]) != 1 {
		t.Errorf("after a minute: %v", got)
	}
	after(90*time.Second, map[string]uint64{"a": 16, "new": 2})
	got = b.past(now)
	if len(got["a"]) != 2 || got["a"][0][1] != 15 || len(got["new"]) != 1 || got["new"][0][1] != 2 {
		t.Errorf("what is too old, or was reset: %v", got)
	}
	after(-time.Hour, map[string]uint64{"a": 17})
	if got = b.past(now); len(got["a"]) != 1 || got["a"][0] != [2]int64{0, 17} {
		t.Errorf("after the clock was set back: %v", got)
	}
	for range 1000 {
		after(flowPace, map[string]uint64{"a": 20})
	}
	if n := len(b.past(now)["a"]); n != int(flowPast/flowPace)+1 {
		t.Errorf("%d samples of one connector", n)
	}
}

func TestThePageBeginsItsChartsWithWhatWentThroughBefore(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "a")
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var past map[string][][2]int64
		r := s.as(http.MethodGet, "/api/page/flow", "")
		if err := json.Unmarshal([]byte(r.body), &past); err != nil || r.status != http.StatusOK {
			t.Fatalf("%d %s %v", r.status, r.body, err)
		}
		if list := past[south]; len(list) > 0 {
			if age, count := list[0][0], list[0][1]; age < 0 || count != 42 {
				t.Errorf("the first sample is %v", list[0])
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing was noted")
		}
	}
	if anonymous := s.do(call{method: http.MethodGet, path: "/api/page/flow"}); anonymous.status != http.StatusUnauthorized {
		t.Errorf("without credentials: %d", anonymous.status)
	}
}
