package cloudsim

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeAgent calls the endpoints as an agent does.
type fakeAgent struct {
	t     *testing.T
	host  string
	id    string
	code  string
	check string
	token string
	http  *http.Client
}

// patience bounds every wait of the tests: it is never reached when the simulator works.
const patience = 2 * time.Minute

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, o Options) *Sim {
	t.Helper()
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return sim
}

func newAgent(t *testing.T, sim *Sim, id string) *fakeAgent {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	return &fakeAgent{t: t, host: sim.URL(), id: id, code: "aZ3k9Q", http: client}
}

// enrolled is an agent that is registered already.
func enrolled(t *testing.T, sim *Sim, id string) *fakeAgent {
	t.Helper()
	a := newAgent(t, sim, id)
	known, err := sim.Enroll(AgentInfo{ID: id, Name: "Line " + id, Version: "3.9.0", OS: "Linux 6.1", Arch: "x64", PublicKey: testPublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	a.token = known.Token
	return a
}

// try sends a request and returns the status, 0 and the error when there was no complete answer.
func (a *fakeAgent) try(method, path, contentType string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.host+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("User-Agent", "OIBus/3.9.0 (https://oibus.optimistik.com/)")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer.StatusCode, got, err
}

// call sends a request, with JSON when v is not nil, and expects the status.
func (a *fakeAgent) call(status int, method, path string, v any) []byte {
	a.t.Helper()
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			a.t.Fatal(err)
		}
	}
	got, answer, err := a.try(method, path, "application/json", body)
	if err != nil || got != status {
		a.t.Fatalf("%s %s answered %d %s (error %v), want %d", method, path, got, answer, err, status)
	}
	return answer
}

func (a *fakeAgent) register() {
	a.t.Helper()
	answer := a.call(200, "POST", api+"oibus/registration", map[string]string{"activationCode": a.code, "oibusId": a.id, "oibusName": "Line 4 gateway",
		"oibusVersion": "3.9.0", "oibusOs": "Linux 6.1", "oibusArch": "x64", "publicKey": testPublicKey()})
	var said struct{ RedirectURL, ExpirationDate string }
	decodeInto(a.t, answer, &said)
	if _, err := time.Parse(time.RFC3339, said.ExpirationDate); err != nil {
		a.t.Fatalf("expiration date %q: %v", said.ExpirationDate, err)
	}
	a.check = said.RedirectURL
}

func (a *fakeAgent) checkRegistration() checkAnswer {
	a.t.Helper()
	stranger := *a
	stranger.token = "" // a check carries no token
	var said checkAnswer
	decodeInto(a.t, stranger.call(200, "GET", a.check, nil), &said)
	if said.AccessToken != nil {
		a.token = *said.AccessToken
	}
	return said
}

func (a *fakeAgent) poll() []map[string]any {
	a.t.Helper()
	var commands []map[string]any
	decodeInto(a.t, a.call(200, "GET", api+"oibus/commands/pending", nil), &commands)
	return commands
}

func (a *fakeAgent) cancelled(ids ...string) []string {
	a.t.Helper()
	var list []struct{ ID string }
	decodeInto(a.t, a.call(200, "GET", api+"oibus/commands/list-by-ids?"+url.Values{"ids": ids}.Encode(), nil), &list)
	out := []string{}
	for _, c := range list {
		out = append(out, c.ID)
	}
	return out
}

// reported is the body of E6 for one command.
func reported(id, status, result string) []map[string]any {
	c := map[string]any{"id": id, "status": status, "ack": false, "targetVersion": "3.9.0", "completedDate": nil, "result": nil}
	if result != "" {
		c["result"] = result
	}
	if status == CommandCompleted {
		c["completedDate"] = "2026-03-04T08:15:31.004Z"
	}
	return []map[string]any{c}
}

func (a *fakeAgent) report(id, status, result string) {
	a.t.Helper()
	a.call(200, "PUT", api+"oibus/commands/status", reported(id, status, result))
}

// execute polls once and brings each command to its end.
func (a *fakeAgent) execute() int {
	a.t.Helper()
	commands := a.poll()
	for _, c := range commands {
		id := c["id"].(string)
		a.report(id, CommandRetrieved, "")
		a.report(id, CommandRunning, "")
		a.report(id, CommandCompleted, "done")
	}
	return len(commands)
}

func decodeInto(t *testing.T, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("cannot decode %s: %v", body, err)
	}
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var testPublicKey = sync.OnceValue(func() string {
	der, err := x509.MarshalPKIXPublicKey(testKey().Public())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
})

func rename(i int) map[string]any {
	return map[string]any{"type": "update-engine-general", "commandContent": map[string]string{"name": fmt.Sprintf("OIBus %d", i)}}
}

func mustQueue(t *testing.T, sim *Sim, agent string, commands ...any) []string {
	t.Helper()
	ids, err := sim.Queue(agent, commands...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func contains(s, part string) bool { return strings.Contains(s, part) }
