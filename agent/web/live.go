package web

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// streamEngine sends the metrics of the engine each second (protocol/data-plane.md, section 9).
func (s *Server) streamEngine(w http.ResponseWriter, r *http.Request) error {
	return s.repeat(w, r, s.engineMetrics)
}

// streamHome sends the metrics of the engine and of every connector each second.
func (s *Server) streamHome(w http.ResponseWriter, r *http.Request) error {
	return s.repeat(w, r, func() any {
		souths, norths := map[string]any{}, map[string]any{}
		if s.o.Engine != nil {
			souths, norths = s.o.Engine.Running()
		}
		return map[string]any{"norths": norths, "engine": s.engineMetrics(), "souths": souths}
	})
}

// streamConnector sends the metrics of one South or North each second, as long as it is there.
func (s *Server) streamConnector(metrics func(id string) (any, error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		last, err := metrics(r.PathValue("id"))
		if err != nil {
			return err
		}
		return s.repeat(w, r, func() any {
			if now, err := metrics(r.PathValue("id")); err == nil {
				last = now
			}
			return last
		})
	}
}

func (s *Server) engineMetrics() any {
	if s.o.Metrics == nil {
		return struct{}{}
	}
	return s.o.Metrics.Engine()
}

// repeat sends what state returns soon after the start and then each second, until the stream ends. All streams of one
// path send the same, which is made once.
func (s *Server) repeat(w http.ResponseWriter, r *http.Request, state func() any) error {
	send := startEvents(w)
	next := time.NewTimer(firstEvent)
	defer next.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-next.C:
		}
		data, err := s.states.get(r.URL.Path, state)
		if err != nil {
			s.log.Error("cannot send metrics", "error", err)
			return nil
		}
		if send("data: "+string(data)+"\n\n") != nil {
			return nil // the client went away
		}
		next.Reset(eventPace)
	}
}

// stateAge is how old a state may be that is sent: fifty open pages cost little more than one.
const stateAge = eventPace / 2

// sharedStates are what streams sent last, by path.
type sharedStates struct {
	mu sync.Mutex
	by map[string]*sharedState
}

type sharedState struct {
	mu   sync.Mutex
	made time.Time
	data []byte
}

// get returns the JSON of what state returns, or returned a moment ago.
func (s *sharedStates) get(path string, state func() any) ([]byte, error) {
	shared := s.at(path)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if now := time.Now(); shared.data == nil || now.Sub(shared.made) >= stateAge {
		data, err := json.Marshal(state())
		if err != nil {
			return nil, err
		}
		shared.made, shared.data = now, data
	}
	return shared.data, nil
}

func (s *sharedStates) at(path string) *sharedState {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.by) >= maxStates || s.by == nil {
		s.by = map[string]*sharedState{} // forgotten, with those of connectors that are no more
	}
	if s.by[path] == nil {
		s.by[path] = &sharedState{}
	}
	return s.by[path]
}

// maxStates bounds how many states are kept.
const maxStates = 256
