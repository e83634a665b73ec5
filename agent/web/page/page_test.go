package page

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"oibus/agent/web/access"
)

// ask asks the backend as a signed-in browser does; header are pairs.
func ask(t *testing.T, b *backend, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if b.signedIn.Load() {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: "u1"})
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

func TestEveryPageOfTheTableIsServedWithItsPolicy(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for _, v := range views {
		w := ask(t, b, "GET", v.path, "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `data-page="`+v.name+`"`) {
			t.Errorf("%s: %d %.200s", v.path, w.Code, w.Body)
		}
		h := w.Header()
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", v.path, h)
		}
	}
}

func TestNavigationMarksThePageShownAndHasNoDeadLink(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	html := ask(t, b, "GET", "/scan-modes", "").Body.String()
	if n := strings.Count(html, `aria-current="page"`); n != 1 || !strings.Contains(html, `<a href="/scan-modes" aria-current="page">`) {
		t.Errorf("%d current pages", n)
	}
	for _, m := range regexp.MustCompile(`href="(/[^"#]*)`).FindAllStringSubmatch(html, -1) {
		if w := ask(t, b, "GET", m[1], ""); w.Code != http.StatusOK {
			t.Errorf("the link to %s leads to %d", m[1], w.Code)
		}
	}
}

func TestAssetsAreKeptForEverUnderTheirHash(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	link, err := b.site.assets.link(language, "style.css")
	if err != nil {
		t.Fatal(err)
	}
	w := ask(t, b, "GET", link, "")
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != immutable || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%s: %d %v", link, w.Code, w.Header())
	}
	if w := ask(t, b, "GET", link, "", "If-None-Match", w.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("with its ETag: %d", w.Code)
	}
	z := ask(t, b, "GET", link, "", "Accept-Encoding", "br, gzip")
	r, err := gzip.NewReader(z.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil || string(plain) != w.Body.String() {
		t.Errorf("unzipped differs from plain: %v", err)
	}
	old := ask(t, b, "GET", "/assets/0123456789abcdef/style.css", "")
	if old.Code != http.StatusNotFound || old.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("of another release: %d %v", old.Code, old.Header())
	}
	if w := ask(t, b, "GET", "/favicon.ico", ""); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %d %v", w.Code, w.Header())
	}
}

func TestEveryImportOfAModuleIsAnAsset(t *testing.T) {
	t.Parallel()
	sets, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	set := sets[language]
	imports := regexp.MustCompile(`(?:from|import) '([^']+)'`)
	for name, f := range set.files {
		if !strings.HasSuffix(name, ".js") || name == "js/table.js" {
			continue
		}
		for _, m := range imports.FindAllStringSubmatch(string(f.body), -1) {
			base := &url.URL{Path: name}
			if target := base.JoinPath("..", m[1]).Path; set.files[target] == nil {
				t.Errorf("%s imports %s, which is not there", name, m[1])
			}
		}
	}
	for _, v := range views {
		if set.files["js/pages/"+v.name+".js"] == nil {
			t.Errorf("page %q has no module", v.name)
		}
	}
}

func TestSignInSaysWhatIsWrongBesideTheField(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.signedIn.Store(false)
	for _, c := range []struct {
		form   url.Values
		accept string
		status int
		want   string
	}{
		{url.Values{"login": {"admin"}, "password": {"wrong"}, "next": {"/logs"}}, "text/html", 403, "Wrong login or password."},
		{url.Values{"login": {"many"}, "password": {"x"}}, "text/html", 429, "Try again in 30 s."},
		{url.Values{"login": {"admin"}, "password": {"wrong"}}, "application/json", 403, `"Wrong login or password."`},
	} {
		w := ask(t, b, "POST", "/login", c.form.Encode(), "Accept", c.accept)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%v: %d, wants %d and %q: %s", c.form, w.Code, c.status, c.want, w.Body)
		}
		if strings.Contains(w.Body.String(), "wrong\"") && strings.Contains(w.Body.String(), `value="wrong"`) {
			t.Errorf("the password comes back: %s", w.Body)
		}
		if c.status == 429 && w.Header().Get("Retry-After") != "30" {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	}
	if w := ask(t, b, "POST", "/login", "login=admin&password=wrong&next=%2Flogs", "Accept", "text/html"); !strings.Contains(w.Body.String(), `name="next" value="/logs"`) {
		t.Errorf("the page to return to is forgotten: %s", w.Body)
	}
}

func TestSignInReturnsOnlyToThisServer(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{"/logs?levels=error": "/logs?levels=error", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/"} {
		b := newBackend(t)
		b.signedIn.Store(false)
		w := ask(t, b, "POST", "/login", url.Values{"login": {"admin"}, "password": {"right"}, "next": {next}}.Encode(), "Accept", "text/html")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("next %q leads to %d %q", next, w.Code, w.Header().Get("Location"))
		}
		if w := ask(t, b, "GET", "/login?next="+url.QueryEscape(next), ""); w.Code != http.StatusSeeOther || w.Header().Get("Location") != want {
			t.Errorf("who is signed in already is sent to %d %q", w.Code, w.Header().Get("Location"))
		}
	}
}

func TestThePasswordFileIsNamedButItsFolderIsNot(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.signedIn.Store(false)
	b.passwordFile = "/var/lib/oibus/secrets/first-password.txt"
	html := ask(t, b, "GET", "/login", "").Body.String()
	if !strings.Contains(html, "<code>"+filepath.FromSlash("secrets/first-password.txt")+"</code>") || strings.Contains(html, "/var/lib") {
		t.Errorf("sign-in page: %s", html)
	}
	b.passwordFile = "/srv/first-password.txt"
	if html := ask(t, b, "GET", "/login", "").Body.String(); !strings.Contains(html, "<code>first-password.txt</code>") {
		t.Errorf("sign-in page with the file elsewhere: %s", html)
	}
}

func TestAPinnedSettingIsReadOnlyWithKeyAndFile(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	b.pins["webServer.port"] = "/etc/oibus/oibus.toml"
	b.pins["logger.file.level"] = "/etc/oibus/oibus.toml"
	b.pins["registration.commandPermissions.setpoint"] = "/etc/oibus/oibus.toml"
	html := ask(t, b, "GET", "/settings", "").Body.String()
	for name, attribute := range map[string]string{"port": "readonly", "file.level": "disabled"} {
		m := regexp.MustCompile(`<(?:input|select)[^>]* name="` + name + `"[^>]*>`).FindString(html)
		if !strings.Contains(m, attribute) || !strings.Contains(m, "-pinned") {
			t.Errorf("%s is not %s: %s", name, attribute, m)
		}
	}
	if !strings.Contains(html, "<code>web.port</code>") {
		t.Error("the key in the file is not named")
	}
	form := ask(t, b, "GET", "/registration", "").Body.String()
	if m := regexp.MustCompile(`<input[^>]* name="commandPermissions.setpoint"[^>]*>`).FindString(form); !strings.Contains(m, "disabled") || !strings.Contains(form, "oianalytics.commandPermissions.setpoint in /etc/oibus/oibus.toml") {
		t.Errorf("a pinned permission can be changed: %s", m)
	}
	if n := strings.Count(html, "<code>/etc/oibus/oibus.toml</code>"); n != 2 {
		t.Errorf("the file is named %d times", n)
	}
}

func TestLiveStateArrivesAtOnceAndThenEverySecond(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	server := httptest.NewServer(b)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/page/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: cookieName, Value: "u1"})
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	for seen := 0; seen < 2 && lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var o struct {
			Overview
			Now string
		}
		if err := json.Unmarshal([]byte(data), &o); err != nil || o.Info.Hostname != "edge-07" || o.Now == "" {
			t.Fatalf("%v: %s", err, data)
		}
		seen++
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestFactsOfACertificate(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := ask(t, b, "GET", "/page/certificates/c0", "")
	var f certificateFacts
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if f.Subject != "CN=OPC UA client,O=Acme,L=Chambery,C=FR" || f.Serial != "1A:2B:3C:4D:5E" || !strings.HasPrefix(f.Key, "RSA 2048") ||
		len(f.Fingerprint) != 32*3-1 || strings.Join(f.Names, " ") != "edge-07 urn:edge-07:OIBus" {
		t.Errorf("%+v", f)
	}
	if w := ask(t, b, "GET", "/page/certificates/nope", ""); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "not found") {
		t.Errorf("unknown: %d %s", w.Code, w.Body)
	}
	b.certificates[1].Certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	if w := ask(t, b, "GET", "/page/certificates/c1", ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "cannot read certificate") {
		t.Errorf("damaged: %d %s", w.Code, w.Body)
	}
}

func FuzzFactsOfACertificateNeverPanic(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	f.Add("")
	b := newBackend(f)
	f.Add(b.certificates[0].Certificate)
	f.Fuzz(func(_ *testing.T, text string) {
		c := b.certificates[0]
		c.Certificate = text
		_, _ = readCertificate(c)
	})
}

func TestErrorPagesWorkWithAndWithoutASession(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	w := ask(t, b, "GET", "/nowhere", "")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "There is no such page") || !strings.Contains(w.Body.String(), `href="/"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	b.signedIn.Store(false)
	if w := ask(t, b, "GET", "/nowhere", ""); !strings.Contains(w.Body.String(), `href="/login"`) {
		t.Errorf("without a session: %s", w.Body)
	}
	recorder := httptest.NewRecorder()
	b.site.Error(recorder, httptest.NewRequest("GET", "/", nil), http.StatusTeapot, `<b>"short"</b>`)
	if recorder.Code != http.StatusTeapot || strings.Contains(recorder.Body.String(), "<b>") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}

func TestAThemeThatWasChosenIsInThePageItself(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	for cookie, want := range map[string]string{"": "auto", "oibus-theme=dark": "dark", "oibus-theme=light": "light", `oibus-theme="><script>`: "auto"} {
		r := httptest.NewRequest("GET", "/about", nil)
		r.Header.Set("Cookie", cookie)
		r = r.WithContext(access.With(r.Context(), access.Identity{UserID: "u1"}))
		w := httptest.NewRecorder()
		b.mux.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), `data-theme="`+want+`"`) {
			t.Errorf("cookie %q does not give %q", cookie, want)
		}
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"admin": "A", "Camille Martin": "CM", "Jean de la Tour": "JT", "": "", "éva": "É"} {
		if got := initials(name); got != want {
			t.Errorf("initials of %q: %q, want %q", name, got, want)
		}
	}
}

func TestATimeZoneWithoutANameIsShownByItsDifference(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	for name, want := range map[string]string{"Europe/Paris": "Europe/Paris", "Local": "UTC+01:00", "": "UTC+01:00"} {
		if got := zoneText(name, at); got != want {
			t.Errorf("%q is shown as %q, not %q", name, got, want)
		}
	}
	if got := zoneText("Local", at.UTC()); got != "UTC" {
		t.Errorf("UTC is shown as %q", got)
	}
}

func TestAFieldRefusesAWordItDoesNotKnow(t *testing.T) {
	t.Parallel()
	if _, err := (fields{texts{}, func(string) *pin { return nil }}).make("text", "a", "a", "colour=red"); err == nil {
		t.Error("no error")
	}
}

func BenchmarkNew(b *testing.B) {
	o := Options{Overview: func() Overview { return Overview{} }}
	for b.Loop() {
		New(o)
	}
}

func BenchmarkPage(b *testing.B) {
	back := newBackend(b)
	r := httptest.NewRequest("GET", "/registration", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: "u1"})
	for b.Loop() {
		back.ServeHTTP(httptest.NewRecorder(), r)
	}
}
