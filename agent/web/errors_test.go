package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"oibus/agent/entity"
)

func TestErrorsHaveTheBodiesOfTheReference(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		want                     string
	}{
		{"an unknown path", "GET", "/api/nothing", "", 404, `{"error":"Not Found","message":"Cannot GET /api/nothing"}`},
		{"an unknown method", "PATCH", "/api/engine", "", 404, `{"error":"Not Found","message":"Cannot PATCH /api/engine"}`},
		{"an unknown path outside the API", "GET", "/nothing", "", 404, `{"error":"Not Found","message":"Cannot GET /nothing"}`},
		{"an unknown object", "GET", "/api/scan-modes/nobody", "", 404, `{"error":"Scan mode \"nobody\" not found"}`},
		{"a broken rule", "POST", "/api/scan-modes", `{"name":"x","description":"","cron":"* *"}`, 400,
			`{"message":"Cron Expression: Expression has only 2 parts. At least 5 parts are required."}`},
		{"a wrong form", "POST", "/api/scan-modes", `{"name":1,"cron":"","more":true}`, 400,
			`{"message":{"name":{"message":"invalid string value"},"description":{"message":"'description' is required"},
			  "more":{"message":"\"more\" is an excess property and therefore is not allowed"}}}`},
		{"a body that is no object", "POST", "/api/scan-modes", `[]`, 400, `{"message":{"body":{"message":"invalid object"}}}`},
		{"broken JSON", "POST", "/api/scan-modes", `{"name":`, 422, `{"error":"Unprocessable Entity","message":"Invalid JSON payload"}`},
		{"JSON that is no body", "POST", "/api/scan-modes", `12`, 422, `{"error":"Unprocessable Entity","message":"Invalid JSON payload"}`},
		{"an empty body", "PUT", "/api/engine/name", ``, 400, `{"message":{"name":{"message":"'name' is required"}}}`},
		{"a nested wrong field", "PUT", "/api/engine/proxy", `{"enabled":true,"forward":{"enabled":"maybe"}}`, 400,
			`{"message":{"forward.enabled":{"message":"invalid boolean value"}}}`},
		{"a page that is no number", "GET", "/api/users?page=x", "", 400, `{"message":{"page":{"message":"invalid float number"}}}`},
		{"a slash at the end", "GET", "/api/ip-filters/", "", 200, `[]`},
	} {
		s.as(c.method, c.path, c.body).want(t, c.what, c.status, c.want)
	}
}

func TestEveryFailureOfTheRegistrationIsAServerError(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.registration.failWith(entity.Invalid(`"commandRefreshInterval" must be greater than or equal to 1`))
	want := `{"error":"\"commandRefreshInterval\" must be greater than or equal to 1"}`
	s.as("POST", "/api/oianalytics/register", registrationBody).want(t, "register", 500, want)
	s.as("PUT", "/api/oianalytics/registration", registrationBody).want(t, "edit", 500, want)
	s.registration.failWith(errors.New("connect ECONNREFUSED 127.0.0.1:1"))
	s.as("POST", "/api/oianalytics/registration/test-connection", registrationBody).want(t, "test", 500, `{"error":"connect ECONNREFUSED 127.0.0.1:1"}`)
	s.registration.failWith(&entity.PinnedError{Key: "oianalytics.host", File: "/etc/oibus/oibus.toml"})
	if r := s.as("PUT", "/api/oianalytics/registration", registrationBody); r.status != 400 || !strings.Contains(r.body, "/etc/oibus/oibus.toml") {
		t.Errorf("a pinned setting: got %d %s", r.status, r.body)
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	huge := `{"name":"` + strings.Repeat("x", maxBody) + `"}`
	s.as("PUT", "/api/engine/name", huge).want(t, "a huge body", http.StatusRequestEntityTooLarge, `{"error":"the body is larger than 20 MB"}`)
	long := strings.Repeat("x", 1<<20)
	if r := s.as("PUT", "/api/engine/name", `{"name":"`+long+`"}`); r.status != 200 {
		t.Errorf("a long body: got %d %s", r.status, r.body)
	}
}

func TestAPanicIsAnsweredAndHarmsNoOtherRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.as("GET", "/panic", "").want(t, "a panic", 500, `{"error":"Internal Server Error"}`)
	s.as("GET", "/api/status", "").want(t, "the next request", 204, "")
}

var registrationBody = func() string {
	body, err := json.Marshal(map[string]any{"host": "http://127.0.0.1:4500", "useProxy": false, "proxyUrl": nil, "proxyUsername": nil, "proxyPassword": nil,
		"useApiGateway": false, "apiGatewayHeaderKey": nil, "apiGatewayHeaderValue": nil, "apiGatewayBaseEndpoint": nil, "acceptUnauthorized": false,
		"commandRefreshInterval": 1, "commandRetryInterval": 2, "messageRetryInterval": 2, "commandPermissions": entity.AllPermissions()})
	if err != nil {
		panic(err)
	}
	return string(body)
}()
