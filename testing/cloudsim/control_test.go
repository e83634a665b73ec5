package cloudsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func control(t *testing.T, sim *Sim, status int, method, path, body string) json.RawMessage {
	t.Helper()
	w := direct(sim, "", method, path, body)
	if w.Code != status {
		t.Fatalf("%s %s is answered %d %s, want %d", method, path, w.Code, w.Body, status)
	}
	return w.Body.Bytes()
}

func TestTheControlAPIDoesWhatThePackageDoes(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{Record: true})
	a := newAgent(t, sim, "control")
	a.register()
	var waiting []Registration
	decodeInto(t, control(t, sim, 200, "GET", "/control/registrations", ""), &waiting)
	if len(waiting) != 1 || waiting[0].Code != a.code {
		t.Fatalf("waiting %+v", waiting)
	}
	control(t, sim, 404, "POST", "/control/registrations/approve", `{"activationCode":"nobody"}`)
	control(t, sim, 200, "POST", "/control/registrations/approve", `{"activationCode":"aZ3k9Q"}`)
	a.checkRegistration()

	var queued struct{ IDs []string }
	decodeInto(t, control(t, sim, 200, "POST", "/control/agents/control/commands", `[{"type":"restart-engine"},{"type":"regenerate-cipher-keys","id":"mine"}]`), &queued)
	if len(queued.IDs) != 2 || queued.IDs[1] != "mine" {
		t.Fatalf("queued %+v", queued)
	}
	control(t, sim, 200, "POST", "/control/commands/mine/cancel", "")
	control(t, sim, 400, "POST", "/control/commands/mine/cancel", "")
	control(t, sim, 408, "GET", "/control/wait?timeout=1&commands="+strings.Join(queued.IDs, ","), "")
	if a.execute() != 1 {
		t.Fatal("the cancelled command was handed out")
	}
	var ended []Command
	decodeInto(t, control(t, sim, 200, "GET", "/control/wait?commands="+strings.Join(queued.IDs, ","), ""), &ended)
	if len(ended) != 2 || ended[0].Status != CommandCompleted || ended[1].Status != CommandCancelled || len(ended[0].Updates) != 3 {
		t.Fatalf("ended %+v", ended)
	}

	a.call(200, "PUT", api+"oibus/configuration", map[string]any{"engine": map[string]string{"name": "n"}})
	a.call(200, "POST", api+"oibus/logs", []any{entry("INFO", "hello")})
	control(t, sim, 200, "GET", "/control/wait?configuration=full-config&agent=control", "")
	control(t, sim, 200, "GET", "/control/wait?logs=1&text=HELLO", "")
	control(t, sim, 200, "GET", "/control/wait?agent=control", "")
	control(t, sim, 400, "GET", "/control/wait", "")
	if body := control(t, sim, 200, "GET", "/control/agents/control/configuration/full-config", ""); string(body) != `{"engine":{"name":"n"}}` {
		t.Fatalf("configuration %s", body)
	}
	var requests []Request
	decodeInto(t, control(t, sim, 200, "GET", "/control/wait?requests=1&endpoint=E10", ""), &requests)
	if len(requests) != 1 || requests[0].Status != 200 || requests[0].Header.Get("User-Agent") == "" || !contains(string(requests[0].Body), "hello") {
		t.Fatalf("requests %+v", requests)
	}
	var m Metrics
	decodeInto(t, control(t, sim, 200, "GET", "/control/metrics", ""), &m)
	if m.Endpoints["E6"].Statuses[200] != 3 || m.Commands[CommandCompleted] != 1 || m.Logs != 1 {
		t.Fatalf("metrics %+v", m)
	}
}

// UnmarshalJSON is for this test only: it keeps the JSON as it is.
func (c *Content) UnmarshalJSON(b []byte) error {
	*c = append(Content{}, b...)
	return nil
}

func TestEveryCallOfTheControlAPIAnswersJSONWhateverItIsAsked(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	for _, r := range controlRoutes() {
		path := strings.NewReplacer("{agent}", "nobody", "{id}", "nothing", "{kind}", "full-config", "{seq}", "1").Replace(r.Path)
		if strings.HasSuffix(path, "/wait") || strings.HasSuffix(path, "/changes") {
			path += "?timeout=1&commands=none&since=999"
		}
		w := direct(sim, "", r.Method, path, "{")
		if !json.Valid(w.Body.Bytes()) || w.Code >= 500 {
			t.Errorf("%s %s is answered %d %s", r.Method, path, w.Code, w.Body)
		}
		if r.Summary == "" {
			t.Errorf("%s %s has no summary", r.Method, r.Path)
		}
	}
}

func TestAMisspelledKeyOfARuleIsRefused(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	control(t, sim, 400, "POST", "/control/rules", `{"endpoint":"E4","delay":5}`)
	control(t, sim, 400, "POST", "/control/rules", `{"endpoint":"E4","status":500} {}`)
	control(t, sim, 200, "POST", "/control/rules", `{"id":"mine","endpoint":"E4","status":500}`)
	control(t, sim, 200, "DELETE", "/control/rules/mine", "")
	control(t, sim, 404, "DELETE", "/control/rules/mine", "")
}

func TestAPackageIsUploadedAndDataDownloaded(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "files")
	var added Asset
	decodeInto(t, control(t, sim, 200, "PUT", "/control/assets/p1?filename=oibus.zip", "zip"), &added)
	if added.Filename != "oibus.zip" || added.Bytes != 3 {
		t.Fatalf("added %+v", added)
	}
	if body := a.call(200, "GET", api+"oibus/upgrade/asset?assetId=p1", nil); string(body) != "zip" {
		t.Fatalf("downloaded %q", body)
	}
	control(t, sim, 200, "DELETE", "/control/assets/p1", "")
	a.send(200, api+"oibus/time-values?dataSourceId=n", "application/json", []byte(`[1,2]`))
	control(t, sim, 200, "GET", "/control/wait?values=2", "")
	w := direct(sim, "", "GET", "/control/data/1", "")
	if w.Body.String() != "[1,2]" || !contains(w.Header().Get("Content-Disposition"), "attachment") {
		t.Fatalf("downloaded %s, headers %v", w.Body, w.Header())
	}
	control(t, sim, 404, "GET", "/control/data/2", "")
}

func TestOtherWebSitesCannotUseTheControlAPIOrThePage(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{HostNames: []string{"simulator.plant.example"}})
	ask := func(host, site string) int {
		r := httptest.NewRequest("POST", "http://"+host+"/control/rules", strings.NewReader(`{"endpoint":"E4","status":500}`))
		if site != "" {
			r.Header.Set("Sec-Fetch-Site", site)
		}
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		host, site string
		want       int
	}{
		{"127.0.0.1:4500", "", 200}, {"localhost:4500", "same-origin", 200}, {"[::1]:4500", "", 200}, {"simulator.plant.example", "", 200},
		{"localhost:4500", "cross-site", 403}, {"evil.example:4500", "", 421},
	} {
		if got := ask(c.host, c.site); got != c.want {
			t.Errorf("from %q at %s is answered %d, want %d", c.site, c.host, got, c.want)
		}
	}
}

func TestEveryPageIsDrawnWithAndWithoutContent(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{Record: true})
	for _, path := range []string{"/", "/logs", "/data", "/requests", "/packages", "/rules", "/help"} {
		page(t, sim, 200, path)
	}
	a := enrolled(t, sim, "odd/id ?<&>")
	ids := mustQueue(t, sim, a.id, rename(1), map[string]any{"type": "<script>alert(1)</script>"})
	a.poll()
	a.report(ids[0], CommandCompleted, "<script>alert(2)</script>")
	a.call(200, "PUT", api+"oibus/configuration", map[string]any{"engine": map[string]string{"name": "<b>name</b>"}})
	a.call(200, "PUT", api+"oibus/configuration", map[string]any{"engine": map[string]string{"name": "<i>name</i>"}})
	a.call(200, "POST", api+"oibus/logs", []any{entry("INFO", "<script>alert(3)</script>")})
	a.send(200, api+"oibus/time-values?dataSourceId=%3Cb%3E", "application/json", []byte(`[{"pointId":"<b>","timestamp":"t","data":{"value":1}}]`))
	mustRule(t, sim, Rule{Endpoint: "E4", Status: 500, Text: "<b>"})
	base := agentPath(a.id)
	for _, path := range []string{"/", "/logs", "/data", "/data/1", "/requests", "/requests/1", "/rules", base, base + "/new", base + "/commands/1", base + "/commands/2",
		base + "/configuration", base + "/configuration?kind=history-queries", base + "/logs", base + "/data", base + "/requests"} {
		if body := page(t, sim, 200, path); contains(body, "<script>alert") || contains(body, "<b>name") {
			t.Errorf("%s shows what an agent sent as HTML", path)
		}
	}
	for _, path := range []string{"/nothing", "/agents/nobody", "/agents/nobody/new", "/agents/nobody/logs", base + "/commands/99", "/data/99", "/requests/x"} {
		page(t, sim, 404, path)
	}
}

func page(t *testing.T, sim *Sim, status int, path string) string {
	t.Helper()
	w := direct(sim, "", http.MethodGet, path, "")
	if w.Code != status || !strings.HasSuffix(w.Body.String(), "</html>") || !contains(w.Header().Get("Content-Security-Policy"), "script-src 'self'") {
		t.Fatalf("%s is answered %d:\n%s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestTheListOfAThousandAgentsIsCutIntoPages(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	for i := range 120 {
		if _, err := sim.Enroll(AgentInfo{ID: fmt.Sprintf("id-%03d", i), Name: fmt.Sprintf("Agent %03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	first, last := page(t, sim, 200, "/"), page(t, sim, 200, "/?page=3")
	if !contains(first, "Agent 000") || contains(first, "Agent 050") || !contains(first, "Page 1 of 3") || !contains(last, "Agent 119") {
		t.Error("the pages are cut wrongly")
	}
	if found := page(t, sim, 200, "/?text=agent+07"); !contains(found, "Agent 071") || contains(found, "Agent 081") {
		t.Error("the search finds the wrong agents")
	}
	page(t, sim, 200, "/?page=99")
}

func TestAWaitEndsWhenTheSimulatorStops(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "wait")
	done := make(chan int, 1)
	go func() {
		status, _, _ := a.try("GET", "/control/wait?timeout=600&registrations=1", "", nil)
		done <- status
	}()
	for { // until the call has arrived
		sim.events.mu.Lock()
		waits := sim.events.ch != nil
		sim.events.mu.Unlock()
		if waits {
			break
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if status := <-done; status == 200 || time.Since(began) > stopLimit {
		t.Fatalf("answered %d after %v", status, time.Since(began))
	}
}

func TestHTTPSIsServedWithACertificateThatCanBeTrusted(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{TLS: true})
	if !strings.HasPrefix(sim.URL(), "https://127.0.0.1:") {
		t.Fatalf("URL %s", sim.URL())
	}
	a := enrolled(t, sim, "tls")
	if _, _, err := a.try("GET", api+"oibus/status", "", nil); err == nil {
		t.Fatal("a certificate of nobody is trusted")
	}
	a.http = trusting(t, sim.CertificatePEM())
	a.call(200, "GET", api+"oibus/status", nil)
}
