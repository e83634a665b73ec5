package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"oibus/agent/config"
	"oibus/agent/entity"
	"oibus/agent/secret"
	"oibus/agent/store"
)

var testNow = time.Date(2026, 3, 4, 8, 15, 30, 0, time.UTC)

func openService(t *testing.T, dir, toml string, p config.Provision) *Service {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("/etc/oibus/oibus.toml", []byte(toml))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Store: st, Keys: keys, Config: c, Provision: p, DataDir: dir, Hostname: "box", Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// known makes a service with a known password, which spares the hash of a random one.
func known(t *testing.T, toml string) *Service {
	t.Helper()
	return openService(t, t.TempDir(), toml, config.Provision{AdminPassword: "pass"})
}

func TestAFirstStartHasTheDefaultsOfTheReference(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openService(t, dir, "", config.Provision{EngineName: "Line 4", Port: 8080, AdminUsername: "ops", AdminPassword: "S3cret"})
	e := s.Engine()
	if len(e.ID) != 16 || e.Settings.General.Name != "Line 4" || e.Settings.WebServer.Port != 8080 || e.Settings.Logger != entity.DefaultEngineSettings().Logger {
		t.Errorf("engine %+v", e)
	}
	modes := s.ScanModes()
	if len(modes) != 7 || modes[6].ID != "subscription" || modes[6].Cron != "" || modes[0].Name != "Every second" {
		t.Errorf("scan modes %+v", modes)
	}
	if u, err := s.Authenticate("ops", "S3cret"); err != nil || u.Language != "en" || u.Timezone != "Europe/Paris" || s.HasFirstPassword() {
		t.Errorf("user %+v, %v", u, err)
	}
	again := openService(t, dir, "", config.Provision{EngineName: "Other", Port: 1})
	if !reflect.DeepEqual(again.Engine(), e) || len(again.ScanModes()) != 7 || len(again.Users()) != 1 {
		t.Errorf("a second start changed something: %+v", again.Engine())
	}
}

func TestWithoutProvisioningTheFirstPasswordIsRandomAndForgottenOnceChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openService(t, dir, "", config.Provision{})
	login, password, err := s.FirstPassword()
	if err != nil || login != "admin" {
		t.Fatal(login, err)
	}
	if _, err := s.Authenticate("admin", "pass"); !errors.Is(err, ErrCredentials) {
		t.Errorf("the reference's password works: %v", err)
	}
	u, err := s.Authenticate(login, password)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.FirstPasswordFile()); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the password file has mode %v, %v", info.Mode(), err)
	}
	if err := s.UpdatePassword(u.ID, u.ID, "another"); err != nil {
		t.Fatal(err)
	}
	if s.HasFirstPassword() {
		t.Error("the password file is still there")
	}
	if _, err := s.Authenticate(login, password); !errors.Is(err, ErrCredentials) {
		t.Error("the old password works")
	}
	reset, err := openService(t, dir, "", config.Provision{}).ResetAdmin()
	if err != nil || reset == password {
		t.Fatalf("reset: %v", err)
	}
	if _, err := openService(t, dir, "", config.Provision{}).Authenticate("admin", reset); err != nil {
		t.Errorf("the reset password: %v", err)
	}
}

func TestEngineSettingsAreCheckedStoredAndAnnounced(t *testing.T) {
	t.Parallel()
	port := func(s *Service) int { return s.Engine().Settings.WebServer.Port }
	const logger = `{"console":{"level":"trace"},"file":{"level":"info","maxFileSize":"10","numberOfFiles":5},"database":{"level":"info","maxNumberOfLogs":100000},
		"loki":{"level":"silent","interval":60,"address":"","username":"","password":%q},"oia":{"level":"silent","interval":10},"syslog":{"level":"silent","host":"","port":514,"protocol":"udp4"}}`
	tests := []struct {
		name   string
		update func(s *Service) error
		want   string // error, or "" and then check
		check  func(s *Service) bool
	}{
		{"name", func(s *Service) error { return s.UpdateGeneral("u", json.RawMessage(`{"name":"New"}`)) }, "",
			func(s *Service) bool {
				return s.Engine().Settings.General.Name == "New" && s.Engine().UpdatedBy == "u"
			}},
		{"empty name", func(s *Service) error { return s.UpdateGeneral("u", json.RawMessage(`{"name":""}`)) }, `"name" is not allowed to be empty`, nil},
		{"web server", func(s *Service) error {
			return s.UpdateWebServer("u", json.RawMessage(`{"port":"2240","authTokenDuration":"14d"}`))
		}, "", func(s *Service) bool { return port(s) == 2240 }},
		{"port of the proxy", func(s *Service) error {
			return s.UpdateWebServer("u", json.RawMessage(`{"port":9000,"authTokenDuration":"7d"}`))
		}, "Web server port and proxy port can not be the same", nil},
		{"proxy on the web port", func(s *Service) error { return s.UpdateProxy("u", json.RawMessage(`{"enabled":true,"port":2223}`)) },
			"Web server port and proxy port can not be the same", nil},
		{"proxy", func(s *Service) error {
			return s.UpdateProxy("u", json.RawMessage(`{"enabled":true,"port":9001,"username":"pu","password":"pp","forward":{"enabled":true,"url":"http://127.0.0.1:3128","username":"fu","password":"fp"}}`))
		}, "", func(s *Service) bool {
			p := s.Engine().Settings.ProxyServer
			forward, err := s.ForwardPassword()
			return secret.VerifyPassword(*p.Password, "pp") && forward == "fp" && err == nil && !strings.Contains(fmt.Sprint(*p.Forward.Password), "fp")
		}},
		{"loki password", func(s *Service) error { return s.UpdateLogger("u", json.RawMessage(fmt.Sprintf(logger, "lp"))) }, "",
			func(s *Service) bool {
				if err := s.UpdateLogger("u", json.RawMessage(fmt.Sprintf(logger, ""))); err != nil {
					return false
				}
				kept, err := s.LokiPassword()
				return kept == "lp" && err == nil && s.Engine().Settings.Logger.File.MaxFileSize == 10
			}},
		{"unknown level", func(s *Service) error {
			return s.UpdateLogger("u", json.RawMessage(strings.Replace(fmt.Sprintf(logger, ""), "trace", "foo", 1)))
		}, `"console.level" must be one of [silent, error, warn, info, debug, trace]`, nil},
		{"flat", func(s *Service) error {
			return s.UpdateEngineFlat("u", json.RawMessage(`{"name":"R","port":2340,"proxyEnabled":false,"proxyPort":null,"logParameters":{"console":{"level":"trace"},"file":{"level":"info"},"database":{"level":"info"},"loki":{"level":"silent"},"oia":{"level":"error","interval":15}}}`))
		}, "", func(s *Service) bool {
			e := s.Engine().Settings
			return e.General.Name == "R" && port(s) == 2340 && e.ProxyServer.Port == nil && e.Logger.OIA.Interval == 15 && e.Logger.File.MaxFileSize == 50
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := known(t, "")
			before := s.Engine()
			announced := 0
			s.OnChange(func([]Change) { announced++ })
			err := test.update(s)
			if test.want != "" {
				if err == nil || err.Error() != test.want || announced != 0 || !reflect.DeepEqual(s.Engine(), before) {
					t.Fatalf("got %v, %d announced", err, announced)
				}
				return
			}
			if err != nil || announced == 0 || !test.check(s) {
				t.Fatalf("got %v, %d announced, engine %+v", err, announced, s.Engine())
			}
		})
	}
}

func TestAPortThatCannotBeBoundLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	s := known(t, "")
	bound := 2223
	s.SetHooks(Hooks{
		WebPort: func(port int) error {
			if port == 1 {
				return errors.New("in use")
			}
			bound = port
			return nil
		},
		Proxy: func(entity.ProxySettings) error { return errors.New("no proxy") },
	})
	err := s.UpdateWebServer("u", json.RawMessage(`{"port":1,"authTokenDuration":"7d"}`))
	if err == nil || !strings.Contains(err.Error(), "port 1 ") || s.Engine().Settings.WebServer.Port != 2223 {
		t.Errorf("got %v", err)
	}
	flat := `{"name":"R","port":2340,"proxyEnabled":true,"proxyPort":9001,"logParameters":{"console":{"level":"info"},"file":{"level":"info"},"database":{"level":"info"},"loki":{"level":"silent"},"oia":{"level":"silent"}}}`
	if err := s.UpdateEngineFlat("u", json.RawMessage(flat)); err == nil || bound != 2223 {
		t.Errorf("got %v, the page is on port %d", err, bound)
	}
}

func TestPinnedSettingsHoldAndCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := known(t, "web.port = 8080\nlog.console.level = \"debug\"")
	e := s.Engine().Settings
	if e.WebServer.Port != 8080 || e.Logger.Console.Level != "debug" {
		t.Fatalf("settings %+v", e)
	}
	err := s.UpdateWebServer("u", json.RawMessage(`{"port":8081,"authTokenDuration":"7d"}`))
	var pinned *entity.PinnedError
	if !errors.As(err, &pinned) || pinned.Key != "web.port" || pinned.File != "/etc/oibus/oibus.toml" {
		t.Errorf("got %v", err)
	}
	if err := s.UpdateWebServer("u", json.RawMessage(`{"port":8080,"authTokenDuration":"1h"}`)); err != nil {
		t.Errorf("a change beside the pinned key: %v", err)
	}
	if e := s.Engine().Settings.WebServer; e.Port != 8080 || e.AuthTokenDuration != "1h" {
		t.Errorf("in force %+v", e)
	}
	if stored := s.engine.Settings; stored.WebServer.Port != 2223 || stored.WebServer.AuthTokenDuration != "1h" || stored.Logger.Console.Level != "silent" {
		t.Errorf("stored %+v", stored)
	}
}

// Every key that pins an engine setting has a value of the type of that setting, or Engine would panic.
func TestEachKeyOfTheFileCanPinItsSetting(t *testing.T) {
	t.Parallel()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		if k.Path == "" || strings.HasPrefix(k.Path, "registration.") {
			continue
		}
		value, _ := json.Marshal(k.Default)
		switch {
		case strings.HasSuffix(k.Name, "_file"):
			value = []byte("'" + password + "'")
		case k.Name == "proxy.forward.url":
			value = []byte(`"http://proxy:1"`)
		}
		s := known(t, fmt.Sprintf("%s = %s", k.Name, value))
		tree, err := toTree(s.Engine().Settings)
		if err != nil || getPath(tree, k.Path) == nil {
			t.Errorf("%s: the setting %s is %v, %v", k.Name, k.Path, getPath(tree, k.Path), err)
		}
	}
}

func TestScanModes(t *testing.T) {
	t.Parallel()
	s := known(t, "")
	body := func(name, cron string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"name":%q,"description":null,"cron":%q}`, name, cron))
	}
	m, err := s.CreateScanMode(entity.OIAnalytics, body("5s", "*/5 * * * * *"))
	if err != nil || len(m.ID) != 6 || m.CreatedBy != "oianalytics" || m.Description != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{second(s.CreateScanMode("u", body("5s", "* * * * *"))), `Scan mode name "5s" already exists`},
		{second(s.CreateScanMode("u", body("x", "every day"))), "Cron Expression: Expression has only 2 parts. At least 5 parts are required."},
		{second(s.CreateScanMode("u", json.RawMessage(`{"cron":"* * * * * *","zzz":1}`))), `"name" is required. "description" is required. "zzz" is not allowed`},
		{s.UpdateScanMode("u", "nope", body("x", "* * * * *")), `Scan mode "nope" not found`},
		{s.DeleteScanMode("u", "nope"), `Scan mode "nope" not found`},
		{s.UpdateScanMode("u", "subscription", body("Subscription", "")), `"cron" is not allowed to be empty`},
	} {
		if test.err == nil || test.err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", test.err, test.want)
		}
	}
	if err := s.UpdateScanMode("u", m.ID, body("6s", "*/6 * * * * *")); err != nil {
		t.Error(err)
	}
	s.UseScanModes(func(id string) bool { return id == m.ID })
	for _, id := range []string{m.ID, "subscription"} {
		if err := s.DeleteScanMode("u", id); err == nil || !strings.HasPrefix(err.Error(), "FOREIGN KEY constraint failed") {
			t.Errorf("deleting %s: %v", id, err)
		}
	}
	s.UseScanModes(nil)
	if err := s.DeleteScanMode("u", m.ID); err != nil || len(s.ScanModes()) != 7 {
		t.Errorf("%v, %d left", err, len(s.ScanModes()))
	}
}

func second[T any](_ T, err error) error { return err }

func TestIPFilters(t *testing.T) {
	t.Parallel()
	s := known(t, "")
	f, err := s.CreateIPFilter("u", json.RawMessage(`{"address":"10.0.*.*","description":"lan"}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := second(s.CreateIPFilter("u", json.RawMessage(`{"address":"10.0.*.*","description":""}`))); err == nil || err.Error() != "UNIQUE constraint failed: ip_filters.address" {
		t.Error(err)
	}
	if err := s.UpdateIPFilter("u", f.ID, json.RawMessage(`{"address":"10.1.*.*","description":"lan"}`)); err != nil || s.IPFilters()[0].Address != "10.1.*.*" {
		t.Error(err)
	}
	var missing *entity.NotFoundError
	if err := s.DeleteIPFilter("u", "nope"); !errors.As(err, &missing) || err.Error() != `IP filter "nope" not found` {
		t.Error(err)
	}
	if err := s.DeleteIPFilter("u", f.ID); err != nil || len(s.IPFilters()) != 0 {
		t.Error(err)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	s := known(t, "")
	c, err := s.CreateCertificate("u", json.RawMessage(`{"name":"Cert","description":"","regenerateCertificate":true,"options":
		{"commonName":"golden","countryName":"FR","stateOrProvinceName":"Savoie","localityName":"Chambery","organizationName":"Opti","keySize":1024,"daysBeforeExpiry":365}}`))
	if err != nil || !strings.HasPrefix(c.Certificate, "-----BEGIN CERTIFICATE-----\r\n") || strings.Contains(c.PrivateKey, "BEGIN") {
		t.Fatalf("%+v, %v", c, err)
	}
	if !strings.HasPrefix(c.Expiry, "2027-03-04T00:00:00.000") {
		t.Errorf("expiry %q", c.Expiry)
	}
	if key, err := s.CertificateKey(c.ID); err != nil || !strings.HasPrefix(key, "-----BEGIN RSA PRIVATE KEY-----\r\n") {
		t.Errorf("key %q, %v", key, err)
	}
	err = s.UpdateCertificate("u", c.ID, json.RawMessage(`{"name":"Cert 2","description":"d","regenerateCertificate":false,"options":null}`))
	if got, _ := s.Certificate(c.ID); err != nil || got.Name != "Cert 2" || got.Certificate != c.Certificate {
		t.Errorf("%+v, %v", got, err)
	}
	for body, want := range map[string]string{
		`{"name":"","description":"d","regenerateCertificate":true,"options":{}}`:     `"name" is not allowed to be empty. "options.commonName" is required. "options.countryName" is required. "options.localityName" is required. "options.organizationName" is required. "options.stateOrProvinceName" is required`,
		`{"name":"x","description":"d","regenerateCertificate":false,"options":null}`: `"options" is required`,
		`{"name":"x","description":"d","regenerateCertificate":true,"options":{"commonName":"a","countryName":"b","localityName":"c","organizationName":"d","stateOrProvinceName":"e","keySize":1e9}}`: `"options.keySize" must be less than or equal to 8192`,
	} {
		if err := second(s.CreateCertificate("u", json.RawMessage(body))); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if err := s.DeleteCertificate("u", c.ID); err != nil || len(s.Certificates()) != 0 {
		t.Error(err)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := known(t, "")
	u, err := s.CreateUser("u", json.RawMessage(`{"user":{"login":"john.doe","firstName":"John","lastName":"Doe","email":null,"language":"fr","timezone":"Europe/Paris"},"password":"secret"}`))
	if err != nil || s.UserInfo(u.ID).FriendlyName != "John Doe (john.doe)" {
		t.Fatalf("%+v, %v", u, err)
	}
	if _, err := s.Authenticate("john.doe", "secret"); err != nil {
		t.Error(err)
	}
	profile := func(login, zone string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"login":%q,"firstName":null,"lastName":null,"email":null,"language":"en","timezone":%q}`, login, zone))
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{s.UpdateUser("u", u.ID, profile("abc", "UTC")), `"login"`},
		{s.UpdateUser("u", u.ID, profile("john", "Mars/Base")), `"timezone"`},
		{s.UpdateUser("u", u.ID, profile("admin", "UTC")), "UNIQUE constraint failed: users.login"},
		{s.UpdateUser("u", "nope", profile("john", "UTC")), `User "nope" not found`},
		{s.UpdatePassword("u", u.ID, ""), `"newPassword"`},
		{s.UpdatePassword("u", u.ID, strings.Repeat("x", maxPassword+1)), "1024"},
	} {
		if test.err == nil || !strings.HasPrefix(test.err.Error(), test.want) && !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("got  %v\nwant %s", test.err, test.want)
		}
	}
	if err := s.UpdateUser("u", u.ID, profile("john", "UTC")); err != nil {
		t.Error(err)
	}
	for _, id := range []string{s.Users()[0].ID, u.ID} {
		err = s.DeleteUser("u", id)
	}
	if err == nil || len(s.Users()) != 1 {
		t.Errorf("the last user was deleted: %v", err)
	}
	if got := s.UserInfo("gone"); got.FriendlyName != "gone" {
		t.Errorf("an unknown author is shown as %+v", got)
	}
}

func TestTheIdentityIsMadeOnceAndAgainWhenAFileIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reported := 0
	key := func() any {
		i := NewIdentity(dir, "box", func(file, reason, action string) { reported++ })
		if err := i.Make(); err != nil {
			t.Fatal(err)
		}
		signer, err := i.Signer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return signer.Public()
	}
	first := key()
	if !reflect.DeepEqual(first, key()) {
		t.Error("a second start made another key")
	}
	if err := os.Remove(filepath.Join(dir, "certs", "cert.pem")); err != nil {
		t.Fatal(err)
	}
	if reported != 0 {
		t.Errorf("%d incidents although nothing was wrong", reported)
	}
	if reflect.DeepEqual(first, key()) || reported != 1 {
		t.Errorf("the key was kept although its certificate was gone, or nobody was told: %d incidents", reported)
	}
}
