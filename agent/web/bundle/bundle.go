// Package bundle sends many event streams over one connection. It promises that each stream is served by its own handler,
// with the checks of its own route, and that one that ends, fails or panics ends no other. It guards against a browser
// that has used up its six connections to a server on streams, and can ask for nothing else.
package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"oibus/platform/task"
)

// maxStreams is how many streams there may be in one bundle.
const maxStreams = 200

// Serve answers r, which names the streams by their addresses in the parameters "of", with the events of all of them.
// The type of an event is the number of its stream, from 0 on; "end" tells with the number as data that a stream is over.
// known says which of the requests are for streams; handler serves them. It returns an error, and has answered nothing,
// when what r asks for is no bundle.
func Serve(w http.ResponseWriter, r *http.Request, handler http.Handler, known func(*http.Request) bool, log *slog.Logger) error {
	parts, err := requests(r)
	if err != nil {
		return err
	}
	group := task.New(r.Context(), func(name string, err error) { log.Error("a stream failed", "stream", name, "error", err) })
	defer group.Stop()
	b := &bundle{w: w, control: http.NewResponseController(w), broken: group.Stop}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not hold events back
	b.send(": " + fmt.Sprint(len(parts)) + " streams\n\n")
	for i, part := range parts {
		group.Go(part.URL.Path, func(ctx context.Context) error {
			defer func() {
				if ctx.Err() == nil {
					b.send(fmt.Sprintf("event: end\ndata: %d\n\n", i))
				}
			}()
			if known(part) {
				handler.ServeHTTP(&stream{bundle: b, number: i, header: http.Header{}}, part.WithContext(ctx))
			}
			return nil
		})
	}
	<-group.Context().Done()
	_ = group.Wait(context.WithoutCancel(r.Context())) // nobody may write to w afterwards; failures were logged
	return nil
}

// requests are those for the streams that r names. Who asks, and how it proves that, is as in r.
func requests(r *http.Request) ([]*http.Request, error) {
	addresses := r.URL.Query()["of"]
	if len(addresses) == 0 || len(addresses) > maxStreams {
		return nil, fmt.Errorf("%d streams: there must be 1 to %d", len(addresses), maxStreams)
	}
	var parts []*http.Request
	for _, address := range addresses {
		at, err := url.Parse(address)
		if err != nil || !strings.HasPrefix(address, "/") || at.Host != "" {
			return nil, errors.New("the address of a stream is a path")
		}
		part := r.Clone(r.Context())
		part.URL, part.RequestURI, part.Pattern = at, address, ""
		part.Form, part.PostForm = nil, nil
		part.Header.Del("Last-Event-ID") // of the bundle
		parts = append(parts, part)
	}
	return parts, nil
}

// bundle is the connection that the streams share. Who reads slowly makes them wait: nothing is queued.
type bundle struct {
	control *http.ResponseController
	broken  func()

	mu sync.Mutex
	w  http.ResponseWriter
}

func (b *bundle) send(text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.w.Write([]byte(text))
	if err == nil {
		err = b.control.Flush()
	}
	if err != nil {
		b.broken()
	}
	return err
}

// stream is the answer that the handler of one stream writes.
type stream struct {
	bundle  *bundle
	number  int
	header  http.Header
	refused bool
	event   bytes.Buffer // what was written of the next event
}

func (s *stream) Header() http.Header { return s.header }

// WriteHeader takes note of a refusal: what is written then is no stream.
func (s *stream) WriteHeader(status int) { s.refused = status != http.StatusOK }

// Write passes whole events on.
func (s *stream) Write(p []byte) (int, error) {
	if s.refused {
		return len(p), nil
	}
	s.event.Write(p)
	end := bytes.LastIndex(s.event.Bytes(), []byte("\n\n")) + 2
	if end < 2 {
		return len(p), nil
	}
	var text strings.Builder
	for event := range strings.SplitSeq(string(s.event.Next(end)[:end-2]), "\n\n") {
		fmt.Fprintf(&text, "event: %d\n%s\n\n", s.number, event)
	}
	if err := s.bundle.send(text.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// FlushError is for http.ResponseController: each event was sent when it was written.
func (s *stream) FlushError() error { return nil }
