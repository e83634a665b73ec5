package main

import (
	"fmt"
	"net/http"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

const (
	startBudget = 100 // ms, from the process to the first answer
	answerLimit = 30 * time.Second
	// lookInterval is the time between two tries to get the first answer, which adds half of it to the figures.
	lookInterval = time.Millisecond
	// settleTime is how long an agent runs between its first start and its second: its keys are made meanwhile.
	settleTime = 5 * time.Second
)

// starts measures how long an agent takes from its process to its first successful answer.
func starts(s *stage, n size) []measure.Row {
	var first, later, launched measure.Sample
	for range n.firstStarts {
		a := harness.New(s, harness.Options{})
		first.Milliseconds(s.firstAnswer(a))
		a.Kill()
	}
	a := harness.Start(s, harness.Options{})
	s.pause(settleTime)
	for range n.laterStarts {
		a.Stop()
		later.Milliseconds(s.firstAnswer(a))
	}
	a.Stop()
	l := harness.New(s, harness.Options{Dir: a.Dir, Launcher: true})
	for range n.laterStarts / 2 {
		launched.Milliseconds(s.firstAnswer(l))
		l.Stop()
	}
	return []measure.Row{
		startRow("agent, first start", first).AtMost(startBudget),
		startRow("agent, later start", later).AtMost(startBudget),
		startRow("launcher and agent, later start", launched).AtMost(startBudget),
	}
}

func startRow(name string, times measure.Sample) measure.Row {
	return measure.Row{Group: "Process start → first successful answer of /api/status", Name: name, Value: times.Median(), Unit: "ms",
		Detail: fmt.Sprintf("median of %d; least %s ms, p95 %s ms, most %s ms", len(times), measure.Number(times.Percentile(0)), measure.Number(times.Percentile(95)), measure.Number(times.Max()))}
}

// firstAnswer starts a program and returns how long it took to answer.
func (s *stage) firstAnswer(a *harness.Agent) time.Duration {
	ctx, cancel := s.within(answerLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	start := time.Now()
	a.Launch()
	for {
		err := measure.Get(ctx, client, a.URL+"/api/status", "")
		if err == nil {
			return time.Since(start)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.Fatalf("the program does not answer: %v\n%s", err, a.Output())
		}
	}
}
