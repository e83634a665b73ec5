package cloudsim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// direct calls the handler without a network: thousands of agents need no sockets.
func direct(sim *Sim, token, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	sim.Handler().ServeHTTP(w, r)
	return w
}

func TestAThousandAgentsRegisterPollAndExecute(t *testing.T) {
	t.Parallel()
	const agents, perAgent = 1000, 3
	sim, err := New(Options{AutoApprove: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}()
	var wg sync.WaitGroup
	work := make(chan int)
	ids := make(chan string, agents*perAgent)
	for range 8 {
		wg.Go(func() {
			for i := range work {
				live(t, sim, fmt.Sprintf("agent-%04d", i), perAgent, ids)
			}
		})
	}
	for i := range agents {
		work <- i
	}
	close(work)
	wg.Wait()
	close(ids)
	var all []string
	for id := range ids {
		all = append(all, id)
	}
	ended, err := sim.WaitTerminal(patient(t), all...)
	if err != nil || len(ended) != agents*perAgent {
		t.Fatalf("%d commands ended, error %v", len(ended), err)
	}
	for _, c := range ended {
		if c.Status != CommandCompleted || len(c.Updates) != 2 || len(c.Anomalies) > 0 {
			t.Fatalf("command %+v", c)
		}
	}
	m := sim.Metrics()
	if m.Agents != agents || m.Commands[CommandCompleted] != agents*perAgent || m.Endpoints["E6"].Statuses[200] != agents*2 || m.Logs != agents {
		t.Fatalf("metrics %+v", m)
	}
}

// live is the life of one agent: register, take its commands, report them, send a log.
func live(t *testing.T, sim *Sim, id string, commands int, ids chan<- string) {
	var said struct{ RedirectURL string }
	registration := `{"activationCode":"` + id + `","oibusId":"` + id + `","oibusName":"n","oibusVersion":"3.9.0","oibusOs":"Linux","oibusArch":"x64","publicKey":""}`
	decodeInto(t, direct(sim, "", "POST", api+"oibus/registration", registration).Body.Bytes(), &said)
	var check checkAnswer
	decodeInto(t, direct(sim, "", "GET", said.RedirectURL, "").Body.Bytes(), &check)
	token := *check.AccessToken
	for range commands {
		queued, err := sim.Queue(id, rename(1))
		if err != nil {
			t.Error(err)
			return
		}
		ids <- queued[0]
	}
	var list []struct{ ID string }
	decodeInto(t, direct(sim, token, "GET", api+"oibus/commands/pending", "").Body.Bytes(), &list)
	if len(list) != commands {
		t.Errorf("%s got %d commands", id, len(list))
	}
	for _, status := range []string{CommandRetrieved, CommandCompleted} {
		var body []string
		for _, c := range list {
			body = append(body, `{"id":"`+c.ID+`","status":"`+status+`","result":null}`)
		}
		if w := direct(sim, token, "PUT", api+"oibus/commands/status", "["+strings.Join(body, ",")+"]"); w.Code != http.StatusOK {
			t.Errorf("%s: status answered %d %s", id, w.Code, w.Body)
		}
	}
	direct(sim, token, "POST", api+"oibus/logs", `[{"level":"INFO","message":"alive"}]`)
}

func TestEverythingMayHappenAtOnce(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{Record: true, State: t.TempDir() + "/state.json", Limits: Limits{Commands: 300, RequestCount: 50, DataBytes: 4000, LogBytes: 4000, ConfigurationBytes: 4000}})
	for i := range 4 {
		enrolled(t, sim, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for i := range 4 {
		id := fmt.Sprint(i)
		a, err := sim.Agent(id)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { // the agent
			for range 60 {
				var list []struct{ ID string }
				decodeInto(t, direct(sim, a.Token, "GET", api+"oibus/commands/pending", "").Body.Bytes(), &list)
				for _, c := range list {
					direct(sim, a.Token, "PUT", api+"oibus/commands/status", `[{"id":"`+c.ID+`","status":"COMPLETED","result":"x"}]`)
				}
				direct(sim, a.Token, "PUT", api+"oibus/configuration", `{"engine":{"name":"busy"}}`)
				direct(sim, a.Token, "POST", api+"oibus/logs", `[{"level":"INFO","message":"busy"}]`)
				direct(sim, a.Token, "POST", api+"oibus/time-values?dataSourceId=x", `[{"pointId":"p"}]`)
			}
		})
		wg.Go(func() { // a person
			for n := range 40 {
				ids, err := sim.Queue(id, rename(n))
				if err == nil && n%5 == 0 {
					_ = sim.Cancel(ids[0]) // it may have ended already
				}
				for _, path := range []string{"/", "/agents/" + id, "/agents/" + id + "/configuration", "/logs", "/data", "/requests", "/rules", "/help", "/control/metrics", "/control/requests"} {
					if w := direct(sim, "", "GET", path, ""); w.Code != http.StatusOK {
						t.Errorf("%s is answered %d", path, w.Code)
					}
				}
			}
		})
		wg.Go(func() { // a test
			for range 40 {
				if ruleID, err := sim.AddRule(Rule{Endpoint: "E8", Agent: id, Status: 500}); err == nil {
					sim.RemoveRule(ruleID)
				}
				sim.Requests(RequestFilter{})
				sim.Configurations(ConfigurationFilter{})
			}
		})
	}
	wg.Wait()
}
