package mqtt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector/setting"
)

func TestSettingsMeanWhatTheFormSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw, host string
		qos       byte
		clean     bool
		tls       bool
		wait      time.Duration
	}{
		{`{"url":"mqtt://h","qos":"1","persistent":true}`, "h:1883", 1, false, false, 10 * time.Second},
		{`{"url":"tcp://h:1","qos":"0","persistent":true,"reconnectPeriod":100,"connectTimeout":null}`, "h:1", 0, true, false, 100 * time.Millisecond},
		{`{"url":"mqtts://h","qos":"2","persistent":"true","reconnectPeriod":"200"}`, "h:8883", 2, false, true, 200 * time.Millisecond},
		{`{"url":"tls://[::1]:2"}`, "[::1]:2", 1, true, true, 10 * time.Second},
		{`{"url":" MQTT://h "}`, "h:1883", 1, true, false, 10 * time.Second},
		{`{"url":"ws://h/mqtt"}`, "h:80", 1, true, false, 10 * time.Second},
		{`{"url":"wss://h/mqtt"}`, "h:443", 1, true, true, 10 * time.Second},
		{`{"url":"mqtt://h","authentication":{"type":"cert"}}`, "h:8883", 1, true, true, 10 * time.Second},
		{`{"url":"ws://h","authentication":{"type":"cert"}}`, "h:443", 1, true, true, 10 * time.Second},
	} {
		var s Settings
		if err := setting.Decode([]byte(c.raw), &s); err != nil {
			t.Fatal(err)
		}
		if err := s.Check(); err != nil {
			t.Fatalf("%s: %v", c.raw, err)
		}
		b, err := s.broker()
		if err != nil || b.host != c.host || b.tls != c.tls || s.QoS() != c.qos || s.Clean() != c.clean || s.ReconnectAfter() != c.wait || s.ConnectTimeout() != 10*time.Second {
			t.Errorf("%s: %+v, %v", c.raw, b, err)
		}
	}
}

func TestSettingsThatCannotWorkAreNamedWithoutTheirSecrets(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{}`:                                      "the URL of the broker is not specified",
		`{"url":"http://h"}`:                      `the URL of the broker has the scheme "http"`,
		`{"url":"mqtt://"}`:                       "names no host",
		`{"url":"mqtt://jane:s3cret@h:port"}`:     "cannot read the URL of the broker: invalid port",
		`{"url":"mqtt://jane:s3cret%zz@h"}`:       "cannot read the URL of the broker",
		`{"url":"mqtt://h","qos":"3"}`:            `setting "qos" must be 0, 1 or 2, not "3"`,
		`{"url":"mqtt://h","persistent":"maybe"}`: `setting "persistent"`,
	} {
		var s Settings
		err := setting.Decode([]byte(raw), &s)
		if err == nil {
			err = s.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestCredentialsOfTheSettingsComeBeforeThoseOfTheURL(t *testing.T) {
	t.Parallel()
	s := Settings{URL: "mqtt://jane:one@h"}
	b, err := s.broker()
	if err != nil {
		t.Fatal(err)
	}
	if name, password, has := s.credentials(b); name != "jane" || password != "one" || !has {
		t.Error(name, password, has)
	}
	s.Authentication = Authentication{Type: "basic", Username: "joe", Password: "two"}
	if name, password, has := s.credentials(b); name != "joe" || password != "two" || !has {
		t.Error(name, password, has)
	}
	if _, _, has := (&Settings{}).credentials(&broker{url: b.url.ResolveReference(b.url).JoinPath()}); !has {
		t.Error("the URL holds credentials")
	}
}

func TestErrorsOfCertificatesNameTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.pem")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.pem")
	for _, c := range []struct {
		a     Authentication
		wants []string
	}{
		{Authentication{Type: "cert", CAFile: missing}, []string{"cannot read the certificate authority file", missing}},
		{Authentication{Type: "cert", CAFile: text}, []string{"holds no certificate", text}},
		{Authentication{Type: "cert", CertificateFile: missing, KeyFile: text}, []string{"cannot read the certificate file", missing}},
		{Authentication{Type: "cert", CertificateFile: text, KeyFile: missing}, []string{"cannot read the private key file", missing}},
		{Authentication{Type: "cert", CertificateFile: text, KeyFile: text}, []string{"cannot use certificate", text}},
	} {
		s := Settings{URL: "mqtts://h", Authentication: c.a}
		b, err := s.broker()
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.tlsConfig(b)
		for _, want := range c.wants {
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\\`, `\`), want) {
				t.Errorf("%v: got %v, want %s", c.a, err, want)
			}
		}
	}
}

func TestTheIdentifierOfATestIsAnotherOneAndTakenByEachBroker(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a1B2c3", "test", "", strings.Repeat("x", 100)} {
		one, two := TestID(id), TestID(id)
		if one == two || one == id || len(one) > 23 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			t.Errorf("%q: %q", id, one)
		}
	}
}
