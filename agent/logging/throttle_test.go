package logging

import (
	"testing"
	"time"
)

func TestAThrottlePassesOnceAPeriodAndCountsTheRest(t *testing.T) {
	t.Parallel()
	var th Throttle
	at := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	if n, ok := th.Pass(at); !ok || n != 1 {
		t.Fatalf("first: %d, %v", n, ok)
	}
	for range 5 {
		if _, ok := th.Pass(at.Add(throttlePeriod - 1)); ok {
			t.Fatal("passed within the period")
		}
	}
	if n, ok := th.Pass(at.Add(throttlePeriod)); !ok || n != 6 {
		t.Fatalf("after the period: %d, %v", n, ok)
	}
}
