package azureblob

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/north"
)

var key = base64.StdEncoding.EncodeToString([]byte("the secret key"))

func envOf(changes map[string]any) north.Env {
	all := map[string]any{"useADLS": false, "useCustomUrl": false, "account": "account", "container": "c", "path": "folder/sub", "authentication": "access-key", "accessKey": key, "useProxy": false}
	for k, v := range changes {
		all[k] = v
	}
	raw, _ := json.Marshal(all)
	return north.Env{Env: connector.Env{Name: "n", Settings: raw, Log: slog.New(slog.DiscardHandler), Host: connector.Host{Version: "3.8.8", Now: time.Now}}}
}

// container answers with f and notes what it was asked.
func container(t *testing.T, f http.HandlerFunc, changes map[string]any) (b *Blob, seen *[]string) {
	t.Helper()
	seen = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*seen = append(*seen, r.Method+" "+r.RequestURI+" "+string(raw))
		f(w, r)
	}))
	t.Cleanup(s.Close)
	all := map[string]any{"useCustomUrl": true, "customUrl": s.URL, "account": "account"}
	for k, v := range changes {
		all[k] = v
	}
	b, err := build(envOf(all))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Disconnect(t.Context()) })
	return b, seen
}

func file(name, text string) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)), Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func ok(http.ResponseWriter, *http.Request) {}

func TestAFileGoesBelowThePathUnderItsName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes map[string]any
		want    []string
	}{
		"blob":      {nil, []string{"PUT /c/folder/sub/a/b%20c.csv text"}},
		"no path":   {map[string]any{"path": ""}, []string{"PUT /c/a/b%20c.csv text"}},
		"sas":       {map[string]any{"authentication": "sas-token", "sasToken": "?sp=w&sig=x"}, []string{"PUT /c/folder/sub/a/b%20c.csv?sp=w&sig=x text"}},
		"data lake": {map[string]any{"useADLS": true}, []string{"PUT /c/folder/sub/a/b%20c.csv?resource=file ", "PATCH /c/folder/sub/a/b%20c.csv?action=append&position=0 text", "PATCH /c/folder/sub/a/b%20c.csv?action=flush&position=4&close=true "}},
	} {
		b, seen := container(t, ok, c.changes)
		if err := b.Send(t.Context(), file("a/b c.csv", "text")); err != nil || !slices.Equal(*seen, c.want) {
			t.Errorf("%s: got %q, %v", name, *seen, err)
		}
	}
}

func TestOnlyWhatIsWrongWithAFileCountsAgainstIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status       int
		code         string
		again, about bool
	}{{503, "ServerBusy", true, false}, {403, "AuthenticationFailed", true, false}, {404, "ContainerNotFound", true, false}, {500, "InternalError", true, true}, {400, "InvalidResourceName", false, false}} {
		b, _ := container(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, "<Error><Code>"+c.code+"</Code><Message>"+key+"</Message></Error>")
		}, nil)
		err := b.Send(t.Context(), file("a", "text"))
		again, isAgain := north.IsAgain(err)
		if isAgain != c.again || isAgain && (again.Answer != c.about || again.After != 3*time.Second) || strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%s: got %v", c.code, err)
		}
	}
	b, _ := container(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)
	if again, isAgain := north.IsAgain(b.Send(t.Context(), file("a", "text"))); !isAgain || again.Answer {
		t.Error("a broken connection counts against a file")
	}
}

func TestTheTestTellsTheReferencesTexts(t *testing.T) {
	t.Parallel()
	for adls, storage := range map[bool]string{false: "Azure Blob Storage", true: "Azure Data Lake Storage"} {
		b, seen := container(t, ok, map[string]any{"useADLS": adls})
		report, err := b.Test(t.Context())
		want := `{"items":[{"key":"Account","value":"account"},{"key":"Container","value":"c"},{"key":"Storage Type","value":"` + storage + `"}]}`
		if raw, _ := json.Marshal(report); err != nil || string(raw) != want || (*seen)[len(*seen)-1] != "DELETE /c/folder/sub/oibus-azure-test.txt " {
			t.Errorf("got %s, %v, %q", raw, err, *seen)
		}
	}
	b, _ := container(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "HEAD" {
			w.WriteHeader(404)
		}
	}, nil)
	if _, err := b.Test(t.Context()); err == nil || err.Error() != `Container c and path "folder/sub/oibus-azure-test.txt" does not exist` {
		t.Errorf("got %v", err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	proxy := func(url string) map[string]any { return map[string]any{"useProxy": true, "proxyUrl": url} }
	for want, changes := range map[string]map[string]any{
		"Bad proxy url ":                                    proxy(""),
		"Bad proxy url socks://x":                           proxy("socks://x"),
		"Bad proxy url http://x/path":                       proxy("http://x/path"),
		"Bad proxy url host:99/x":                           proxy("http://u:secret@host:99/x"),
		"the access key is missing":                         {"accessKey": ""},
		"the SAS token is missing":                          {"authentication": "sas-token"},
		`the authentication "x" is unknown`:                 {"authentication": "x"},
		"the tenant id and the client id must be specified": {"authentication": "aad"},
		`"a b" is not the name of a storage account`:        {"account": "a b"},
	} {
		var settings *httpclient.SettingsError
		if _, err := Type.New(envOf(changes)); !errors.As(err, &settings) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for url, want := range map[string]string{"proxy": "http://proxy", "proxy:3128": "http://proxy:3128", "http://10.0.0.1": "http://10.0.0.1", " https://proxy.example:8080/": "https://proxy.example:8080/"} {
		b, err := build(envOf(proxy(url)))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := b.settings.proxy(); err != nil || p.URL != want {
			t.Errorf("got %+v, %v", p, err)
		}
	}
	for _, kind := range []map[string]any{{"authentication": "aad", "tenantId": "t", "clientId": "c", "clientSecret": "s"}, {"authentication": "external"}} {
		b, err := build(envOf(kind))
		if err != nil {
			t.Fatal(err)
		}
		_ = b.Disconnect(t.Context())
	}
}
