package conformance

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"oibus/testing/harness"
)

// restPrefix begins the paths of the REST service of the recordings, which was at the address of OIAnalytics.
const restPrefix = "/rest/"

// slowPath is what the service does not answer before the agent that asks is killed.
const slowPath = restPrefix + "slow2"

// front is the address that connectors have of OIAnalytics: the REST service is there too, which remembers what it was
// asked.
type front struct {
	url string
	seq func() uint64 // of the newest request to the simulator

	mu    sync.Mutex
	asked []asked
}

// asked is a request to the service, that came after a request to the simulator.
type asked struct {
	after uint64
	Exchange
}

func newFront(t testing.TB, cloud string, seq func() uint64) *front {
	t.Helper()
	to, err := url.Parse(cloud)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{seq: seq}
	transport := &http.Transport{DisableCompression: true} // no header of its own
	mux := http.NewServeMux()
	mux.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport})
	mux.HandleFunc(restPrefix, f.serve)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	f.url = server.URL
	return f
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e := Exchange{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: decoded(body)}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		e.Headers = append(e.Headers, [2]string{name, r.Header.Get(name)})
	}
	e.Answer.Status = http.StatusOK
	f.mu.Lock()
	f.asked = append(f.asked, asked{f.seq(), e})
	f.mu.Unlock()
	if e.Path == slowPath {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The keys have the recorded order.
	_, _ = io.WriteString(w, `{"ok":true,"echo":"`+e.Path+`","items":[{"id":"a","v":1.5,"t":"2024-01-01T00:00:00.000Z"}]}`)
}

// during are the requests from one request to the simulator up to another.
func (f *front) during(from, to uint64) (list []Exchange) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if a.after >= from && a.after < to {
			list = append(list, a.Exchange)
		}
	}
	return list
}

// requests counts what was asked at a path.
func (f *front) requests(path string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if a.Path == path {
			n++
		}
	}
	return n
}

// playAnswered plays a recording during which OIAnalytics answers reads.
func (p *Plant) playAnswered(r *Recording) error {
	rules, err := answerReads(r)
	if err != nil {
		return err
	}
	return p.Play(r, script{rules: rules})
}

// killedScenario is the recording of a command during which the agent is killed.
const killedScenario = "kill9-while-running"

// playKilled plays a command during which the agent is killed.
func (p *Plant) playKilled(r *Recording) error {
	if err := p.closeWindow(); err != nil {
		return err
	}
	it, err := p.prepare(r)
	if err != nil {
		return err
	}
	ids, err := p.handOut(it, script{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	if !harness.UntilDone(ctx, func() bool { return p.front.requests(slowPath) > 0 }) {
		return fmt.Errorf("the service was not asked")
	}
	if err := p.passPolls(2); err != nil { // the command was reported as running
		return err
	}
	p.agent.Kill()
	p.agent.Start()
	if err := p.settle(it, ids, script{polls: 1}); err != nil {
		return err
	}
	p.played = append(p.played, it)
	return nil
}

// Secrets that stand in the headers of requests: those of the recordings, and the one that takes their place.
var (
	recordedSecrets = []string{"south-secret", "north-secret", "new-secret", "SK", "hs"}
	ourSecrets      = []string{ourSecret}
)

const (
	ourSecret         = "a secret"
	recordedAccessKey = "AK" // of a connector with credentials of its own
)
