package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"

	"oibus/agent/logging"
	"oibus/testing/contract"
)

// What other tests make with the bodies of the contract.
const (
	formEdge        = contract.FormEdge
	southBody       = contract.SouthBody
	northBody       = contract.NorthBody
	itemBody        = contract.ItemBody
	groupBody       = contract.GroupBody
	scannerSettings = contract.ScannerSettings
	itemSettings    = contract.ItemSettings
	csvTable        = contract.CSVTable
	historyBody     = contract.HistoryBody
)

func form(pairs ...string) string { return contract.Form(pairs...) }

// asForm sends a request with the credentials of the first user, whose body may be a form.
func (s *site) asForm(method, path, body string) reply {
	s.t.Helper()
	c := call{method: method, path: path, body: body, login: adminLogin, password: adminPassword}
	if strings.HasPrefix(body, formEdge) {
		c.header = map[string]string{"Content-Type": "multipart/form-data; boundary=" + strings.TrimPrefix(formEdge, "--")}
	}
	return s.do(c)
}

// walk begins a walk through the document of the protocol.
func (s *site) walk(names map[string]string) *contract.Walk {
	s.t.Helper()
	document, err := contract.Read(shared(s.t, "protocol/openapi.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	ignore := s.settings.StandardTransformers()["ignore"]
	all := map[string]string{
		"port": strconv.Itoa(s.settings.Engine().Settings.WebServer.Port), "mode": s.settings.ScanModes()[0].ID, "ignore": ignore,
		"transformer": s.as("GET", "/api/transformers/"+ignore, "").body, "registration": registrationBody,
	}
	maps.Copy(all, names)
	return contract.New(document, contract.Site{Names: all, Do: func(r contract.Request) (contract.Answer, error) {
		c := call{method: r.Method, path: r.Path, body: r.Body}
		if !r.Anonymous {
			c.login, c.password = adminLogin, adminPassword
		}
		if r.ContentType != "" {
			c.header = map[string]string{"Content-Type": r.ContentType}
		}
		got := s.do(c)
		return contract.Answer{Status: got.status, ContentType: got.header.Get("Content-Type"), Body: got.body}, nil
	}})
}

// ours are the tags whose operations need no history queries.
var ours = []string{"Users", "Engine", "OIAnalytics Registration", "OIAnalytics Commands", "Scan Modes", "IP Filters", "Certificates", "Logs", "South Connectors", "North Connectors", "Content", "Transformers"}

func TestEveryOperationAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.fill()
	var kept struct{ ID string }
	made := s.as("POST", "/api/north", strings.NewReplacer("{mode}", s.settings.ScanModes()[0].ID, "To the console", "With a cache").Replace(northBody))
	if err := json.Unmarshal([]byte(made.body), &kept); err != nil {
		t.Fatal(err, made.body)
	}
	w := s.walk(map[string]string{"command": "c1", "logScope": "k3JdQ9", "logItem": "i1", "logGroup": "g1", "cacheNorth": kept.ID, "cacheFolder": "cache", "cacheFile": "x8Kd01LmQ2za"})
	for _, trials := range [][]contract.Trial{contract.General, contract.Connectors, contract.Restart} {
		if err := w.Try(trials...); err != nil {
			t.Error(err)
		}
	}
	if err := contract.Faults(w.Table(), ours...); err != nil {
		t.Error(err)
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
