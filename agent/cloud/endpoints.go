package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// The paths of protocol/control-plane.md, section 1.1.
const (
	registrationPath  = "/api/oianalytics/oibus/registration"
	statusPath        = "/api/oianalytics/oibus/status"
	pendingPath       = "/api/oianalytics/oibus/commands/pending"
	listByIDsPath     = "/api/oianalytics/oibus/commands/list-by-ids"
	commandStatusPath = "/api/oianalytics/oibus/commands/status"
	configurationPath = "/api/oianalytics/oibus/configuration"
	historyPath       = "/api/oianalytics/oibus/configuration/history-query"
	logsPath          = "/api/oianalytics/oibus/logs"
	assetPath         = "/api/oianalytics/oibus/upgrade/asset"
)

// maxURL bounds a request line: proxies and servers refuse from 4 kB on, the strictest from 2 kB.
const maxURL = 2000

// RegisterRequest is the body of E1.
type RegisterRequest struct {
	ActivationCode string `json:"activationCode"`
	OIBusID        string `json:"oibusId"`
	OIBusName      string `json:"oibusName"`
	OIBusVersion   string `json:"oibusVersion"`
	OIBusOS        string `json:"oibusOs"`
	OIBusArch      string `json:"oibusArch"`
	PublicKey      string `json:"publicKey"`
}

// RegisterAnswer is the answer of E1: where to ask whether somebody typed the code, and until when that is possible.
type RegisterAnswer struct {
	RedirectURL    string `json:"redirectUrl"`
	ExpirationDate string `json:"expirationDate"`
}

// Register announces the activation code (E1).
func (c *Client) Register(ctx context.Context, conn Connection, body RegisterRequest) (RegisterAnswer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return RegisterAnswer{}, fmt.Errorf("cannot encode the registration: %w", err)
	}
	var got RegisterAnswer
	r := request{method: http.MethodPost, path: registrationPath, body: raw, json: true}
	err = c.exchange(ctx, conn, r, func(a *answer) error {
		if err := a.object(&got); err != nil {
			return err
		}
		if got.RedirectURL == "" {
			return a.wrong("a redirectUrl", nil)
		}
		return nil
	})
	if err != nil {
		return RegisterAnswer{}, err
	}
	return got, nil
}

// CheckAnswer is the answer of E2. Completed goes with a token.
type CheckAnswer struct {
	Status      string `json:"status"`
	Expired     bool   `json:"expired"`
	AccessToken string `json:"accessToken"`
}

// Completed is the status of a registration whose code was typed.
const Completed = "COMPLETED"

// Check asks at checkURL, the redirect URL of E1, whether somebody typed the code (E2).
func (c *Client) Check(ctx context.Context, conn Connection, checkURL string) (CheckAnswer, error) {
	if checkURL == "" {
		return CheckAnswer{}, localError("No check url specified", nil)
	}
	var got CheckAnswer
	r := request{method: http.MethodGet, path: checkURL, json: true}
	err := c.exchange(ctx, conn, r, func(a *answer) error {
		if err := a.object(&got); err != nil {
			return err
		}
		if got.Status == "" {
			return a.wrong("a status", nil)
		}
		if got.Status == Completed && got.AccessToken == "" {
			return a.wrong("an accessToken", nil)
		}
		return nil
	})
	if err != nil {
		return CheckAnswer{}, err
	}
	return got, nil
}

// Status tests the connection (E3). Where there is no token yet, accept401 takes a 401 as proof that OIAnalytics
// was reached.
func (c *Client) Status(ctx context.Context, conn Connection, accept401 bool) error {
	r := request{method: http.MethodGet, path: statusPath, auth: true}
	r.accept = func(status int) bool {
		return status >= 200 && status <= 299 || accept401 && status == http.StatusUnauthorized
	}
	return c.exchange(ctx, conn, r, func(a *answer) error {
		if a.res.StatusCode == http.StatusUnauthorized {
			return nil
		}
		return a.ignore()
	})
}

// Pending fetches the commands that wait (E4), each as it was written.
func (c *Client) Pending(ctx context.Context, conn Connection) ([]json.RawMessage, error) {
	return c.list(ctx, conn, pendingPath)
}

// Cancelled asks which of the commands ids were cancelled (E5), in as many calls as it takes to keep URLs short. When
// one of them fails, what the others answered is returned with the error. Answers about commands that were not asked
// for are ignored, as is whatever is no command.
func (c *Client) Cancelled(ctx context.Context, conn Connection, ids []string) ([]string, error) {
	cancelled := []string{}
	for _, chunk := range chunks(ids, maxURL-len(conn.Host)-len(conn.GatewayBase)-len(listByIDsPath)) {
		elements, err := c.list(ctx, conn, listByIDsPath+query("ids", chunk...))
		if err != nil {
			return cancelled, err
		}
		cancelled = append(cancelled, named(elements, chunk)...)
	}
	return cancelled, nil
}

// chunks cuts ids into pieces whose queries have at most room bytes, or one id.
func chunks(ids []string, room int) [][]string {
	var all [][]string
	from, used := 0, 0
	for i, id := range ids {
		need := len(query("ids", id))
		if i > from && used+need > room {
			all = append(all, ids[from:i])
			from, used = i, 0
		}
		used += need
	}
	if from < len(ids) {
		all = append(all, ids[from:])
	}
	return all
}

// named returns those of asked that are the id of one of elements.
func named(elements []json.RawMessage, asked []string) []string {
	found := map[string]bool{}
	for _, e := range elements {
		var command struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(e, &command) == nil {
			found[command.ID] = true
		}
	}
	var ids []string
	for _, id := range asked {
		if found[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *Client) list(ctx context.Context, conn Connection, path string) (elements []json.RawMessage, err error) {
	err = c.exchange(ctx, conn, request{method: http.MethodGet, path: path, auth: true}, func(a *answer) error {
		elements, err = a.list(c.maxList)
		return err
	})
	if err != nil {
		return nil, err
	}
	return elements, nil
}

// UpdateStatus reports commands (E6), a JSON array. An error whose status is 404 says that the cloud forgot them.
func (c *Client) UpdateStatus(ctx context.Context, conn Connection, body []byte) error {
	return c.put(ctx, conn, commandStatusPath, body)
}

// PutConfiguration sends the full configuration (E7).
func (c *Client) PutConfiguration(ctx context.Context, conn Connection, body []byte) error {
	return c.put(ctx, conn, configurationPath, body)
}

// PutHistoryQueries sends the history queries (E8).
func (c *Client) PutHistoryQueries(ctx context.Context, conn Connection, body []byte) error {
	return c.put(ctx, conn, historyPath, body)
}

// PostLogs sends log entries (E10), for which only 200, 201 and 204 are a success.
func (c *Client) PostLogs(ctx context.Context, conn Connection, body []byte) error {
	r := request{method: http.MethodPost, path: logsPath, body: body, json: true, auth: true}
	r.accept = func(status int) bool {
		return status == http.StatusOK || status == http.StatusCreated || status == http.StatusNoContent
	}
	return c.exchange(ctx, conn, r, (*answer).ignore)
}

func (c *Client) put(ctx context.Context, conn Connection, path string, body []byte) error {
	r := request{method: http.MethodPut, path: path, body: body, json: true, auth: true}
	return c.exchange(ctx, conn, r, (*answer).ignore)
}
