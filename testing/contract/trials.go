package contract

import "strings"

// Trial is one call of an operation of the document. In path and body, {name} stands for what a Site knows under that
// name, or for the id that an earlier trial kept under it.
type Trial struct {
	Operation string // "PUT /api/users/{userId}"
	Path      string // as called; empty: that of the operation
	Body      string
	Status    int
	Keep      string // name under which the id in the answer is kept
}

// General call every operation that is not about connectors, well and badly. The names that they need are port,
// registration, command, logScope, logItem and logGroup.
var General = []Trial{
	{"GET /api/status", "", "", 204, ""},
	{"GET /api/engine/status", "", "", 204, ""},

	{"GET /api/users", "/api/users?login=&page=0", "", 200, ""},
	{"GET /api/users", "", "", 200, ""},
	{"GET /api/users", "/api/users?page=-1", "", 400, ""},
	{"POST /api/users", "", `{"user":` + UserBody + `,"password":"S3cret-word"}`, 201, "user"},
	{"POST /api/users", "", `{"user":` + UserBody + `,"password":"S3cret-word"}`, 400, ""},
	{"POST /api/users", "", `{"user":{},"password":"S3cret-word"}`, 400, ""},
	{"GET /api/users/{userId}", "/api/users/{user}", "", 200, ""},
	{"GET /api/users/{userId}", "/api/users/nobody", "", 404, ""},
	{"PUT /api/users/{userId}", "/api/users/{user}", strings.Replace(UserBody, `"Jane"`, `null`, 1), 204, ""},
	{"PUT /api/users/{userId}", "/api/users/nobody", UserBody, 404, ""},
	{"PUT /api/users/{userId}", "/api/users/{user}", strings.Replace(UserBody, `"en"`, `"de"`, 1), 400, ""},
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
	{"PUT /api/engine/proxy", "", ProxyBody, 200, ""},
	{"PUT /api/engine/proxy", "", `{"enabled":true,"port":{port}}`, 400, ""},
	{"PUT /api/engine/logger", "", LoggerBody, 200, ""},
	{"PUT /api/engine/logger", "", strings.Replace(LoggerBody, `"interval":10`, `"interval":9`, 1), 400, ""},
	{"PUT /api/engine", "", `{"general":{"name":"OIBus"},"webServer":{"port":{port},"authTokenDuration":"7d"},"proxyServer":` + ProxyBody + `,"logger":` + LoggerBody + `}`, 200, ""},
	{"PUT /api/engine", "", `{"general":{"name":"OIBus"}}`, 400, ""},
	{"POST /api/engine/metrics/reset", "", "", 204, ""},
	{"GET /api/engine/info", "", "", 200, ""},

	{"GET /api/oianalytics/commands/search", "/api/oianalytics/commands/search?types=create-scan-mode,restart-engine&status=COMPLETED&start=2026-01-01T00:00:00.000Z&end=2027-01-01&ack=true&page=0", "", 200, ""},
	{"GET /api/oianalytics/commands/search", "", "", 200, ""},
	{"GET /api/oianalytics/commands/search", "/api/oianalytics/commands/search?start=yesterday&ack=maybe", "", 400, ""},
	{"DELETE /api/oianalytics/commands/{commandId}", "/api/oianalytics/commands/{command}", "", 204, ""},
	{"DELETE /api/oianalytics/commands/{commandId}", "/api/oianalytics/commands/{command}", "", 404, ""},
	{"GET /api/oianalytics/registration", "", "", 200, ""},
	{"PUT /api/oianalytics/registration", "", "{registration}", 204, ""},
	{"PUT /api/oianalytics/registration", "", `{}`, 400, ""},
	{"POST /api/oianalytics/register", "", `{}`, 400, ""},
	{"POST /api/oianalytics/registration/test-connection", "", "{registration}", 204, ""},
	{"POST /api/oianalytics/registration/test-connection", "", `{"host":1}`, 400, ""},
	{"POST /api/oianalytics/unregister", "", "", 204, ""},
	{"POST /api/oianalytics/register", "", "{registration}", 204, ""},

	{"GET /api/scan-modes", "", "", 200, ""},
	{"POST /api/scan-modes", "", ScanModeBody, 201, "scanMode"},
	{"POST /api/scan-modes", "", ScanModeBody, 400, ""},
	{"GET /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", "", 200, ""},
	{"GET /api/scan-modes/{scanModeId}", "/api/scan-modes/nothing", "", 404, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", ScanModeBody, 204, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/{scanMode}", `{"name":"x","description":"","cron":"every day"}`, 400, ""},
	{"PUT /api/scan-modes/{scanModeId}", "/api/scan-modes/nothing", ScanModeBody, 404, ""},
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
	{"POST /api/certificates", "", CertificateBody, 201, "certificate"},
	{"POST /api/certificates", "", KeepCertificate, 400, ""},
	{"GET /api/certificates", "", "", 200, ""},
	{"GET /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 200, ""},
	{"GET /api/certificates/{certificateId}", "/api/certificates/nothing", "", 404, ""},
	{"PUT /api/certificates/{certificateId}", "/api/certificates/{certificate}", KeepCertificate, 204, ""},
	{"PUT /api/certificates/{certificateId}", "/api/certificates/{certificate}", `{"name":"x"}`, 400, ""},
	{"DELETE /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 204, ""},
	{"DELETE /api/certificates/{certificateId}", "/api/certificates/{certificate}", "", 404, ""},

	{"GET /api/logs", "/api/logs?start=2026-01-01T00:00:00.000Z&end=2036-01-01T00:00:00.000Z&levels=error,warn,info&scopeIds={logScope}&scopeTypes=south&itemIds={logItem}&groupIds=&messageContent=connected&page=0", "", 200, ""},
	{"GET /api/logs", "", "", 200, ""},
	{"GET /api/logs", "/api/logs?levels=loud&page=1.5", "", 400, ""},
	{"GET /api/logs/scopes/suggest", "/api/logs/scopes/suggest?name=plc", "", 200, ""},
	{"GET /api/logs/scopes/{scopeId}", "/api/logs/scopes/{logScope}", "", 200, ""},
	{"GET /api/logs/items/suggest", "/api/logs/items/suggest?name=&scopeId={logScope}", "", 200, ""},
	{"GET /api/logs/items/{itemId}", "/api/logs/items/{logItem}", "", 200, ""},
	{"GET /api/logs/items/{itemId}", "/api/logs/items/nothing", "", 404, ""},
	{"GET /api/logs/groups/suggest", "/api/logs/groups/suggest?name=fast", "", 200, ""},
	{"GET /api/logs/groups/{groupId}", "/api/logs/groups/{logGroup}", "", 200, ""},
	{"GET /api/logs/groups/{groupId}", "/api/logs/groups/nothing", "", 404, ""},
}

// Restart is the last trial: what is tried has it come back.
var Restart = []Trial{
	{"POST /api/engine/restart", "", "", 204, ""},
}
