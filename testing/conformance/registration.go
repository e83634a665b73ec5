package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
)

// approvalLimit bounds the wait for an approval: the agent looks after it every ten seconds.
const approvalLimit = 5 * time.Minute

// Registering is the life of an agent from its first start on.
type Registering struct {
	*Player
	steps map[string]any // REST answers of ours, by step
	since time.Time      // requests that began before it are not looked at
}

// registrationRecording is registration.json or registration-variants.json.
type registrationRecording struct {
	Steps []struct {
		Step         string         `json:"step"`
		Status       any            `json:"restStatus"`
		Body         any            `json:"restBody"`
		REST         []any          `json:"rest"`
		Registration map[string]any `json:"registration"`
		Requests     []Exchange     `json:"requests"`
	} `json:"steps"`
	Exchanges []Exchange `json:"exchanges"`
	Order     [][]any    `json:"allRequestsInOrder"`
}

// rest notes what the REST API answers.
func (g *Registering) rest(step, method, path string, body any) error {
	answer, err := g.agent.Do(g.t.Context(), method, path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	g.steps[step] = map[string]any{"status": float64(answer.Status), "body": decoded(answer.Body)}
	return nil
}

// with is the recorded form with other values.
func (g *Registering) with(other map[string]any) map[string]any {
	form := maps.Clone(g.form)
	maps.Copy(form, other)
	return form
}

// exchanges are all requests so far to some endpoints.
func (g *Registering) exchanges(endpoints string) (list []Exchange) {
	for _, r := range g.sim.Requests(cloudsim.RequestFilter{}) {
		if strings.Contains(endpoints+" ", r.Endpoint+" ") {
			list = append(list, exchangeOf(r))
		}
	}
	return list
}

// checks waits until the agent has asked n times whether it was approved.
func (g *Registering) checks(n int) error {
	ctx, cancel := context.WithTimeout(g.t.Context(), approvalLimit)
	defer cancel()
	_, err := g.sim.WaitRequests(ctx, cloudsim.RequestFilter{Endpoint: "E2"}, n)
	return err
}

// approve completes the registration that waits, at the next check.
func (g *Registering) approve() error {
	ctx, cancel := context.WithTimeout(g.t.Context(), approvalLimit)
	defer cancel()
	r, err := g.sim.WaitRegistration(ctx)
	if err != nil {
		return err
	}
	known, err := g.sim.Approve(r.Code)
	g.id = known.ID
	return err
}

const (
	registerPath     = "/api/oianalytics/register"
	registrationPath = "/api/oianalytics/registration"
	testPath         = "/api/oianalytics/registration/test-connection"
	closedHost       = "http://127.0.0.1:1"
)

// recordedPolls is how many polls commands-pending-poll.json holds.
const recordedPolls = 4

// playRegistration goes through the steps of registration.json.
func (g *Registering) playRegistration() error {
	if _, err := g.sim.AddRule(cloudsim.Rule{Endpoint: "E1", Status: 400, Text: `{"message": "bad activation"}`, Count: 1}); err != nil {
		return err
	}
	for _, s := range []struct {
		step, method, path string
		body               any
	}{
		{"GET registration before", http.MethodGet, registrationPath, nil},
		{"test-connection unregistered (mock answers 401)", http.MethodPost, testPath, g.form},
		{"register invalid host port closed", http.MethodPost, registerPath, g.with(map[string]any{"host": closedHost})},
		{"register, server answers 400", http.MethodPost, registerPath, g.form},
		{"register, refresh interval 0", http.MethodPost, registerPath, g.with(map[string]any{"commandRefreshInterval": 0})},
		{"register ok", http.MethodPost, registerPath, g.form},
		{"GET registration pending", http.MethodGet, registrationPath, nil},
	} {
		if err := g.rest(s.step, s.method, s.path, s.body); err != nil {
			return err
		}
	}
	if _, err := g.sim.AddRule(cloudsim.Rule{Endpoint: "E2", Status: 500, Text: "nope", Count: 1}); err != nil {
		return err
	}
	if err := g.checks(3); err != nil {
		return err
	}
	if err := g.approve(); err != nil {
		return err
	}
	if !g.await("E8", 0, 1) {
		return fmt.Errorf("being approved was not followed by the history queries")
	}
	if !g.await("E4", 0, recordedPolls) {
		return fmt.Errorf("being approved was not followed by polls")
	}
	return g.rest("GET registration registered", http.MethodGet, registrationPath, nil)
}

// results compares what playRegistration did with its recordings.
func (g *Registering) results() (list []result) {
	var recorded registrationRecording
	if err := loadJSON(g.folder, "registration", &recorded); err != nil {
		return []result{{"registration", failed(err)}}
	}
	theirSteps := map[string]any{}
	for _, s := range recorded.Steps {
		theirSteps[s.Step] = map[string]any{"status": s.Status, "body": s.Body}
	}
	list = append(list, g.result("registration",
		map[string]any{"steps": theirSteps, "requests": views(recorded.Exchanges), "after": afterApproval(recorded.Order)},
		map[string]any{"steps": g.steps, "requests": views(g.exchanges("E1 E2 E3")), "after": afterApproval(g.order())}))
	for _, s := range []struct{ name, endpoint string }{{"full-config", "E7"}, {"history-queries", "E8"}} {
		var r struct {
			Exchange Exchange `json:"exchange"`
		}
		switch err := loadJSON(g.folder, s.name, &r); {
		case err == nil:
			list = append(list, g.result(s.name, exchangeView(r.Exchange), exchangeView(g.exchanges(s.endpoint)[0])))
		case g.dialect == N:
			list = append(list, result{s.name, failed(err)})
		}
	}
	var polls registrationRecording
	if err := loadJSON(g.folder, "commands-pending-poll", &polls); err != nil {
		return append(list, result{"commands-pending-poll", failed(err)})
	}
	ours := views(g.exchanges("E4"))
	return append(list, g.result("commands-pending-poll", views(polls.Exchanges), ours[:min(len(ours), len(polls.Exchanges))]))
}

// result compares two trees when it is asked to.
func (g *Registering) result(name string, theirs, ours any) result {
	return result{name, func() ([]Difference, error) {
		a, b := g.normalisers(&Played{Recording: &Recording{}})
		x, y := a.Normalise(theirs), b.Normalise(ours)
		leaveUnmadeSections(x, y)
		return Compare(x, y), nil
	}}
}

func views(exchanges []Exchange) []any {
	list := make([]any, len(exchanges))
	for i, e := range exchanges {
		list[i] = exchangeView(e)
	}
	return list
}

// order is each request as the recordings list them: instant, method, path, query, status.
func (g *Registering) order() (list [][]any) {
	for _, r := range g.sim.Requests(cloudsim.RequestFilter{}) {
		list = append(list, []any{"", r.Method, r.Path, r.Query, float64(r.Status)})
	}
	return list
}

// afterApproval is what follows the last check: the configuration and the first poll leave in parallel, the history
// queries after the configuration (protocol/control-plane.md, section 2.5).
func afterApproval(order [][]any) map[string]any {
	at := map[string]int{}
	for i, request := range order {
		path, _ := request[2].(string)
		name := path[strings.LastIndexByte(path, '/')+1:]
		if _, seen := at[name]; !seen || name == "check" {
			at[name] = i
		}
	}
	_, polled := at["pending"]
	return map[string]any{
		"configuration after the approval": at["configuration"] > at["check"], "history queries after the configuration": at["history-query"] > at["configuration"],
		"polls after the approval": polled && at["pending"] > at["check"],
	}
}

// newRegistering starts an agent that is not registered.
func newRegistering(t *testing.T, d Dialect) *Registering {
	t.Helper()
	return &Registering{Player: newPlayer(t, d, d), steps: map[string]any{}}
}
