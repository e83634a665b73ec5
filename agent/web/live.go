package web

import (
	"encoding/json"
	"net/http"
	"time"
)

// streamEngine sends the metrics of the engine each second (protocol/data-plane.md, section 9).
func (s *Server) streamEngine(w http.ResponseWriter, r *http.Request) error {
	return s.repeat(w, r, s.engineMetrics)
}

// streamHome sends the metrics of the engine and of every connector each second.
func (s *Server) streamHome(w http.ResponseWriter, r *http.Request) error {
	none := map[string]any{}
	return s.repeat(w, r, func() any {
		return map[string]any{"norths": none, "engine": s.engineMetrics(), "souths": none}
	})
}

func (s *Server) engineMetrics() any {
	if s.o.Metrics == nil {
		return struct{}{}
	}
	return s.o.Metrics.Engine()
}

// repeat sends what state returns soon after the start and then each second, until the stream ends.
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
		data, err := json.Marshal(state())
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
