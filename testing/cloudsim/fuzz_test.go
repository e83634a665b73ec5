package cloudsim

import (
	"encoding/json"
	"testing"
)

func inMemory(tb testing.TB) *Sim {
	tb.Helper()
	sim, err := New(Options{Limits: Limits{Commands: 100}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := sim.Close(); err != nil {
			tb.Error(err)
		}
	})
	return sim
}

func FuzzReports(f *testing.F) {
	sim := inMemory(f)
	a, err := sim.Enroll(AgentInfo{ID: "fuzz", Version: "3.9.0"})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := sim.Queue("fuzz", map[string]string{"id": "c", "type": "restart-engine"}); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`[]`, `null`, `[{"id":"c","status":"COMPLETED","result":"x","completedDate":null}]`, `[{"id":"c","status":"RUNNING"},{"id":"d","status":"ERRORED"}]`,
		`[{"id":1}]`, `[{"id":"c","status":"PENDING"}]`, `{`, `[[[[[]]]]]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := direct(sim, a.Token, "PUT", api+"oibus/commands/status", body)
		if w.Code != 200 && w.Code != 400 && w.Code != 404 {
			t.Fatalf("answered %d", w.Code)
		}
		if reports, err := parseReports([]byte(body)); err == nil {
			for _, r := range reports {
				if r.ID == "" || rank(r.Status) < 2 {
					t.Fatalf("accepted %+v", r)
				}
			}
		}
		if c, err := sim.Command("c"); err != nil || len(c.Updates) > maxUpdates || rank(c.Status) == 0 {
			t.Fatalf("command %+v, error %v", c, err)
		}
	})
}

func FuzzControl(f *testing.F) {
	sim := inMemory(f)
	if _, err := sim.Enroll(AgentInfo{ID: "fuzz", Version: "3.9.0"}); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{"type":"restart-engine"}`, `[{"type":"a"},{"type":"b","id":"x"}]`, `{"endpoint":"E4","status":500}`, `{"endpoint":"*","truncateAfter":0}`,
		`{"activationCode":"x"}`, `{"oibusId":"fuzz"}`, `{"on":true}`, `{"secret":"x"}`, `null`, `{}`, `[]`, `{"type":1}`, `{ }`, `{"type":"x"} {}`} {
		f.Add(seed)
	}
	paths := []string{"/control/agents/fuzz/commands", "/control/rules", "/control/registrations/approve", "/control/registrations/decline", "/control/record", "/control/agents/fuzz/encrypt"}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range paths {
			w := direct(sim, "", "POST", path, body)
			if w.Code != 200 && w.Code != 400 && w.Code != 404 && w.Code != 503 || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s answered %d %s", path, w.Code, w.Body)
			}
		}
		sim.ResetRules()
		all, err := sim.Commands("fuzz", CommandFilter{Status: CommandPending})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			var keys map[string]any
			if json.Unmarshal(c.Body, &keys) != nil || keys["type"] == nil {
				t.Fatalf("queued %s", c.Body)
			}
			if err := sim.Cancel(c.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzRegistration(f *testing.F) {
	sim := inMemory(f)
	f.Add(`{"activationCode":"aZ3k9Q","oibusId":"a","oibusName":"n"}`)
	f.Add(`{"activationCode":1}`)
	f.Fuzz(func(t *testing.T, body string) {
		if w := direct(sim, "", "POST", api+"oibus/registration", body); w.Code != 200 && w.Code != 400 {
			t.Fatalf("answered %d", w.Code)
		}
	})
}

func FuzzCountElements(f *testing.F) {
	for _, seed := range []string{`[]`, `[1,2]`, `["a,b"]`, `[{"a":[1,2]}]`, `["\\",","]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		n, err := countElements([]byte(body))
		var list []json.RawMessage
		decoded := json.Unmarshal([]byte(body), &list) == nil && list != nil
		if decoded != (err == nil) || decoded && n != len(list) {
			t.Fatalf("counted %d (error %v), decoded %d", n, err, len(list))
		}
	})
}

func FuzzDifferences(f *testing.F) {
	f.Add(`{"a":1,"b":[{"id":"x","v":1}]}`, `{"a":2,"b":[{"id":"y"},{"id":"x","v":2}]}`)
	f.Fuzz(func(t *testing.T, from, to string) {
		if changes, _ := differences([]byte(from), []byte(from)); len(changes) != 0 {
			t.Fatalf("a document differs from itself: %v", changes)
		}
		differences([]byte(from), []byte(to))
	})
}
