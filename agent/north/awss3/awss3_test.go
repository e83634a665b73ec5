package awss3

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/north"
)

const secret = "the-secret-key"

func envOf(changes map[string]any) north.Env {
	all := map[string]any{"bucket": "bucket", "region": "eu-west-3", "folder": "folder/sub", "accessKey": "AKID", "secretKey": secret, "useProxy": false,
		"proxyUrl": nil, "proxyUsername": nil, "proxyPassword": nil}
	for k, v := range changes {
		all[k] = v
	}
	raw, _ := json.Marshal(all)
	return north.Env{Env: connector.Env{Name: "n", Settings: raw, Log: slog.New(slog.DiscardHandler), Host: connector.Host{Version: "3.8.8", Now: time.Now}}}
}

// bucket answers with f and notes what it was asked.
func bucket(t *testing.T, f http.HandlerFunc, changes map[string]any) (n *S3, seen *[]string) {
	t.Helper()
	seen = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*seen = append(*seen, r.Method+" "+r.RequestURI+" "+string(raw))
		f(w, r)
	}))
	t.Cleanup(s.Close)
	n, err := build(envOf(changes), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Disconnect(t.Context()) })
	return n, seen
}

func file(name, text string) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)), Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func ok(http.ResponseWriter, *http.Request) {}

func refusing(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>"+secret+" "+r.Header.Get("Authorization")[:4]+"</Message></Error>")
	}
}

func TestAFileGoesIntoTheFolderUnderItsName(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{"folder/sub": "PUT /bucket/folder/sub/a/b%20c.csv text", "": "PUT /bucket//a/b%20c.csv text"} {
		n, seen := bucket(t, ok, map[string]any{"folder": folder})
		if err := n.Send(t.Context(), file("a/b c.csv", "text")); err != nil || len(*seen) != 1 || (*seen)[0] != want {
			t.Errorf("got %q, %v", *seen, err)
		}
	}
}

func TestOnlyWhatIsWrongWithAFileCountsAgainstIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status       int
		code         string
		again, about bool
	}{{503, "SlowDown", true, false}, {403, "AccessDenied", true, true}, {403, "SignatureDoesNotMatch", true, false}, {404, "NoSuchBucket", true, false}, {400, "EntityTooLarge", false, false}} {
		n, _ := bucket(t, refusing(c.status, c.code), nil)
		err := n.Send(t.Context(), file("a", "text"))
		again, isAgain := north.IsAgain(err)
		if isAgain != c.again || isAgain && (again.Answer != c.about || again.After != 3*time.Second) || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%s: got %v", c.code, err)
		}
	}
	n, _ := bucket(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)
	if again, isAgain := north.IsAgain(n.Send(t.Context(), file("a", "text"))); !isAgain || again.Answer {
		t.Error("a broken connection counts against a file")
	}
	n, _ = bucket(t, ok, nil)
	d := file("a", "text")
	d.Size = 5
	if _, isAgain := north.IsAgain(n.Send(t.Context(), d)); isAgain {
		t.Error("a file that cannot be read is tried for ever")
	}
}

func TestTheTestTellsTheReferencesTexts(t *testing.T) {
	t.Parallel()
	n, seen := bucket(t, ok, nil)
	report, err := n.Test(t.Context())
	if raw, _ := json.Marshal(report); err != nil || string(raw) != `{"items":[{"key":"Bucket","value":"bucket"},{"key":"Region","value":"eu-west-3"}]}` || (*seen)[0] != "HEAD /bucket " {
		t.Errorf("got %s, %v, %q", raw, err, *seen)
	}
	n, _ = bucket(t, refusing(404, "NoSuchBucket"), nil)
	if _, err := n.Test(t.Context()); err == nil || err.Error() != "Error testing Amazon S3 connection: NoSuchBucket: ******** AWS4 (404)" {
		t.Errorf("got %v", err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]map[string]any{"no region": {"region": "not a region"}, "no bucket": {"bucket": ""}, "a proxy without address": {"useProxy": true},
		"a proxy that is none": {"useProxy": true, "proxyUrl": "ftp://x"}} {
		var settings *httpclient.SettingsError
		if _, err := Type.New(envOf(changes)); !errors.As(err, &settings) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for password, want := range map[string]string{"": "", "p": "u"} {
		env := envOf(map[string]any{"useProxy": true, "proxyUrl": "http://p:1", "proxyUsername": "u", "proxyPassword": password})
		n, err := build(env, "")
		if err != nil {
			t.Fatal(err)
		}
		if p, err := n.settings.proxy(); err != nil || p.User != want {
			t.Errorf("got %+v, %v", p, err)
		}
	}
}
