package cloudsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// route is one call of the control API.
type route struct {
	Method  string `json:"method"`
	Path    string `json:"path"`
	Summary string `json:"summary"`

	serve func(*Sim, *http.Request) (any, error)
	raw   func(*Sim, http.ResponseWriter, *http.Request) // instead of serve, for what is not JSON
}

// controlRoutes is the control API. Answers are JSON. A refused call answers {"error": text} with 400, 404 when there
// is no such thing, 408 when a wait was in vain.
func controlRoutes() []route {
	agents := "/control/agents/{agent}"
	return []route{
		{"GET", "/control", "this list", func(*Sim, *http.Request) (any, error) { return controlRoutes(), nil }, nil},
		{"GET", "/control/metrics", "counts of requests by endpoint, agents, commands, logs, data", (*Sim).controlMetrics, nil},
		{"GET", "/control/registrations", "agents that wait for their code", (*Sim).controlRegistrations, nil},
		{"POST", "/control/registrations/approve", `{"activationCode"} or {"oibusId"}: complete a registration`, (*Sim).controlApprove, nil},
		{"POST", "/control/registrations/decline", `{"activationCode"} or {"oibusId"}: refuse a registration`, (*Sim).controlDecline, nil},
		{"GET", "/control/agents", "agents; ?text= in the id or name", (*Sim).controlAgents, nil},
		{"POST", "/control/agents", `{"oibusId", …}: make an agent known without a registration; answers its token`, (*Sim).controlEnroll, nil},
		{"GET", agents, "one agent", (*Sim).controlAgent, nil},
		{"DELETE", agents, "forget an agent with its commands", (*Sim).controlRemoveAgent, nil},
		{"POST", agents + "/revoke", "take its token away", (*Sim).controlRevoke, nil},
		{"GET", agents + "/names", "ids and names of its objects, from its configurations", (*Sim).controlNames, nil},
		{"POST", agents + "/encrypt", `{"secret"}: encrypt for this agent; answers {"ciphertext"}`, (*Sim).controlEncrypt, nil},
		{"POST", agents + "/commands", "queue a command or an array of them; a missing id or targetVersion is filled in; answers {\"ids\"}", (*Sim).controlQueue, nil},
		{"GET", agents + "/commands", "its commands with every status update; ?status= ?type= ?limit=", (*Sim).controlCommands, nil},
		{"GET", agents + "/configuration/{kind}", "latest full-config or history-queries, as received", nil, (*Sim).controlConfiguration},
		{"GET", "/control/commands/{id}", "one command with every status update", (*Sim).controlCommand, nil},
		{"POST", "/control/commands/{id}/cancel", "cancel a command that waits", (*Sim).controlCancel, nil},
		{"GET", "/control/configurations", "configurations received; ?agent= ?kind= ?after= ?limit=", (*Sim).controlConfigurations, nil},
		{"GET", "/control/logs", "log entries kept; ?agent= ?level= ?scope= ?text= ?after= ?limit=", (*Sim).controlLogs, nil},
		{"DELETE", "/control/logs", "forget them", clearing((*Sim).ClearLogs), nil},
		{"GET", "/control/data", "received data without content; ?agent= ?kind=time-values|file ?source= ?after= ?limit=", (*Sim).controlData, nil},
		{"GET", "/control/data/{seq}", "its content", nil, (*Sim).controlContent},
		{"DELETE", "/control/data", "forget it", clearing((*Sim).ClearData), nil},
		{"GET", "/control/requests", "journal of requests; ?agent= ?endpoint= ?text= ?after= ?limit=", (*Sim).controlRequests, nil},
		{"DELETE", "/control/requests", "forget them", clearing((*Sim).ClearRequests), nil},
		{"POST", "/control/record", `{"on": true}: keep headers and bodies of requests and answers`, (*Sim).controlRecord, nil},
		{"GET", "/control/rules", "answer rules with how often they were applied", (*Sim).controlRules, nil},
		{"POST", "/control/rules", `add a rule, for example {"endpoint":"E6","count":2,"status":503,"retryAfter":"1"}`, (*Sim).controlAddRule, nil},
		{"DELETE", "/control/rules", "remove all rules", clearing((*Sim).ResetRules), nil},
		{"DELETE", "/control/rules/{id}", "remove a rule", (*Sim).controlRemoveRule, nil},
		{"GET", "/control/assets", "uploaded packages", (*Sim).controlAssets, nil},
		{"PUT", "/control/assets/{id}", "upload a package: the body is the file; ?filename=", (*Sim).controlUpload, nil},
		{"DELETE", "/control/assets/{id}", "remove a package", (*Sim).controlRemoveAsset, nil},
		{"GET", "/control/endpoints", "the endpoints and their names in rules", func(*Sim, *http.Request) (any, error) { return endpoints, nil }, nil},
		{"GET", "/control/templates", "the ready-made forms of the 48 command types", (*Sim).controlTemplates, nil},
		{"GET", "/control/wait", "wait, ?timeout= seconds, until one of: ?commands=id,id have ended; ?agent= is registered; ?registrations=n wait; " +
			"?configuration=kind&agent=&after=; ?logs=n&text=&level=&after=; ?values=n&files=n; ?requests=n&endpoint=&agent=&after=", (*Sim).controlWait, nil},
		{"GET", "/control/changes", "wait until something changes; ?since=version", (*Sim).controlChanges, nil},
	}
}

// maxControlBody bounds the JSON of a control call: a command that imports 100,000 items from CSV fits.
const maxControlBody = 64 * mb

func (s *Sim) mountControl(mux *http.ServeMux) {
	for _, r := range controlRoutes() {
		mux.Handle(r.Method+" "+r.Path, s.guard(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if r.raw != nil {
				r.raw(s, w, q)
				return
			}
			v, err := r.serve(s, q)
			writeJSON(w, v, err)
		})))
	}
}

func writeJSON(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		status, v = statusOf(err), map[string]string{"error": err.Error()}
	} else if v == nil {
		v = struct{}{}
	}
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"cannot encode the answer"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller may have gone
}

func statusOf(err error) int {
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown), errors.Is(err, ErrNoSuchCode):
		return http.StatusNotFound
	case errors.Is(err, errTimeout):
		return http.StatusRequestTimeout
	case errors.Is(err, ErrFull):
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}

// decode reads the JSON body of a control call. An unknown key is an error: a misspelt rule must not pass for none.
func decode(r *http.Request, v any) error {
	body, err := readControl(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("cannot read the JSON of the call: %w", err)
	}
	if d.More() {
		return errors.New("cannot read the JSON of the call: there is something after it")
	}
	return nil
}

func readControl(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxControlBody))
	if err != nil {
		return nil, fmt.Errorf("cannot read the call: %w", err)
	}
	return body, nil
}

// number reads a whole number that is not negative; 0 when it is absent.
func number(r *http.Request, name string) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%q is not a number", name, text)
	}
	return n, nil
}

// paging reads the two parameters that every list has.
func paging(r *http.Request) (after uint64, limit int, err error) {
	a, err := number(r, "after")
	if err != nil {
		return 0, 0, err
	}
	limit, err = number(r, "limit")
	return uint64(a), limit, err
}

func clearing(f func(*Sim)) func(*Sim, *http.Request) (any, error) {
	return func(s *Sim, _ *http.Request) (any, error) {
		f(s)
		return nil, nil
	}
}
