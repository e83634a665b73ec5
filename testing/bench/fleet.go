package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/cloudsim"
)

// fleet measures how many agents the simulator can stand in the cloud for: all poll over connections of their own, as
// fast as they are answered.
func fleet(s *stage, n size) []measure.Row {
	sim := s.simulator(cloudsim.Options{})
	tokens := make([]string, n.agents)
	for i := range tokens {
		a, err := sim.Enroll(cloudsim.AgentInfo{ID: fmt.Sprintf("agent-%04d", i), Version: "3.9.0"})
		s.must(err)
		tokens[i] = a.Token
	}
	transport := &http.Transport{MaxIdleConnsPerHost: n.agents}
	s.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	s.must(pollAll(s.context, client, sim.URL(), tokens, nil)) // connections are open
	ctx, cancel := s.within(n.polling)
	defer cancel()
	trips := make([]measure.Sample, n.agents)
	start := time.Now()
	err := pollAll(ctx, client, sim.URL(), tokens, trips)
	took := time.Since(start)
	if s.context.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		s.must(err)
	}
	var all measure.Sample
	for _, t := range trips {
		all = append(all, t...)
	}
	return []measure.Row{measure.Row{Group: "The simulator in the place of the cloud", Name: fmt.Sprintf("%d agents polling", n.agents),
		Value: float64(len(all)) / took.Seconds(), Unit: "requests/s",
		Detail: fmt.Sprintf("one connection an agent, in %s; median %s ms, p95 %s ms; the budget is a poll a second each",
			took.Round(time.Second/10), measure.Number(all.Median()), measure.Number(all.Percentile(95)))}.NotBelow(float64(n.agents))}
}

// pollAll polls for every agent at once: until ctx is done, noting the times, or once when there is nowhere to note them.
func pollAll(ctx context.Context, client *http.Client, url string, tokens []string, trips []measure.Sample) error {
	var wg sync.WaitGroup
	errs := make([]error, len(tokens))
	for i, token := range tokens {
		wg.Go(func() {
			for errs[i] == nil {
				start := time.Now()
				errs[i] = measure.Get(ctx, client, url+"/api/oianalytics/oibus/commands/pending", token)
				if trips == nil {
					return
				}
				if errs[i] == nil {
					trips[i].Milliseconds(time.Since(start))
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
