package cloudsim

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkPoll is an empty poll of one among 5,000 agents: what a fleet does most of the time.
func BenchmarkPoll(b *testing.B) {
	sim := inMemory(b)
	var tokens []string
	for i := range 5000 {
		a, err := sim.Enroll(AgentInfo{ID: fmt.Sprint(i), Version: "3.9.0"})
		if err != nil {
			b.Fatal(err)
		}
		tokens = append(tokens, a.Token)
	}
	b.ResetTimer()
	for i := range b.N {
		direct(sim, tokens[i%len(tokens)], "GET", api+"oibus/commands/pending", "")
	}
}

// BenchmarkLogs is a batch of 500 log entries.
func BenchmarkLogs(b *testing.B) {
	one := `{"timestamp":"2026-03-04T08:15:30.123Z","level":"INFO","scopeType":"SOUTH","scopeId":"k3JdQ9","scopeName":"PLC 1","itemId":null,"itemName":null,"groupId":null,"groupName":null,"message":"Connected to 10.0.0.5:502"}`
	benchmarkBody(b, "oibus/logs", "["+strings.Repeat(one+",", 499)+one+"]")
}

// BenchmarkTimeValues is a batch of 10,000 time values.
func BenchmarkTimeValues(b *testing.B) {
	one := `{"pointId":"item1","timestamp":"2024-01-15T10:00:00.000Z","data":{"value":"23.5","quality":"Good"}}`
	benchmarkBody(b, "oibus/time-values?dataSourceId=bench", "["+strings.Repeat(one+",", 9999)+one+"]")
}

func benchmarkBody(b *testing.B, path, body string) {
	sim := inMemory(b)
	a, err := sim.Enroll(AgentInfo{ID: "bench", Version: "3.9.0"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ResetTimer()
	for range b.N {
		if w := direct(sim, a.Token, "POST", api+path, body); w.Code != 200 {
			b.Fatalf("answered %d %s", w.Code, w.Body)
		}
	}
}
