package harness

import (
	"context"
	"fmt"
	"time"

	"oibus/agent/entity"
	"oibus/testing/cloudsim"
)

// registerLimit bounds a registration: the agent looks after its approval every ten seconds.
const registerLimit = 5 * time.Minute

// RegistrationForm is the body of a registration with host: every permission, and the shortest intervals.
func RegistrationForm(host string) map[string]any {
	return map[string]any{
		"host": host, "acceptUnauthorized": false,
		"useProxy": false, "proxyUrl": nil, "proxyUsername": nil, "proxyPassword": nil,
		"useApiGateway": false, "apiGatewayHeaderKey": nil, "apiGatewayHeaderValue": nil, "apiGatewayBaseEndpoint": nil,
		"commandRefreshInterval": 1, "commandRetryInterval": 1, "messageRetryInterval": 1,
		"commandPermissions": entity.AllPermissions(),
	}
}

// RequestRegistration registers with form and returns the activation code that now waits for approval.
func (a *Agent) RequestRegistration(ctx context.Context, form map[string]any) (code string, err error) {
	if err := a.JSON(ctx, "POST", "/api/oianalytics/register", form, nil); err != nil {
		return "", err
	}
	var r struct {
		Code string `json:"activationCode"`
	}
	err = a.JSON(ctx, "GET", "/api/oianalytics/registration", nil, &r)
	return r.Code, err
}

// RegisterWith registers the agent with the simulator, approves it there, and waits until it polls for commands.
func (a *Agent) RegisterWith(sim *cloudsim.Sim, form map[string]any) cloudsim.Agent {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), registerLimit)
	defer cancel()
	known, err := a.register(ctx, sim, form)
	if err != nil {
		a.t.Fatalf("cannot register: %v\n%s", err, a.Output())
	}
	return known
}

func (a *Agent) register(ctx context.Context, sim *cloudsim.Sim, form map[string]any) (cloudsim.Agent, error) {
	code, err := a.RequestRegistration(ctx, form)
	if err != nil {
		return cloudsim.Agent{}, err
	}
	known, err := sim.Approve(code)
	if err != nil {
		return known, err
	}
	if _, err := sim.WaitRequests(ctx, cloudsim.RequestFilter{Agent: known.ID, Endpoint: "E4"}, 1); err != nil {
		return known, fmt.Errorf("it was approved and does not poll: %w", err)
	}
	return known, nil
}
