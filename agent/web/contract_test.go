package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oibus/agent/logging"
)

// trial is one call of an operation of the document. In path and body, {name} stands for the id that an earlier trial
// kept under that name.
type trial struct {
	operation string // "PUT /api/users/{userId}"
	path      string // as called; empty: that of the operation
	body      string
	status    int
	keep      string // name under which the id in the answer is kept
}

const (
	scanModeBody = `{"name":"Every 5 seconds","description":"","cron":"*/5 * * * * *"}`
	userBody     = `{"login":"jane.doe","firstName":"Jane","lastName":"Doe","email":null,"language":"en","timezone":"Europe/Paris"}`
	loggerBody   = `{"console":{"level":"silent"},"file":{"level":"info","maxFileSize":50,"numberOfFiles":5},"database":{"level":"info","maxNumberOfLogs":100000},
		"loki":{"level":"silent","interval":60,"address":"","username":"","password":""},"oia":{"level":"silent","interval":10},
		"syslog":{"level":"silent","host":"","port":514,"protocol":"udp4"}}`
	proxyBody       = `{"enabled":false,"port":9000,"username":null,"password":null,"forward":{"enabled":false,"url":null,"username":null,"password":null}}`
	certificateBody = `{"name":"Page","description":"","regenerateCertificate":true,"options":{"commonName":"box","countryName":"FR",
		"stateOrProvinceName":"Savoie","localityName":"Chambery","organizationName":"Plant","keySize":1024,"daysBeforeExpiry":30}}`
	keepCertificate = `{"name":"Page 2","description":"of the page","regenerateCertificate":false,"options":null}`
)

// trials call every operation of this server's part of the document, well and badly.
var trials = []trial{
	{"GET /api/status", "", "", 204, ""},
	{"GET /api/engine/status", "", "", 204, ""},

	{"GET /api/users", "/api/users?login=&page=0", "", 200, ""},
	{"GET /api/users", "", "", 200, ""},
	{"GET /api/users", "/api/users?page=-1", "", 400, ""},
	{"POST /api/users", "", `{"user":` + userBody + `,"password":"S3cret-word"}`, 201, "user"},
	{"POST /api/users", "", `{"user":` + userBody + `,"password":"S3cret-word"}`, 400, ""},
	{"POST /api/users", "", `{"user":{},"password":"S3cret-word"}`, 400, ""},
	{"GET /api/users/{userId}", "/api/users/{user}", "", 200, ""},
	{"GET /api/users/{userId}", "/api/users/nobody", "", 404, ""},
	{"PUT /api/users/{userId}", "/api/users/{user}", strings.Replace(userBody, `"Jane"`, `null`, 1), 204, ""},
	{"PUT /api/users/{userId}", "/api/users/nobody", userBody, 404, ""},
	{"PUT /api/users/{userId}", "/api/users/{user}", strings.Replace(userBody, `"en"`, `"de"`, 1), 400, ""},
	{"POST /api/users/{userId}/password", "/api/users/{user}/password", `{"currentPassword":"x","newPassword":"S3cret-word-2"}`, 204, ""},
	{"POST /api/users/{userId}/password", "/api/users/{user}/password", `{"currentPassword":"x"}`, 400, ""},
	{"POST /api/users/{userId}/password", "/api/users/nobody/password", `{"currentPassword":"x","newPassword":"S3cret-word-2"}`, 404, ""},
	{"DELETE /api/users/{userId}", "/api/users/{user}", "", 204, ""},
	{"DELETE /api/users/{userId}", "/api/users/{user}", "", 404, ""},

	{"GET /api/engine", "", "", 200, ""},
	{"PUT /api/engine/name", "", `{"name":"Line 4"}`, 200, ""},
	{"PUT /api/engine/name", "", `{"name":""}`, 400, ""},
	{"PUT /api/engine/web-server", "", `{"port":{port},"authTokenDuration":"1d"}`, 200, ""},
	{"PUT /api/engine/web-server", "", `{"port":{port},"authTokenDuration":"2d"}`, 400, ""},
	{"PUT /api/engine/web-server", "", `{"port":70000,"authTokenDuration":"1d"}`, 400, ""},
	{"PUT /api/engine/proxy", "", proxyBody, 200, ""},
	{"PUT /api/engine/proxy", "", `{"enabled":true,"port":{port}}`, 400, ""},
	{"PUT /api/engine/logger", "", loggerBody, 200, ""},
	{"PUT /api/engine/logger", "", strings.Replace(loggerBody, `"interval":10`, `"interval":9`, 1), 400, ""},
	{"PUT /api/engine", "", `{"general":{"name":"OIBus"},"webServer":{"port":{port},"authTokenDuration":"7d"},"proxyServer":` + proxyBody + `,"logger":` + loggerBody + `}`, 200, ""},
	{"PUT /api/engine", "", `{"general":{"name":"OIBus"}}`, 400, ""},
	{"POST /api/engine/metrics/reset", "", "", 204, ""},
	{"POST /api/engine/restart", "", "", 204, ""},
	{"GET /api/engine/info", "", "", 200, ""},

	{"GET /api/oianalytics/registration", "", "", 200, ""},
	{"PUT /api/oianalytics/registration", "", registrationBody, 204, ""},
	{"PUT /api/oianalytics/registration", "", `{}`, 400, ""},
	{"POST /api/oianalytics/register", "", registrationBody, 204, ""},
	{"POST /api/oianalytics/register", "", `{}`, 400, ""},
	{"POST /api/oianalytics/registration/test-connection", "", registrationBody, 204, ""},
	{"POST /api/oianalytics/registration/test-connection", "", `{"host":1}`, 400, ""},
	{"POST /api/oianalytics/unregister", "", "", 204, ""},
	{"GET /api/oianalytics/commands/search", "/api/oianalytics/commands/search?types=create-scan-mode,restart-engine&status=COMPLETED&start=2026-01-01T00:00:00.000Z&end=2027-01-01&ack=true&page=0", "", 200, ""},
	{"GET /api/oianalytics/commands/search", "", "", 200, ""},
	{"GET /api/oianalytics/commands/search", "/api/oianalytics/commands/search?start=yesterday&ack=maybe", "", 400, ""},
	{"DELETE /api/oianalytics/commands/{commandId}", "/api/oianalytics/commands/c1", "", 204, ""},
	{"DELETE /api/oianalytics/commands/{commandId}", "/api/oianalytics/commands/c1", "", 404, ""},

	{"GET /api/scan-modes", "", "", 200, ""},
	{"POST /api/scan-modes", "", scanModeBody, 201, "scanMode"},
	{"POST /api/scan-modes", "", scanModeBody, 400, ""},
	{"GET /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", "", 200, ""},
	{"GET /api/scan-modes/{scanModeId}", "/api/scan-modes/nothing", "", 404, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", scanModeBody, 204, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", `{"name":"x","description":"","cron":"every day"}`, 400, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/nothing", scanModeBody, 404, ""},
	{"DELETE /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", "", 204, ""},
	{"DELETE /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", "", 404, ""},
	{"POST /api/scan-modes/verify", "", `{"cron":"0 0 * * * *"}`, 200, ""},
	{"POST /api/scan-modes/verify", "", `{"cron":"no cron"}`, 200, ""},
	{"POST /api/scan-modes/verify", "", `{"cron":5}`, 400, ""},

	{"GET /api/ip-filters", "", "", 200, ""},
	{"POST /api/ip-filters", "", `{"address":"10.0.0.*","description":"plant"}`, 201, "ipFilter"},
	{"POST /api/ip-filters", "", `{"address":"10.0.0.*","description":"plant"}`, 400, ""},
	{"POST /api/ip-filters", "", `{"address":null}`, 400, ""},
	{"GET /api/ip-filters/{ipFilterId}", "/api/ip-filters/{ipFilter}", "", 200, ""},
	{"GET /api/ip-filters/{ipFilterId}", "/api/ip-filters/nothing", "", 404, ""},
	{"PUT /api/ip-filters/{ipFilterId}", "/api/ip-filters/{ipFilter}", `{"address":"10.0.1.*","description":""}`, 204, ""},
	{"PUT /api/ip-filters/{ipFilterId}", "/api/ip-filters/{ipFilter}", `{"address":"","description":""}`, 400, ""},
	{"DELETE /api/ip-filters/{ipFilterId}", "/api/ip-filters/{ipFilter}", "", 204, ""},
	{"DELETE /api/ip-filters/{ipFilterId}", "/api/ip-filters/{ipFilter}", "", 404, ""},

	{"GET /api/certificates", "", "", 200, ""},
	{"POST /api/certificates", "", certificateBody, 201, "certificate"},
	{"POST /api/certificates", "", keepCertificate, 400, ""},
	{"GET /api/certificates", "", "", 200, ""},
	{"GET /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 200, ""},
	{"GET /api/certificates/{certificateId}", "/api/certificates/nothing", "", 404, ""},
	{"PUT /api/certificates/{certificateId}", "/api/certificates/{certificate}", keepCertificate, 204, ""},
	{"PUT /api/certificates/{certificateId}", "/api/certificates/{certificate}", `{"name":"x"}`, 400, ""},
	{"DELETE /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 204, ""},
	{"DELETE /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 404, ""},

	{"GET /api/logs", "/api/logs?start=2026-01-01T00:00:00.000Z&end=2036-01-01T00:00:00.000Z&levels=error,warn,info&scopeIds=k3JdQ9&scopeTypes=south&itemIds=i1&groupIds=&messageContent=connected&page=0", "", 200, ""},
	{"GET /api/logs", "", "", 200, ""},
	{"GET /api/logs", "/api/logs?levels=loud&page=1.5", "", 400, ""},
	{"GET /api/logs/scopes/suggest", "/api/logs/scopes/suggest?name=plc", "", 200, ""},
	{"GET /api/logs/scopes/{scopeId}", "/api/logs/scopes/k3JdQ9", "", 200, ""},
	{"GET /api/logs/items/suggest", "/api/logs/items/suggest?name=&scopeId=k3JdQ9", "", 200, ""},
	{"GET /api/logs/items/{itemId}", "/api/logs/items/i1", "", 200, ""},
	{"GET /api/logs/items/{itemId}", "/api/logs/items/nothing", "", 404, ""},
	{"GET /api/logs/groups/suggest", "/api/logs/groups/suggest?name=fast", "", 200, ""},
	{"GET /api/logs/groups/{groupId}", "/api/logs/groups/g1", "", 200, ""},
	{"GET /api/logs/groups/{groupId}", "/api/logs/groups/nothing", "", 404, ""},
}

// ours are the tags whose operations this server answers.
var ours = []string{"Users", "Engine", "OIAnalytics Registration", "OIAnalytics Commands", "Scan Modes", "IP Filters", "Certificates", "Logs", "South Connectors", "North Connectors", "Content", "Transformers"}

func TestEveryOperationAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	document := loadOpenAPI(t)
	s := newSite(t, nil)
	s.fill()
	ids := map[string]string{"port": strconv.Itoa(s.settings.Engine().Settings.WebServer.Port)}
	ids["mode"], ids["ignore"] = s.settings.ScanModes()[0].ID, s.settings.StandardTransformers()["ignore"]
	ids["transformer"] = s.as("GET", "/api/transformers/"+ids["ignore"], "").body
	for _, c := range append(slices.Clip(trials), connectorTrials...) {
		if c.path == "" {
			_, c.path, _ = strings.Cut(c.operation, " ")
		}
		if strings.Contains(c.path, "{link}") {
			ids["link"] = s.connectors.Norths()[0].Transformers[0].ID
		}
		for name, id := range ids {
			c.path = strings.ReplaceAll(c.path, "{"+name+"}", id)
			c.body = strings.ReplaceAll(c.body, "{"+name+"}", id)
		}
		s.try(t, document, c, ids)
	}
}

// try makes one call and holds body and answer against the document.
func (s *site) try(t *testing.T, document openAPI, c trial, ids map[string]string) {
	t.Helper()
	op := document.operation(t, c.operation)
	method, _, _ := strings.Cut(c.operation, " ")
	r := s.asForm(method, c.path, c.body)
	what := fmt.Sprintf("%s %s %s", method, c.path, c.body)
	if r.status != c.status {
		t.Fatalf("%s: got %d %s, want %d", what, r.status, r.body, c.status)
	}
	if c.status >= 400 {
		checkError(t, what, r)
		return
	}
	if answersTable[c.operation] {
		if r.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("%s: the answer is %s", what, r.header.Get("Content-Type"))
		}
		return
	}
	if c.body != "" && !strings.HasPrefix(c.body, formEdge) && !strings.Contains(c.path, "items=keep") {
		document.check(t, c.operation, c.body, "requestBody")
	}
	answers := op["responses"].(map[string]any)
	documented, there := answers[strconv.Itoa(c.status)].(map[string]any)
	switch {
	case !there:
		t.Errorf("%s: %d is not a documented answer", what, c.status)
	case documented["content"] != nil:
		document.check(t, c.operation, r.body, "responses", strconv.Itoa(c.status))
	case r.body != "":
		t.Errorf("%s: the answer should be empty, it is %s", what, r.body)
	}
	if c.keep != "" {
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(r.body), &made); err != nil || made.ID == "" {
			t.Fatalf("%s: no id in %s", what, r.body)
		}
		ids[c.keep] = made.ID
	}
}

// asForm sends a request with the credentials of the first user, whose body may be a form.
func (s *site) asForm(method, path, body string) reply {
	s.t.Helper()
	c := call{method: method, path: path, body: body, login: adminLogin, password: adminPassword}
	if strings.HasPrefix(body, formEdge) {
		c.header = map[string]string{"Content-Type": "multipart/form-data; boundary=" + strings.TrimPrefix(formEdge, "--")}
	}
	return s.do(c)
}

// checkError holds an error against the forms of rest-notes.md.
func checkError(t *testing.T, what string, r reply) {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Errorf("%s: %d with %q", what, r.status, r.body)
		return
	}
	key := "error"
	if r.status == 400 {
		key = "message"
	}
	if text, _ := answer[key].(string); text == "" && (r.status != 400 || answer[key] == nil) || len(answer) != 1 {
		t.Errorf("%s: %d with %s", what, r.status, r.body)
	}
}

func TestEveryOperationOfOurPartOfTheDocumentIsTried(t *testing.T) {
	t.Parallel()
	document := loadOpenAPI(t)
	operations := 0
	for path, item := range document.paths {
		for method, op := range item.(map[string]any) {
			tag := op.(map[string]any)["tags"].([]any)[0].(string)
			name := strings.ToUpper(method) + " " + path
			all := append(slices.Clip(trials), connectorTrials...)
			good := slices.ContainsFunc(all, func(c trial) bool { return c.operation == name && c.status < 400 })
			bad := slices.ContainsFunc(all, func(c trial) bool { return c.operation == name && c.status >= 400 })
			if !slices.Contains(ours, tag) {
				continue
			}
			operations++
			if needsBad := op.(map[string]any)["requestBody"] != nil; !good || needsBad && !bad {
				t.Errorf("%s is not tried well (%v) and badly (%v)", name, good, bad)
			}
		}
	}
	if operations != 111 {
		t.Errorf("the document has %d operations of ours", operations)
	}
}

// fill gives the site something to find.
func (s *site) fill() {
	s.t.Helper()
	log := s.logs.Logger(logging.Scope{Type: logging.South, ID: "k3JdQ9", Name: "PLC 1", ItemID: "i1", ItemName: "Temp 1"})
	log.Info("Connected to 10.0.0.5:502")
	s.logs.Logger(logging.Scope{Type: logging.South, ID: "k3JdQ9", Name: "PLC 1", GroupID: "g1", GroupName: "Fast"}).Log(context.Background(), slog.LevelWarn, "slow")
	s.commands.content = []json.RawMessage{json.RawMessage(`{"id":"c1","status":"COMPLETED","ack":false,"targetVersion":"3.8.8","retrievedDate":"2026-03-04T08:15:30.120Z","completedDate":"2026-03-04T08:15:31.004Z",
		"result":"Scan mode created successfully","type":"create-scan-mode","commandContent":{"name":"Every 5 seconds","description":"","cron":"*/5 * * * * *"}}`)}
	empty, code := "", "2026-03-04T08:15:30.123Z"
	r := &s.registration.record
	r.Status, r.ActivationCode, r.CheckURL, r.ActivationExpirationDate, r.ActivationDate = "REGISTERED", &empty, &empty, &empty, &code
}
