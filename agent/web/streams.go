package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/access"
	"oibus/agent/web/auth"
	"oibus/agent/web/bundle"
)

// Pace of the live streams.
const (
	firstEvent   = 100 * time.Millisecond // after opening, as the reference
	eventPace    = time.Second
	pingPace     = 15 * time.Second // more often than any proxy's idle limit
	sessionCheck = time.Second      // how long a stream may outlive its session
	eventLimit   = 30 * time.Second // for one event to be taken by the client
)

// streams are the live streams that are open, each with the proof it stands on.
type streams struct {
	pace   time.Duration
	routes map[string]bool // patterns of the routes that are streams; written before the server starts

	mu   sync.Mutex
	open map[*stream]struct{}
}

type stream struct {
	caller auth.Caller
	end    context.CancelFunc
}

func newStreams() *streams {
	return &streams{pace: sessionCheck, routes: map[string]bool{}, open: map[*stream]struct{}{}}
}

// bundlePath is where many streams are had over one connection.
const bundlePath = "/sse/bundle"

// route notes a route that may be part of a bundle.
func (s *streams) route(level access.Level, pattern string) {
	if level == access.Stream && pattern != "GET "+bundlePath {
		s.routes[pattern] = true
	}
}

func (s *streams) add(st *stream) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[st] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, st)
	}
}

func (s *streams) all() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*stream, 0, len(s.open))
	for st := range s.open {
		all = append(all, st)
	}
	return all
}

// watch ends the streams whose caller is no longer signed in.
func (s *streams) watch(ctx context.Context) error {
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for _, st := range s.all() {
			if !st.caller.Valid() {
				st.end()
			}
		}
	}
}

type streamsKey struct{}

// withStreams gives the requests of a door the context that ends their streams.
func withStreams(parent, streams context.Context) context.Context {
	return context.WithValue(parent, streamsKey{}, streams)
}

// serveStream runs next with a context that also ends when the caller is no longer signed in, when the server stops
// and when the page moves to another port. There is a limit on each event instead of one on the whole.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, caller auth.Caller, next http.HandlerFunc) {
	ctx, end := context.WithCancel(r.Context())
	defer end()
	if door, ok := ctx.Value(streamsKey{}).(context.Context); ok {
		defer context.AfterFunc(door, end)()
	}
	defer s.streams.add(&stream{caller: caller, end: end})()
	c := http.NewResponseController(w)
	c.SetReadDeadline(time.Time{})
	next(&eventWriter{ResponseWriter: w, control: c}, r.WithContext(ctx))
}

// streamBundle sends the events of all the streams that it is asked for. A browser has no more than six connections to
// a server, whatever number of windows it has.
func (s *Server) streamBundle(w http.ResponseWriter, r *http.Request) error {
	known := func(part *http.Request) bool {
		_, pattern := s.mux.Handler(part)
		return s.streams.routes[pattern]
	}
	if err := bundle.Serve(w, r, s.mux, known, s.log); err != nil {
		return entity.Invalid("%v", err)
	}
	return nil
}

// eventWriter gives each write its own deadline.
type eventWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (e *eventWriter) Write(p []byte) (int, error) {
	e.control.SetWriteDeadline(time.Now().Add(eventLimit))
	return e.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (e *eventWriter) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// startEvents answers with the headers of server-sent events, and returns what sends one and flushes it.
func startEvents(w http.ResponseWriter) (send func(text string) error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not hold events back
	w.WriteHeader(http.StatusOK)
	c := http.NewResponseController(w)
	c.Flush()
	return func(text string) error {
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return c.Flush()
	}
}
