package cloudsim

import (
	"sync"
	"time"
)

// Metrics counts what happened since the start.
type Metrics struct {
	StartedAt      time.Time                 `json:"startedAt"`
	Agents         int                       `json:"agents"`
	Waiting        int                       `json:"waitingRegistrations"`
	Commands       map[string]int            `json:"commands"` // by status, of those remembered
	Configurations uint64                    `json:"configurations"`
	Logs           uint64                    `json:"logs"`
	Values         uint64                    `json:"values"`
	Files          uint64                    `json:"files"`
	DataBytes      uint64                    `json:"dataBytes"`
	Requests       uint64                    `json:"requests"`
	Endpoints      map[string]EndpointMetric `json:"endpoints"`
}

// EndpointMetric counts the requests to one endpoint. Status 0 stands for connections closed without an answer.
type EndpointMetric struct {
	Requests  uint64         `json:"requests"`
	BodyBytes uint64         `json:"bodyBytes"`
	Statuses  map[int]uint64 `json:"statuses"`
}

type metrics struct {
	mu        sync.Mutex
	endpoints map[string]*EndpointMetric
}

func (m *metrics) count(endpoint string, status int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.endpoints == nil {
		m.endpoints = map[string]*EndpointMetric{}
	}
	e := m.endpoints[endpoint]
	if e == nil {
		e = &EndpointMetric{Statuses: map[int]uint64{}}
		m.endpoints[endpoint] = e
	}
	e.Requests++
	e.BodyBytes += uint64(bytes)
	e.Statuses[status]++
}

// Metrics returns the counts.
func (s *Sim) Metrics() Metrics {
	m := Metrics{StartedAt: s.started, Endpoints: map[string]EndpointMetric{}}
	s.metrics.mu.Lock()
	for name, e := range s.metrics.endpoints {
		copied := EndpointMetric{Requests: e.Requests, BodyBytes: e.BodyBytes, Statuses: map[int]uint64{}}
		for status, n := range e.Statuses {
			copied.Statuses[status] = n
		}
		m.Endpoints[name] = copied
		m.Requests += e.Requests
	}
	s.metrics.mu.Unlock()
	m.Logs = s.LogCount()
	m.Values, m.Files, m.DataBytes = s.DataTotals()
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Agents, m.Configurations = len(s.agents), s.configurations.total()
	m.Waiting = len(s.waiting())
	m.Commands = map[string]int{}
	for _, list := range s.commands {
		for _, c := range list {
			m.Commands[c.Status]++
		}
	}
	return m
}
