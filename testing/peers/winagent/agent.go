// Package winagent simulates the OIBus Agent, the service on Windows by which sources are read that only Windows
// reaches (protocol/data-plane.md, section 5.11). It promises to know its connections as the real one does: what was not
// connected cannot be read, and a restart forgets them all. What it reads is up to the test.
package winagent

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Call is one request.
type Call struct {
	Method, Path string // "PUT", "odbc/id/read"
	Body         string
}

func (c Call) String() string { return strings.TrimSpace(c.Method + " " + c.Path + " " + c.Body) }

// Agent is a server on loopback. It ends with its test.
type Agent struct {
	URL string

	server    *httptest.Server
	mu        sync.Mutex
	connected map[string]bool // by "odbc/id"
	calls     []Call
	read      func(path string, body []byte) (status int, answer string)
	refusals  map[string]refusal
}

type refusal struct {
	status int
	text   string
}

// New starts an agent that reads nothing.
func New(t testing.TB) *Agent {
	t.Helper()
	a := &Agent{connected: map[string]bool{}, refusals: map[string]refusal{}}
	a.server = httptest.NewServer(http.HandlerFunc(a.serve))
	a.URL = a.server.URL
	t.Cleanup(a.server.Close)
	return a
}

// Reads has f answer what is read by a connection, "odbc/id".
func (a *Agent) Reads(f func(connection string, body []byte) (status int, answer string)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read = f
}

// Refuse has an action, such as "connect", answered so; status 0 ends that.
func (a *Agent) Refuse(action string, status int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals[action] = refusal{status, text}
}

// Restart forgets all connections.
func (a *Agent) Restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.connected)
}

// Stop ends the agent.
func (a *Agent) Stop() { a.server.Close() }

// Connected are the connections that the agent holds.
func (a *Agent) Connected() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.connected)
}

// Calls are those since the last time.
func (a *Agent) Calls() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.calls
	a.calls = nil
	return calls
}

func (a *Agent) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.Path, "/api/")
	parts := strings.Split(path, "/")
	if err != nil || path == r.URL.Path || len(parts) != 3 {
		http.NotFound(w, r)
		return
	}
	status, answer := a.answer(Call{r.Method, path, string(body)}, parts[0]+"/"+parts[1], parts[2])
	if strings.HasPrefix(answer, "{") {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) // the client may be gone
}

func (a *Agent) answer(c Call, connection, action string) (status int, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, c)
	if no := a.refusals[action]; no.status != 0 {
		return no.status, no.text
	}
	if c.Body != "" && !json.Valid([]byte(c.Body)) {
		return http.StatusBadRequest, "no JSON"
	}
	switch c.Method + " " + action {
	case "PUT connect":
		a.connected[connection] = true
		return http.StatusOK, ""
	case "DELETE disconnect":
		delete(a.connected, connection)
		return http.StatusOK, ""
	case "GET status":
		if a.connected[connection] {
			return http.StatusOK, `{"connected":true}`
		}
		return http.StatusOK, `{"connected":false}`
	case "PUT read":
		opcTest := strings.HasPrefix(connection, "opc/") && strings.HasSuffix(connection, "-test")
		if !a.connected[connection] && !opcTest {
			return http.StatusNotFound, "there is no connection " + connection
		}
		if a.read == nil {
			return http.StatusOK, `{"recordCount":0}`
		}
		return a.read(connection, []byte(c.Body))
	}
	return http.StatusMethodNotAllowed, ""
}
