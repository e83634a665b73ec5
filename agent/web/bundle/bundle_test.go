package bundle

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal is written to by many goroutines.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// streams are a stream that stays, one in pieces, one that ends, one that refuses, and one that panics.
func streams(ended chan<- string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stays/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "id: 7\ndata: %s %s %s %s\n\n", r.PathValue("name"), r.URL.Query().Get("q"), r.Header.Get("Authorization"), r.Header.Get("Last-Event-ID"))
		<-r.Context().Done()
		ended <- r.PathValue("name")
	})
	mux.HandleFunc("GET /pieces", func(w http.ResponseWriter, r *http.Request) {
		for _, piece := range []string{"data: a", "b\n", "\ndata: c\n\ndata", ": d\n\n"} {
			fmt.Fprint(w, piece)
			http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		ended <- "pieces"
	})
	mux.HandleFunc("GET /ends", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "data: bye\n\n") })
	mux.HandleFunc("GET /refuses", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "data: no\n\n", http.StatusForbidden) })
	mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic("broken") })
	mux.HandleFunc("GET /unlisted", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "data: secret\n\n") })
	return mux
}

func address(of ...string) string { return "/?" + url.Values{"of": of}.Encode() }

func TestManyStreamsShareAConnectionAndNoneHarmsAnother(t *testing.T) {
	t.Parallel()
	ended, log := make(chan string, 10), &journal{}
	mux := streams(ended)
	known := func(r *http.Request) bool { return r.URL.Path != "/unlisted" }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := Serve(w, r, mux, known, slog.New(slog.NewTextHandler(log, nil))); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+address("/stays/one?q=a%26b", "/pieces", "/ends", "/refuses", "/panics", "/unlisted", "/stays/two", "/nothing"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Last-Event-ID", "99")
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("it is %q", kind)
	}
	want := []string{": 8 streams", "event: 0|id: 7|data: one a&b Bearer x ", "event: 1|data: ab", "event: 1|data: c", "event: 1|data: d", "event: 2|data: bye", "event: end|data: 2",
		"event: end|data: 3", "event: end|data: 4", "event: end|data: 5", "event: 6|id: 7|data: two  Bearer x ", "event: end|data: 7"}
	var got, block []string
	for lines := bufio.NewScanner(answer.Body); len(got) < len(want) && lines.Scan(); {
		if lines.Text() != "" {
			block = append(block, lines.Text())
			continue
		}
		got, block = append(got, strings.Join(block, "|")), nil
	}
	slices.Sort(got) // streams are on their own
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it sends\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for !strings.Contains(log.String(), "/panics") { // it is told after the end of its stream
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("nobody is told of the panic: %s", log)
		}
	}
	cancel()
	names := []string{<-ended, <-ended, <-ended}
	if slices.Sort(names); !slices.Equal(names, []string{"one", "pieces", "two"}) {
		t.Errorf("%q ended", names)
	}
}

func TestWhatIsNoBundleIsRefused(t *testing.T) {
	t.Parallel()
	for _, of := range [][]string{nil, {"http://elsewhere/"}, {"//elsewhere/"}, {"stays"}, {"/%zz"}, slices.Repeat([]string{"/ends"}, maxStreams+1)} {
		w := httptest.NewRecorder()
		if err := Serve(w, httptest.NewRequest("GET", address(of...), nil), nil, nil, nil); err == nil || w.Body.Len() > 0 {
			t.Errorf("%.3q: %v, %s", of, err, w.Body)
		}
	}
}

// FuzzAddresses looks that no address makes it panic, or leads elsewhere.
func FuzzAddresses(f *testing.F) {
	f.Add("/sse/logs?after=7")
	f.Add("//elsewhere")
	f.Add("/\\elsewhere")
	f.Fuzz(func(t *testing.T, of string) {
		parts, err := requests(httptest.NewRequest("GET", address(of), nil))
		if err == nil && (len(parts) != 1 || parts[0].URL.Host != "" || parts[0].URL.Path == "") {
			t.Errorf("%q leads to %v", of, parts[0].URL)
		}
	})
}
