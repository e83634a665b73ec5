package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestTheCloudIsReachedThroughProxyAndGatewayOverTLS(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	sim := harness.Simulator(t, cloudsim.Options{TLS: true, BasePath: "/oianalytics", GatewayHeader: "X-Api-Key", GatewayValue: "gateway-Secret-1"})
	proxy := newUpstream(t, "plant", "proxy-Secret-2")
	dir := t.TempDir()
	ca := file(t, dir, "ca.pem", string(sim.CertificatePEM()))
	a := harness.Start(t, harness.Options{Dir: dir, Settings: "[oianalytics]\nca_file = '" + ca + "'\n"})
	form := harness.RegistrationForm(sim.URL())
	refused := func(why string) {
		t.Helper()
		answer, err := a.Do(limited(t), "POST", "/api/oianalytics/registration/test-connection", form)
		if err != nil || answer.Status != 500 {
			t.Errorf("without what it takes, the connection test answers %d, %v", answer.Status, err)
		}
		says(t, "the connection test", string(answer.Body), why)
	}
	refused("403")
	form["useApiGateway"], form["apiGatewayHeaderKey"], form["apiGatewayHeaderValue"], form["apiGatewayBaseEndpoint"] = true, "X-Api-Key", "gateway-Secret-1", "/oianalytics"
	form["useProxy"], form["proxyUrl"], form["proxyUsername"], form["proxyPassword"] = true, proxy.URL, "plant", "wrong"
	refused("407")
	form["proxyPassword"] = "proxy-Secret-2"
	must(t, a.Client, "POST", "/api/oianalytics/registration/test-connection", form, nil)
	known := a.RegisterWith(sim, form)
	s := site.Of(t, a, sim, known.ID)
	completes(t, s, "Scan mode created successfully", command("create-scan-mode", scanMode("through it all")))
	host := strings.TrimPrefix(sim.URL(), "https://")
	for _, passed := range proxy.seen() {
		if passed != "CONNECT "+host {
			t.Errorf("the proxy saw %q", passed)
		}
	}
	for _, r := range sim.Requests(cloudsim.RequestFilter{}) {
		if r.Status == 200 && !strings.HasPrefix(r.Path, "/oianalytics/api/") {
			t.Errorf("a request beside the gateway: %s", r.Path)
		}
	}
	for _, secret := range []string{"proxy-Secret-2", "gateway-Secret-1"} {
		if strings.Contains(journal(t, a.Dir)+a.Output(), secret) {
			t.Errorf("%s is in the log", secret)
		}
		stored, err := filepath.Glob(filepath.Join(a.Dir, "state", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range stored {
			if strings.Contains(contentOf(t, path), secret) {
				t.Errorf("%s is in clear in %s", secret, filepath.Base(path))
			}
		}
	}
}

func TestAPlainHTTPCloudIsReachedThroughAProxy(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	proxy := newUpstream(t, "plant", "proxy-Secret-3")
	form := harness.RegistrationForm(s.Sim.URL())
	form["useProxy"], form["proxyUrl"], form["proxyUsername"], form["proxyPassword"] = true, proxy.URL, "plant", "proxy-Secret-3"
	must(t, s.Client, "PUT", "/api/oianalytics/registration", form, nil)
	completes(t, s, "Scan mode created successfully", command("create-scan-mode", scanMode("through a proxy")))
	if got := strings.Join(proxy.seen(), "\n"); !strings.Contains(got, "GET "+s.Sim.URL()+"/api/oianalytics/oibus/commands/pending") {
		t.Errorf("the proxy saw %s", got)
	}
}

func TestACertificateIsTrustedOnlyWhenAPersonSaysSo(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	sim := harness.Simulator(t, cloudsim.Options{TLS: true})
	a := harness.Start(t, harness.Options{})
	form := harness.RegistrationForm(sim.URL())
	for _, path := range []string{"/api/oianalytics/registration/test-connection", "/api/oianalytics/register"} {
		answer, err := a.Do(limited(t), "POST", path, form)
		if err != nil || answer.Status != 500 {
			t.Errorf("%s with an unknown certificate: %d, %v", path, answer.Status, err)
		}
		says(t, path, string(answer.Body), "certificate")
	}
	form["acceptUnauthorized"] = true
	must(t, a.Client, "POST", "/api/oianalytics/registration/test-connection", form, nil)
	code, err := a.RequestRegistration(limited(t), form)
	if err != nil || len(code) != 6 {
		t.Errorf("with any certificate accepted: code %q, %v", code, err)
	}
}

func TestACaptivePortalIsToldFromTheCloud(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	completes(t, s, "Scan mode created successfully", command("create-scan-mode", scanMode("before")))
	// The portal lets what is fetched through, and answers in place of the cloud where it should confirm.
	for _, endpoint := range []string{"E6", "E7", "E10"} {
		if _, err := s.Sim.AddRule(cloudsim.Rule{Endpoint: endpoint, Garbage: "captive-portal"}); err != nil {
			t.Fatal(err)
		}
	}
	ids := s.Queue(command("create-scan-mode", scanMode("meanwhile")))
	harness.Until(t, patience, "it is executed", func() bool {
		return strings.Contains(journal(t, s.Dir), "("+ids[0]+")")
	})
	if _, err := s.Sim.AddRule(cloudsim.Rule{Endpoint: "*", Garbage: "captive-portal"}); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, s.Queue(command("create-scan-mode", scanMode("afterwards")))...)
	var o struct {
		Cloud struct {
			LastError string `json:"lastError"`
		} `json:"cloud"`
	}
	harness.Until(t, patience, "the page says what is wrong", func() bool {
		err := s.JSON(limited(t), "GET", "/page/overview", nil, &o)
		return err == nil && strings.Contains(o.Cloud.LastError, "captive portal")
	})
	for _, id := range ids {
		if c, err := s.Sim.Command(id); err != nil || c.Status != cloudsim.CommandPending {
			t.Errorf("the cloud was told that %s is %s, %v", id, c.Status, err)
		}
	}
	s.Sim.ResetRules()
	for _, end := range s.Ended(limited(t), ids...) {
		if end.Status != cloudsim.CommandCompleted || len(end.Anomalies) > 0 {
			t.Errorf("%s ended %s: %s %v", end.ID, end.Status, text(end.Result), end.Anomalies)
		}
	}
	err := s.Sim.Wait(limited(t), func() bool {
		latest, _, err := s.Sim.Configuration(s.ID, cloudsim.FullConfig)
		return err == nil && strings.Contains(string(latest.Body), `"meanwhile"`) && strings.Contains(string(latest.Body), `"afterwards"`)
	})
	if err != nil {
		t.Errorf("the configuration is not told: %v", err)
	}
}

func TestARevokedTokenIsToldAndANewRegistrationHeals(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	completes(t, s, "Scan mode created successfully", command("create-scan-mode", scanMode("before")))
	if err := s.Sim.Revoke(s.ID); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, patience, "the log says that the token is refused", func() bool {
		return strings.Contains(journal(t, s.Dir), "keeps refusing the access token of this OIBus (401): register it again")
	})
	s.RegisterWith(s.Sim, harness.RegistrationForm(s.Sim.URL()))
	completes(t, s, "Scan mode created successfully", command("create-scan-mode", scanMode("after")))
}

func TestDialectRIsAnnouncedAndSpoken(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{Options: harness.Options{Settings: "[oianalytics]\ncompatibility = \"3.8.8\"\n"}})
	content := map[string]any{"name": "Line R", "port": s.Port, "proxyEnabled": false, "proxyPort": 9000, "logParameters": map[string]any{
		"console": map[string]any{"level": "silent"}, "file": map[string]any{"level": "info", "maxFileSize": 50, "numberOfFiles": 5},
		"database": map[string]any{"level": "info", "maxNumberOfLogs": 100_000}, "oia": map[string]any{"level": "info", "interval": 10},
		"loki": map[string]any{"level": "silent", "interval": 60, "address": "", "username": "", "password": ""}}}
	completes(t, s, "Engine settings updated successfully", with(command("update-engine-settings", content), "targetVersion", "3.8.8"))
	says(t, "a command for 3.9.0", errored(t, s, with(command("update-engine-settings", content), "targetVersion", "3.9.0")), "Wrong target version: 3.9.0 for OIBus version 3.8.8")
	err := s.Sim.Wait(limited(t), func() bool {
		latest, _, err := s.Sim.Configuration(s.ID, cloudsim.FullConfig)
		return err == nil && strings.Contains(string(latest.Body), `"Line R"`)
	})
	if err != nil {
		t.Fatal(err)
	}
	latest, _, err := s.Sim.Configuration(s.ID, cloudsim.FullConfig)
	if err != nil {
		t.Fatal(err)
	}
	says(t, "the configuration", string(latest.Body), `"softwareVersion":"3.8.8"`, `"logParameters"`, `"proxyEnabled"`)
	if strings.Contains(string(latest.Body), `"webServer"`) {
		t.Error("the configuration is that of dialect N")
	}
	for _, r := range s.Sim.Requests(cloudsim.RequestFilter{Agent: s.ID, Endpoint: "E4"}) {
		if r.UserAgent != "OIBus/3.8.8 (https://oibus.optimistik.com/)" {
			t.Errorf("it calls itself %q", r.UserAgent)
		}
	}
	answer, err := s.Do(limited(t), "PUT", "/api/engine/name", map[string]any{"name": "x"})
	if err != nil || answer.Status != http.StatusNotFound {
		t.Errorf("an operation of dialect N is answered %d, %v", answer.Status, err)
	}
}
