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
