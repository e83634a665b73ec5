package cloudsim

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func stringsReader(s string) io.Reader { return strings.NewReader(s) }

func mustRule(t *testing.T, sim *Sim, r Rule) string {
	t.Helper()
	id, err := sim.AddRule(r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func bytesOf(n int64) *int64 { return &n }

func TestARuleReplacesTheAnswerAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "counted")
	mustRule(t, sim, Rule{Endpoint: "E4", Skip: 1, Count: 2, Status: 503, RetryAfter: "7", Headers: map[string]string{"X-Proxy": "squid"}})
	a.call(200, "GET", api+"oibus/commands/pending", nil)
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", sim.URL()+api+"oibus/commands/pending", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := a.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "7" || answer.Header.Get("X-Proxy") != "squid" {
			t.Fatalf("answered %d %v", answer.StatusCode, answer.Header)
		}
	}
	a.call(200, "GET", api+"oibus/commands/pending", nil)
	a.call(200, "GET", api+"oibus/status", nil)
	if rules := sim.Rules(); rules[0].Applied != 2 || rules[0].Matched != 4 {
		t.Fatalf("rule %+v", rules[0])
	}
}

func TestARuleForOneAgentLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a, b := enrolled(t, sim, "a"), enrolled(t, sim, "b")
	mustRule(t, sim, Rule{Endpoint: "*", Agent: "a", Status: 500})
	a.call(500, "GET", api+"oibus/status", nil)
	b.call(200, "GET", api+"oibus/status", nil)
	newAgent(t, sim, "a").call(500, "POST", api+"oibus/registration", map[string]string{"activationCode": "x", "oibusId": "a"})
	newAgent(t, sim, "c").call(200, "POST", api+"oibus/registration", map[string]string{"activationCode": "x", "oibusId": "c"})
}

func TestADroppedAnswerWithItsEffectLosesOnlyTheAnswer(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "dropped")
	ids := mustQueue(t, sim, "dropped", rename(1), rename(2))
	// PUT is repeated by the HTTP client of Go when the connection was reused: a fresh one shows the drop.
	a.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	mustRule(t, sim, Rule{Endpoint: "E6", Count: 1, Drop: true, Process: true})
	if status, _, err := a.try("PUT", api+"oibus/commands/status", "application/json", encoded(t, reported(ids[0], CommandCompleted, "1"))); err == nil {
		t.Fatalf("answered %d", status)
	}
	mustRule(t, sim, Rule{Endpoint: "E6", Count: 1, Drop: true})
	if status, _, err := a.try("PUT", api+"oibus/commands/status", "application/json", encoded(t, reported(ids[1], CommandCompleted, "2"))); err == nil {
		t.Fatalf("answered %d", status)
	}
	list, err := sim.Statuses(ids...)
	if err != nil || list[0].Status != CommandCompleted || list[1].Status != CommandPending {
		t.Fatalf("commands %+v, error %v", list, err)
	}
	journal, err := sim.WaitRequests(patient(t), RequestFilter{Endpoint: "E6"}, 2)
	if err != nil || journal[0].Status != 0 || journal[0].Rule == "" || journal[0].Agent != "dropped" {
		t.Fatalf("journal %+v, error %v", journal, err)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestATruncatedAnswerEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "cut")
	mustQueue(t, sim, "cut", rename(1))
	for _, n := range []int64{0, 10} {
		id := mustRule(t, sim, Rule{Endpoint: "E4", TruncateAfter: bytesOf(n)})
		status, body, err := a.try("GET", api+"oibus/commands/pending", "", nil)
		if err == nil || status != 200 || int64(len(body)) != n {
			t.Fatalf("cut after %d: status %d, body %q, error %v", n, status, body, err)
		}
		sim.RemoveRule(id)
	}
	if len(a.poll()) != 1 {
		t.Fatal("the command is lost")
	}
}

func TestGarbageIsNotWhatTheEndpointAnswers(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "garbage")
	for _, kind := range garbageKinds {
		for _, e := range []string{"E2", "E4", "E6"} {
			sim.ResetRules()
			mustRule(t, sim, Rule{Endpoint: e, Garbage: kind})
			method, path := "GET", checkPath+"?id=x"
			var want any = &checkAnswer{}
			switch e {
			case "E4":
				path, want = api+"oibus/commands/pending", &[]map[string]any{}
			case "E6":
				method, path, want = "PUT", api+"oibus/commands/status", &map[string]any{}
			}
			status, body, err := a.try(method, path, "application/json", []byte("[]"))
			if err != nil || status != 200 {
				t.Fatalf("%s %s: status %d, error %v", e, kind, status, err)
			}
			if json.Unmarshal(body, want) == nil {
				t.Errorf("%s %s: %s could be true", e, kind, body)
			}
		}
	}
}

func TestADelayedAnswerComesLateAndTheSimulatorStopsWithoutWaitingForIt(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "late")
	mustRule(t, sim, Rule{Endpoint: "E3", DelayMS: 60, Count: 1})
	began := time.Now()
	a.call(200, "GET", api+"oibus/status", nil)
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Fatalf("answered after %v", took)
	}
	mustRule(t, sim, Rule{Endpoint: "E3", DelayMS: 3_600_000})
	done := make(chan error, 1)
	go func() {
		_, _, err := a.try("GET", api+"oibus/status", "", nil)
		done <- err
	}()
	for sim.Rules()[1].Applied == 0 {
		time.Sleep(time.Millisecond) // the only sign that the request has arrived
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Fatal("a delayed request was answered at the stop")
	}
}

func TestTheSameSeedGivesTheSameSequence(t *testing.T) {
	t.Parallel()
	sequence := func() string {
		sim := start(t, Options{})
		a := enrolled(t, sim, "dice")
		mustRule(t, sim, Rule{Endpoint: "E3", Probability: 0.5, Seed: 7, Status: 500})
		var out strings.Builder
		for range 40 {
			status, _, err := a.try("GET", api+"oibus/status", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteByte("FT"[status/500])
		}
		return out.String()
	}
	first := sequence()
	if first != sequence() || !contains(first, "F") || !contains(first, "T") {
		t.Fatalf("sequence %s", first)
	}
}

func TestARuleThatMeansNothingIsRefused(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	for _, r := range []Rule{{Endpoint: "E12", Status: 500}, {Endpoint: "E1", Status: 99}, {Endpoint: "E1", Probability: 2}, {Endpoint: "E1", Garbage: "noise"},
		{Endpoint: "E1", DelayMS: -1}, {Endpoint: "E1", TruncateAfter: bytesOf(-1)}, {Status: 500}} {
		if _, err := sim.AddRule(r); err == nil {
			t.Errorf("accepted %+v", r)
		}
	}
	id := mustRule(t, sim, Rule{ID: "mine", Endpoint: "E1", Status: 500})
	if _, err := sim.AddRule(Rule{ID: "mine", Endpoint: "E1", Status: 500}); err == nil {
		t.Error("two rules have the same id")
	}
	if !sim.RemoveRule(id) || sim.RemoveRule(id) {
		t.Error("removing a rule twice says the same twice")
	}
}
