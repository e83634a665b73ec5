package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// gateway is how the variants reach OIAnalytics.
func gateway(base string) map[string]any {
	return map[string]any{"useApiGateway": true, "apiGatewayHeaderKey": "x-gw-key", "apiGatewayHeaderValue": "gw-secret", "apiGatewayBaseEndpoint": base}
}

// gatewayBase is the path of the gateway that refuses in the variants.
const gatewayBase = "/gateway/v1"

// twice is the step that registers an agent that is registered.
const twice = "register again while REGISTERED"

// variant is one step of the variants: what is done, and what is waited for before the requests are looked at.
type variant struct {
	step      string
	do        func() error
	endpoints string // whose requests are compared
	after     bool   // only those from the last check on: when exactly the ones before come is our own affair
}

// playVariants goes through the steps of registration-variants.json. What the steps logBatchLimit and emptyBatches
// show is looked at by the scenario logs and by the tests of agent/logging.
func (g *Registering) playVariants() []result {
	const name = "registration-variants"
	var recorded registrationRecording
	if err := loadJSON(g.folder, name, &recorded); err != nil {
		return []result{{name, failed(err)}}
	}
	theirs, ours := map[string]any{}, map[string]any{}
	plays := g.variants()
	for _, s := range recorded.Steps {
		v, ok := plays[s.Step]
		if !ok {
			return []result{{name, failed(fmt.Errorf("the step %q is not known here", s.Step))}}
		}
		before := g.lastSeq()
		g.since = time.Time{}
		if err := v.do(); err != nil {
			return []result{{name, failed(fmt.Errorf("%s: %w", s.Step, err))}}
		}
		their := map[string]any{"requests": v.view(s.Requests)}
		if s.REST != nil {
			their["rest"] = map[string]any{"status": s.REST[0], "body": s.REST[1]}
		}
		if s.Registration != nil {
			their["registration"] = s.Registration
		}
		our := g.variantView(s.Step, before, v, s.REST != nil, s.Registration != nil)
		if s.Step == twice {
			their["polls go on"], our["polls go on"] = pollsAfterRegistering(s.Requests), pollsAfterRegistering(g.exchangesAfter(before))
		}
		theirs[s.Step], ours[s.Step] = their, our
	}
	return []result{g.result(name, theirs, ours)}
}

func (g *Registering) exchangesAfter(seq uint64) (list []Exchange) {
	for _, r := range g.sim.Requests(cloudsim.RequestFilter{After: seq}) {
		if r.At.After(g.since) {
			list = append(list, exchangeOf(r))
		}
	}
	return list
}

// pollsAfterRegistering tells whether a request to register was followed by a poll.
func pollsAfterRegistering(exchanges []Exchange) bool {
	registered := false
	for _, e := range exchanges {
		registered = registered || e.Method == http.MethodPost
		if registered && strings.HasSuffix(e.Path, "/pending") && e.Answer.Status == http.StatusOK {
			return true
		}
	}
	return false
}

func (g *Registering) variantView(step string, before uint64, v variant, withREST, withRegistration bool) map[string]any {
	view := map[string]any{"requests": v.view(g.exchangesAfter(before))}
	if withREST {
		view["rest"] = g.steps[step]
	}
	if withRegistration {
		var r map[string]any
		if err := g.agent.JSON(g.t.Context(), http.MethodGet, registrationPath, nil, &r); err != nil {
			r = map[string]any{"error": err.Error()}
		}
		view["registration"] = r
	}
	return view
}

// view is the requests of a step by their path, in order.
func (v variant) view(exchanges []Exchange) map[string]any {
	byPath := map[string]any{}
	for _, e := range exchanges {
		name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
		if !strings.Contains(v.endpoints+" ", name+" ") {
			continue
		}
		list, _ := byPath[name].([]any)
		if v.after {
			list = nil // the newest stands for all
		}
		byPath[name] = append(list, exchangeView(e))
	}
	return byPath
}

// variants are what to do in each step.
func (g *Registering) variants() map[string]variant {
	register := func(step string, other map[string]any) func() error {
		return func() error { return g.rest(step, http.MethodPost, registerPath, g.with(other)) }
	}
	plays := map[string]variant{}
	add := func(step, endpoints string, after bool, do func() error) {
		plays[step] = variant{step, do, endpoints, after}
	}
	add("test-connection, closed port", "status", false, func() error {
		return g.rest("test-connection, closed port", http.MethodPost, testPath, g.with(map[string]any{"host": closedHost}))
	})
	const refused = "register through API gateway (mock knows no /gateway path: 404)"
	add(refused, "registration", false, func() error {
		if _, err := g.sim.AddRule(cloudsim.Rule{Endpoint: "E1", Status: 401, Text: `{"error": "Unauthorized"}`, Count: 1}); err != nil {
			return err
		}
		return register(refused, gateway(gatewayBase))()
	})
	const accepted = "register with gateway header, empty base endpoint"
	add(accepted, "registration", false, register(accepted, mergedForms(gateway(""), map[string]any{"host": g.sim.URL() + "/"})))
	add("registered with gateway header", "check pending configuration history-query", true, g.approved)
	add("GET registration (secrets absent)", "", false, func() error {
		return g.rest("GET registration (secrets absent)", http.MethodGet, registrationPath, nil)
	})
	add("unregister, 3 s", "registration check pending status configuration history-query logs", false, g.unregistered)
	const again = "re-register, check answers EXPIRED twice"
	add(again, "registration check", false, func() error {
		body := json.RawMessage(`{"status": "EXPIRED", "expired": true, "accessToken": null}`)
		if _, err := g.sim.AddRule(cloudsim.Rule{Endpoint: "E2", Status: 200, Body: body, Count: 2}); err != nil {
			return err
		}
		if err := register(again, nil)(); err != nil {
			return err
		}
		return g.expired()
	})
	add("third check COMPLETED", "check configuration pending history-query", true, func() error {
		g.sim.ResetRules()
		if err := g.agent.JSON(g.t.Context(), http.MethodPost, registerPath, g.form, nil); err != nil {
			return err
		}
		return g.approved()
	})
	add(twice, "registration", false, func() error {
		if err := register(twice, nil)(); err != nil {
			return err
		}
		return g.passPolls(2) // what worked before goes on until the new request is approved
	})
	return plays
}

func mergedForms(a, b map[string]any) map[string]any {
	form := maps.Clone(a)
	maps.Copy(form, b)
	return form
}

// approved approves the request and waits for all that follows.
func (g *Registering) approved() error {
	before := g.lastSeq()
	if err := g.approve(); err != nil {
		return err
	}
	if !g.await("E8", before, 1) {
		return fmt.Errorf("being approved was not followed by the history queries")
	}
	return g.passPolls(1)
}

// onTheWay is how long a poll that left before the agent unregistered may take to arrive.
const onTheWay = 200 * time.Millisecond

// unregistered unregisters and watches that nothing is sent any more. Only time can show that.
func (g *Registering) unregistered() error {
	const step = "unregister, 3 s"
	if err := g.rest(step, http.MethodPost, "/api/oianalytics/unregister", nil); err != nil {
		return err
	}
	g.since = time.Now().Add(onTheWay)
	ctx, cancel := context.WithTimeout(g.t.Context(), 3*time.Second)
	defer cancel()
	harness.UntilDone(ctx, func() bool { return len(g.exchangesAfter(0)) > 0 })
	return nil
}

// expired waits until the agent knows that its request has expired.
func (g *Registering) expired() error {
	ctx, cancel := context.WithTimeout(g.t.Context(), approvalLimit)
	defer cancel()
	var r struct {
		Status string `json:"status"`
	}
	var err error
	reached := harness.UntilDone(ctx, func() bool {
		err = g.agent.JSON(ctx, http.MethodGet, registrationPath, nil, &r)
		return err != nil || r.Status != "PENDING"
	})
	if !reached {
		return fmt.Errorf("the agent still waits for the approval of an expired request")
	}
	return err
}
