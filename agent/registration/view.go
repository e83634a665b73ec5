package registration

import (
	"maps"

	"oibus/agent/entity"
)

// View is the record as the REST API shows it (protocol/control-plane.md, section 2.10): no secret, no key.
type View struct {
	ID                       string          `json:"id"`
	CreatedBy                any             `json:"createdBy"`
	UpdatedBy                any             `json:"updatedBy"`
	CreatedAt                string          `json:"createdAt"`
	UpdatedAt                string          `json:"updatedAt"`
	Host                     string          `json:"host"`
	ActivationCode           *string         `json:"activationCode"`
	Status                   string          `json:"status"`
	ActivationDate           *string         `json:"activationDate"`
	ActivationExpirationDate *string         `json:"activationExpirationDate"`
	CheckURL                 *string         `json:"checkUrl"`
	UseProxy                 bool            `json:"useProxy"`
	ProxyURL                 *string         `json:"proxyUrl"`
	ProxyUsername            *string         `json:"proxyUsername"`
	UseAPIGateway            bool            `json:"useApiGateway"`
	APIGatewayHeaderKey      *string         `json:"apiGatewayHeaderKey"`
	APIGatewayBaseEndpoint   *string         `json:"apiGatewayBaseEndpoint"`
	AcceptUnauthorized       bool            `json:"acceptUnauthorized"`
	CommandRefreshInterval   int             `json:"commandRefreshInterval"`
	CommandRetryInterval     int             `json:"commandRetryInterval"`
	MessageRetryInterval     int             `json:"messageRetryInterval"`
	CommandPermissions       map[string]bool `json:"commandPermissions"`
}

// View shows the record. user turns the id of an author into what the API shows of it.
func (s *Service) View(user func(id string) any) View {
	r := s.record.Load()
	return View{
		ID: r.ID, CreatedBy: user(r.CreatedBy), UpdatedBy: user(r.UpdatedBy), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Host: r.Host, ActivationCode: r.ActivationCode, Status: r.Status, ActivationDate: r.ActivationDate,
		ActivationExpirationDate: r.ActivationExpirationDate, CheckURL: r.CheckURL,
		UseProxy: r.UseProxy, ProxyURL: r.ProxyURL, ProxyUsername: r.ProxyUsername,
		UseAPIGateway: r.UseAPIGateway, APIGatewayHeaderKey: r.APIGatewayHeaderKey, APIGatewayBaseEndpoint: r.APIGatewayBaseEndpoint,
		AcceptUnauthorized:     r.AcceptUnauthorized,
		CommandRefreshInterval: r.CommandRefreshInterval, CommandRetryInterval: r.CommandRetryInterval,
		MessageRetryInterval: r.MessageRetryInterval, CommandPermissions: maps.Clone(r.CommandPermissions),
	}
}

// State is what the page shows beside the View.
type State struct {
	Status               string `json:"status"`
	Host                 string `json:"host"`
	ActivationCode       string `json:"activationCode"`
	ExpiresAt            string `json:"expiresAt"`
	WorkingHost          string `json:"workingHost"` // in use while the code waits for approval, or ""
	LastFailure          string `json:"lastFailure"` // how the last code ended without approval, or ""
	HasProxyPassword     bool   `json:"hasProxyPassword"`
	HasGatewayValue      bool   `json:"hasGatewayValue"`
	UnattendedHost       string `json:"unattendedHost"` // from the settings file, or ""
	UnattendedSuspended  bool   `json:"unattendedSuspended"`
	RemoteUpdateDisabled bool   `json:"remoteUpdateDisabled"`
}

// State shows where the registration stands.
func (s *Service) State() State {
	r := s.record.Load()
	st := State{
		Status: r.Status, Host: r.Host, ActivationCode: text(r.ActivationCode), LastFailure: r.LastFailure,
		HasProxyPassword: text(r.ProxyPassword) != "", HasGatewayValue: text(r.APIGatewayHeaderValue) != "",
		UnattendedHost: s.wantedHost(), UnattendedSuspended: s.isPaused(), RemoteUpdateDisabled: s.o.IgnoreRemoteUpdate,
	}
	if r.Status == entity.Pending {
		st.ExpiresAt = text(r.ActivationExpirationDate)
	}
	if r.Working != nil {
		st.WorkingHost = r.Working.Host
	}
	return st
}
